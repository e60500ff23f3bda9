"""Mutual information of pixels and what is seen of them, by counting: the paper's Figure 2.

Messadi, Cervia, Itier, arXiv 2508.08832, section IV: I(X;Y) from the joint histogram of a picture
and its view, averaged over the pictures. Where the view is a function of the pixel the plug-in
value equals the entropy of the view exactly, so that entropy is computed beside it, from the view
alone. Where it is not (the whole ciphertext, with its encrypted bits) the plug-in value is too
large by about (Kx - 1)(Ky - 1) / 2N nats, and Grassberger's entropy takes that off.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np

from leakage.errors import LeakageError
from leakage.estimators import plug_in, tables
from leakage.settings import Settings as Branch

if TYPE_CHECKING:
    import pandas as pd

ESTIMANDS = {
    "none": "plug-in mutual information per picture and channel, mean over pictures",
    "exact": "plug-in mutual information per picture and channel, mean over pictures; "
    "exact: the view is a function of the pixel",
    "grassberger": "mutual information per picture and channel with Grassberger's correction, "
    "mean over pictures",
    "both": "mutual information per picture and channel, mean over pictures; plug-in where the "
    "view is a function of the pixel, with Grassberger's correction elsewhere",
}


class Settings(Branch):
    """Every distinct value is a bin of its own; only how the bias is corrected can be chosen."""

    method: Literal["histogram"] = "histogram"
    correction: Literal["auto", "none", "grassberger"] = "auto"
    """how the bias is taken off; auto: by Grassberger's entropy, picture by picture and channel by
    channel, but not where the view is a function of the pixel, where counting is exact"""


def estimate(
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None,
    levels: list[int],
    seed: int,
    settings: Settings,
) -> "pd.DataFrame":
    """Return one row per level: the mean over groups of the MI of each column.

    Args:
        x: shape (pairs, channels); every distinct value is a symbol. Continuous values are all
            distinct: then the answer is ln(pairs) whatever the truth, as `ceiling` shows.
        y: shape (levels, pairs, channels).
        groups: shape (pairs,) or None to pool all pairs.
        levels: the levels' names.
        seed: not used, nothing is random.
        settings: the correction.

    Returns:
        The tidy table of `_table`.

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
        found.add(np.array([_columns(x[chosen], seen[chosen], settings) for seen in y]))
    pooled = [_information(plug_in.count(x.ravel(), seen.ravel()), settings) for seen in y]
    return _table(levels, found, pooled, settings)


def estimate_pictures(
    pictures: Iterable[tuple[np.ndarray, np.ndarray]], levels: list[int], settings: Settings
) -> "pd.DataFrame":
    """Like `estimate`, from pictures of bytes that are read one after the other.

    Args:
        pictures: per picture, uint8 x of shape (pixels, channels) and y of shape
            (levels, pixels, channels).
        levels: the levels' names.
        settings: the correction.
    """
    pools = np.zeros((len(levels), plug_in.BYTES, plug_in.BYTES), np.int64)
    groups = tables.Groups()
    for x, y in pictures:
        picture = plug_in.Picture(x)
        counts = [picture.count(seen, pool) for seen, pool in zip(y, pools, strict=True)]
        groups.add(np.array([_means(channels, settings) for channels in counts]))
    pooled = [_information(plug_in.count_table(pool), settings) for pool in pools]
    return _table(levels, groups, pooled, settings)


def _columns(x: np.ndarray, y: np.ndarray, settings: Settings) -> np.ndarray:
    """Return what `_means` does of one group."""
    columns = zip(x.T, y.T, strict=True)
    return _means([plug_in.count(plain, seen) for plain, seen in columns], settings)


def _means(channels: list[plug_in.Counts], settings: Settings) -> np.ndarray:
    """Return what `_values` finds, means over the channels."""
    return np.mean([_values(channel, settings) for channel in channels], axis=0)


def _values(counts: plug_in.Counts, settings: Settings) -> list[float]:
    """Return MI, H(view), ceiling, plug-in MI (nats), and 1 where the view is a function of x."""
    raw = counts.information()
    chosen = raw if _keeps(counts, settings) else _information(counts, settings)
    return [chosen, plug_in.entropy(counts.y), counts.ceiling, raw, float(counts.is_function)]


def _information(counts: plug_in.Counts, settings: Settings) -> float:
    """Return the MI in nats with the correction that `settings` ask for."""
    of = plug_in.entropy if _keeps(counts, settings) else plug_in.grassberger_entropy
    return counts.information(of)


def _keeps(counts: plug_in.Counts, settings: Settings) -> bool:
    """Return whether the plug-in value is the answer."""
    if settings.correction == "auto":
        return counts.is_function
    return settings.correction == "none"


def _table(
    levels: list[int], groups: tables.Groups, pooled: list[float], settings: Settings
) -> "pd.DataFrame":
    """Return the tidy table of groups with the values of `_values`, shape (levels, 5).

    Beside the usual columns, all in nats: `entropy`, the plug-in H(view), and `plug_in`, the MI
    before any correction, means over groups; `pooled`, the MI of all groups and channels together,
    corrected by the same rule. `pictures` is the number of groups.
    """
    nats, entropy, ceiling, raw, functions = groups.mean.T
    estimands = [ESTIMANDS[_estimand(share, settings)] for share in functions]
    return tables.tidy(
        {
            "level": levels,
            "nats": nats,
            "standard_error": groups.standard_error()[:, 0],
            "ceiling": ceiling,
            "estimand": estimands,
            "entropy": entropy,
            "pooled": pooled,
            "plug_in": raw,
            "pictures": groups.count,
        }
    )


def _estimand(functions: float, settings: Settings) -> str:
    """Return the key in `ESTIMANDS`, for the share of channels whose view is a function of x."""
    if settings.correction != "auto":
        return settings.correction
    return {0.0: "grassberger", 1.0: "exact"}.get(float(functions), "both")
