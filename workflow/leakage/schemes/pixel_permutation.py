"""Keyed permutation of the pixels inside squares that grow with the level.

Level n moves every pixel, with its channels, to another place in its square of 2^n x 2^n pixels; at
level 10 that is any place in a picture of up to 1024 x 1024. No value changes: the histogram of the
picture stays what it was, and one that counts pairs of a pixel and what stands in its place sees
nothing, while colours, and in small squares shapes, are there for the eye.
"""

from typing import ClassVar, Literal

import numpy as np
import pydantic

from leakage.schemes import Definition, blocks
from leakage.schemes.keystream import Keystream

STRONGEST = 10
LEVEL = "level n (pixels permuted in squares of side 2ⁿ)"


class Settings(Definition):
    """Which levels are measured."""

    STRONGEST: ClassVar[int | None] = STRONGEST

    cipher: Literal["pixel_permutation"] = "pixel_permutation"
    levels: list[int] = pydantic.Field(default=[0, 1, 2, 3, 4, 6, 8, 10])


def encrypt(pixels: np.ndarray, level: int, keystream: Keystream, settings: Settings) -> np.ndarray:
    """Return uint8 `pixels` (height, width, channels) with the pixels of each square permuted."""
    home, away = _places(pixels.shape, level, keystream)
    flat = pixels.reshape(-1, pixels.shape[2])
    moved = np.empty_like(flat)
    moved[home] = flat[away]
    return moved.reshape(pixels.shape)


def decrypt(
    ciphertext: np.ndarray, level: int, keystream: Keystream, settings: Settings
) -> np.ndarray:
    """Return the picture that `encrypt` was given."""
    home, away = _places(ciphertext.shape, level, keystream)
    flat = ciphertext.reshape(-1, ciphertext.shape[2])
    moved = np.empty_like(flat)
    moved[away] = flat[home]
    return moved.reshape(ciphertext.shape)


def strength(level: int, settings: Settings) -> float:
    """Return the logarithm of a square's side over that of the largest."""
    return level / STRONGEST


def _places(
    shape: tuple[int, ...], level: int, keystream: Keystream
) -> tuple[np.ndarray, np.ndarray]:
    """Return, square by square, all places in order and in the order of random words."""
    square = blocks.numbers(*shape[:2], 2**level).ravel()
    home = np.argsort(square, kind="stable")
    return home, np.lexsort((keystream.words(len(square)), square))
