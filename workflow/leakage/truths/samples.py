"""A sample: pairs drawn from a joint distribution, and its mutual information."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Sample:
    """Pairs drawn from a task, and the true information of their distribution."""

    x: np.ndarray  # shape (pairs, dim_x), float32 (`pixels`: uint8), the same for all levels
    y: np.ndarray  # shape (levels, pairs, dim_y), of the same dtype
    levels: list[int]  # names of the levels
    nats: np.ndarray  # shape (levels,), the mutual information at each level
    groups: np.ndarray | None = None  # shape (pairs,); None if all pairs are independent
    # Shape (levels,): an estimate between these counts as right. None if only `nats` is right.
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
    """Return a sample in float32, with levels named 0, 1, …; arguments as in `Sample`."""
    levels = list(range(len(y)))
    y = np.asarray(y, dtype=np.float32)
    nats = np.asarray(nats, dtype=np.float64)
    return Sample(x.astype(np.float32), y, levels, nats, groups, lower, upper)


def of_one(x: np.ndarray, y: np.ndarray, nats: float, groups: np.ndarray | None = None) -> Sample:
    """Return a sample of one level from x (pairs, dim_x) and y (pairs, dim_y)."""
    return of_levels(x, [y], [nats], groups)
