"""XOR with a keystream that repeats after some rows: a cipher that is known to be weak.

Level n XORs the picture with a keystream of 2^(n-1) rows, over and over from the top down. Whoever
XORs two rows that far apart removes the keystream, and is left with the difference of two rows of
the picture. Every known row of the picture reveals all rows with the same keystream.
"""

from typing import ClassVar, Literal

import numpy as np
import pydantic

from leakage.interfaces import Bytes
from leakage.schemes import Cipher
from leakage.schemes.keystream import Keystream


class RepeatedXor(Cipher):
    """XOR with a repeated keystream (weak)."""

    level_label: ClassVar[str] = "level n (keystream of 2ⁿ⁻¹ rows, repeated)"
    pixelwise: ClassVar[bool] = True
    strongest: ClassVar[int] = 8

    cipher: Literal["repeated_xor"] = "repeated_xor"
    levels: list[int] = pydantic.Field(default=[0, 1, 4, 8])

    def encrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture XORed with the repeated keystream."""
        _, width, channels = pixels.shape
        stream = keystream.bytes(2 ** (level - 1) * width * channels)
        return pixels ^ np.resize(stream, pixels.shape)

    def decrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture: XOR is its own inverse."""
        return self.encrypt(pixels, level, keystream)

    def clear_bits(self, level: int) -> int:
        """Return 8: whoever knows some rows of the picture reads all bytes of the others."""
        return 8

    def strength(self, level: int) -> float:
        """Return the level, divided by the highest level."""
        return level / self.strongest
