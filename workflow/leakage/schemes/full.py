"""ChaCha20 over the whole picture: only its size, and whether it is grey, remain visible.

Level 1 encrypts all bits. The view is the ciphertext.
"""

from typing import ClassVar, Literal

import pydantic

from leakage.interfaces import Bytes
from leakage.schemes import Cipher, bitplanes
from leakage.schemes.keystream import Keystream


class Full(Cipher):
    """Encryption of the whole picture."""

    level_label: ClassVar[str] = "level (0 plain, 1 encrypted whole)"
    pixelwise: ClassVar[bool] = True
    strongest: ClassVar[int] = 1

    cipher: Literal["full"] = "full"
    levels: list[int] = pydantic.Field(default=[0, 1])

    def encrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture XORed with the keystream."""
        return bitplanes.xor(pixels, bitplanes.mask(range(bitplanes.PLANES)), keystream)

    def decrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture: XOR is its own inverse."""
        return self.encrypt(pixels, level, keystream)

    def clear_bits(self, level: int) -> int:
        """Return 0: all bits are encrypted."""
        return 0

    def strength(self, level: int) -> float:
        """Return the share of encrypted bits."""
        return float(level)
