"""A sample: pairs drawn from a joint distribution, and its mutual information."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Sample:
    """Pairs drawn from a task, and the true information of their distribution.

    Attributes:
        x: shape (pairs, dim_x), float32 (`pixels`: uint8), the same for all levels.
        y: shape (levels, pairs, dim_y), float32 (`pixels`: uint8).
        levels: names of the levels.
        nats: shape (levels,), float64, the mutual information of x and y at each level.
        groups: shape (pairs,), int64; pairs of one group are not independent. None if all pairs are
            independent.
        lower: shape (levels,), float64; an estimate between `lower` and `upper` counts as right.
            None if only `nats` is right.
        upper: the same.
    """

    x: np.ndarray
    y: np.ndarray
    levels: list[int]
    nats: np.ndarray
    groups: np.ndarray | None = None
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None


Task = Callable[..., Sample]  # takes the number of pairs and a generator


def of_levels(
    x: np.ndarray,
    y: np.ndarray | Sequence[np.ndarray],
    nats: np.ndarray | Sequence[float],
    groups: np.ndarray | None = None,
    lower: np.ndarray | None = None,
    upper: np.ndarray | None = None,
) -> Sample:
    """Return a sample in float32, with levels named 0, 1, …

    Args:
        x: shape (pairs, dim_x).
        y: shape (levels, pairs, dim_y).
        nats: shape (levels,).
        groups: shape (pairs,), or None.
        lower, upper: shape (levels,), or None, as in `Sample`.
    """
    levels = list(range(len(y)))
    y = np.asarray(y, dtype=np.float32)
    nats = np.asarray(nats, dtype=np.float64)
    return Sample(x.astype(np.float32), y, levels, nats, groups, lower, upper)


def of_one(x: np.ndarray, y: np.ndarray, nats: float, groups: np.ndarray | None = None) -> Sample:
    """Return a sample of one level from x (pairs, dim_x) and y (pairs, dim_y)."""
    return of_levels(x, [y], [nats], groups)
