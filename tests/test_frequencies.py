"""Counting: exact if the view is a function of the pixel, corrected otherwise."""

import numpy as np
import pytest
import skimage.color
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from leakage.errors import LeakageError
from leakage.estimators import estimate, frequencies
from leakage.estimators.histogram import Histogram
from leakage.schemes import bitplanes, msb_xor

LEVELS = list(range(9))
BITS = 1 / np.log(2)
# H(view) of scikit-image's astronaut in grey, in bits, at levels 0 to 8.
ASTRONAUT = [7.4545, 6.6486, 5.7489, 4.8458, 3.9070, 2.9536, 1.9784, 0.9919, 0]
PIXELS = hnp.arrays(np.uint8, st.integers(1, 300))
PIXEL_PAIRS = hnp.arrays(np.uint8, st.tuples(st.just(2), st.integers(1, 200)))


def entropy_bits(values: np.ndarray) -> float:
    shares = np.unique(values, return_counts=True)[1] / len(values)
    return float(-(shares * np.log2(shares)).sum())


def ciphertext(pixels: np.ndarray, level: int, seed: int = 0) -> np.ndarray:
    """Return the view `full` under a uniform key."""
    keystream = np.random.default_rng(seed).integers(0, 256, pixels.shape, dtype=np.uint8)
    return pixels ^ (keystream & msb_xor.encrypted_bits(level))


def seen(pixels: np.ndarray) -> np.ndarray:
    return np.stack([msb_xor.scaled(pixels, level) for level in LEVELS])


@given(PIXELS)
@settings(max_examples=30)  # the first call imports pandas
def test_a_function_of_the_pixel_has_the_exact_entropy_of_the_view_uncorrected(pixels):
    shifted = [bitplanes.clear(pixels, msb_xor.encrypted_bits(level)) for level in LEVELS]
    exact = [entropy_bits(view) for view in seen(pixels)]
    for views in (seen(pixels), np.stack(shifted)):
        table = estimate("histogram", pixels, views[:, :, None])
        for column in ("nats", "entropy", "plug_in", "pooled"):
            assert table[column].to_numpy() * BITS == pytest.approx(exact, abs=1e-9)
        assert table["estimand"].str.contains("exact").all()


@given(PIXEL_PAIRS)
def test_bytes_and_symbols_give_the_same_information(pair):
    joint = frequencies.byte_pairs(*pair)
    assert joint.sum() == pair.shape[1]
    for entropy in (frequencies.entropy, frequencies.grassberger_entropy):
        of_bytes = frequencies.count_table(joint).information(entropy)
        assert of_bytes == pytest.approx(frequencies.mutual_information(*pair, entropy), abs=1e-9)


def astronaut() -> np.ndarray:
    grey = skimage.color.rgb2gray(skimage.data.astronaut())
    return np.round(grey * 255).astype(np.uint8).reshape(-1, 1)


def test_astronaut_has_the_published_entropies():
    pixels = astronaut()
    table = Histogram().estimate_pictures([(pixels, seen(pixels))], LEVELS)
    assert table["nats"].to_numpy() * BITS == pytest.approx(ASTRONAUT, abs=1e-4)


