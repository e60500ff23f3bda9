"""Keyed permutation of the pixels inside squares that grow with the level.

Level n moves every pixel, with its channels, to another place in its square of 2^n x 2^n pixels. At
level 10 that is any place in a picture of up to 1024 x 1024. The histogram of the picture does not
change, and a count of pairs (pixel, pixel at the same place in the view) finds no information. Yet
colours stay visible, and so do shapes if the squares are small.
"""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from leakage.interfaces import Bytes
from leakage.schemes import Cipher
from leakage.schemes.keystream import Keystream

# Pixels that are permuted at once.
AT_ONCE = 1 << 20

Orders = NDArray[np.int64]
Move = Callable[[Bytes, Orders], Bytes]


class PixelPermutation(Cipher):
    """Permutation of pixels."""

    level_label: ClassVar[str] = "level n (pixels permuted in squares of side 2ⁿ)"
    strongest: ClassVar[int] = 10

    cipher: Literal["pixel_permutation"] = "pixel_permutation"
    levels: list[int] = pydantic.Field(default=[0, 1, 2, 3, 4, 6, 8, 10])

    def encrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture with the pixels of each square permuted."""
        return _moved(pixels, 2**level, keystream, _permuted)

    def decrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture with its pixels back in place."""
        return _moved(pixels, 2**level, keystream, _put_back)

    def strength(self, level: int) -> float:
        """Return the logarithm of a square's side, divided by that of the largest square."""
        return level / self.strongest


def _permuted(squares: Bytes, orders: Orders) -> Bytes:
    """Return (squares, pixels, channels) with the pixels of each square in its order."""
    found: Bytes = np.take_along_axis(squares, orders[..., None], axis=1)
    return found


def _put_back(squares: Bytes, orders: Orders) -> Bytes:
    """Return the squares that `_permuted` was given."""
    found = np.empty_like(squares)
    np.put_along_axis(found, orders[..., None], squares, axis=1)
    return found


def _moved(pixels: Bytes, side: int, keystream: Keystream, move: Move) -> Bytes:
    """Return a picture with the pixels moved inside each square.

    The order of a square is that of its pixels' words of the keystream.
    """
    height, width, _ = pixels.shape
    words = keystream.words(height * width).reshape(height, width, 1)
    moved = np.empty_like(pixels)
    for rows, columns in _grids(height, width, side):
        squares, shape = _squares(pixels[rows, columns], side)
        # Not stable, which takes twice as long: a million words hold two equal ones once in 2^25
        # times.
        orders = np.argsort(_squares(words[rows, columns], side)[0][..., 0])
        found = move(squares, orders).reshape(shape).swapaxes(1, 2)
        moved[rows, columns] = found.reshape(moved[rows, columns].shape)
    return moved


def _grids(height: int, width: int, side: int) -> Iterator[tuple[slice, slice]]:
    """Yield parts of a picture in which all squares have one size, of about `AT_ONCE` pixels.

    Those at the right and the lower border can be smaller than the others.
    """
    full_height, full_width = height - height % side, width - width % side
    step = max(1, AT_ONCE // (width * side)) * side
    strips = [slice(top, min(top + step, full_height)) for top in range(0, full_height, step)]
    for rows in [*strips, slice(full_height, height)]:
        for columns in (slice(full_width), slice(full_width, width)):
            if rows.start < rows.stop and (columns.start or 0) < columns.stop:
                yield rows, columns


def _squares(part: NDArray[Any], side: int) -> tuple[NDArray[Any], tuple[int, ...]]:
    """Return the squares of a part, (squares, pixels, channels), and their shape in the grid."""
    height, width, channels = part.shape
    tall, wide = min(side, height), min(side, width)
    grid = part.reshape(height // tall, tall, width // wide, wide, channels).swapaxes(1, 2)
    return grid.reshape(-1, tall * wide, channels), grid.shape
