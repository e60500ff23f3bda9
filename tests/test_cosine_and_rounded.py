"""The two estimates on whole pictures: the paper's Figures 3a and 3b."""

import numpy as np
import pytest
from leakage.errors import LeakageError
from leakage.estimators import estimate


def cosine(x: np.ndarray, y: np.ndarray, statistic: str) -> np.ndarray:
    table = estimate("cosine", x, y)
    return table.loc[table["statistic"] == statistic, "value"].to_numpy()


@pytest.fixture
def embeddings():
    return np.random.default_rng(0).normal(3, 1, (20, 64)).astype(np.float32)


def test_the_same_embedding_has_cosine_1(embeddings):
    for statistic in ("raw", "centred"):
        assert cosine(embeddings, embeddings, statistic) == pytest.approx(1)


def test_the_cosine_does_not_depend_on_scale(embeddings):
    seen = np.stack([embeddings[::-1], 7 * embeddings[::-1]])
    for statistic in ("raw", "centred"):
        first, second = cosine(embeddings, seen, statistic)
        assert first == pytest.approx(second)


def test_a_constant_view_has_a_high_raw_cosine_and_a_centred_one_of_0(embeddings):
    constant = np.broadcast_to(embeddings.mean(axis=0), embeddings.shape)
    assert cosine(embeddings, constant, "raw") > 0.8
    assert cosine(embeddings, constant, "centred") == pytest.approx(0, abs=1e-9)


def test_an_embedding_of_length_zero_has_cosine_0(embeddings):
    assert cosine(embeddings, np.zeros_like(embeddings), "raw") == 0


def test_the_raw_cosine_is_chosen_and_gives_no_nats(embeddings):
    table = estimate("cosine", embeddings, embeddings)
    assert table.loc[table["chosen"], "statistic"].tolist() == ["raw"]
    assert table["nats"].isna().all() and (table["unit"] == "cosine").all()


def test_rounded_features_saturate_at_the_logarithm_of_their_number(embeddings):
    table = estimate("rounded_histogram", embeddings, embeddings[::-1], decimals=12)
    assert table["nats"].item() == pytest.approx(np.log(64))
    assert table["ceiling"].item() == pytest.approx(np.log(64))


def test_features_are_rounded_to_the_given_decimals():
    x = np.array([[0.11, 0.12, 0.91, 0.92]])
    found = [
        estimate("rounded_histogram", x, x, decimals=decimals)["nats"].item()
        for decimals in (0, 1, 2)
    ]
    assert found == pytest.approx(np.log([2, 2, 4]))


@pytest.mark.parametrize("dtype", "?bBhHiIqQefdg")
@pytest.mark.parametrize("decimals", [0, 15])
def test_rounding_small_whole_numbers_changes_nothing_in_any_dtype(dtype, decimals):
    x = (np.arange(24) % 3 > 0).reshape(4, 6).astype(dtype)
    found = estimate("rounded_histogram", x, x[:, ::-1], decimals=decimals)["nats"].item()
    exact = estimate("rounded_histogram", x.astype(int), x[:, ::-1].astype(int))["nats"].item()
    assert found == exact


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_too_large_to_have_decimals_are_not_rounded(dtype):
    x = np.finfo(dtype).max / np.arange(1, 9, dtype=dtype)[None]
    found = estimate("rounded_histogram", x, x, decimals=15)["nats"].item()
    assert found == pytest.approx(np.log(8))


def test_a_constant_view_has_no_rounded_information(embeddings):
    table = estimate("rounded_histogram", embeddings, np.zeros_like(embeddings))
    assert table["nats"].item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", ["cosine", "rounded_histogram"])
def test_embeddings_of_different_length_are_refused(name, embeddings):
    with pytest.raises(LeakageError, match=f"{name}: x has dim 64 and y 32; expected the same"):
        estimate(name, embeddings, embeddings[:, :32])
