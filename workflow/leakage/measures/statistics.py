"""Statistics of the view alone: entropy, and correlation of neighbouring pixels."""

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from leakage.interfaces import Bytes
from leakage.measures import Measure, strips

# Products of bytes are small, and few rows at a time make the sums over rows slow.
WIDE = 1 << 20
# How many pixels below and to the right the neighbour is.
DIRECTIONS = {"horizontal": (0, 1), "vertical": (1, 0), "diagonal": (1, 1)}


class Entropy(Measure):
    """Shannon entropy in bits, over the values of all channels together: 0 to 8."""

    name: ClassVar[str] = "entropy"

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of the view."""
        return entropy(counted(view))


class HorizontalCorrelation(Measure):
    """Pearson's correlation of pixels with their right neighbours, mean over the channels.

    All pairs count, not a sample of them. A channel does not count if one side of its pairs is
    constant or it has no pair. The value is NaN if no channel counts.
    """

    name: ClassVar[str] = "correlation_horizontal"
    neighbour: ClassVar[tuple[int, int]] = DIRECTIONS["horizontal"]

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of the view."""
        return correlation(view, *self.neighbour)


class VerticalCorrelation(HorizontalCorrelation):
    """Pearson's correlation of pixels with those below."""

    name: ClassVar[str] = "correlation_vertical"
    neighbour: ClassVar[tuple[int, int]] = DIRECTIONS["vertical"]


class DiagonalCorrelation(HorizontalCorrelation):
    """Pearson's correlation of pixels with those below to the right."""

    name: ClassVar[str] = "correlation_diagonal"
    neighbour: ClassVar[tuple[int, int]] = DIRECTIONS["diagonal"]


def counted(picture: Bytes) -> NDArray[np.int64]:
    """Return how often each value occurs in all channels together, (256,)."""
    counts = np.zeros(256, np.int64)
    for rows in strips(picture):
        counts += np.bincount(picture[rows].ravel(), minlength=256)
    return counts


def entropy(counts: NDArray[np.int64]) -> float:
    """Return the Shannon entropy of counts in bits."""
    from scipy import special

    return float(special.entr(counts / counts.sum()).sum() / math.log(2))


def correlation(picture: Bytes, down: int, right: int) -> float:
    """Return Pearson's correlation of pixels with a neighbour, mean over the channels.

    Args:
        picture: uint8 of shape (height, width, channels).
        down: how many pixels below the neighbour is.
        right: how many pixels to the right it is.
    """
    height, width, _ = picture.shape
    ones, others = picture[: height - down, : width - right], picture[down:, right:]
    # The sums over either side are those over the picture, less those over its border.
    whole = _moments(picture)
    first = (
        whole
        - _moments(picture[height - down :])
        - _moments(picture[: height - down, width - right :])
    )
    second = whole - _moments(picture[:down]) - _moments(picture[down:, :right])
    products, n = _products(ones, others), ones.shape[0] * ones.shape[1]
    sums = zip(*first.tolist(), *second.tolist(), products.tolist(), strict=True)
    found = [_pearson(n, *each) for each in sums]
    known = [each for each in found if not np.isnan(each)]
    return float(np.mean(known)) if known else np.nan


def _moments(picture: Bytes) -> NDArray[np.int64]:
    """Return the sum of each channel and the sum of its squares, shape (2, channels)."""
    sums = np.zeros(picture.shape[2], np.int64)
    for rows in strips(picture, values=WIDE) if picture.size else ():
        sums += _per_channel(picture[rows])
    return np.stack([sums, _products(picture, picture)])


def _products(one: Bytes, other: Bytes) -> NDArray[np.int64]:
    """Return the sum over each channel of the products of two pictures, shape (channels,)."""
    sums = np.zeros(one.shape[2], np.int64)
    for rows in strips(one, values=WIDE) if one.size else ():
        sums += _per_channel(np.multiply(one[rows], other[rows], dtype=np.uint16))
    return sums


def _per_channel(values: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.int64]:
    # Rows first, which is faster.
    columns: NDArray[np.uint32] = values.sum(axis=0, dtype=np.uint32)
    sums: NDArray[np.int64] = columns.sum(axis=0, dtype=np.int64)
    return sums


def _pearson(n: int, x: int, xx: int, y: int, yy: int, xy: int) -> float:
    """Return the correlation of n pairs from their sums; NaN if a side is constant."""
    of_x, of_y = n * xx - x * x, n * yy - y * y
    if not of_x or not of_y:
        return np.nan
    return float(np.clip((n * xy - x * y) / (math.sqrt(of_x) * math.sqrt(of_y)), -1, 1))
