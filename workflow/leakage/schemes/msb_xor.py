"""XOR of the n most significant bits of every pixel with a keystream: the paper's encryption.

Messadi, Cervia, Itier, arXiv 2508.08832, section III. Level n encrypts n of the 8 bits. Level 0 is
the plain picture; level 8 encrypts all of it.
"""

from typing import ClassVar, Literal

import numpy as np
import pydantic

from leakage.interfaces import Bytes
from leakage.schemes import bitplanes
from leakage.schemes.keystream import Keystream


class MsbXor(bitplanes.BitPlaneCipher):
    """XOR of the most significant bits."""

    level_label: ClassVar[str] = "level n (most significant bits encrypted)"

    cipher: Literal["msb_xor"] = "msb_xor"
    levels: list[int] = pydantic.Field(default=list(range(bitplanes.PLANES + 1)))
    view: Literal["scaled", "shifted", "full"] = "scaled"
    """the view of ciphertext c: scaled: (c << n) & 255, clear bits moved up; shifted: clear bits
    in place; full: c"""

    def encrypted_bits(self, level: int) -> np.uint8:
        """Return the mask of the `level` most significant bits."""
        return encrypted_bits(level)

    def view_of(self, ciphertext: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the view of a ciphertext c.

        `scaled` moves the clear bits up, (c << n) & 255, where they are easy to see. `shifted`
        leaves them in place, c & (2**(8 - n) - 1). `full` is c with its encrypted bits.
        """
        if self.view == "scaled":
            return scaled(ciphertext, level)
        return super().view_of(ciphertext, level, keystream)


def scaled(pixels: Bytes, level: int) -> Bytes:
    """Return the clear bits of a plain picture or its ciphertext, moved up."""
    return np.left_shift(pixels, np.uint8(level))  # bits that leave the byte are lost; 8: all


def encrypted_bits(level: int) -> np.uint8:
    """Return the mask of the `level` most significant bits."""
    return bitplanes.mask(range(bitplanes.PLANES - level, bitplanes.PLANES))
