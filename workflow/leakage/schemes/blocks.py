"""Shared by the ciphers that work on blocks: pictures cut into square blocks."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from leakage.interfaces import Bytes


def of_one_shape(height: int, width: int, side: int) -> Iterator[tuple[slice, slice, int, int]]:
    """Yield the regions of a picture in which all blocks have the same shape.

    They are the whole blocks, the narrower ones at the right, the lower ones at the bottom, and the
    corner. Empty regions are left out.

    Args:
        height: of the picture, in pixels.
        width: of the picture, in pixels.
        side: of a whole block, in pixels.

    Yields:
        The rows and columns of a region, and the height and width of its blocks.
    """
    rows, columns = (
        [(slice(0, size // side * side), side), (slice(size // side * side, size), size % side)]
        for size in (height, width)
    )
    for row, tall in rows:
        for column, wide in columns:
            if row.stop > row.start and column.stop > column.start:
                yield row, column, tall, wide


def cut(region: Bytes, tall: int, wide: int) -> Bytes:
    """Return the blocks of a region, row by row, shape (blocks, tall, wide, channels)."""
    height, width, channels = region.shape
    grid = region.reshape(height // tall, tall, width // wide, wide, channels)
    return grid.swapaxes(1, 2).reshape(-1, tall, wide, channels)


def put_together(blocks: Bytes, height: int, width: int) -> Bytes:
    """Return the region that `cut` has cut, shape (height, width, channels)."""
    _, tall, wide, channels = blocks.shape
    grid = blocks.reshape(height // tall, width // wide, tall, wide, channels)
    return grid.swapaxes(1, 2).reshape(height, width, channels)


def numbers(height: int, width: int, side: int) -> NDArray[np.int64]:
    """Return the number of each pixel's block, counted row by row, shape (height, width)."""
    columns = -(-width // side)
    return (np.arange(height) // side)[:, None] * columns + np.arange(width) // side
