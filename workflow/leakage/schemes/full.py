"""ChaCha20 over the whole picture: nothing remains but its size, and whether it is grey.

Level 1 is encrypted whole; the observer sees the ciphertext.
"""

from typing import ClassVar, Literal

import numpy as np
import pydantic

from leakage.schemes import Definition, bitplanes
from leakage.schemes.keystream import Keystream

STRONGEST = 1
LEVEL = "level (0 plain, 1 encrypted whole)"


class Settings(Definition):
    """There is one level beside the plain picture."""

    STRONGEST: ClassVar[int | None] = STRONGEST

    cipher: Literal["full"] = "full"
    levels: list[int] = pydantic.Field(default=[0, 1])


def encrypt(pixels: np.ndarray, level: int, keystream: Keystream, settings: Settings) -> np.ndarray:
    """Return uint8 `pixels` XORed with the keystream."""
    return bitplanes.xor(pixels, bitplanes.mask(range(bitplanes.PLANES)), keystream)


# XOR is its own inverse.
decrypt = encrypt


def clear_bits(level: int, settings: Settings) -> int:
    """Return that no bit stays clear."""
    return 0


def strength(level: int, settings: Settings) -> float:
    """Return the share of the bits that are encrypted."""
    return float(level)
