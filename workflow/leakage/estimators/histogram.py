"""Plug-in mutual information of pixels and what is seen of them: the paper's Figure 2.

Messadi, Cervia, Itier, arXiv 2508.08832, section IV: I(X;Y) from the joint histogram of a picture
and its view, averaged over the pictures. Where the view is a function of the picture it equals
the entropy of the view exactly, so that entropy is computed beside it, from the view alone.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np

from leakage.errors import LeakageError
from leakage.estimators import plug_in, tables
from leakage.settings import Settings as Branch

if TYPE_CHECKING:
    import pandas as pd

ESTIMAND = "plug-in mutual information per picture and channel, mean over pictures"


class Settings(Branch):
    """The histogram has no parameter: every distinct value is a bin of its own."""

    method: Literal["histogram"] = "histogram"


def estimate(
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None,
    levels: list[int],
    seed: int,
    settings: Settings,
) -> "pd.DataFrame":
    """Return one row per level: the mean over groups of the plug-in MI of each column.

    Args:
        x: shape (pairs, channels); every distinct value is a symbol. Continuous values are all
            distinct: then the answer is ln(pairs) whatever the truth, as `ceiling` shows.
        y: shape (levels, pairs, channels).
        groups: shape (pairs,) or None to pool all pairs.
        levels: the levels' names.
        seed: not used, nothing is random.
        settings: no parameter.

    Raises:
        LeakageError: x and y differ in the number of channels.
    """
    if x.shape[1] != y.shape[2]:
        raise LeakageError(
            f"histogram: x has {x.shape[1]} channels and y {y.shape[2]}; expected the same"
        )
    groups = np.zeros(len(x), int) if groups is None else groups
    members = [groups == group for group in np.unique(groups)]
    rows = [[_columns(x[chosen], seen[chosen]) for seen in y] for chosen in members]
    pooled = [plug_in.mutual_information(x.ravel(), seen.ravel()) for seen in y]
    return _table(levels, np.asarray(rows), pooled)


def estimate_pictures(
    pictures: Iterable[tuple[np.ndarray, np.ndarray]], levels: list[int]
) -> "pd.DataFrame":
    """Like `estimate`, from pictures of bytes that are read one after the other.

    Args:
        pictures: per picture, uint8 x of shape (pixels, channels) and y of shape
            (levels, pixels, channels).
        levels: the levels' names.
    """
    rows, pooled = [], np.zeros((len(levels), plug_in.BYTES, plug_in.BYTES), np.int64)
    for x, y in pictures:
        rows.append([_bytes(x, seen, pool) for seen, pool in zip(y, pooled, strict=True)])
    return _table(
        levels, np.asarray(rows), [plug_in.mutual_information_of_bytes(pool) for pool in pooled]
    )


def _columns(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return MI, H(view) and the ceiling of one group, means over its channels."""
    rows = [
        (
            plug_in.mutual_information(plain, seen),
            plug_in.entropy(np.unique(seen, return_counts=True)[1]),
            plug_in.ceiling(plain, seen),
        )
        for plain, seen in zip(x.T, y.T, strict=True)
    ]
    return np.mean(rows, axis=0)


def _bytes(x: np.ndarray, y: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """Return what `_columns` does, for uint8, and add the counts to `pool` (256, 256)."""
    rows = []
    for plain, seen in zip(x.T, y.T, strict=True):
        joint = plug_in.byte_pairs(plain, seen)
        pool += joint
        symbols = min(np.count_nonzero(joint.any(axis=axis)) for axis in (0, 1))
        rows.append(
            (
                plug_in.mutual_information_of_bytes(joint),
                plug_in.entropy(np.bincount(seen)),
                np.log(symbols),
            )
        )
    return np.mean(rows, axis=0)


def _table(levels: list[int], rows: np.ndarray, pooled: list[float]) -> "pd.DataFrame":
    """Return the tidy table of `rows` (groups, levels, [MI, H(view), ceiling]).

    Beside the usual columns: `entropy`, H(view) in nats, mean over groups, exact; `pooled`, the
    plug-in MI in nats of all groups and channels together; `pictures`, the number of groups.
    """
    nats, standard_error = tables.mean_over_groups(rows[..., 0])
    return tables.tidy(
        {
            "level": levels,
            "nats": nats,
            "standard_error": standard_error,
            "ceiling": rows[..., 2].mean(axis=0),
            "estimand": ESTIMAND,
            "entropy": rows[..., 1].mean(axis=0),
            "pooled": pooled,
            "pictures": len(rows),
        }
    )
