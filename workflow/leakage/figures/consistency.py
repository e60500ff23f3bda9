"""Self-consistency of the held-out estimator on real embeddings: laws that any right one obeys.

No leakage is known there, but what it must do is: it cannot rise when more is encrypted (the data
processing inequality: a higher level's view is a function of a lower one's), it is 0 where nothing
is left, and it does not notice another scale of the views. Song and Ermon, "Understanding the
limitations of variational mutual information estimators", ICLR 2020, ask the same of estimators.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from leakage.analysis import enough
from leakage.analysis.tables import answer
from leakage.figures import Figure, curves, style
from leakage.figures.scorecard import COLOURS, FAILS, HOLDS, NO_WEIGHTS, text_table
from leakage.interfaces import Wanted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Drawn

    from leakage.config.models import Config

# Said of a check whose estimate carries no weight.
TOO_FEW = "too few pictures"
# What counts as 0 nats where nothing is left, and as no difference after rescaling.
ZERO = 0.05
SAME = 1e-3
RESCALED, PLAIN = " rescaled", " plain"
WIDTHS = {"representation": 2.4, "check": 3.6, "value (allowed), nats": 1.9, "verdict": 1.3}
TEXTS = {
    "rise": "does not rise with the level (against the intervals' half-widths)",
    "nothing left": "is 0 where nothing is left",
    "rescaled": "is the same after the views were rescaled (CCA)",
    "ceiling": "number of levels cut at the estimate's ceiling",
}


class Consistency(Figure):
    """Checks of the held-out estimate, as a table to read."""

    title = "Checks of the estimate"
    caption = """
        Consistency checks of the held-out estimate on each representation: {kept} of {asked} checks
        hold. The estimate must not rise with the level if each view is a function of a lower
        level's view. It must be 0 where nothing is left. It must not change when the views are
        rescaled. Levels at which a value was cut at its ceiling: {cut}. The leakage may be larger
        there.{few}
    """

    def tables(self, config: "Config", representation: str = "") -> dict[str, Wanted]:
        """Return the estimate on each representation, and the pair with and without rescaling."""
        keys = config.representations
        asked = {each: Wanted(config.verdict.estimator, each) for each in keys}
        if (pair := config.comparisons.rescaled) is not None:
            asked |= {f"{each}{RESCALED}": Wanted(pair.rescaled, each) for each in keys}
            asked |= {f"{each}{PLAIN}": Wanted(pair.plain, each) for each in keys}
        return asked

    def draw(self, tables: dict[str, style.Table]) -> "tuple[Drawn, pd.DataFrame]":
        """Return the checks as a table to read, and the numbers behind it."""
        table = behind(tables)
        rows, fills, last = [], [], None
        for row in table.itertuples():
            verdict = {True: HOLDS, False: FAILS}.get(row.holds, "")
            if verdict and not row.carries_weight:
                verdict = f"{verdict} ({TOO_FEW})"
            label = tables[row.representation].label
            value = "none" if np.isnan(row.value) else f"{row.value:.3g}"
            allowed = "" if np.isnan(row.allowed) else f" (≤ {row.allowed:.3g})"
            # No break inside `n = 0`.
            where = row.where.replace(" = ", "\u00a0=\u00a0")
            text = TEXTS[row.check] + (f": {where}" if where else "")
            rows.append(
                ["" if label == last else label, text, value + allowed, verdict or "not asked"]
            )
            fills.append([None, None, None, COLOURS.get(verdict, COLOURS[NO_WEIGHTS])])
            last = label
        scheme = next(iter(tables.values())).scheme
        under = f" under {scheme}" if scheme else ""
        title = f"{self._finding(table)}{under}{curves.too_few(tables.values())}"
        return text_table(WIDTHS, rows, fills, title), table

    def numbers(self, table: "pd.DataFrame") -> dict[str, Any]:
        """Return what the caption says: how many laws are kept, and how many levels were cut."""
        asked = table[table["holds"].notna()]
        if "carries_weight" in table:
            asked = asked[asked["carries_weight"].astype(bool)]
        return {
            "few": curves.too_few_sentence(table),
            "asked": len(asked),
            "kept": int((asked["holds"].astype(bool)).sum()),
            "cut": int(table.loc[table["check"] == "ceiling", "value"].sum()),
        }

    def _finding(self, table: "pd.DataFrame") -> str:
        """Return how many checks hold, in words."""
        said = self.numbers(table)
        if not said["asked"]:
            return "No check of the held-out estimate can be made"
        return f"{said['kept']} of {said['asked']} checks of the held-out estimate hold"


def behind(tables: dict[str, style.Table]) -> "pd.DataFrame":
    """Return one row per representation and check.

    Columns: `value` and `allowed` in nats (of the ceiling: a number of levels); `holds`, missing
    where nothing is asked; `where`, the levels that the value is of.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for key, table in tables.items():
        if key.endswith((RESCALED, PLAIN)):
            continue
        checks = {"nothing left": _nothing_left(answer(table), table.nothing_left)}
        # Only where a level's view is a function of a lower one's must it not tell more.
        if table.metadata["source"].get("nested", False):
            checks = {"rise": rise(answer(table)), **checks}
        if f"{key}{RESCALED}" in tables:
            pair = (answer(tables[f"{key}{which}"]) for which in (RESCALED, PLAIN))
            checks["rescaled"] = _difference(*pair)
        checks["ceiling"] = _at_ceiling(table)
        for check, (value, allowed, where) in checks.items():
            known = not (np.isnan(value) or np.isnan(allowed))
            rows.append(
                {
                    "representation": key,
                    "check": check,
                    "value": value,
                    "allowed": allowed,
                    "holds": bool(value <= allowed + 1e-9) if known else None,
                    "where": where,
                    # Rescaling must change nothing, whatever the number of pictures.
                    "carries_weight": check == "rescaled" or enough.carries_weight(table),
                }
            )
    columns = ["representation", "check", "value", "allowed", "holds", "where", "carries_weight"]
    return pd.DataFrame(rows, columns=columns)


def rise(rows: "pd.DataFrame") -> tuple[float, float, str]:
    """Return the largest rise of the mean to a higher level, what is allowed, and where it is.

    Allowed is the sum of the half-widths of the two intervals. Where a rise exceeds that, the one
    that does so the most is returned.
    """
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


def _nothing_left(rows: "pd.DataFrame", levels: list[int]) -> tuple[float, float, str]:
    """Return the largest mean, in size, of the levels at which nothing is left."""
    last = rows.loc[rows["level"].isin(levels), "mean"].abs()
    where = f"n = {', '.join(map(str, levels))}" if levels else "no such level"
    return (float(last.max()), ZERO, where) if len(last) else (np.nan, ZERO, where)


def _difference(rescaled: "pd.DataFrame", plain: "pd.DataFrame") -> tuple[float, float, str]:
    difference = (rescaled.set_index("level")["mean"] - plain.set_index("level")["mean"]).abs()
    return float(difference.max()), SAME, f"n = {difference.idxmax()}"


def _at_ceiling(table: style.Table) -> tuple[float, float, str]:
    """Return at how many levels a value of some fold and seed was cut at its ceiling, and which."""
    rows = table.answer
    cut = rows[rows["value"] >= rows["ceiling"] - 1e-9]
    levels = sorted(cut["level"].unique())
    return float(len(levels)), np.nan, f"n = {', '.join(map(str, levels))}" if levels else ""
