"""Substitution of all bytes by one secret table: a cipher that is known to be weak.

Level 1 replaces every byte value by another one, in all channels and all over the picture. Each
picture has its own table, a permutation of the 256 values. Equal bytes stay equal, so edges, shapes
and textures stay, and the entropy of the picture does not change.
"""

from typing import ClassVar, Literal

import numpy as np
import pydantic

from leakage.interfaces import Bytes
from leakage.schemes import Cipher
from leakage.schemes.keystream import Keystream

VALUES = 256


class Substitution(Cipher):
    """Substitution of bytes (weak)."""

    level_label: ClassVar[str] = "level (0 plain, 1 bytes substituted)"
    pixelwise: ClassVar[bool] = True
    strongest: ClassVar[int] = 1

    cipher: Literal["substitution"] = "substitution"
    levels: list[int] = pydantic.Field(default=[0, 1])

    def encrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture with each byte replaced by its entry in the table."""
        return _table(keystream)[pixels]

    def decrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture."""
        return np.argsort(_table(keystream)).astype(np.uint8)[pixels]

    def clear_bits(self, level: int) -> int:
        """Return 8: whoever knows the table reads every byte."""
        return 8

    def strength(self, level: int) -> float:
        """Return the share of substituted bytes."""
        return float(level)


def _table(keystream: Keystream) -> Bytes:
    return keystream.permutation(VALUES).astype(np.uint8)
