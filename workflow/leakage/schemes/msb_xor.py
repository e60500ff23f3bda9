"""XOR of the n most significant bits of every pixel with a keystream: the paper's encryption.

Messadi, Cervia, Itier, arXiv 2508.08832, section III. Level n encrypts n of the 8 bits; level 0 is
the plain picture, level 8 is encrypted whole.
"""

from typing import Literal

import numpy as np
import pydantic

from leakage.settings import Settings as Branch

LEVELS = range(9)


class Settings(Branch):
    """Which levels are measured, and what an observer is given to see."""

    cipher: Literal["msb_xor"] = "msb_xor"
    levels: list[int] = pydantic.Field(default=list(LEVELS))
    view: Literal["scaled", "shifted", "full"] = "scaled"

    @pydantic.field_validator("levels")
    @classmethod
    def _levels_exist(cls, levels: list[int]) -> list[int]:
        for level in levels:
            if level not in LEVELS:
                close = min(LEVELS, key=lambda known: abs(known - level))
                raise ValueError(f"level {level} is outside 0..8; the nearest is {close}")
        if not levels or len(set(levels)) < len(levels):
            raise ValueError(f"found {levels}; expected at least one level, each named once")
        return sorted(levels)


def encrypt(pixels: np.ndarray, level: int, keystream: np.ndarray) -> np.ndarray:
    """Return uint8 `pixels` with the `level` most significant bits of each XORed.

    Args:
        pixels: uint8, any shape.
        level: 0 to 8.
        keystream: uint8, one per entry of `pixels`, flat.
    """
    return pixels ^ (keystream & encrypted_bits(level)).reshape(pixels.shape)


def decrypt(ciphertext: np.ndarray, level: int, keystream: np.ndarray) -> np.ndarray:
    """Return the picture that `encrypt` was given (XOR is its own inverse)."""
    return encrypt(ciphertext, level, keystream)


def view(ciphertext: np.ndarray, level: int, settings: Settings) -> np.ndarray:
    """Return what an observer reads off uint8 `ciphertext`, as uint8 of the same shape.

    `scaled` moves the clear bits up to where they are seen, (c << n) & 255; `shifted` leaves them
    in place, c & (2**(8 - n) - 1); `full` is the ciphertext with its encrypted bits.
    """
    if settings.view == "scaled":
        return (ciphertext.astype(np.uint16) << level).astype(np.uint8)
    if settings.view == "shifted":
        return ciphertext & ~encrypted_bits(level)
    return ciphertext


def encrypted_bits(level: int) -> np.uint8:
    """Return the mask of the `level` most significant bits."""
    return np.uint8(0xFF << (8 - level) & 0xFF)


def clear_bits(level: int) -> int:
    """Return how many bits of a pixel stay clear: no view tells more about it."""
    return 8 - level
