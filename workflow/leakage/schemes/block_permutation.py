"""Keyed permutation of square blocks that become smaller with the level.

Level n permutes blocks of side 2^(8-n): 128 pixels at level 1, single pixels at level 8. Inside a
block nothing changes. At the right and at the bottom, where the side does not divide the picture's,
blocks of equal shape change places with one another; the corner stays.
"""

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
import pydantic

from leakage.schemes import Definition, blocks
from leakage.schemes.keystream import Keystream

STRONGEST = 8
LEVEL = "level n (blocks of side 2⁸⁻ⁿ permuted)"


class Settings(Definition):
    """Which levels are measured."""

    STRONGEST: ClassVar[int | None] = STRONGEST

    cipher: Literal["block_permutation"] = "block_permutation"
    levels: list[int] = pydantic.Field(default=[0, 1, 2, 3, 4, 5, 6, 8])


def encrypt(pixels: np.ndarray, level: int, keystream: Keystream, settings: Settings) -> np.ndarray:
    """Return uint8 `pixels` (height, width, channels) with its blocks permuted."""
    return _moved(pixels, level, keystream, lambda order: order)


def decrypt(
    ciphertext: np.ndarray, level: int, keystream: Keystream, settings: Settings
) -> np.ndarray:
    """Return the picture that `encrypt` was given."""
    return _moved(ciphertext, level, keystream, np.argsort)


def strength(level: int, settings: Settings) -> float:
    """Return the share of the way from the whole picture to single pixels."""
    return level / STRONGEST


def _moved(
    pixels: np.ndarray,
    level: int,
    keystream: Keystream,
    turned: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Return a picture with its blocks in the key's order, or in what `turned` makes of it."""
    moved = np.empty_like(pixels)
    regions = blocks.of_one_shape(*pixels.shape[:2], side=2 ** (STRONGEST - level))
    for index, (rows, columns, tall, wide) in enumerate(regions):
        region = pixels[rows, columns]
        cut = blocks.cut(region, tall, wide)
        order = turned(keystream.permutation(len(cut), purpose=f"blocks {index}"))
        moved[rows, columns] = blocks.put_together(cut[order], *region.shape[:2])
    return moved
