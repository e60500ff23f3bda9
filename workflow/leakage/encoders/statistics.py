"""Hand-made statistics of a grid of cells: a meaningful encoder without weights."""

from typing import Literal

import numpy as np
import pydantic

from leakage.encoders import Encoder, Vectors, three_channels
from leakage.interfaces import Bytes


class Statistics(Encoder):
    """Mean, deviation and gradient energy of each cell of a grid."""

    label = "statistics (hand-made, no weights)"

    kind: Literal["statistics"] = "statistics"
    grid: int = pydantic.Field(4, ge=1, le=32)
    """cells along each side of a patch; each gives nine numbers"""

    def encode(self, patches: list[Bytes]) -> Vectors:
        """Return the statistics of each patch (see `statistics`)."""
        return np.stack([statistics(patch, self.grid) for patch in patches])


def statistics(pixels: Bytes, grid: int) -> Vectors:
    """Return the statistics of every cell of a grid over a patch.

    Returns:
        float32 of shape (grid * grid * 9,): cell by cell, row by row, the mean, the standard
        deviation and the gradient energy of each colour channel, with pixels in [0, 1]. The energy
        is the mean square of the differences between horizontal neighbours plus that between
        vertical ones, both inside the cell.
    """
    values = three_channels(pixels).astype(np.float32) / np.float32(255)
    cells = [
        cell
        for rows in np.array_split(values, grid, axis=0)
        for cell in np.array_split(rows, grid, axis=1)
    ]
    return np.concatenate([_of_cell(cell) for cell in cells])


def _of_cell(cell: Vectors) -> Vectors:
    vertical, horizontal = (_mean_square(np.diff(cell, axis=axis)) for axis in (0, 1))
    return np.concatenate([cell.mean((0, 1)), cell.std((0, 1)), vertical + horizontal])


def _mean_square(differences: Vectors) -> Vectors:
    # A cell that is one pixel wide has no neighbours, and so no gradient.
    found: Vectors = np.square(differences).sum((0, 1)) / max(differences[..., 0].size, 1)
    return found
