"""Keyed permutation of the pixels inside squares that grow with the level.

Level n moves every pixel, with its channels, to another place in its square of 2^n x 2^n pixels. At
level 10 that is any place in a picture of up to 1024 x 1024. The histogram of the picture does not
change, and a count of pairs (pixel, pixel at the same place in the view) finds no information. Yet
colours stay visible, and so do shapes if the squares are small.
"""

from typing import ClassVar, Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from leakage.interfaces import Bytes
from leakage.schemes import Cipher, blocks
from leakage.schemes.keystream import Keystream

Places = NDArray[np.int64]


class PixelPermutation(Cipher):
    """Permutation of pixels."""

    level_label: ClassVar[str] = "level n (pixels permuted in squares of side 2ⁿ)"
    strongest: ClassVar[int] = 10

    cipher: Literal["pixel_permutation"] = "pixel_permutation"
    levels: list[int] = pydantic.Field(default=[0, 1, 2, 3, 4, 6, 8, 10])

    def encrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture with the pixels of each square permuted."""
        home, away = _places(pixels.shape, level, keystream)
        return _moved(pixels, away, home)

    def decrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture with its pixels back in place."""
        home, away = _places(pixels.shape, level, keystream)
        return _moved(pixels, home, away)

    def strength(self, level: int) -> float:
        """Return the logarithm of a square's side, divided by that of the largest square."""
        return level / self.strongest


def _moved(pixels: Bytes, sources: Places, targets: Places) -> Bytes:
    flat = pixels.reshape(-1, pixels.shape[2])
    moved = np.empty_like(flat)
    moved[targets] = flat[sources]
    return moved.reshape(pixels.shape)


def _places(shape: tuple[int, ...], level: int, keystream: Keystream) -> tuple[Places, Places]:
    """Return the numbers of all pixels square by square, in order and in a random order."""
    square = blocks.numbers(shape[0], shape[1], 2**level).ravel()
    home = np.argsort(square, kind="stable")
    return home, np.lexsort((keystream.words(len(square)), square))
