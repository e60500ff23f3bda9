"""Verdicts: at which levels a leak is found, per representation, corrected for many tests."""

import textwrap
from typing import Any

from leakage.analysis import verdicts, wording
from leakage.analysis.tables import grouped, records
from leakage.config.paths import PART_SEPARATOR
from leakage.figures import Figure, style
from leakage.interfaces import Axes, Canvas, Configuration, Frame, Wanted

# The role of the table, and its name in the results.
VERDICTS = "verdicts"
# Light tints of Okabe and Ito's vermilion and blue, and greys, distinct for the colour-blind and in
# print. The words in each cell say the same.
COLOURS = {
    verdicts.LEAK: "#f2a983",
    verdicts.NO_EVIDENCE: "#a9d3ee",
    verdicts.TOO_FEW_PICTURES: "#dddddd",
    verdicts.TOO_FEW_PERMUTATIONS: "#c4c4c4",
}
SHORT = {
    verdicts.LEAK: "leak",
    verdicts.NO_EVIDENCE: "no evidence",
    verdicts.TOO_FEW_PICTURES: "too few\npictures",
    verdicts.TOO_FEW_PERMUTATIONS: "too few\npermutations",
}


class Verdict(Figure):
    """The grid of verdicts: a row per scheme and representation, a column per level."""

    title = "Is a leak found?"
    caption = """
        Verdicts per scheme, representation and level: a leak in {leaks} of {cells} cells with
        encryption. {found}. Leak: exact permutation tests over whole pictures, together with the
        held-out critics, reject that view and plain picture are independent. The levels of a row
        are tested in sequence if each view is a function of the one before. Otherwise Holm's rule
        corrects them. The cell gives the held-out value in nats, or "size unknown" if that value is
        not above 0.{few} No evidence of a leak: these tests find none in these pictures, which does
        not mean that there is none. Too few pictures: they have too few orders for any answer.
    """
    per_scheme = False

    def tables(self, config: Configuration, representation: str = "") -> dict[str, Wanted]:
        """Return the verdicts on every scheme and representation."""
        return {VERDICTS: Wanted("analysis", VERDICTS, "")}

    def draw(self, tables: dict[str, style.Table]) -> tuple[Canvas, Frame]:
        """Return the grid of verdicts, a row per scheme and representation, a column per level."""
        table = tables[VERDICTS].rows
        levels = sorted(table["level"].unique())
        rows = dict(list(table.groupby(["scheme", "representation"], sort=False)))
        schemes = list(dict.fromkeys(table["scheme"]))
        width = 4.6 + 1.05 * len(levels)
        figure, (axis,) = style.panels(1, width, 1.7 + 0.8 * max(1, len(rows)))
        axis.grid(False)
        for side in axis.spines.values():
            side.set_visible(False)
        for place, part in enumerate(rows.values()):
            for row in records(part):
                _cell(axis, levels.index(row.level), place, row)
            axis.text(len(levels) - 0.4, place, wording.quiet(part), va="center", fontsize=9)
        labels = tables[VERDICTS].metadata.get("level_labels", {})
        keys = {scheme.partition(PART_SEPARATOR)[0] for scheme in schemes}
        label = labels.get(schemes[0], style.LEVEL) if len(keys) == 1 else "level of the scheme"
        label = label.replace(schemes[0], keys.pop(), 1)
        axis.set(xlim=(-0.5, len(levels) + 1.9), ylim=(len(rows) - 0.5, -0.5), xlabel=label)
        axis.set_xticks(range(len(levels)), [str(level) for level in levels])
        said = {key: part["label"].iloc[0] for key, part in rows.items()}
        names = [
            f"{scheme}\n{textwrap.fill(text, 24, break_long_words=False)}"
            for (scheme, _), text in said.items()
        ]
        if len(schemes) == 1:
            names = [name.partition("\n")[2] for name in names]
        axis.set_yticks(range(len(rows)), names)
        axis.tick_params(length=0)
        confidences = sorted(table["confidence"].unique())
        sure = " and ".join(f"{100 * each:g} %" for each in confidences)
        how = " or ".join(dict.fromkeys(table["correction"]))
        style.set_title(
            axis,
            f"{wording.headline(table)}\n"
            f"at {sure} confidence, p for all levels of a row together ({how})"
            f"{wording.left_out(table)}",
        )
        return figure, table

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return the number of cells with a leak, and the finding on each scheme."""
        found = {
            scheme: [
                f"on {part['label'].iloc[0]} {wording.finding(part)}"
                for _, part in grouped(rows, "representation")
            ]
            for scheme, rows in grouped(table, "scheme")
        }
        encrypted, left_out = table[table["level"] > 0], wording.left_out(table).strip()
        return {
            "cells": len(encrypted),
            "leaks": int((encrypted["verdict"] == verdicts.LEAK).sum()),
            "few": f" {left_out.capitalize()}." if left_out else "",
            "found": ". ".join(f"{scheme}: {'; '.join(said)}" for scheme, said in found.items()),
        }


def _cell(axis: Axes, column: int, row: int, found: Any) -> None:
    from matplotlib.patches import Rectangle

    corner = column - 0.48, row - 0.46
    axis.add_patch(Rectangle(corner, 0.96, 0.92, facecolor=COLOURS[found.verdict], edgecolor="0.4"))
    able = found.verdict in (verdicts.LEAK, verdicts.NO_EVIDENCE)
    lines = [SHORT[found.verdict], *([wording.p_text(found.corrected_p)] if able else [])]
    if found.verdict == verdicts.LEAK and (said := wording.size(found)):
        lines.insert(1, said)
    axis.text(column, row, "\n".join(lines), ha="center", va="center", fontsize=8)
