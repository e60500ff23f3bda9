"""Whether a level leaks at all: one verdict per scheme, representation and level.

The p-value of a level is that of the exact permutation tests (`leakage.protocol.permutation`),
together with the p-value of the held-out critics where there is one. The levels of a row are then
tested together:

- In fixed sequence where each view is a function of the one before (the scheme's `nested`): from
  the lowest level up, without a correction, until the first level that is not rejected. (Maurer,
  Hothorn and Lehmacher, in: Biometrie in der chemisch-pharmazeutischen Industrie 6, 1995.) What
  leaks at a level leaks at those below.
- Elsewhere by Holm's step-down rule (Scandinavian Journal of Statistics 6, 1979).

Both keep the chance that any level without a leak is called a leak at 1 - confidence, whatever the
dependence between levels. Where even the smallest p-value that the orders of the pictures allow is
too large, finding nothing means nothing, and the verdict says so.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from leakage.analysis.tables import Table, answer
from leakage.errors import LeakageError
from leakage.protocol import combine

if TYPE_CHECKING:
    import pandas as pd

LEAK = "leak"
NO_EVIDENCE = "no evidence of a leak"
TOO_FEW_PICTURES = "too few pictures"
TOO_FEW_PERMUTATIONS = "too few permutations"
FIXED_SEQUENCE, HOLM = "fixed sequence", "Holm"
# Of the exact tests and of the critics in the p-value of both. On pictures the exact tests find
# more; weights that are chosen before the data keep the p-value valid.
WEIGHTS = (0.75, 0.25)
# Cross-fitting refuses fewer pictures (`protocol.folds`). The exact tests do not: then they
# alone decide, and there is no estimate beside the verdict.
ESTIMATED_FROM = 6
COMBINED = "combined"
# A share of orders may equal the level of the test but for rounding: 0.05 / 5 and 1 / 100.
ROUNDING = 1e-9
STATISTICS = {
    "p_similarity": "similarity",
    "p_whitened": "whitened similarity",
    "p_distance": "distance covariance",
    "p_exact": COMBINED,
}
COLUMNS = [
    *("scheme", "representation", "label", "level", "verdict", "p_value", "corrected_p"),
    *STATISTICS,
    *("p_critics", "nats", "low", "high", "floor", "pictures", "orders", "smallest_p"),
    *("needed_pictures", "confidence", "correction", "quiet_from", "quiet_for_good"),
]


@dataclass(frozen=True)
class Finding:
    """What is said of one level.

    Attributes:
        verdict: in words.
        corrected: the p-value, corrected for the levels that are tested together.
    """

    verdict: str
    corrected: float


@dataclass(frozen=True)
class Quiet:
    """From which level on nothing is found.

    Attributes:
        level: the lowest level without evidence of a leak.
        for_good: the lowest level from which on all are without evidence; None where the highest
            level is not. It differs from `level` where a higher level leaks.
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


def fixed_sequence(p_values: ArrayLike) -> np.ndarray:
    """Return p-values corrected for a test in sequence, float64 of shape (levels,).

    Each is the largest of its own and those before it: a level is rejected only where all levels
    before it are. A missing one (NaN) stays missing and is passed over.

    Args:
        p_values: in the order of the test, from the lowest level up.
    """
    values = np.asarray(p_values, dtype=np.float64)
    known = ~np.isnan(values)
    corrected = np.full(values.shape, np.nan)
    corrected[known] = np.maximum.accumulate(values[known])
    return corrected


CORRECTIONS = {FIXED_SEQUENCE: fixed_sequence, HOLM: holm}


def threshold(correction: str, levels: int, confidence: float) -> float:
    """Return how small a p-value has to be for any level to be called a leak."""
    return (1 - confidence) / (1 if correction == FIXED_SEQUENCE else levels) * (1 + ROUNDING)


def needed_pictures(correction: str, levels: int, confidence: float) -> int:
    """Return below how many pictures no exact test can find a leak.

    The smallest s with 1 / s! at most the threshold: all pictures bring as many patches and change
    places with one another.
    """
    return _enough_orders(threshold(correction, levels, confidence))


def needed_in_folds(correction: str, levels: int, confidence: float, folds: int) -> int:
    """Return the same for critics: each fold mismatches its own pictures alone."""
    return folds * _enough_orders(threshold(correction, levels, confidence))


