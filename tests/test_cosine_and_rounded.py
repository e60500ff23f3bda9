"""The two estimates on whole pictures: the paper's Figures 3a and 3b."""

import numpy as np
import pytest
from leakage.errors import LeakageError
from leakage.estimators import estimate

EMBEDDINGS = np.random.default_rng(0).normal(3, 1, (20, 64)).astype(np.float32)


def cosine(y: np.ndarray, statistic: str) -> np.ndarray:
    """Return the cosine of the embeddings with these views."""
    table = estimate("cosine", EMBEDDINGS, y)
    return table.loc[table["statistic"] == statistic, "value"].to_numpy()


def rounded(x: np.ndarray, y: np.ndarray, **settings) -> float:
    return estimate("rounded_histogram", x, y, **settings)["nats"].item()


@pytest.mark.parametrize("statistic", ["raw", "centred"])
def test_the_cosine_of_equal_embeddings_is_1_and_does_not_depend_on_scale(statistic):
    other = EMBEDDINGS[::-1]
    equal, first, second = cosine(np.stack([EMBEDDINGS, other, 7 * other]), statistic)
    assert equal == pytest.approx(1) and first == pytest.approx(second)


def test_a_constant_view_has_a_high_raw_cosine_and_a_centred_one_of_0():
    constant = np.broadcast_to(EMBEDDINGS.mean(axis=0), EMBEDDINGS.shape)
    assert cosine(constant, "raw") > 0.8
    assert cosine(constant, "centred") == pytest.approx(0, abs=1e-9)
    assert cosine(0 * EMBEDDINGS, "raw") == 0


@pytest.mark.parametrize("statistic", ["raw", "centred"])
@pytest.mark.parametrize("scale", [1e-100, 1e-8, 1e-6, 1e6, 1e100])
def test_the_cosine_does_not_depend_on_the_length_of_either_side(statistic, scale):
    x, noise = np.random.default_rng(1).normal(size=(2, 40, 3))
    plain, both, one = (
        estimate("cosine", *pair).set_index("statistic").loc[statistic, "value"]
        for pair in ((x, x + noise), (scale * x, scale * (x + noise)), (x, scale * (x + noise)))
    )
    assert both == pytest.approx(plain) == one and 0.3 < plain < 0.9


def test_a_faint_level_beside_a_strong_one_keeps_its_cosine():
    strong, faint = cosine(np.stack([EMBEDDINGS, 1e-20 * EMBEDDINGS.astype(float)]), "centred")
    assert strong == pytest.approx(1) == faint


@pytest.mark.parametrize("offset", [0.1, 1e-20, 1e20])
def test_rounding_of_the_mean_counts_as_length_0(offset):
    constant = np.full(EMBEDDINGS.shape, offset)
    constant[::2] = np.nextafter(constant[::2], np.inf)
    assert cosine(constant, "centred") == 0


def test_the_raw_cosine_is_chosen_and_gives_no_nats():
    table = estimate("cosine", EMBEDDINGS, EMBEDDINGS)
    assert table.loc[table["chosen"], "statistic"].tolist() == ["raw"]
    assert table["nats"].isna().all() and (table["unit"] == "cosine").all()


def test_rounded_features_saturate_at_the_logarithm_of_their_number():
    row = estimate("rounded_histogram", EMBEDDINGS, EMBEDDINGS[::-1], decimals=12).iloc[0]
    assert row["nats"] == pytest.approx(np.log(64)) == row["ceiling"]
    assert rounded(EMBEDDINGS, 0 * EMBEDDINGS) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("decimals", "distinct"), [(0, 2), (1, 2), (2, 4)])
def test_features_are_rounded_to_the_given_decimals(decimals, distinct):
    x = np.array([[0.11, 0.12, 0.91, 0.92]])
    assert rounded(x, x, decimals=decimals) == pytest.approx(np.log(distinct))


@pytest.mark.parametrize("dtype", "?bQefg")
def test_rounding_small_whole_numbers_changes_nothing_in_any_dtype(dtype):
    x = (np.arange(24) % 3 > 0).reshape(4, 6).astype(dtype)
    exact = rounded(x.astype(int), x[:, ::-1].astype(int))
    assert rounded(x, x[:, ::-1], decimals=15) == exact


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_numbers_too_large_to_have_decimals_are_not_rounded(dtype):
    x = np.finfo(dtype).max / np.arange(1, 9, dtype=dtype)[None]
    assert rounded(x, x, decimals=15) == pytest.approx(np.log(8))


@pytest.mark.parametrize("name", ["cosine", "rounded_histogram"])
def test_embeddings_of_different_length_are_refused(name):
    with pytest.raises(LeakageError, match=f"{name}: x has dim 64 and y 32; expected the same"):
        estimate(name, EMBEDDINGS, EMBEDDINGS[:, :32])
