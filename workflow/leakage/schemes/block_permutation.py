"""Keyed permutation of square blocks that become smaller with the level.

Level n permutes blocks of side 2^(8-n): 128 pixels at level 1, single pixels at level 8. Inside a
block nothing changes. If the side does not divide the height or the width of the picture, smaller
blocks remain at the bottom and at the right. They change places among themselves, so the single
block in the corner stays.
"""

from typing import ClassVar, Literal

import numpy as np
import pydantic

from leakage.interfaces import Bytes
from leakage.schemes import Cipher, blocks
from leakage.schemes.keystream import Keystream


class BlockPermutation(Cipher):
    """Permutation of blocks."""

    level_label: ClassVar[str] = "level n (blocks of side 2⁸⁻ⁿ permuted)"
    strongest: ClassVar[int] = 8

    cipher: Literal["block_permutation"] = "block_permutation"
    levels: list[int] = pydantic.Field(default=[0, 1, 2, 3, 4, 5, 6, 8])

    def encrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture with its blocks permuted."""
        return self._permuted(pixels, level, keystream, inverse=False)

    def decrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture with its blocks back in place."""
        return self._permuted(pixels, level, keystream, inverse=True)

    def strength(self, level: int) -> float:
        """Return how far the level is from the whole picture (0) to single pixels (1)."""
        return level / self.strongest

    def _permuted(self, pixels: Bytes, level: int, keystream: Keystream, inverse: bool) -> Bytes:
        moved = np.empty_like(pixels)
        side = 2 ** (self.strongest - level)
        regions = blocks.of_one_shape(pixels.shape[0], pixels.shape[1], side)
        for index, (rows, columns, tall, wide) in enumerate(regions):
            region = pixels[rows, columns]
            cut = blocks.cut(region, tall, wide)
            order = keystream.permutation(len(cut), purpose=f"blocks {index}")
            cut = cut[np.argsort(order) if inverse else order]
            moved[rows, columns] = blocks.put_together(cut, *region.shape[:2])
        return moved
