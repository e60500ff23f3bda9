"""XOR of the n most significant bits of every pixel with a keystream: the paper's encryption.

Messadi, Cervia, Itier, arXiv 2508.08832, section III. Level n encrypts n of the 8 bits; level 0 is
the plain picture, level 8 is encrypted whole.
"""

from typing import ClassVar, Literal

import numpy as np
import pydantic

from leakage.schemes import Definition, bitplanes
from leakage.schemes.keystream import Keystream

LEVEL = "level n (most significant bits encrypted)"


class Settings(Definition):
    """Which levels are measured, and what an observer is given to see."""

    STRONGEST: ClassVar[int | None] = bitplanes.PLANES

    cipher: Literal["msb_xor"] = "msb_xor"
    levels: list[int] = pydantic.Field(default=list(range(bitplanes.PLANES + 1)))
    view: Literal["scaled", "shifted", "full"] = "scaled"
    """the view of ciphertext c: scaled: (c << n) & 255, clear bits moved up; shifted: clear bits
    in place; full: c"""


def encrypt(pixels: np.ndarray, level: int, keystream: Keystream, settings: Settings) -> np.ndarray:
    """Return uint8 `pixels` with the `level` most significant bits of each XORed."""
    return bitplanes.xor(pixels, encrypted_bits(level), keystream)


# XOR is its own inverse.
decrypt = encrypt


def view(
    ciphertext: np.ndarray, level: int, keystream: Keystream, settings: Settings
) -> np.ndarray:
    """Return what an observer reads off uint8 `ciphertext`, as uint8 of the same shape.

    `scaled` moves the clear bits up to where they are seen, (c << n) & 255; `shifted` leaves them
    in place, c & (2**(8 - n) - 1); `full` is the ciphertext with its encrypted bits.
    """
    if settings.view == "scaled":
        return scaled(ciphertext, level)
    if settings.view == "shifted":
        return bitplanes.clear(ciphertext, encrypted_bits(level))
    return ciphertext


def scaled(pixels: np.ndarray, level: int) -> np.ndarray:
    """Return the clear bits of uint8 `pixels` moved up; of the plain picture or its ciphertext."""
    return (pixels.astype(np.uint16) << level).astype(np.uint8)


def encrypted_bits(level: int) -> np.uint8:
    """Return the mask of the `level` most significant bits."""
    return bitplanes.mask(range(bitplanes.PLANES - level, bitplanes.PLANES))


clear_bits, strength, nested = bitplanes.clear_bits, bitplanes.strength, bitplanes.nested
