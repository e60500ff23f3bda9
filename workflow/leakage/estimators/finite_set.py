"""Exact mutual information over a finite set of items: can their views be told apart?

One of the N items is drawn at random, and its view is a function of it. Then I(X;Y) = H(Y), the
entropy of the distinct values of y. It is ln of their number if they are equally frequent. Nothing
is estimated. The value is the ceiling of every critic that is evaluated on its training items. It
says nothing about a new picture.
"""

from typing import TYPE_CHECKING, Literal

import numpy as np

from leakage.estimators import Estimator, frequencies, tables
from leakage.estimators.tables import Array

if TYPE_CHECKING:
    import pandas as pd

ESTIMAND = (
    "exact, over the finite set of these {} items: whether they can be told apart at all, "
    "not what a new picture leaks"
)


class FiniteSet(Estimator):
    """The exact mutual information of a finite set of items."""

    counts = True

    method: Literal["finite_set"] = "finite_set"

    def estimate(
        self, x: Array, y: Array, groups: Array | None, levels: list[int], seed: int
    ) -> "pd.DataFrame":
        """Return one row per level: I(X;Y) = H(X) + H(Y) - H(X,Y) of an item drawn at random.

        Two rows are the same symbol if all their numbers are equal (-0.0 equals 0.0). Different
        rounding in two runs of an encoder therefore separates equal pictures. Items with the same x
        are one symbol, with the probability of their frequency. Their y may differ, which makes y
        noisy; the formula still holds. Groups are only counted.

        Returns:
            The tidy table. `ceiling` is ln(items), `distinct` the number of distinct y, and
            `pictures` the number of groups.
        """
        plain, views = row_ids(x), [row_ids(each) for each in y]
        return tables.tidy(
            {
                "level": levels,
                "nats": [frequencies.mutual_information(plain, each) for each in views],
                "ceiling": frequencies.logarithm(len(x)),
                "estimand": ESTIMAND.format(len(x)),
                "distinct": [len(np.unique(each)) for each in views],
                "pictures": len(x) if groups is None else len(np.unique(groups)),
            }
        )


def row_ids(values: Array) -> Array:
    """Return a number for each row of values (rows, dim), equal for equal rows, int64 (rows,)."""
    numbers: dict[bytes, int] = {}
    # Equal numbers have equal bits, except -0.0 and 0.0. Adding 0 turns -0.0 into 0.0.
    rows = np.ascontiguousarray(values + 0.0 if values.dtype.kind == "f" else values)
    return np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in rows], np.int64)
