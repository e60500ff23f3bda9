"""The scorecard: the paper's claims (Messadi, Cervia, Itier, arXiv 2508.08832), tested."""

from typing import Any

import numpy as np

from leakage import captions
from leakage.analysis.claims import (
    FAILS,
    HOLDS,
    NO_LEVELS,
    NO_WEIGHTS,
    STAND_IN_FAILS,
    STAND_IN_HOLDS,
    TOO_FEW,
)
from leakage.analysis.tables import grouped, records
from leakage.figures import Figure, style
from leakage.interfaces import Canvas, Configuration, Frame, Wanted

# Light tints of Okabe and Ito's palette, lighter with a stand-in. The words say the same.
COLOURS = {
    HOLDS: "#a9d3ee",
    FAILS: "#f2a983",
    STAND_IN_HOLDS: "#dceef8",
    STAND_IN_FAILS: "#fbe3d6",
    NO_WEIGHTS: "#dddddd",
    NO_LEVELS: "#dddddd",
    TOO_FEW: "#dddddd",
}
WIDTHS = {"claim": 2.6, "number (held out)": 4.3, "verdict": 1.4, "remark": 4.1}


class Scorecard(Figure):
    """The paper's claims and their numbers, as a table to read."""

    title = "The paper's claims"
    caption = """
        The {claims} claims of the paper (arXiv 2508.08832), each with the number that tests it
        (hold: {holds}; do not hold: {fails}; with a stand-in: {stand_in_holds} hold,
        {stand_in_fails} do not; cannot be tested here: {untested}). Networks: {networks}. We chose
        the number and the threshold for each claim. A stand-in is another trained network: the
        claim is then tested, but not on the paper's network. Without a trained network a claim
        about CLIP or ResNet-50 cannot be tested. Held-out numbers are in brackets, if they exceed
        those of mismatched pictures.
    """
    per_scheme = False

    def tables(self, config: Configuration, representation: str = "") -> dict[str, Wanted]:
        """Return the table of claims."""
        return {"claims": Wanted("analysis", "claims", "")}

    def draw(self, tables: dict[str, style.Table]) -> tuple[Canvas, Frame]:
        """Return the claims as a table to read, and the numbers behind it, one per row."""
        found = tables["claims"].rows
        table = found.drop(columns="sign")
        rows: list[list[str]] = []
        fills: list[list[str | None]] = []
        for claim, part in grouped(found, "claim"):
            numbers = "\n".join(_written(row) for row in records(part))
            verdict, remark = part["verdict"].iloc[0], part["remark"].iloc[0]
            rows.append([claim, numbers, verdict, remark])
            fills.append([None, None, COLOURS[verdict], None])
        title = f"{self._finding(table)}\n{self.numbers(table)['networks']}"
        return style.text_table(WIDTHS, rows, fills, title), table

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return the number of claims that hold, do not hold, and cannot be tested."""
        claims = table.drop_duplicates("claim")
        said = [HOLDS, FAILS, STAND_IN_HOLDS, STAND_IN_FAILS]
        holds, fails, stand_in_holds, stand_in_fails = (
            int((claims["verdict"] == each).sum()) for each in said
        )
        networks = "; ".join(claims["networks"]).split("; ")
        return {
            "claims": len(claims),
            "holds": holds,
            "fails": fails,
            "stand_in_holds": stand_in_holds,
            "stand_in_fails": stand_in_fails,
            "untested": int((~claims["verdict"].isin(said)).sum()),
            "networks": "; ".join(dict.fromkeys(each for each in networks if each)),
        }

    def _finding(self, table: Frame) -> str:
        """Return the verdicts on the claims, in words: `Of the paper's 7 claims 2 hold, …`."""
        found = self.numbers(table)
        words = {
            "holds": "hold",
            "fails": "do not hold",
            "stand_in_holds": "hold with a stand-in",
            "stand_in_fails": "do not hold with a stand-in",
            "untested": "cannot be tested here",
        }
        said = [f"{found[key]} {text}" for key, text in words.items() if found[key]]
        return f"Of the paper's {found['claims']} claims {captions.listed(said)}"


def _written(row: Any) -> str:
    """Return a number with its threshold: `R²: 0.997 (asked ≥ 0.98; held out 0.99)`."""
    # No break within a note, so that a bound stays with its word.
    held_out = f"held\u00a0out\u00a0{row.held_out_value:.4g}"
    if np.isnan(row.value):
        return f"{row.quantity}: {'no number' if np.isnan(row.held_out_value) else held_out}"
    notes = []
    if not np.isnan(row.threshold):
        notes.append(f"asked\u00a0{row.sign}\u00a0{row.threshold:.4g}")
    if not np.isnan(row.held_out_value):
        notes.append(held_out)
    tail = f" ({'; '.join(notes)})" if notes else ""
    return f"{row.quantity}: {row.value:.4g}{tail}"
