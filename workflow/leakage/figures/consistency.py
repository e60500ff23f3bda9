"""Checks of the held-out estimate on the representations of the run."""

from typing import Any

import numpy as np

from leakage.analysis.claims import FAILS, HOLDS, NO_WEIGHTS
from leakage.analysis.tables import records
from leakage.figures import Figure, curves, style
from leakage.figures.scorecard import COLOURS
from leakage.interfaces import Canvas, Configuration, Frame, Wanted

TOO_FEW = "too few pictures"
WIDTHS = {"representation": 2.4, "check": 3.6, "value (allowed), nats": 1.9, "verdict": 1.3}
TEXTS = {
    "rise": "does not rise with the level (against the intervals' half-widths)",
    "nothing left": "is 0 where nothing is left",
    "rescaled": "is the same after the views were rescaled",
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

    def tables(self, config: Configuration, representation: str = "") -> dict[str, Wanted]:
        """Return the table of checks, if there is a representation to check."""
        return {"checks": Wanted("analysis", "consistency")} if config.representations else {}

    def draw(self, tables: dict[str, style.Table]) -> tuple[Canvas, Frame]:
        """Return the checks as a table to read, and the numbers behind it."""
        found = tables["checks"].rows
        rows: list[list[str]] = []
        fills: list[list[str | None]] = []
        last = None
        for row in records(found):
            verdict = {True: HOLDS, False: FAILS}.get(row.holds, "")
            if verdict and not row.carries_weight:
                verdict = f"{verdict} ({TOO_FEW})"
            value = "none" if np.isnan(row.value) else f"{row.value:.3g}"
            allowed = "" if np.isnan(row.allowed) else f" (≤ {row.allowed:.3g})"
            # No break inside `n = 0`.
            where = row.where.replace(" = ", "\u00a0=\u00a0")
            text = TEXTS[row.check] + (f": {where}" if where else "")
            label = "" if row.label == last else row.label
            rows.append([label, text, value + allowed, verdict or "not asked"])
            fills.append([None, None, None, COLOURS.get(verdict, COLOURS[NO_WEIGHTS])])
            last = row.label
        schemes = "".join(f" under {each}" for each in tables["checks"].metadata["level_labels"])
        table = found.drop(columns=["label", "shortage"])
        title = f"{self._finding(table)}{schemes}{curves.shortages(found['shortage'])}"
        return style.text_table(WIDTHS, rows, fills, title), table

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return the number of checks that hold, and of levels cut at a ceiling."""
        asked = table[table["holds"].notna()]
        if "carries_weight" in table:
            asked = asked[asked["carries_weight"].astype(bool)]
        return {
            "few": curves.too_few_sentence(table),
            "asked": len(asked),
            "kept": int((asked["holds"].astype(bool)).sum()),
            "cut": int(table.loc[table["check"] == "ceiling", "value"].sum()),
        }

    def _finding(self, table: Frame) -> str:
        """Return the number of checks that hold, in words."""
        said = self.numbers(table)
        if not said["asked"]:
            return "No check of the held-out estimate can be made"
        return f"{said['kept']} of {said['asked']} checks of the held-out estimate hold"
