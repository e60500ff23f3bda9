"""Hand-made statistics of a grid of cells: a meaningful encoder without weights."""

from typing import Any, Literal

import numpy as np
import pydantic

from leakage import encoders
from leakage.config import settings

# A patch takes 9 ms: the batch only bounds how many are held in memory.
BATCH_SIZE = 64


class Settings(settings.Settings):
    """An entry of `encoders` of this kind."""

    kind: Literal["statistics"]
    """the name of its module"""
    grid: int = pydantic.Field(4, ge=1, le=32)
    """cells along each side of a patch; each gives nine numbers"""


def load(entry: Settings, record: Any = None, device: str = "cpu") -> encoders.Encoder:
    """Return the encoder; it has no weights to record and runs on the CPU, whatever the device."""
    return encoders.Encoder(
        encode=lambda patches: np.stack([statistics(patch, entry.grid) for patch in patches]),
        label="statistics (hand-made, no weights)",
        untrained=False,
        batch_size=BATCH_SIZE,
        device="cpu",
        libraries=(),
    )


def statistics(pixels: np.ndarray, grid: int) -> np.ndarray:
    """Return the statistics of every cell of a grid over a patch.

    Args:
        pixels: uint8 of shape (height, width, channels); one channel counts as three equal ones.
        grid: cells along each side; where it does not divide the side, cells differ by a pixel.

    Returns:
        float32 of shape (grid * grid * 9,): cell by cell, row by row, the mean, the standard
        deviation and the gradient energy of each colour channel, with pixels in [0, 1]. The
        energy is the mean square of the differences between horizontal neighbours plus that of
        vertical ones, both inside the cell.
    """
    values = encoders.three_channels(pixels).astype(np.float32) / 255
    cells = [
        cell
        for rows in np.array_split(values, grid, axis=0)
        for cell in np.array_split(rows, grid, axis=1)
    ]
    return np.concatenate([_of_cell(cell) for cell in cells])


def _of_cell(cell: np.ndarray) -> np.ndarray:
    energy = sum(_mean_square(np.diff(cell, axis=axis)) for axis in (0, 1))
    return np.concatenate([cell.mean((0, 1)), cell.std((0, 1)), energy])


def _mean_square(differences: np.ndarray) -> np.ndarray:
    # A cell that is one pixel wide has no neighbours, and so no gradient.
    return np.square(differences).sum((0, 1)) / max(differences[..., 0].size, 1)
