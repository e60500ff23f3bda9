"""Self-consistency of the held-out estimator on real embeddings: laws of any correct estimator.

The true leakage is not known there, but some of its properties are. It cannot rise with the level
if a higher level's view is a function of a lower one's (the data processing inequality). It is 0 if
nothing is left. It does not depend on the scale of the views. Song and Ermon, "Understanding the
limitations of variational mutual information estimators", ICLR 2020, propose such tests.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from leakage.analysis import Analysis, enough
from leakage.analysis.tables import Table, answer
from leakage.interfaces import Configuration, Frame, Wanted

# The largest value in nats that counts as 0, and as no difference after rescaling.
ZERO = 0.05
SAME = 1e-3
RESCALED, PLAIN = " rescaled", " plain"


class Consistency(Analysis):
    """The checks of one scheme's held-out estimates, one row per representation and check.

    Columns: `value` and `allowed` in nats (of the ceiling: a number of levels); `holds`, missing
    if there is nothing to check; `where`, the levels of the value; `carries_weight`; `label` of the
    representation; `shortage`, why an estimate behind the check carries no weight.
    """

    per_scheme = True

    def tables(self, config: Configuration, pictures: int) -> dict[str, Wanted]:
        """Return the estimate on each representation, and the pair with and without rescaling."""
        keys = config.representations
        asked = {each: Wanted(config.verdict.estimator, each) for each in keys}
        if (pair := config.comparisons.rescaled) is not None:
            asked |= {f"{each}{RESCALED}": Wanted(pair.rescaled, each) for each in keys}
            asked |= {f"{each}{PLAIN}": Wanted(pair.plain, each) for each in keys}
        return asked

    def table(self, tables: Mapping[str, Table], confidence: float) -> Frame:
        """Return the checks."""
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for key, table in tables.items():
            if key.endswith((RESCALED, PLAIN)):
                continue
            checks = {"nothing left": _nothing_left(answer(table), table.nothing_left)}
            # Only views that are functions of a lower level's view cannot tell more.
            if table.metadata["source"].get("nested", False):
                checks = {"rise": rise(answer(table)), **checks}
            pair = [tables[key + which] for which in (RESCALED, PLAIN) if key + which in tables]
            if pair:
                checks["rescaled"] = _difference(*map(answer, pair))
            checks["ceiling"] = _at_ceiling(table)
            for check, (value, allowed, where) in checks.items():
                known = not (np.isnan(value) or np.isnan(allowed))
                behind = pair if check == "rescaled" else [table]
                rows.append(
                    {
                        "representation": key,
                        "check": check,
                        "value": value,
                        "allowed": allowed,
                        "holds": bool(value <= allowed + 1e-9) if known else None,
                        "where": where,
                        # Rescaling must change nothing, however few the pictures.
                        "carries_weight": check == "rescaled" or enough.carries_weight(table),
                        "label": table.label,
                        "shortage": "; ".join(dict.fromkeys(map(enough.shortage, behind))),
                    }
                )
        return pd.DataFrame(rows)


def rise(rows: Frame) -> tuple[float, float, str]:
    """Return the largest rise of the mean to a higher level, what is allowed, and where it is."""
    rows = rows.sort_values("level")
    levels, mean = rows["level"].to_numpy(), rows["mean"].to_numpy()
    half = (rows["high"] - rows["low"]).to_numpy() / 2
    low, high = np.triu_indices(len(levels), 1)
    if not len(low):
        return np.nan, np.nan, ""
    rises, allowed = mean[high] - mean[low], half[high] + half[low]
    excess = np.nan_to_num(rises - allowed, nan=-np.inf)
    worst = excess.argmax() if excess.max() > 1e-9 else rises.argmax()
    where = f"n = {levels[low[worst]]} to {levels[high[worst]]}"
    return float(rises[worst]), float(allowed[worst]), where


def _nothing_left(rows: Frame, levels: list[int]) -> tuple[float, float, str]:
    """Return the largest absolute mean of the levels at which nothing is left."""
    last = rows.loc[rows["level"].isin(levels), "mean"].abs()
    where = f"n = {', '.join(map(str, levels))}" if levels else "no such level"
    return (float(last.max()), ZERO, where) if len(last) else (np.nan, ZERO, where)


def _difference(rescaled: Frame, plain: Frame) -> tuple[float, float, str]:
    difference = (rescaled.set_index("level")["mean"] - plain.set_index("level")["mean"]).abs()
    return float(difference.max()), SAME, f"n = {difference.idxmax()}"


def _at_ceiling(table: Table) -> tuple[float, float, str]:
    """Return the number of levels with a value of any fold and seed at its ceiling, and which."""
    rows = table.answer
    cut = rows[rows["value"] >= rows["ceiling"] - 1e-9]
    levels = sorted(cut["level"].unique())
    return float(len(levels)), np.nan, f"n = {', '.join(map(str, levels))}" if levels else ""
