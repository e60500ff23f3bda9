"""Exact mutual information over a finite set of items: whether they can be told apart at all.

One of the N items is drawn at random, and what is seen of it is a function of it: then
I(X;Y) = H(Y), the entropy of how many items share each distinct value of y, and ln of the number of
distinct values where they share alike. No estimate enters. It is the ceiling of every critic that
is read on the very items that it was trained on, and it says nothing about a new picture.
"""

from typing import TYPE_CHECKING, Literal

import numpy as np

from leakage.estimators import plug_in, tables
from leakage.settings import Settings as Branch

if TYPE_CHECKING:
    import pandas as pd

ESTIMAND = (
    "exact, over the finite set of these {} items: whether they can be told apart at all, "
    "not what a new picture leaks"
)


class Settings(Branch):
    """Counting has no parameter."""

    method: Literal["finite_set"] = "finite_set"


def estimate(
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None,
    levels: list[int],
    seed: int,
    settings: Settings,
) -> "pd.DataFrame":
    """Return one row per level: I(X;Y) = H(X) + H(Y) - H(X,Y) of an item drawn at random.

    Rows are the same when all their numbers are equal (-0.0 and 0.0 are): rounding that differs
    between two runs of an encoder tells two equal pictures apart. Items with the same x are one
    symbol, drawn as often as they occur; where their y differ, y is noisy, and the formula holds.

    Args:
        x: shape (items, dim_x).
        y: shape (levels, items, dim_y).
        groups: picture ids, shape (items,), only counted; None makes each item one of its own.
        levels: the levels' names.
        seed: not used, nothing is random.
        settings: no parameter.

    Returns:
        The tidy table; `ceiling` is ln(items), `distinct` the number of different y, and
        `pictures` the number of groups.
    """
    plain, seen = row_ids(x), [row_ids(each) for each in y]
    return tables.tidy(
        {
            "level": levels,
            "nats": [plug_in.mutual_information(plain, each) for each in seen],
            "ceiling": plug_in.logarithm(len(x)),
            "estimand": ESTIMAND.format(len(x)),
            "distinct": [len(np.unique(each)) for each in seen],
            "pictures": len(x) if groups is None else len(np.unique(groups)),
        }
    )


def row_ids(values: np.ndarray) -> np.ndarray:
    """Return a number per row of values (rows, dim), int64: the same for rows of equal numbers."""
    numbers: dict[bytes, int] = {}
    # Equal numbers have equal bits, but for the two zeros: the sum of -0.0 and 0 is 0.0.
    rows = np.ascontiguousarray(values + 0.0 if values.dtype.kind == "f" else values)
    return np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in rows], np.int64)
