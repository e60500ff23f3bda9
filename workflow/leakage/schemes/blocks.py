"""Pictures cut into square blocks: what the ciphers that work on blocks share."""

from collections.abc import Iterator

import numpy as np


def of_one_shape(height: int, width: int, side: int) -> Iterator[tuple[slice, slice, int, int]]:
    """Yield the regions of a picture whose blocks all have one shape.

    They are the whole blocks, the strip of narrower ones at the right, that of lower ones at the
    bottom, and the corner; empty ones are left out.

    Args:
        height: of the picture, in pixels.
        width: of the picture, in pixels.
        side: of a whole block, in pixels.

    Yields:
        The rows and the columns of a region, and the height and the width of its blocks.
    """
    rows, columns = (
        [(slice(0, size // side * side), side), (slice(size // side * side, size), size % side)]
        for size in (height, width)
    )
    for row, tall in rows:
        for column, wide in columns:
            if row.stop > row.start and column.stop > column.start:
                yield row, column, tall, wide


def cut(region: np.ndarray, tall: int, wide: int) -> np.ndarray:
    """Return the blocks of a region, row by row, shape (blocks, tall, wide, channels)."""
    height, width, channels = region.shape
    grid = region.reshape(height // tall, tall, width // wide, wide, channels)
    return grid.swapaxes(1, 2).reshape(-1, tall, wide, channels)


def put_together(blocks: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the region that `cut` cut, shape (height, width, channels)."""
    _, tall, wide, channels = blocks.shape
    grid = blocks.reshape(height // tall, width // wide, tall, wide, channels)
    return grid.swapaxes(1, 2).reshape(height, width, channels)


def numbers(height: int, width: int, side: int) -> np.ndarray:
    """Return the number of each pixel's block, row by row from 0, int64 (height, width)."""
    columns = -(-width // side)
    return (np.arange(height) // side)[:, None] * columns + np.arange(width) // side
