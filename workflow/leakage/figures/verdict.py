"""Verdicts: at which levels a leak is found, per representation, corrected for many tests."""

from typing import TYPE_CHECKING, Any

import numpy as np

from leakage import captions
from leakage.analysis import verdicts
from leakage.analysis.tables import grouped, records
from leakage.figures import Figure, style
from leakage.interfaces import Wanted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawn

    from leakage.config.models import Config

# The role of the table that is drawn, and its name in the results.
VERDICTS = "verdicts"
# Light tints of Okabe and Ito's vermilion and blue, and greys: told apart by the colour-blind, and
# in print. Every cell says its verdict in words as well.
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

    def tables(self, config: "Config", representation: str = "") -> dict[str, Wanted]:
        """Return the one table that is drawn: the verdicts on every scheme and representation."""
        return {VERDICTS: Wanted("analysis", VERDICTS, "")}

    def draw(self, tables: dict[str, style.Table]) -> "tuple[Drawn, pd.DataFrame]":
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
            axis.text(len(levels) - 0.4, place, quiet(part), va="center", fontsize=9)
        labels = tables[VERDICTS].metadata.get("level_labels", {})
        label = labels.get(schemes[0], style.LEVEL) if len(schemes) == 1 else "level of the scheme"
        axis.set(xlim=(-0.5, len(levels) + 1.9), ylim=(len(rows) - 0.5, -0.5), xlabel=label)
        axis.set_xticks(range(len(levels)), [str(level) for level in levels])
        said = {key: part["label"].iloc[0] for key, part in rows.items()}
        names = [f"{scheme}\n{_wrapped(text, 24)}" for (scheme, _), text in said.items()]
        axis.set_yticks(range(len(rows)), names if len(schemes) > 1 else map(_unnamed, names))
        axis.tick_params(length=0)
        confidences = sorted(table["confidence"].unique())
        sure = " and ".join(f"{100 * each:g} %" for each in confidences)
        how = " or ".join(dict.fromkeys(table["correction"]))
        style.set_title(
            axis,
            f"{headline(table)}\nat {sure} confidence, p for all levels of a row together ({how})"
            f"{left_out(table)}",
        )
        return figure, table

    def numbers(self, table: "pd.DataFrame") -> dict[str, Any]:
        """Return what the caption says: how many cells are a leak, and what each scheme shows."""
        found = {
            scheme: [
                f"on {part['label'].iloc[0]} {finding(part)}"
                for _, part in grouped(rows, "representation")
            ]
            for scheme, rows in grouped(table, "scheme")
        }
        encrypted = table[table["level"] > 0]
        return {
            "cells": len(encrypted),
            "leaks": int((encrypted["verdict"] == verdicts.LEAK).sum()),
            "few": f" {left_out(table).strip().capitalize()}." if left_out(table) else "",
            "found": ". ".join(f"{scheme}: {'; '.join(said)}" for scheme, said in found.items()),
        }


def finding(part: "pd.DataFrame") -> str:
    """Return what is found on one representation of one scheme, in words.

    Level 0 is the plain picture and not a level of encryption.
    """
    part = part[part["level"] > 0]
    leaks = part.loc[part["verdict"] == verdicts.LEAK, "level"]
    if len(leaks):
        return f"a leak at n = {captions.listed(leaks)}"
    if not len(part):
        return "only the plain picture was tested"
    unable = part[part["verdict"] != verdicts.NO_EVIDENCE]
    if not len(unable):
        return f"{verdicts.NO_EVIDENCE} at {len(part)} levels"
    return f"{unable['verdict'].iloc[0]} ({unable['pictures'].iloc[0]:.0f})"


def p_text(p: float) -> str:
    """Return `p = 0.0045`, `p < 0.001`, or that nothing was tested."""
    if np.isnan(p):
        return "no p-value"
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def size_text(nats: float) -> str:
    """Return a leak's size; a test can find one whose size the pictures do not resolve."""
    if round(nats, 3) <= 0:
        return "size unknown"
    return f"{nats:.2g} nats" if nats < 10 else f"{nats:.0f} nats"


def size(found: Any) -> str:
    """Return a leak's size in words; nothing without an estimate that carries weight.

    Args:
        found: a row of the verdicts, as `itertuples` gives it.
    """
    few = getattr(found, "needed_for_nats", np.nan) > found.pictures
    return "" if few or np.isnan(found.nats) else size_text(found.nats)


def headline(table: "pd.DataFrame") -> str:
    """Return in how many cells of encrypted levels a leak is found, in words."""
    encrypted = table[table["level"] > 0]
    leaks = int((encrypted["verdict"] == verdicts.LEAK).sum())
    said = f"A leak is found in {leaks} of {len(encrypted)} cells with encryption (n > 0)"
    return said if leaks else "No leak is found above the plain picture"


def left_out(table: "pd.DataFrame") -> str:
    """Return a line that says where no size is given, or nothing."""
    leaks = table[table["verdict"] == verdicts.LEAK]
    few = leaks[~verdicts.sized(leaks)]
    if not len(few):
        return ""
    counts, needed = sorted(set(few["pictures"].astype(int))), int(few["needed_for_nats"].max())
    return (
        f"\nno sizes of leaks from {' or '.join(map(str, counts))} pictures: an estimate in nats "
        f"needs at least {needed}"
    )


def _cell(axis: "Axes", column: int, row: int, found: Any) -> None:
    from matplotlib.patches import Rectangle

    corner = column - 0.48, row - 0.46
    axis.add_patch(Rectangle(corner, 0.96, 0.92, facecolor=COLOURS[found.verdict], edgecolor="0.4"))
    able = found.verdict in (verdicts.LEAK, verdicts.NO_EVIDENCE)
    lines = [SHORT[found.verdict], *([p_text(found.corrected_p)] if able else [])]
    if found.verdict == verdicts.LEAK and (said := size(found)):
        lines.insert(1, said)
    axis.text(column, row, "\n".join(lines), ha="center", va="center", fontsize=8)


def quiet(part: "pd.DataFrame") -> str:
    """Return from which level on nothing is found, in words."""
    first, for_good = part["quiet_from"].iloc[0], part["quiet_for_good"].iloc[0]
    units = "pixel pairs" if "pixel pairs" in part["label"].iloc[0] else "pictures"
    pictures, needed = part["pictures"].iloc[0], part["needed_pictures"].iloc[0]
    if (part["verdict"] == verdicts.TOO_FEW_PERMUTATIONS).all():
        return "too few permutations\nto find anything"
    if (part["verdict"] == verdicts.TOO_FEW_PICTURES).all():
        return f"{pictures:.0f} {units}; the test\nneeds at least {needed:.0f}"
    if np.isnan(first):
        return "a leak is found\nat every level"
    if first == for_good:
        return f"nothing found\nfrom n = {first:.0f}"
    end = "" if np.isnan(for_good) else f"\nnothing from n = {for_good:.0f} on"
    return f"nothing found at n = {first:.0f},\na leak higher up{'; ' if end else ''}{end}"


def _unnamed(name: str) -> str:
    return name.partition("\n")[2]


def _wrapped(text: str, width: int) -> str:
    import textwrap

    return textwrap.fill(text, width, break_long_words=False)
