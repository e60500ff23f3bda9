"""XOR of some of the picture's blocks with a keystream; the others stay unchanged.

Level n encrypts n eighths of the blocks. The key decides which ones. A block that is encrypted at a
level is encrypted at every higher level.
"""

from typing import ClassVar, Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from leakage.interfaces import Bytes
from leakage.schemes import Cipher, blocks
from leakage.schemes.keystream import Keystream


class BlockXor(Cipher):
    """XOR of blocks."""

    level_label: ClassVar[str] = "level n (eighths of the blocks encrypted)"
    pixelwise: ClassVar[bool] = True
    strongest: ClassVar[int] = 8

    cipher: Literal["block_xor"] = "block_xor"
    levels: list[int] = pydantic.Field(default=[0, 1, 2, 4, 6, 7, 8])
    block: int = pydantic.Field(default=16, ge=1)
    """side of a block, in pixels"""
    view: Literal["clear", "full"] = "clear"
    """the view: clear blocks with encrypted ones black, or the full ciphertext"""

    def encrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture with the level's blocks XORed with the keystream."""
        stream = keystream.bytes(pixels.size).reshape(pixels.shape)
        encrypted = self._encrypted(pixels.shape, level, keystream)
        return pixels ^ np.where(encrypted, stream, np.uint8(0))

    def decrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture: XOR is its own inverse."""
        return self.encrypt(pixels, level, keystream)

    def view_of(self, ciphertext: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the clear blocks of a ciphertext, with black in place of the encrypted ones."""
        if self.view == "full":
            return ciphertext
        encrypted = self._encrypted(ciphertext.shape, level, keystream)
        return np.where(encrypted, np.uint8(0), ciphertext)

    def clear_bits(self, level: int) -> int:
        """Return the mean number of clear bits per pixel, which limits the view's information."""
        return self.strongest - level

    def strength(self, level: int) -> float:
        """Return the share of encrypted bits."""
        return level / self.strongest

    def nested(self) -> bool:
        """Return True for the view `clear`: its blocks are among those of a lower level."""
        return self.view == "clear"

    def _encrypted(
        self, shape: tuple[int, ...], level: int, keystream: Keystream
    ) -> NDArray[np.bool_]:
        """Return whether each pixel is encrypted, bool of shape (height, width, 1)."""
        number = blocks.numbers(shape[0], shape[1], self.block)
        count = int(number.max()) + 1
        chosen = np.zeros(count, bool)
        order = keystream.permutation(count, purpose="blocks")
        chosen[order[: round(count * level / self.strongest)]] = True
        return chosen[number][..., None]