@pytest.mark.parametrize("correction", ["auto", "none", "grassberger"])
def test_pictures_one_by_one_give_the_same_as_all_pixels_with_groups(correction):
    generator = np.random.default_rng(0)
    pictures = [generator.integers(0, high, (high, 3), dtype=np.uint8) for high in (40, 90, 200)]
    # A level that is a function of the pixel in the last picture only, and one that never is.
    views = [np.concatenate([seen(p), ciphertext(p, 5)[None], p[None] // 40]) for p in pictures]
    views[0][-1, :, 0] = generator.integers(0, 2, 40)
    groups = np.repeat([0, 1, 2], [len(picture) for picture in pictures])
    x, y = np.concatenate(pictures), np.concatenate(views, axis=1)
    together = estimate("histogram", x, y, groups, correction=correction)
    chosen = Histogram(correction=correction)
    apart = chosen.estimate_pictures(zip(pictures, views, strict=True), range(len(y)))
    numbers = [
        "level",
        "nats",
        "standard_error",
        "ceiling",
        "entropy",
        "pooled",
        "plug_in",
        "floor",
    ]
    assert np.allclose(together[numbers], apart[numbers], atol=1e-9)
    assert (together["pictures"] == 3).all() and (apart["pictures"] == 3).all()
    assert together["estimand"].tolist() == apart["estimand"].tolist()


@pytest.mark.parametrize("level", [6, 8])
def test_under_a_uniform_key_only_the_clear_bits_are_found(level):
    """The empirical value is 0.19 bit at level 8, where the truth is 0."""
    pixels = astronaut()
    y = ciphertext(pixels, level)[None]
    row = Histogram().estimate_pictures([(pixels, y)], [level]).iloc[0]
    assert row["nats"] * BITS == pytest.approx(ASTRONAUT[level], abs=0.01)
    assert row["pooled"] == pytest.approx(row["nats"], abs=0.002)
    assert row["floor"] == pytest.approx(0, abs=0.005) and row["estimable"]
    if level == 8:
        assert row["plug_in"] * BITS == pytest.approx(0.19, abs=0.02)
    row = Histogram(correction="none").estimate_pictures([(pixels, y)], [level]).iloc[0]
    assert row["nats"] == row["plug_in"] == row["pooled"]


@pytest.mark.parametrize("correction", ["auto", "none", "grassberger"])
def test_a_constant_view_gives_exactly_0(correction):
    pixels = np.random.default_rng(0).integers(0, 256, (101, 3), dtype=np.uint8)
    table = estimate("histogram", pixels, np.zeros_like(pixels), correction=correction)
    assert table[["nats", "plug_in", "pooled"]].to_numpy().tolist() == [[0, 0, 0]]


def test_continuous_values_are_flagged_and_stay_below_the_ceiling():
    x = np.random.default_rng(0).normal(size=400)
    for tied in (x, np.where(np.arange(400) == 0, x[1], x)):  # without and with a tie
        for y in (tied, np.random.default_rng(1).normal(size=400)):
            row = estimate("histogram", tied, y).iloc[0]
            assert row["nats"] <= row["ceiling"] and row["floor"] > 0.9 * row["ceiling"]
            assert not row["estimable"] and "cannot be estimated" in row["estimand"]


def test_channels_that_do_not_fit_are_refused():
    y = np.zeros((64, 64), np.uint8)
    with pytest.raises(LeakageError, match=r"columns of bytes; expected channels, at most 4; give"):
        estimate("histogram", y, y)
    with pytest.raises(LeakageError, match="x has 3 channels and y 1; expected the same"):
        estimate("histogram", np.zeros((5, 3)), np.zeros((5, 1)))


def test_grassberger_s_entropy_follows_his_recurrence():
    """arXiv physics/0307138: G(1) = -gamma - ln 2, G(2) = 2 - gamma - ln 2 = G(3), ..."""
    g, counts = {1: -np.euler_gamma - np.log(2)}, np.array([1, 2, 3, 3, 4, 5, 0])
    g[2] = g[1] + 2
    g[3], g[4] = g[2], g[2] + 2 / 3
    g[5] = g[4]
    expected = np.log(18) - sum(n * g[n] for n in counts if n) / 18
    assert frequencies.grassberger_entropy(counts) == pytest.approx(expected, abs=1e-12)


def test_the_bias_of_independent_variables_is_the_known_one_and_is_removed():
    generator = np.random.default_rng(0)
    x, y = generator.integers(0, 8, (2, 20_000))
    bias = 7 * 7 / (2 * 20_000)  # the empirical bias, (Kx-1)(Ky-1)/2N nats
    row = estimate("histogram", x, y, correction="grassberger").iloc[0]
    assert row["plug_in"] == pytest.approx(bias, abs=bias)
    assert row["nats"] == pytest.approx(row["plug_in"] - bias, abs=bias / 10)
    # By shuffling: two values with the deviation of one, sqrt(2 * 49) / 2N.
    row = estimate("histogram", x, y).iloc[0]
    assert row["nats"] == pytest.approx(0, abs=3 * np.sqrt(2 * 98) / 40_000)


def test_the_standard_error_is_over_groups():
    x = np.concatenate([np.arange(4), np.arange(8), np.arange(16)])
    row = estimate("histogram", x, x, np.repeat([0, 1, 2], [4, 8, 16])).iloc[0]
    nats = np.log([4, 8, 16])
    assert row["nats"] == pytest.approx(nats.mean())
    assert row["standard_error"] == pytest.approx(nats.std(ddof=1) / np.sqrt(3))


@given(
    st.integers(0, 8),
    st.sampled_from(["clear", "own", "all", "nearly"]),
    st.integers(1, 3),
    st.integers(0, 2**32 - 1),
)
def test_counting_by_look_up_gives_the_same_as_counting_all_pairs(level, view, channels, seed):
    generator = np.random.default_rng(seed)
    x = generator.integers(0, generator.integers(1, 257, channels), (6000, channels), np.uint8)
    y = (x.astype(int) << level).astype(np.uint8)
    if view == "own":  # another function in each channel
        y = y + np.arange(channels, dtype=np.uint8)
    elif view == "all":
        y = y ^ generator.integers(0, 256, y.shape, np.uint8)
    elif view == "nearly":  # one pixel in thousands refutes the function
        y[generator.integers(len(x)), 0] ^= 1
    pool, expected = np.zeros((2, 256, 256), np.int64)
    found = frequencies.Picture(x).count(y, pool)
    for channel in range(channels):
        joint = frequencies.byte_pairs(x[:, channel], y[:, channel])
        expected += joint
        for mine, theirs in zip(
            found[channel][:3], frequencies.count_table(joint)[:3], strict=True
        ):
            assert sorted(mine) == sorted(theirs)
    assert np.array_equal(pool, expected)
