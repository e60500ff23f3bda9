"""How critics read bytes: as the settings say, otherwise as the bytes suggest."""

import numpy as np
import pytest
import skimage.data
from leakage.estimators.mine import Mine
from leakage.protocol import byte_features
from leakage.schemes import msb_xor

CAMERA = skimage.data.camera().ravel()


def pixels(pairs: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice(CAMERA, (pairs, 1))


def gaussian(pairs: int, dim: int, rho: float):
    x, noise = np.random.default_rng(0).normal(size=(2, pairs, dim))
    sides = x, rho * x + np.sqrt(1 - rho**2) * noise
    x, y = (np.clip(np.round(32 * v + 128), 0, 255).astype(np.uint8) for v in sides)
    return x, y[None]


@pytest.mark.parametrize("pairs", [200, 6000])
@pytest.mark.parametrize("level", [1, 4, 7])
def test_bytes_with_clear_bits_are_read_as_bits(pairs, level):
    x = pixels(pairs)
    key = np.random.default_rng(1).integers(0, 256, x.shape, dtype=np.uint8)
    views = np.stack([x ^ (key & msb_xor.encrypted_bits(level)), x ^ key])
    assert byte_features.choose(x, views, Mine()) == "bits"
    assert byte_features.choose(x, msb_xor.scaled(x, level)[None], Mine()) == "bits"


@pytest.mark.parametrize("pairs", [200, 6000])
@pytest.mark.parametrize(("dim", "rho"), [(1, 0.3), (4, 0.8), (1, 0.999)])
def test_smoothly_correlated_bytes_are_read_as_numbers(pairs, dim, rho):
    assert byte_features.choose(*gaussian(pairs, dim, rho), Mine()) == "scalar"


@pytest.mark.parametrize("pairs", [2, 30, 2000])
def test_independent_bytes_are_read_as_numbers(pairs):
    for seed in range(40):
        x = pixels(pairs, seed)
        y = np.random.default_rng([seed, 2]).integers(0, 256, (1, *x.shape), dtype=np.uint8)
        assert byte_features.choose(x, y, Mine()) == "scalar"


def test_given_settings_of_pixels_decide():
    x = pixels(200)
    for how in ("scalar", "bits", "fourier"):
        settings = Mine(pixels={"input": how})
        assert byte_features.choose(x, x[None], settings) == how
        assert byte_features.choose(*gaussian(200, 1, 0.9), settings) == how
    without_input = Mine(pixels={"split": "pairs"})
    assert byte_features.choose(x, x[None], without_input) == Mine().pixels.input


def test_only_bytes_on_both_sides_have_a_reading():
    x = pixels(200)
    for one, other in ((x.astype(int), x), (x, x.astype(int)), (x.astype(bool), x)):
        assert byte_features.choose(one, other[None], Mine()) is None


@pytest.mark.parametrize("columns", [1, 3])
def test_unmatched_and_constant_columns_are_read_as_numbers(columns):
    y = np.zeros((2, 200, columns), np.uint8)
    assert byte_features.choose(pixels(200), y, Mine()) == "scalar"
