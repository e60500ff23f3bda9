"""The plug-in estimates: exact where the view is a function of the picture."""

import numpy as np
import pytest
import skimage.color
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from leakage.errors import LeakageError
from leakage.estimators import estimate, histogram, plug_in
from leakage.schemes import msb_xor

LEVELS = list(msb_xor.LEVELS)
BITS = 1 / np.log(2)
# ../shared/facts/estimation.md: H(view) of astronaut, grey, in bits.
ASTRONAUT = [7.4545, 6.6486, 5.7489, 4.8458, 3.9070, 2.9536, 1.9784, 0.9919, 0]
PIXELS = hnp.arrays(np.uint8, st.integers(1, 300))
PIXEL_PAIRS = hnp.arrays(np.uint8, st.tuples(st.just(2), st.integers(1, 200)))


def entropy_bits(values: np.ndarray) -> float:
    shares = np.unique(values, return_counts=True)[1] / len(values)
    return float(-(shares * np.log2(shares)).sum())


def seen(pixels: np.ndarray, view: str = "scaled") -> np.ndarray:
    how = msb_xor.Settings(view=view)
    return np.stack([msb_xor.view(pixels, level, how) for level in LEVELS])


@given(PIXELS)
@settings(max_examples=30)
def test_histogram_equals_the_exact_entropy_of_the_view(pixels):
    table = estimate("histogram", pixels, seen(pixels)[:, :, None])
    exact = [entropy_bits(view) for view in seen(pixels)]
    assert table["nats"].to_numpy() * BITS == pytest.approx(exact, abs=1e-9)
    assert table["entropy"].to_numpy() * BITS == pytest.approx(exact, abs=1e-9)


@given(PIXELS)
@settings(max_examples=30)
def test_the_view_has_at_most_its_clear_bits(pixels):
    found = [plug_in.entropy(np.bincount(view)) * BITS for view in seen(pixels)]
    assert all(bits <= 8 - level + 1e-12 for level, bits in zip(LEVELS, found, strict=True))


@given(PIXELS)
@settings(max_examples=30)
def test_scaled_and_shifted_views_tell_the_same(pixels):
    for scaled, shifted in zip(seen(pixels), seen(pixels, "shifted"), strict=True):
        found = [plug_in.mutual_information(pixels, view) for view in (scaled, shifted)]
        assert found[0] == pytest.approx(found[1], abs=1e-12)


@given(PIXEL_PAIRS)
def test_bytes_and_symbols_give_the_same_information(pair):
    joint = plug_in.byte_pairs(*pair)
    assert joint.sum() == pair.shape[1]
    of_bytes = plug_in.mutual_information_of_bytes(joint)
    assert of_bytes == pytest.approx(plug_in.mutual_information(*pair), abs=1e-9)


@given(PIXEL_PAIRS)
def test_information_is_symmetric_and_between_0_and_the_ceiling(pair):
    x, y = pair
    found = plug_in.mutual_information(x, y)
    assert found == pytest.approx(plug_in.mutual_information(y, x), abs=1e-9)
    assert -1e-9 <= found <= plug_in.ceiling(x, y) + 1e-9


def test_astronaut_has_the_published_numbers():
    grey = np.round(skimage.color.rgb2gray(skimage.data.astronaut()) * 255).astype(np.uint8)
    pixels = grey.reshape(-1, 1)
    table = histogram.estimate_pictures([(pixels, seen(pixels))], LEVELS)
    assert table["nats"].to_numpy() * BITS == pytest.approx(ASTRONAUT, abs=1e-4)
    assert table["entropy"].to_numpy() == pytest.approx(table["nats"].to_numpy(), abs=1e-12)


def test_picture_by_picture_equals_all_pixels_with_their_groups():
    generator = np.random.default_rng(0)
    pictures = [generator.integers(0, high, (high, 3), dtype=np.uint8) for high in (40, 90, 200)]
    groups = np.repeat([0, 1, 2], [len(picture) for picture in pictures])
    x = np.concatenate(pictures)
    together = estimate("histogram", x, seen(x), groups)
    apart = histogram.estimate_pictures([(p, seen(p)) for p in pictures], LEVELS)
    numbers = ["level", "nats", "standard_error", "ceiling", "entropy", "pooled", "pictures"]
    assert np.allclose(together[numbers], apart[numbers], atol=1e-9)
    assert (together["pictures"] == 3).all()


def test_independent_variables_share_what_chance_gives_and_no_more():
    generator = np.random.default_rng(0)
    x, y = generator.integers(0, 8, (2, 20_000))
    bias = 7 * 7 / (2 * 20_000)  # the plug-in bias, (Kx-1)(Ky-1)/2N nats
    assert estimate("histogram", x, y)["nats"].item() == pytest.approx(bias, abs=2 * bias)


def test_continuous_values_reach_the_ceiling_whatever_the_truth():
    x, y = np.random.default_rng(0).normal(size=(2, 500))
    row = estimate("histogram", x, y).iloc[0]
    assert row["nats"] == pytest.approx(np.log(500)) == row["ceiling"]


def test_the_standard_error_is_that_over_groups():
    x = np.concatenate([np.arange(4), np.arange(8), np.arange(16)])
    row = estimate("histogram", x, x, np.repeat([0, 1, 2], [4, 8, 16])).iloc[0]
    nats = np.log([4, 8, 16])
    assert row["nats"] == pytest.approx(nats.mean())
    assert row["standard_error"] == pytest.approx(nats.std(ddof=1) / np.sqrt(3))


def test_a_different_number_of_channels_is_refused():
    with pytest.raises(LeakageError, match="x has 3 channels and y 1; expected the same"):
        estimate("histogram", np.zeros((5, 3)), np.zeros((5, 1)))