def verdict(
    p_values: ArrayLike,
    correction: str,
    confidence: float,
    smallest_p: float = 0.0,
    possible_p: float = 0.0,
) -> list[Finding]:
    """Return a verdict and a corrected p-value per level.

    Args:
        p_values: of the levels, from the lowest up, shape (levels,); NaN where nothing was tested.
        correction: `FIXED_SEQUENCE` or `HOLM`.
        confidence: 1 minus the chance of any false leak.
        smallest_p: that the orders that were compared allow.
        possible_p: that all distinct orders of the pictures would allow.
    """
    corrected = CORRECTIONS[correction](p_values)
    most = threshold(correction, len(corrected), confidence)
    unable = ""
    if possible_p > most:
        unable = TOO_FEW_PICTURES
    elif smallest_p > most:
        unable = TOO_FEW_PERMUTATIONS
    sure = (1 - confidence) * (1 + ROUNDING)
    found = [
        TOO_FEW_PERMUTATIONS if np.isnan(p) else LEAK if p <= sure else NO_EVIDENCE
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


class Configured(Protocol):
    """What is read here of the configuration."""

    representations: list[str]
    estimators: Mapping[str, Any]
    verdict: Any


def estimates(config: Configured, schemes: list[str]) -> dict[str, tuple[str, str, str]]:
    """Return the estimates beside the verdicts, (estimator, representation, scheme) by role.

    On each representation, and on the bits of pixels where `mine-bits` is configured. The role of
    each is `{scheme}/{representation}`.
    """
    asked = {each: config.verdict.estimator for each in config.representations}
    if config.estimators.get("mine-bits") is not None:
        asked["pixels"] = "mine-bits"
    return {
        f"{scheme}/{key}": (estimator, key, scheme)
        for scheme in schemes
        for key, estimator in asked.items()
    }


def tests(config: Configured, schemes: list[str]) -> dict[str, tuple[str, str]]:
    """Return the exact tests, (representation, scheme) by the same roles; of embeddings only."""
    return {
        f"{scheme}/{key}": (key, scheme)
        for scheme in schemes
        for key in config.representations
        if key != "pixels"
    }


def table(
    tested: Mapping[str, Table], estimated: Mapping[str, Table], confidence: float
) -> "pd.DataFrame":
    """Return one row per scheme, representation and level, with the columns `COLUMNS`.

    Args:
        tested: the tables of the exact tests, by role.
        estimated: the estimates, by role.
        confidence: 1 minus the chance of any false leak among the levels of a row.

    Raises:
        LeakageError: there is neither, or an estimate that tests nothing.
    """
    import pandas as pd

    roles = list(dict.fromkeys([*estimated, *tested]))
    if not roles:
        raise LeakageError("verdict: found nothing to test; name an encoder in `representations`")
    parts = [_row(each, tested.get(each), estimated.get(each), confidence) for each in roles]
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def label(found: Table) -> str:
    """Return a table's label; of pixels held out within pictures it names what is mismatched."""
    pixels = found.metadata["settings"].get("pixels") or {}
    on_pixels = "label" not in found.metadata["source"]
    if on_pixels and pixels.get("split") == "pairs":
        return f"{found.label} (units are pixel pairs, not pictures)"
    return found.label


def _row(
    role: str, tested: Table | None, estimated: Table | None, confidence: float
) -> "pd.DataFrame":
    """Return the levels of one scheme on one representation."""
    scheme, _, representation = role.partition("/")
    source = tested or estimated
    assert source is not None
    correction = FIXED_SEQUENCE if source.metadata["source"].get("nested", False) else HOLM
    found = _values(tested, estimated)
    levels = found["level"].tolist()
    if tested is not None:
        rows = tested.rows
        smallest, possible = rows["smallest_p"].max(), rows["possible_p"].max()
        orders: float = rows["orders"].iloc[0]
        needed = needed_pictures(correction, len(levels), confidence)
    else:
        smallest, possible, orders, needed = _in_folds(estimated, found, correction, confidence)
    p_value = [
        combine.bonferroni(each, WEIGHTS)
        for each in found[["p_exact", "p_critics"]].to_numpy(np.float64)
    ]
    said = verdict(p_value, correction, confidence, smallest, possible)
    quiet = quiet_from(levels, [each.verdict for each in said])
    for_good = np.nan if quiet is None or quiet.for_good is None else quiet.for_good
    return found.assign(
        scheme=scheme,
        representation=representation,
        label=label(source),
        verdict=[each.verdict for each in said],
        p_value=p_value,
        corrected_p=[each.corrected for each in said],
        orders=orders,
        smallest_p=smallest,
        needed_pictures=float(needed),
        confidence=confidence,
        correction=correction,
        quiet_from=np.nan if quiet is None else float(quiet.level),
        quiet_for_good=float(for_good),
    )


def _values(tested: Table | None, estimated: Table | None) -> "pd.DataFrame":
    """Return level, the p-values of all tests, the estimate and its pictures, sorted by level."""
    import pandas as pd

    parts = []
    if tested is not None:
        wide = tested.rows.pivot(index="level", columns="statistic", values="p_value")
        exact = pd.DataFrame(
            {name: wide.get(statistic) for name, statistic in STATISTICS.items()}, index=wide.index
        )
        parts.append(exact.assign(pictures=tested.rows.groupby("level")["pictures"].first()))
    if estimated is not None:
        rows = answer(estimated).set_index("level")
        columns = {"p_value": "p_critics", "mean": "nats"}
        kept = rows[["p_value", "mean", "low", "high", "floor", "pictures"]].rename(columns=columns)
        parts.append(kept.drop(columns="pictures") if parts else kept)
    found = pd.concat(parts, axis=1).sort_index().reset_index(names="level")
    missing = {each: np.nan for each in COLUMNS if each not in found}
    return found.assign(**missing).astype({each: "float64" for each in STATISTICS})


def _in_folds(
    estimated: Table | None, found: "pd.DataFrame", correction: str, confidence: float
) -> tuple[float, float, float, float]:
    """Return the smallest p-value of critics alone: compared, possible, orders, and pictures."""
    assert estimated is not None
    settings = estimated.metadata["settings"]
    folds, permutations = settings["folds"], settings["permutations"]
    needed = needed_in_folds(correction, len(found), confidence, folds)
    enough = found["pictures"].iloc[0] >= needed
    possible = 0.0 if enough else 1.0
    return 1 / (1 + permutations), possible, 1.0 + permutations, needed


def _enough_orders(most: float) -> int:
    pictures = 1
    while 1 / math.factorial(pictures) > most:
        pictures += 1
    return pictures
