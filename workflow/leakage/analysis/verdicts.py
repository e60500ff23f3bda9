"""Whether a level leaks at all: one verdict per scheme, representation and level.

The p-value of a level combines the exact tests (`leakage.protocol.permutation_test`) with the
held-out critics, if there are any. The levels of a row are then tested together:

- In fixed sequence if each view is a function of the one before (the scheme's `nested`): from the
  lowest level up, without a correction, until the first level that is not rejected. (Maurer,
  Hothorn and Lehmacher, in: Biometrie in der chemisch-pharmazeutischen Industrie 6, 1995.) A leak
  at a level is then also a leak at all lower levels.
- Otherwise by Holm's step-down rule (Scandinavian Journal of Statistics 6, 1979).

Both limit the chance of any false leak to 1 - confidence, whatever the dependence between levels.
If even the smallest possible p-value is too large, finding nothing means nothing, and the verdict
says so.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from leakage.analysis import Analysis, enough, parted, role_of
from leakage.analysis.enough import ROUNDING
from leakage.analysis.tables import Table, answer
from leakage.errors import LeakageError
from leakage.interfaces import Configuration, Frame, Series, Wanted
from leakage.protocol import multiple_testing

LEAK = "leak"
NO_EVIDENCE = "no evidence of a leak"
TOO_FEW_PICTURES = "too few pictures"
TOO_FEW_PERMUTATIONS = "too few permutations"
FIXED_SEQUENCE, HOLM = "fixed sequence", "Holm"
# Weights of the exact tests and of the critics in the combined p-value. On pictures the exact tests
# find more. Weights chosen before the data keep the p-value valid.
WEIGHTS = (0.75, 0.25)
# Cross-fitting needs this many pictures (`protocol.folds`). With fewer, only the exact tests
# decide, and the verdict shows no estimate.
ESTIMATED_FROM = 6
COMBINED = "combined"
TESTS, ESTIMATES = "tests", "estimates"
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
    *("needed_for_nats", "needed_pictures", "confidence", "correction"),
    *("quiet_from", "quiet_for_good"),
]


@dataclass(frozen=True)
class Finding:
    """The verdict on one level."""

    verdict: str
    corrected: float


@dataclass(frozen=True)
class Quiet:
    """The level from which on nothing is found.

    Attributes:
        level: the lowest level without evidence of a leak.
        for_good: the lowest level from which on no level has evidence of a leak; None if the
            highest level is not quiet. It differs from `level` if a higher level leaks.
    """

    level: int
    for_good: int | None


def holm(p_values: ArrayLike) -> np.ndarray:
    """Return p-values corrected by Holm's step-down rule, float64 of shape (levels,).

    The k-th smallest of m is multiplied by m - k + 1 (k from 1). It is then raised to at least the
    corrected ones before it, and cut at 1. NaN stays NaN and does not count.
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

    Each is the maximum of its own p-value and those before it, so a level is rejected only if all
    levels before it are. NaN stays NaN and is skipped.
    """
    values = np.asarray(p_values, dtype=np.float64)
    known = ~np.isnan(values)
    corrected = np.full(values.shape, np.nan)
    corrected[known] = np.maximum.accumulate(values[known])
    return corrected


CORRECTIONS = {FIXED_SEQUENCE: fixed_sequence, HOLM: holm}


def threshold(correction: str, levels: int, confidence: float) -> float:
    """Return the largest p-value with which any level can be called a leak."""
    return (1 - confidence) / (1 if correction == FIXED_SEQUENCE else levels) * (1 + ROUNDING)


def needed_pictures(correction: str, levels: int, confidence: float) -> int:
    """Return the fewest pictures s for an exact test: 1 / s! is at most the threshold."""
    return enough.for_p_value(threshold(correction, levels, confidence))


def needed_in_folds(correction: str, levels: int, confidence: float, folds: int) -> int:
    """Return `needed_pictures` for critics, which permute pictures only within each fold."""
    return folds * enough.for_p_value(threshold(correction, levels, confidence))


def verdict(
    p_values: ArrayLike,
    correction: str,
    confidence: float,
    smallest_p: float = 0.0,
    possible_p: float = 0.0,
) -> list[Finding]:
    """Return a verdict and a corrected p-value per level.

    Args:
        p_values: p-values of the levels, from the lowest up, shape (levels,); NaN for no test.
        correction: `FIXED_SEQUENCE` or `HOLM`.
        confidence: 1 minus the chance of any false leak.
        smallest_p: smallest p-value possible with the compared orders.
        possible_p: smallest p-value possible with all distinct orders of the pictures.
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
    """Return the level from which on nothing is found; None if no level is quiet."""
    ordered = sorted(zip(levels, verdicts, strict=True))
    quiet = [level for level, found in ordered if found == NO_EVIDENCE]
    if not quiet:
        return None
    others = [level for level, found in ordered if found != NO_EVIDENCE]
    last = max(others, default=-math.inf)
    return Quiet(quiet[0], min((level for level in quiet if level > last), default=None))


