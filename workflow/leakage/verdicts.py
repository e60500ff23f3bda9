"""Whether a level leaks at all: many levels tested together, and how many pictures that takes.

One estimate tests every level, so its p-values are corrected for their number by Holm's step-down
rule (Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
Statistics 6, 1979): whatever the dependence between levels, the chance that any level without a
leak is called a leak is at most 1 - confidence. A test can also be unable to find anything: a fold
of s pictures has s! orders, and p cannot be expected below 1 / s!. Then nothing found means
nothing, and the verdict says so.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from leakage.errors import LeakageError

LEAK = "leak"
NO_EVIDENCE = "no evidence of a leak"
TOO_FEW_PICTURES = "too few pictures"
TOO_FEW_PERMUTATIONS = "too few permutations"


class Finding(NamedTuple):
    """What is said of one level: the verdict, and the p-value corrected for all levels."""

    verdict: str
    corrected: float


class Quiet(NamedTuple):
    """From which level on nothing is found.

    Attributes:
        level: the lowest level without evidence of a leak.
        for_good: the lowest one such that no higher level shows a leak either; None where the
            highest level does. It differs from `level` where a higher level leaks.
    """

    level: int
    for_good: int | None

    @property
    def higher_leaks(self) -> bool:
        """Whether a level above `level` shows a leak, or is not known to be quiet."""
        return self.for_good != self.level


def holm(p_values: ArrayLike) -> np.ndarray:
    """Return p-values corrected by Holm's step-down rule, float64 of shape (levels,).

    The k-th smallest of m is multiplied by m - k + 1 (k from 1), is no smaller than the corrected
    ones before it, and at most 1. A missing one (NaN) stays missing and does not count.
    """
    values = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(values.shape, np.nan)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    steps = values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1, np.maximum.accumulate(steps))
    return corrected


def needed(folds: int, levels: int, permutations: int, confidence: float) -> int:
    """Return the number of pictures below which the test cannot find a leak.

    The smallest s with 1 / s! < (1 - confidence) / levels, in each fold: a fold mismatches its own
    pictures. (Orders change places among pictures with as many pairs; here all have as many.)

    Args:
        folds: of the cross-fitting.
        levels: that are tested together.
        permutations: drawn per fold and level.
        confidence: with which a leak is to be called one.

    Raises:
        LeakageError: too few permutations; then no number of pictures is enough.
    """
    most = (1 - confidence) / levels
    # A share of 0.05 / 5 is 0.01 but for rounding, and 1 / 100 is not below it.
    if 1 / (1 + permutations) >= most * (1 - 1e-9):
        raise LeakageError(
            f"permutations: found {permutations}; {levels} levels at confidence {confidence} need "
            f"at least {math.floor(1 / most + 1e-6)}, or no p-value can be small enough"
        )
    pictures = 1
    while 1 / math.factorial(pictures) >= most:
        pictures += 1
    return folds * pictures


def verdict(
    p_values: ArrayLike, pictures: int, folds: int, permutations: int, confidence: float
) -> list[Finding]:
    """Return a verdict and a corrected p-value per level.

    Where there are fewer pictures than the test needs, or too few permutations, nothing is said
    but that.

    Args:
        p_values: of the levels, shape (levels,); NaN where nothing was tested.
        pictures: that were held out in some fold.
        folds: of the cross-fitting.
        permutations: drawn per fold and level.
        confidence: with which a leak is to be called one.
    """
    corrected = holm(p_values)
    try:
        enough = needed(folds, len(corrected), permutations, confidence)
        unable = "" if pictures >= enough else TOO_FEW_PICTURES
    except LeakageError:
        unable = TOO_FEW_PERMUTATIONS
    found = [
        TOO_FEW_PERMUTATIONS if np.isnan(p) else LEAK if p < 1 - confidence else NO_EVIDENCE
        for p in corrected
    ]
    return [Finding(unable or each, float(p)) for each, p in zip(found, corrected, strict=True)]


def quiet_from(levels: list[int], verdicts: list[str]) -> Quiet | None:
    """Return from which level on nothing is found; None where no level is known to be quiet."""
    ordered = sorted(zip(levels, verdicts, strict=True))
    quiet = [level for level, found in ordered if found == NO_EVIDENCE]
    if not quiet:
        return None
    others = [level for level, found in ordered if found != NO_EVIDENCE]
    last = max(others, default=-math.inf)
    return Quiet(quiet[0], min((level for level in quiet if level > last), default=None))
