"""XOR of the n least significant bits of every pixel: a control that hides invisible details.

Level n encrypts n of the 8 bits. As many bits are encrypted as by `msb_xor`, and the picture stays
recognisable almost to the end.
"""

from typing import ClassVar, Literal

import numpy as np
import pydantic

from leakage.schemes import Definition, bitplanes
from leakage.schemes.keystream import Keystream

LEVEL = "least significant bits encrypted"


class Settings(Definition):
    """Which levels are measured, and what an observer is given to see."""

    STRONGEST: ClassVar[int | None] = bitplanes.PLANES

    cipher: Literal["lsb_xor"] = "lsb_xor"
    levels: list[int] = pydantic.Field(default=list(range(bitplanes.PLANES + 1)))
    view: Literal["clear", "full"] = "clear"
    """the view: clear bits with encrypted ones set to 0, or the full ciphertext"""


def encrypt(pixels: np.ndarray, level: int, keystream: Keystream, settings: Settings) -> np.ndarray:
    """Return uint8 `pixels` with the `level` least significant bits of each XORed."""
    return bitplanes.xor(pixels, bitplanes.mask(range(level)), keystream)


# XOR is its own inverse.
decrypt = encrypt


def view(
    ciphertext: np.ndarray, level: int, keystream: Keystream, settings: Settings
) -> np.ndarray:
    """Return what an observer reads off uint8 `ciphertext`, as uint8 of the same shape."""
    return bitplanes.seen(ciphertext, bitplanes.mask(range(level)), settings.view)


clear_bits, strength, nested = bitplanes.clear_bits, bitplanes.strength, bitplanes.nested
