"""The histogram of the ciphertext, over the values of all channels: is it flat?

For n random bytes with counts c of the 256 values, and F = 255 degrees of freedom:

- chi-square, the sum of (c - n / 256)^2 / (n / 256), has a chi-square distribution (Pearson 1900);
- the variance of the counts is n / 256^2 times chi-square: the same on another scale. Its test is
  two-sided, so a histogram that is too flat fails it;
- 2 n ln 2 (8 - entropy) is the statistic of the G-test. Divided by 1 + 257 / (6 n) it has nearly
  the same chi-square distribution (Williams, Biometrika 63, 1976).

The tests are not defined with fewer than 5 values per count.
"""

import math
from typing import ClassVar

from leakage.measures.statistics import counted, entropy
from leakage.security import RATE, Accepted, Check, Checks, Shape
from leakage.security.case import Case

VALUES = 256
FEWEST = 5 * VALUES


class Histogram(Checks):
    """Chi-square, variance and entropy of the histogram."""

    tests: ClassVar[tuple[Check, ...]] = (
        Check("chi_square", "chi-square of the histogram"),
        Check("histogram_variance", "variance of the histogram"),
        Check("entropy", "entropy", "bits"),
    )

    def values(self, case: Case) -> tuple[float, ...]:
        """Return the values of the ciphertext."""
        counts = counted(case.ciphertext)
        variance = float(counts.var())
        return variance * VALUES**2 / case.ciphertext.size, variance, entropy(counts)

    def accepted(self, shape: Shape) -> tuple[Accepted, ...]:
        """Return the intervals for the number of values."""
        from scipy.stats import chi2

        n = math.prod(shape)
        if n < FEWEST:
            return super().accepted(shape)
        freedom, scale = VALUES - 1, n / VALUES**2
        upper, *middle = (
            float(chi2.ppf(share, freedom)) for share in (1 - RATE, RATE / 2, 1 - RATE / 2)
        )
        bits = (1 + (VALUES + 1) / (6 * n)) / (2 * n * math.log(2))
        most = math.log2(VALUES)
        return (
            Accepted(freedom, 0, upper),
            Accepted(scale * freedom, scale * middle[0], scale * middle[1]),
            Accepted(most - bits * freedom, most - bits * upper, most),
        )
