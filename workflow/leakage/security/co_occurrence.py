"""The grey-level co-occurrence matrix (GLCM) of the ciphertext.

Haralick, Shanmugam and Dinstein, "Textural features for image classification", IEEE Trans.
Systems, Man, and Cybernetics 3(6), 1973. The 256 values become 8 levels of 32 values each. The
matrix p counts each pixel with its right neighbour, over all channels. As in MATLAB's graycoprops:

    contrast = sum of p (i - j)^2, energy = sum of p^2, homogeneity = sum of p / (1 + |i - j|).

For random bytes p is 1/64 on average. Contrast and homogeneity are means over pairs, of which
neighbouring ones share a pixel. Their variance is exact. They are nearly normal.

The deviation of the energy is a sum of squares. Those of the 49 contrasts between rows and columns
of p are independent. The 7 of its rows and the 7 of its columns come from the same pixels, up to
the border, so they are correlated by r = (width - 2) / (width - 1). Hence

    64 (energy - 1/64) pairs = chi2(49) + (1 + r) chi2(7) + (1 - r) chi2(7),

whose quantiles are simulated. (Good, "The serial test for sampling numbers and other tests for
randomness", Proc. Cambridge Philosophical Society 49, 1953.)
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from leakage.interfaces import Bytes, Floats
from leakage.measures import strips
from leakage.security import RATE, UNDEFINED, Accepted, Check, Checks, Shape
from leakage.security.case import Case
from leakage.security.changes import two_sided

LEVELS = 8
DIFFERENCE = np.subtract.outer(np.arange(LEVELS), np.arange(LEVELS)).astype(np.float64)
CONTRAST, HOMOGENEITY = DIFFERENCE**2, 1 / (1 + np.abs(DIFFERENCE))
DRAWS = 200_000


class CoOccurrence(Checks):
    """Contrast, energy and homogeneity of the GLCM."""

    tests: ClassVar[tuple[Check, ...]] = (
        Check("glcm_contrast", "GLCM contrast"),
        Check("glcm_energy", "GLCM energy"),
        Check("glcm_homogeneity", "GLCM homogeneity"),
    )

    def values(self, case: Case) -> tuple[float, ...]:
        """Return the values of the ciphertext; NaN if it is one pixel wide."""
        counts = co_occurrences(case.ciphertext)
        if not counts.any():
            return (UNDEFINED,) * 3
        p = counts / counts.sum()
        return float((p * CONTRAST).sum()), float((p**2).sum()), float((p * HOMOGENEITY).sum())

    def accepted(self, shape: Shape) -> tuple[Accepted, ...]:
        """Return the intervals for the number of pairs, two-sided."""
        height, width, channels = shape
        if width < 2:
            return super().accepted(shape)
        rows = height * channels
        return (
            _of_mean(CONTRAST, rows, width),
            _of_energy(rows, width),
            _of_mean(HOMOGENEITY, rows, width),
        )


def co_occurrences(picture: Bytes) -> NDArray[np.int64]:
    """Return how often each level has each level on its right, (8, 8), summed over channels."""
    from skimage.feature import graycomatrix

    counts = np.zeros((LEVELS, LEVELS), np.int64)
    for rows in strips(picture):
        levels = picture[rows] // (256 // LEVELS)
        for channel in np.moveaxis(levels, 2, 0):
            counts += graycomatrix(channel, [1], [0], LEVELS)[..., 0, 0]
    return counts


def _of_mean(weights: Floats, rows: int, width: int) -> Accepted:
    """Return the interval of the mean weight of all pairs."""
    mean = weights.mean()
    pairs, sharing = rows * (width - 1), rows * (width - 2)
    # Two pairs that share a pixel: the expected product over the level of that pixel.
    shared = (weights.mean(axis=0) * weights.mean(axis=1)).mean() - mean**2
    variance = (pairs * weights.var() + 2 * sharing * shared) / pairs**2
    return two_sided(float(mean), float(np.sqrt(variance)))


def _of_energy(rows: int, width: int) -> Accepted:
    """Return the interval of the energy, by simulation."""
    generator = np.random.default_rng(0)
    contrasts = (LEVELS - 1) ** 2
    r = (width - 2) / (width - 1)
    inner, twice, border = (
        generator.chisquare(freedom, DRAWS) for freedom in (contrasts, LEVELS - 1, LEVELS - 1)
    )
    deviations = inner + (1 + r) * twice + (1 - r) * border
    quantiles = deviations.mean(), *np.quantile(deviations, [RATE / 2, 1 - RATE / 2])
    pairs = rows * (width - 1)
    return Accepted(*((1 + float(each) / pairs) / LEVELS**2 for each in quantiles))
