"""XOR of some of the picture's blocks with a keystream; the others stay unchanged.

Level n encrypts n eighths of the blocks, which ones the key decides; a block that is encrypted at a
level is so at every higher one.
"""

from typing import ClassVar, Literal

import numpy as np
import pydantic

from leakage.schemes import Definition, blocks
from leakage.schemes.keystream import Keystream

STRONGEST = 8
LEVEL = "level n (eighths of the blocks encrypted)"


class Settings(Definition):
    """Which levels are measured, how large blocks are, and what an observer sees."""

    STRONGEST: ClassVar[int | None] = STRONGEST

    cipher: Literal["block_xor"] = "block_xor"
    levels: list[int] = pydantic.Field(default=[0, 1, 2, 4, 6, 7, 8])
    block: int = pydantic.Field(default=16, ge=1)
    """side of a block, in pixels"""
    view: Literal["clear", "full"] = "clear"
    """the view: clear blocks with encrypted ones black, or the full ciphertext"""


def encrypt(pixels: np.ndarray, level: int, keystream: Keystream, settings: Settings) -> np.ndarray:
    """Return uint8 `pixels` (height, width, channels) with the level's blocks XORed."""
    stream = keystream.bytes(pixels.size).reshape(pixels.shape)
    return pixels ^ np.where(_encrypted(pixels.shape, level, keystream, settings), stream, 0)


# XOR is its own inverse.
decrypt = encrypt


def view(
    ciphertext: np.ndarray, level: int, keystream: Keystream, settings: Settings
) -> np.ndarray:
    """Return what an observer reads off uint8 `ciphertext`, as uint8 of the same shape.

    The key says which blocks are encrypted; an observer knows them by their noise.
    """
    if settings.view == "full":
        return ciphertext
    encrypted = _encrypted(ciphertext.shape, level, keystream, settings)
    return np.where(encrypted, np.uint8(0), ciphertext)


def clear_bits(level: int, settings: Settings) -> int:
    """Return how many bits of a pixel stay clear on average: no view tells more about it."""
    return STRONGEST - level


def strength(level: int, settings: Settings) -> float:
    """Return the share of the bits that are encrypted."""
    return level / STRONGEST


def nested(settings: Settings) -> bool:
    """Return whether a level's view is a function of a lower level's.

    The same blocks are encrypted at every higher level, and black in the view `clear`. The view
    `full` shows their noise, which the lower level's view does not determine.
    """
    return settings.view == "clear"


def _encrypted(
    shape: tuple[int, ...], level: int, keystream: Keystream, settings: Settings
) -> np.ndarray:
    """Return whether each pixel is encrypted, bool of shape (height, width, 1)."""
    number = blocks.numbers(*shape[:2], settings.block)
    count = int(number.max()) + 1
    chosen = np.zeros(count, bool)
    chosen[keystream.permutation(count, purpose="blocks")[: round(count * level / STRONGEST)]] = 1
    return chosen[number][..., None]