def sized(rows: Frame) -> Series:
    """Return whether each row of the verdicts has enough pictures for its value in nats."""
    import pandas as pd

    if "needed_for_nats" not in rows:  # no estimate beside the tests
        return pd.Series(True, rows.index)
    return ~(rows["needed_for_nats"] > rows["pictures"])


class Verdicts(Analysis):
    """One row per scheme, representation and level, with the columns `COLUMNS`."""

    def tables(self, config: Configuration, pictures: int) -> dict[str, Wanted]:
        """Return the exact tests and the held-out estimates, of every compared scheme.

        With fewer pictures than `ESTIMATED_FROM` there are only tests. Pixels have an estimate, if
        one is configured for them, and no test.
        """
        keys, estimator = config.representations, config.verdict.estimator
        of = {each: estimator for each in keys if pictures >= ESTIMATED_FROM}
        if config.verdict.pixels is not None and pictures >= ESTIMATED_FROM:
            of["pixels"] = config.verdict.pixels
        kinds = {TESTS: {key: TESTS for key in keys if key != "pixels"}, ESTIMATES: of}
        asked = {
            f"{kind} {role_of(scheme, key)}": Wanted(each[key], key, scheme)
            for kind, each in kinds.items()
            for scheme, key in parted(config, each)
        }
        if not asked:
            raise LeakageError(
                "representations: found nothing for a verdict; name an encoder there"
            )
        return asked

    def table(self, tables: Mapping[str, Table], confidence: float) -> Frame:
        """Return the verdicts; `confidence` is 1 minus the chance of any false leak in a row."""
        of: dict[str, dict[str, Table]] = {TESTS: {}, ESTIMATES: {}}
        for role, found in tables.items():
            kind, _, name = role.partition(" ")
            of[kind][name] = found
        return table(of[TESTS], of[ESTIMATES], confidence)


def table(tested: Mapping[str, Table], estimated: Mapping[str, Table], confidence: float) -> Frame:
    """Return one row per scheme, representation and level, with the columns `COLUMNS`.

    Args:
        tested: the tables of the exact tests, by `{scheme}/{representation}`.
        estimated: the estimates, by the same.
        confidence: 1 minus the chance of any false leak among the levels of a row.

    Raises:
        LeakageError: an estimate has no p-value.
    """
    import pandas as pd

    roles = list(dict.fromkeys([*estimated, *tested]))
    parts = [_row(each, tested.get(each), estimated.get(each), confidence) for each in roles]
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def label(found: Table) -> str:
    """Return a table's label, with a note for pixels that are held out within pictures."""
    pixels = found.metadata["settings"].get("pixels") or {}
    on_pixels = "label" not in found.metadata["source"]
    if on_pixels and pixels.get("split") == "pairs":
        return f"{found.label} (units are pixel pairs, not pictures)"
    return found.label


def _row(role: str, tested: Table | None, estimated: Table | None, confidence: float) -> Frame:
    """Return the rows of one scheme on one representation."""
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
        needed: float = needed_pictures(correction, len(levels), confidence)
    else:
        smallest, possible, orders, needed = _in_folds(estimated, found, correction, confidence)
    p_value = [
        multiple_testing.bonferroni(each, WEIGHTS)
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
        needed_for_nats=float(enough.needed(estimated.metadata["settings"]))
        if estimated
        else np.nan,
        needed_pictures=float(needed),
        confidence=confidence,
        correction=correction,
        quiet_from=np.nan if quiet is None else float(quiet.level),
        quiet_for_good=float(for_good),
    )


def _values(tested: Table | None, estimated: Table | None) -> Frame:
    """Return the p-values of all tests, the estimate and the pictures, sorted by level."""
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
    estimated: Table | None, found: Frame, correction: str, confidence: float
) -> tuple[float, float, float, float]:
    """Return smallest p, possible p, number of orders and needed pictures for critics alone."""
    assert estimated is not None
    settings = estimated.metadata["settings"]
    folds, permutations = settings["folds"], settings["permutations"]
    needed = needed_in_folds(correction, len(found), confidence, folds)
    possible = 0.0 if found["pictures"].iloc[0] >= needed else 1.0
    return 1 / (1 + permutations), possible, 1.0 + permutations, needed
