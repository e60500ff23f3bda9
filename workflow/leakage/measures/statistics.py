"""Statistics of the view alone: entropy, and correlation of neighbouring pixels."""

from typing import ClassVar

import numpy as np

from leakage.interfaces import Bytes
from leakage.measures import Measure


class Entropy(Measure):
    """Shannon entropy in bits, over the values of all channels together: 0 to 8."""

    name: ClassVar[str] = "entropy"

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of the view."""
        from scipy.stats import entropy

        counts = np.bincount(view.ravel(), minlength=256)
        return float(entropy(counts[counts > 0], base=2))


class HorizontalCorrelation(Measure):
    """Pearson's correlation of pixels with their right neighbours, mean over the channels.

    All pairs count, not a sample of them. A channel does not count if one side of its pairs is
    constant or it has no pair. The value is NaN if no channel counts.
    """

    name: ClassVar[str] = "correlation_horizontal"
    neighbour: ClassVar[tuple[int, int]] = (0, 1)
    """how many pixels below and to the right the neighbour is"""

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of the view."""
        down, right = self.neighbour
        height, width, channels = view.shape
        ones, others = view[: height - down, : width - right], view[down:, right:]
        sides = np.stack([ones, others]).reshape(2, -1, channels)
        found = [_pearson(*sides[..., channel]) for channel in range(channels)]
        known = [each for each in found if not np.isnan(each)]
        return float(np.mean(known)) if known else np.nan


class VerticalCorrelation(HorizontalCorrelation):
    """Pearson's correlation of pixels with those below."""

    name: ClassVar[str] = "correlation_vertical"
    neighbour: ClassVar[tuple[int, int]] = (1, 0)


class DiagonalCorrelation(HorizontalCorrelation):
    """Pearson's correlation of pixels with those below to the right."""

    name: ClassVar[str] = "correlation_diagonal"
    neighbour: ClassVar[tuple[int, int]] = (1, 1)


def _pearson(ones: Bytes, others: Bytes) -> float:
    if not ones.size or any(side.min() == side.max() for side in (ones, others)):
        return np.nan
    one, other = ones - ones.mean(), others - others.mean()
    return float(np.clip(one @ other / np.sqrt((one @ one) * (other @ other)), -1, 1))
