"""Correlation of neighbouring pixels of the ciphertext, in three directions.

For random bytes, Pearson's correlation of n pairs is nearly normal with mean 0 and deviation
1 / sqrt(n). The value is the mean over the channels, which are independent.
"""

import math
from typing import ClassVar

from leakage.measures.statistics import DIRECTIONS, correlation
from leakage.security import Accepted, Check, Checks, Shape
from leakage.security.case import Case
from leakage.security.changes import two_sided


class Neighbours(Checks):
    """Correlation with the neighbour on the right, below, and below to the right."""

    tests: ClassVar[tuple[Check, ...]] = tuple(
        Check(f"correlation_{name}", f"correlation of neighbours, {name}") for name in DIRECTIONS
    )

    def values(self, case: Case) -> tuple[float, ...]:
        """Return the values of the ciphertext; NaN in a constant one."""
        return tuple(correlation(case.ciphertext, *each) for each in DIRECTIONS.values())

    def accepted(self, shape: Shape) -> tuple[Accepted, ...]:
        """Return the intervals for the number of pairs, two-sided."""
        height, width, channels = shape
        pairs = [(height - down) * (width - right) for down, right in DIRECTIONS.values()]
        return tuple(
            two_sided(0, 1 / math.sqrt(each * channels)) if each else Accepted() for each in pairs
        )
