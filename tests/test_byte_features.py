"""How critics read bytes: as the settings say, otherwise as the bytes suggest."""

import numpy as np
import pytest
import skimage.data
from leakage.estimators.mine import Mine
from leakage.protocol import byte_features
from leakage.schemes import msb_xor


def pixels(pairs: int, seed: int = 0) -> np.ndarray:
    camera = skimage.data.camera().ravel()
    return camera[np.random.default_rng(seed).integers(0, camera.size, pairs)][:, None]


def gaussian(pairs: int, dim: int, rho: float, seed: int = 0):
    noise = np.random.default_rng(seed).normal(size=(2, pairs, dim))
    views = rho * noise[0] + np.sqrt(1 - rho**2) * noise[1]
    x, y = (np.clip(np.round(32 * v + 128), 0, 255).astype(np.uint8) for v in (noise[0], views))
    return x, y[None]


def xored(x: np.ndarray, level: int, seed: int = 0) -> np.ndarray:
    key = np.random.default_rng([seed, 1]).integers(0, 256, x.shape, dtype=np.uint8)
    return x ^ (key & msb_xor.encrypted_bits(level))


@pytest.mark.parametrize("pairs", [200, 6000])
@pytest.mark.parametrize("level", [1, 4, 7])
def test_bytes_with_clear_bits_are_read_as_bits(pairs, level):
    x = pixels(pairs)
    views = np.stack([xored(x, each) for each in (level, 8)])
    assert byte_features.choose(x, views, Mine()) == "bits"
    assert byte_features.choose(x, msb_xor.scaled(x, level)[None], Mine()) == "bits"


@pytest.mark.parametrize("pairs", [200, 6000])
@pytest.mark.parametrize("dim", [1, 4])
@pytest.mark.parametrize("rho", [0.3, 0.8, 0.99, 0.999])
def test_smoothly_correlated_bytes_are_read_as_numbers(pairs, dim, rho):
    assert byte_features.choose(*gaussian(pairs, dim, rho), Mine()) == "scalar"


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("pairs", [2, 30, 200, 2000])
def test_independent_bytes_are_read_as_numbers(seed, pairs):
    x = pixels(pairs, seed)
    y = np.random.default_rng([seed, 2]).integers(0, 256, (1, *x.shape), dtype=np.uint8)
    assert byte_features.choose(x, y, Mine()) == "scalar"


@pytest.mark.parametrize("how", ["scalar", "bits", "fourier"])
def test_a_given_reading_is_followed(how):
    x = pixels(200)
    settings = Mine(pixels={"input": how})
    assert byte_features.choose(x, x[None], settings) == how
    assert byte_features.choose(*gaussian(200, 1, 0.9), settings) == how


def test_a_given_branch_pixels_decides_even_without_input():
    x = pixels(200)
    default = Mine().pixels.input
    assert byte_features.choose(x, x[None], Mine(pixels={"split": "pairs"})) == default


def test_only_bytes_on_both_sides_have_a_reading():
    x = pixels(200)
    for one, other in ((x.astype(int), x), (x, x.astype(int)), (x.astype(bool), x)):
        assert byte_features.choose(one, other[None], Mine()) is None
    assert byte_features.note(None) == ""


def test_unmatched_and_constant_columns_are_read_as_numbers():
    x = pixels(200)
    assert byte_features.choose(x, np.zeros((2, 200, 3), np.uint8), Mine()) == "scalar"
    assert byte_features.choose(x, np.zeros((2, 200, 1), np.uint8), Mine()) == "scalar"
