"""Noisy views of small pictures: clear bits are counted, noise gives no information."""

import numpy as np
import pytest
import skimage.color
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from leakage.estimators import frequencies, noisy
from leakage.estimators.histogram import Histogram

BITS = 1 / np.log(2)
SIDES = [32, 128, 480]
GREY = np.round(skimage.color.rgb2gray(skimage.data.astronaut()) * 255).astype(np.uint8)


def picture(side: int) -> np.ndarray:
    top = (len(GREY) - side) // 2
    return GREY[top : top + side, top : top + side].reshape(-1, 1)


def xored(x: np.ndarray, mask: int, seed: int) -> np.ndarray:
    return x ^ (np.random.default_rng(seed).integers(0, 256, x.shape, dtype=np.uint8) & mask)


def row(x: np.ndarray, y: np.ndarray, **chosen):
    return Histogram(**chosen).estimate_pictures([(x, y[None])], [8]).iloc[0]


def entropy(values: np.ndarray) -> float:
    return frequencies.entropy(np.bincount(values.ravel()))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("mask", [0b11111111, 0b11110000, 0b00111100])
def test_a_uniform_key_leaves_the_entropy_of_the_clear_bits_at_every_picture_size(side, mask):
    x = picture(side)
    found = row(x, xored(x, mask, side))
    truth = entropy(x & (255 ^ mask))
    assert found["nats"] * BITS == pytest.approx(truth * BITS, abs=max(0.02, 4 / side))
    assert abs(found["floor"]) * BITS < 0.15 and found["estimable"]
    assert found["nats"] < row(x, xored(x, mask, side), correction="none")["nats"]


@pytest.mark.parametrize("side", SIDES)
def test_the_floor_is_the_mean_estimate_of_shuffled_views(side):
    x, y = picture(side), xored(picture(side), 255, side)
    generator = np.random.default_rng(0)
    for correction in ("auto", "none", "grassberger"):
        values = [row(x, generator.permutation(y), correction=correction) for _ in range(4)]
        nats, floors = ([each[name] for each in values] for name in ("nats", "floor"))
        assert np.mean(nats) == pytest.approx(np.mean(floors), abs=0.04 + 0.02 * np.mean(nats))


def test_permuted_pixels_show_a_lower_bound_that_grows_with_the_picture():
    found = []
    for side in SIDES:
        blocks = picture(side).reshape(side // 4, 4, side // 4, 4).swapaxes(1, 2).reshape(-1, 16)
        y = np.random.default_rng(0).permuted(blocks, axis=1)
        found.append(row(blocks.reshape(-1, 1), y.reshape(-1, 1)))
        assert found[-1]["nats"] > 10 * abs(found[-1]["floor"])
    many = frequencies.count(blocks.ravel(), y.ravel()).information(frequencies.grassberger_entropy)
    assert found[-1]["nats"] == pytest.approx(many, abs=0.03)
    assert all(each["nats"] <= each["entropy"] for each in found)


def test_too_few_pixels_are_flagged_unless_the_view_is_a_function_of_the_pixel():
    x = np.random.default_rng(0).permutation(256)[:40, None].astype(np.uint8)
    found = row(x, xored(x, 255, 1))
    assert not found["estimable"] and "cannot be estimated" in found["estimand"]
    found = row(picture(32), picture(32) << 3)
    assert found["floor"] == 0 and found["estimable"] and "exact:" in found["estimand"]


@given(st.integers(0, 255), st.integers(0, 2**32))
@settings(max_examples=30)
def test_clear_bits_are_a_function_of_the_pixel(mask, seed):
    x = np.random.default_rng(seed).integers(0, 256, (4000, 1), dtype=np.uint8)
    table = frequencies.byte_pairs(x.ravel(), xored(x, mask, seed + 1).ravel())
    assert noisy.clear_bits(table) == 255 ^ mask


@given(st.integers(0, 255), st.integers(0, 2**32))
@settings(max_examples=30)
def test_shuffling_keeps_the_margins_and_the_clear_bits(clear, seed):
    generator = np.random.default_rng(seed)
    x = generator.integers(0, 256, 3000, dtype=np.uint8)
    y = x & clear | generator.integers(0, 256, 3000, dtype=np.uint8) & (255 ^ clear)
    table = frequencies.byte_pairs(x, y)
    apart = noisy.shuffled(table, clear, generator)
    for axis in (0, 1):
        assert np.array_equal(apart.sum(axis), table.sum(axis))
    one, other = (noisy.folded(each, 255, clear).table for each in (table, apart))
    assert np.array_equal(one, other)
    assert np.array_equal(one, frequencies.byte_pairs(x, y & clear))
