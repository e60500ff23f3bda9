"""Mutual information of pixels and their view, by counting: the paper's Figure 2.

Messadi, Cervia, Itier, arXiv 2508.08832, section IV: I(X;Y) from the joint histogram of a picture
and its view, averaged over the pictures. If the view is a function of the pixel, the plug-in value
equals the entropy of the view exactly; that entropy is also computed from the view alone. Otherwise
(for example the whole ciphertext, with its encrypted bits) the plug-in value is too large by about
(Kx - 1)(Ky - 1) / 2N nats, and `noisy` corrects it. The floor is the same estimate with the pixels
of the view shuffled. A value near the floor shows nothing.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np

from leakage.config.settings import Settings as Branch
from leakage.errors import LeakageError
from leakage.estimators import frequencies, noisy, tables

if TYPE_CHECKING:
    import pandas as pd

ESTIMANDS = {
    "none": "plug-in mutual information per picture and channel, mean over pictures",
    "exact": "plug-in mutual information per picture and channel, mean over pictures; "
    "exact: the view is a function of the pixel",
    "grassberger": "mutual information per picture and channel with Grassberger's correction, "
    "mean over pictures",
    "noisy": "mutual information per picture and channel, mean over pictures; clear bits counted "
    "exactly, the rest with Grassberger's correction, less what shuffled pixels show",
    "both": "mutual information per picture and channel, mean over pictures; plug-in where the "
    "view is a function of the pixel, elsewhere with Grassberger's correction, less what shuffled "
    "pixels show",
}
TOO_FEW = "; cannot be estimated from so few pixels: the floor is above 10 % of H(view)"
HIGHEST_FLOOR = 0.1  # of H(view)
# Pixels that repeat a value. If the view had one random bit, the chance that this many repeats do
# not show it is 2^-32.
EVIDENT = 32
CHANNELS = 4
STREAM = 8  # of the seed


class Settings(Branch):
    """The correction of the bias. Every distinct value is its own bin."""

    method: Literal["histogram"] = "histogram"
    correction: Literal["auto", "none", "grassberger"] = "auto"
    """correction of the bias, for each picture and channel. auto: none if the view is a function
    of the pixel, because counting is then exact; otherwise clear bits are counted, and the rest is
    Grassberger's estimate minus the same for shuffled pixels. grassberger: Grassberger's estimate
    alone, which is far too large below about 480 x 480 pixels. none: plug-in values"""


def estimate(
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None,
    levels: list[int],
    seed: int,
    settings: Settings,
) -> "pd.DataFrame":
    """Return one row per level: the MI of each channel, averaged over channels and groups.

    Args:
        x: shape (pairs, channels); every distinct value is a symbol. Continuous values are all
            distinct, and the answer is then ln(pairs), whatever the truth; `floor` shows this.
        y: shape (levels, pairs, channels).
        groups: shape (pairs,), or None to pool all pairs.
        levels: the levels' names.
        seed: for shuffling a noisy view.
        settings: the correction.

    Returns:
        The tidy table of `_table`.

    Raises:
        LeakageError: x and y differ in the number of channels, or have more than 4 channels of
            bytes, which look like the columns of a picture.
    """
    if x.shape[1] != y.shape[2]:
        raise LeakageError(
            f"histogram: x has {x.shape[1]} channels and y {y.shape[2]}; expected the same"
        )
    if x.shape[1] > CHANNELS and x.dtype == y.dtype == np.uint8:
        raise LeakageError(
            f"histogram: found {x.shape[1]} columns of bytes; expected channels, at most {CHANNELS}"
            "; give a picture as x.reshape(-1, channels), and its views as "
            "y.reshape(levels, -1, channels)"
        )
    generator = np.random.default_rng([seed, STREAM])
    groups = np.zeros(len(x), int) if groups is None else groups
    members = [groups == group for group in np.unique(groups)]
    found = tables.Groups()
    for chosen in members:
        views = y[:, chosen]
        found.add(np.array([_columns(x[chosen], seen, settings, generator) for seen in views]))
    pairs = [frequencies.count(x.ravel(), seen.ravel()) for seen in y]
    pooled = [_information(each, settings, generator) for each in pairs]
    return _table(levels, found, pooled, settings)


def estimate_pictures(
    pictures: Iterable[tuple[np.ndarray, np.ndarray]],
    levels: list[int],
    settings: Settings,
    seed: int = 0,
) -> "pd.DataFrame":
    """Return the same table as `estimate`, from pictures of bytes read one after the other.

    Args:
        pictures: per picture, uint8 x of shape (pixels, channels) and y of shape
            (levels, pixels, channels).
        levels: the levels' names.
        settings: the correction.
        seed: for shuffling a noisy view.
    """
    generator = np.random.default_rng([seed, STREAM])
    pools = np.zeros((len(levels), frequencies.BYTES, frequencies.BYTES), np.int64)
    groups = tables.Groups()
    for x, y in pictures:
        picture = frequencies.Picture(x)
        counts = [picture.count(seen, pool) for seen, pool in zip(y, pools, strict=True)]
        groups.add(np.array([_means(channels, settings, generator) for channels in counts]))
    pooled = [_information(frequencies.count_table(pool), settings, generator) for pool in pools]
    return _table(levels, groups, pooled, settings)


def _columns(
    x: np.ndarray, y: np.ndarray, settings: Settings, generator: np.random.Generator
) -> np.ndarray:
    """Return the values of `_means` for one group."""
    columns = zip(x.T, y.T, strict=True)
    return _means([frequencies.count(plain, seen) for plain, seen in columns], settings, generator)


def _means(
    channels: list[frequencies.Counts], settings: Settings, generator: np.random.Generator
) -> np.ndarray:
    """Return the values of `_values`, averaged over the channels."""
    return np.mean([_values(channel, settings, generator) for channel in channels], axis=0)


def _values(
    counts: frequencies.Counts, settings: Settings, generator: np.random.Generator
) -> list[float]:
    """Return MI, H(view), ceiling, plug-in MI, floor (nats), and whether y is a function of x."""
    return [
        _information(counts, settings, generator),
        frequencies.entropy(counts.y),
        counts.ceiling,
        counts.information(),
        _floor(counts, settings, generator),
        float(counts.is_function),
    ]


def _information(
    counts: frequencies.Counts, settings: Settings, generator: np.random.Generator
) -> float:
    """Return the MI in nats with the correction in `settings`, at most the ceiling."""
    if settings.correction == "none" or (settings.correction == "auto" and counts.is_function):
        found = counts.information()
    elif settings.correction == "auto" and counts.table is not None:
        found = noisy.information(counts.table, generator)
    else:
        found = counts.information(frequencies.grassberger_entropy)
    return min(found, counts.ceiling)


def _floor(counts: frequencies.Counts, settings: Settings, generator: np.random.Generator) -> float:
    """Return `_information` after shuffling the pixels of the view."""
    if counts.is_function and (counts.repeats >= EVIDENT or len(counts.y) < 2):
        return 0.0
    if counts.table is None:
        return _information(frequencies.shuffled(counts, generator), settings, generator)
    apart = frequencies.count_table(noisy.shuffled(counts.table, 0, generator))
    return _information(apart, settings, generator)


def _table(
    levels: list[int], groups: tables.Groups, pooled: list[float], settings: Settings
) -> "pd.DataFrame":
    """Return the tidy table of groups with the values of `_values`, shape (levels, 6).

    Additional columns in nats are `entropy` (the plug-in H(view)) and `plug_in` (the MI without
    correction), both means over groups; `pooled` (the corrected MI of all groups and channels
    together); and `floor` (the same estimate with the view's pixels shuffled, 0 if the view is
    clearly a function of the pixel). `pictures` is the number of groups. `estimable` says whether
    the floor is low enough for a meaningful value.
    """
    nats, entropy, ceiling, raw, floor, functions = groups.mean.T
    estimable = floor <= HIGHEST_FLOOR * entropy
    estimands = [
        ESTIMANDS[_estimand(share, settings)] + ("" if enough else TOO_FEW)
        for share, enough in zip(functions, estimable, strict=True)
    ]
    return tables.tidy(
        {
            "level": levels,
            "nats": np.minimum(nats, ceiling),
            "standard_error": groups.standard_error()[:, 0],
            "ceiling": ceiling,
            "estimand": estimands,
            "entropy": entropy,
            "pooled": pooled,
            "plug_in": raw,
            "pictures": groups.count,
            "floor": floor,
            "estimable": estimable,
        }
    )


def _estimand(functions: float, settings: Settings) -> str:
    """Return the key in `ESTIMANDS` for a share of channels with a view that is a function of x."""
    if settings.correction != "auto":
        return settings.correction
    return {0.0: "noisy", 1.0: "exact"}.get(float(functions), "both")
