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
    found = tables.Groups()
    for chosen in members:
        found.add(np.array([_columns(x[chosen], seen[chosen]) for seen in y]))
    pooled = [plug_in.mutual_information(x.ravel(), seen.ravel()) for seen in y]
    return _table(levels, found, pooled)


def estimate_pictures(
    pictures: Iterable[tuple[np.ndarray, np.ndarray]], levels: list[int]
) -> "pd.DataFrame":
    """Like `estimate`, from pictures of bytes that are read one after the other.

    Args:
        pictures: per picture, uint8 x of shape (pixels, channels) and y of shape
            (levels, pixels, channels).
        levels: the levels' names.
    """
    pooled = np.zeros((len(levels), plug_in.BYTES, plug_in.BYTES), np.int64)
    groups = tables.Groups()
    for x, y in pictures:
        groups.add(np.array([_bytes(x, s, pool) for s, pool in zip(y, pooled, strict=True)]))
    return _table(levels, groups, [plug_in.mutual_information_of_bytes(pool) for pool in pooled])


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


def _table(levels: list[int], groups: tables.Groups, pooled: list[float]) -> "pd.DataFrame":
    """Return the tidy table of groups with values (levels, [MI, H(view), ceiling]).

    Beside the usual columns: `entropy`, H(view) in nats, mean over groups, exact; `pooled`, the
    plug-in MI in nats of all groups and channels together; `pictures`, the number of groups.
    """
    return tables.tidy(
        {
            "level": levels,
            "nats": groups.mean[:, 0],
            "standard_error": groups.standard_error()[:, 0],
            "ceiling": groups.mean[:, 2],
            "estimand": ESTIMAND,
            "entropy": groups.mean[:, 1],
            "pooled": pooled,
            "pictures": groups.count,
        }
    )
