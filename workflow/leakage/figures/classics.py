"""What each classic measure says of each level, beside the verdict and re-identification."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leakage.analysis.tables import grouped, records
from leakage.analysis.verdicts import (
    LEAK,
    NO_EVIDENCE,
    TOO_FEW_PERMUTATIONS,
    TOO_FEW_PICTURES,
)
from leakage.analysis.visual_security import HIDDEN, MEASURES, VISIBLE
from leakage.figures import Figure, style, verdict
from leakage.interfaces import Axes, Canvas, Configuration, Frame, Wanted

TABLE = "classics"
# Okabe and Ito's vermilion with white letters, its tint, and a tint of blue: three brightnesses, so
# that they differ in print too. The words say the same.
FOUND, MISSED, RIGHT = "#d55e00", verdict.COLOURS[LEAK], verdict.COLOURS[NO_EVIDENCE]
PLAIN = "white"
SHORT = {LEAK: "leak", NO_EVIDENCE: "none found"}
SHORT |= dict.fromkeys([TOO_FEW_PICTURES, TOO_FEW_PERMUTATIONS], "too few")
UNKNOWN = "–"
# In inches: the columns, a row, the row of headings with the names of representations above it.
SCHEME, LEVEL, MEASURE, VERDICT, SHARE = 1.35, 0.3, 0.68, 0.8, 0.68
ROW, HEAD, LABEL, GAP, MARGIN = 0.215, 0.5, 0.3, 0.1, 0.1
LEGEND, TITLE = 0.75, 0.65


@dataclass(frozen=True)
class Column:
    """A column of the grid: its heading, and its place in inches."""

    head: str
    left: float
    width: float


@dataclass(frozen=True)
class Cell:
    """A cell of the grid: its text and colour."""

    text: str
    colour: str = PLAIN


class Classics(Figure):
    """A row per scheme and level, a column per classic measure, then what is found."""

    title = "Passes the classics, still leaks"
    caption = """
        What each classic measure says of each encrypted level, beside the verdict and the share of
        views whose own patch is ranked first (top 1), on {labels}. A measure says hidden if,
        averaged over the pictures, the view scores no better than uniform noise would.
        {leaks} of {levels} levels leak, and at {found} of them views are re-identified more often
        than by guessing. Of the answers of the measures on levels that leak, {missed} of {asked}
        are hidden (most: {most}). A level at which nothing is found can still leak.
    """
    per_scheme = False

    def tables(self, config: Configuration, representation: str = "") -> dict[str, Wanted]:
        """Return the table of measures, verdicts and re-identification."""
        return {TABLE: Wanted("analysis", TABLE, "")}

    def draw(self, tables: dict[str, style.Table]) -> tuple[Canvas, Frame]:
        """Return the grid: the measures, then each representation, and counts below."""
        table = tables[TABLE].rows
        measures = [name for name in MEASURES if (table["measure"] == name).any()]
        sides = dict(list(grouped(table, "representation")))
        columns = _columns(measures, list(sides.values()))
        levels = dict(list(table.groupby(["scheme", "level"], sort=False)))
        below = _below(table, measures)
        head = HEAD + LABEL
        bottom = head + ROW * (len(levels) + len(below)) + GAP
        axis, figure = _page(columns[-1].left + columns[-1].width, bottom + LEGEND)
        _heads(axis, columns, [side["label"].iloc[0] for side in sides.values()], len(measures))
        schemes = [scheme for scheme, _ in levels]
        for place, ((scheme, level), part) in enumerate(levels.items()):
            top = head + ROW * place
            if place == schemes.index(scheme):
                axis.axhline(top, color="0.3", lw=0.8)
                axis.text(0, top + ROW / 2, str(scheme), fontsize=8, va="center")
            axis.text(SCHEME, top + ROW / 2, f"{level}", fontsize=8, va="center")
            _row(axis, top, columns, [*_answers(part, measures), *_results(part, list(sides))])
        for place, (words, cells) in enumerate(below.items()):
            top = bottom - ROW * (len(below) - place)
            axis.text(0, top + ROW / 2, words, fontsize=7.5, va="center")
            _row(axis, top, columns, cells)
        axis.axhline(bottom - ROW * len(below) - GAP, color="0.3", lw=0.8)
        _legend(axis)
        style.set_title(axis, self._finding(table))
        return figure, table

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return how many levels leak, and how often the measures say hidden there."""
        levels = table.drop_duplicates(["scheme", "level"])
        leaking = _once(table[table["leaks"]])
        missed = leaking.loc[leaking["missed"], "measure"].value_counts()
        most = f"{MEASURES[missed.index[0]].title}, {missed.iloc[0]}" if len(missed) else "none"
        return {
            "labels": " and ".join(dict.fromkeys(table["label"])),
            "levels": len(levels),
            "leaks": int(levels["leaks"].sum()),
            "found": int(levels["found_anywhere"].sum()),
            "asked": len(leaking),
            "missed": int(missed.sum()),
            "most": most,
        }

    def _finding(self, table: Frame) -> str:
        """Return how often the measures call a leak hidden, in words."""
        said = self.numbers(table)
        if not said["leaks"]:
            return f"No leak is found at the {said['levels']} encrypted levels"
        return (
            f"Of {said['asked']} answers of classic measures on levels that leak, {said['missed']} "
            f"are “hidden”\n{said['leaks']} of {said['levels']} encrypted levels leak; at "
            f"{said['found']} of them views are re-identified more often than by guessing"
        )


def _once(table: Frame) -> Frame:
    """Return the known answer of each measure on each level, once for all representations."""
    return table[table["says"].notna()].drop_duplicates(["scheme", "level", "measure"])


def _columns(measures: Sequence[str], sides: Sequence[Frame]) -> list[Column]:
    """Return the columns: one per measure, and two per representation."""
    found, left = [], SCHEME + LEVEL
    for name in measures:
        found.append(Column(MEASURES[name].title, left, MEASURE))
        left += MEASURE
    for side in sides:
        left += GAP
        chance = f"top 1\n(guessing {side['chance'].mean():.1%})".replace("%", " %")
        known = side["top_1"].notna().any()
        for head, width in (("verdict", VERDICT), (chance if known else "top 1", SHARE)):
            found.append(Column(head, left, width))
            left += width
    return found


def _answers(part: Frame, measures: Sequence[str]) -> list[Cell]:
    """Return the answer of each measure on one level."""
    said = {row.measure: row for row in records(part)}
    return [_answer(said[name]) for name in measures]


def _answer(row: Any) -> Cell:
    if row.says == VISIBLE:
        return Cell(VISIBLE)
    if row.says != HIDDEN:
        return Cell(UNKNOWN)
    if not row.leaks:
        return Cell(HIDDEN, RIGHT)
    return Cell(HIDDEN, FOUND if row.found_anywhere else MISSED)


def _results(part: Frame, sides: Sequence[str]) -> list[Cell]:
    """Return verdict and share of each representation on one level."""
    rows = {row.representation: row for row in records(part)}
    cells = []
    for side in sides:
        if (row := rows.get(side)) is None:
            cells += [Cell(UNKNOWN), Cell(UNKNOWN)]
            continue
        share = f"{row.top_1:.0%}".replace("%", " %") if row.top_1 >= 0 else UNKNOWN
        cells.append(Cell(SHORT[row.verdict], verdict.COLOURS[row.verdict]))
        cells.append(Cell(share, FOUND if row.found else PLAIN))
    return cells


def _below(table: Frame, measures: Sequence[str]) -> dict[str, list[Cell]]:
    """Return the counts of each measure by their words, and how its order compares with nats."""
    answers = _once(table)
    leaks, quiet = answers[answers["leaks"]], answers[~answers["leaks"]]
    counted = {
        "calls hidden, of leaks": (leaks, HIDDEN),
        "calls hidden, of re-identified": (leaks[leaks["found_anywhere"]], HIDDEN),
        "calls visible, of none found": (quiet, VISIBLE),
    }
    rows = {}
    for words, (part, answer) in counted.items():
        sizes = part["measure"].value_counts()
        sums = part.loc[part["says"] == answer, "measure"].value_counts()
        rows[words] = [Cell(f"{sums.get(name, 0)} of {sizes.get(name, 0)}") for name in measures]
    first = table[table["representation"] == table["representation"].iloc[0]]
    taus = first.drop_duplicates("measure").set_index("measure")["tau"]
    rows["Kendall's τ with nats"] = [Cell(_tau(taus[name])) for name in measures]
    return rows


def _tau(value: float) -> str:
    # A minus sign, not a hyphen.
    return UNKNOWN if value != value else f"{value:.2f}".replace("-", "\u2212")


def _page(width: float, height: float) -> tuple[Axes, Canvas]:
    """Return an axis in inches, from the upper left corner, with room for a title."""
    size = width + 2 * MARGIN, height + TITLE + MARGIN
    figure, (axis,) = style.panels(1, *size)
    figure.set_layout_engine("none")
    axis.set_position((MARGIN / size[0], MARGIN / size[1], width / size[0], height / size[1]))
    axis.set(xlim=(0, width), ylim=(height, 0))
    axis.axis("off")
    return axis, figure


def _heads(axis: Axes, columns: Sequence[Column], labels: Sequence[str], measures: int) -> None:
    """Write the headings, with the name of each representation above its two columns."""
    look: dict[str, Any] = {"fontsize": 7, "fontweight": "bold", "ha": "center", "va": "bottom"}
    for each in columns:
        words = "\n".join(textwrap.fill(line, 11) for line in each.head.split("\n"))
        axis.text(each.left + each.width / 2, LABEL + HEAD - 0.05, words, **look)
    for label, first in zip(labels, columns[measures::2], strict=True):
        middle = first.left + (VERDICT + SHARE) / 2
        axis.text(middle, LABEL, textwrap.fill(label, 24), **look)
    axis.text(0, LABEL + HEAD - 0.05, "scheme and level", **look | {"ha": "left"})


def _row(axis: Axes, top: float, columns: Sequence[Column], cells: Sequence[Cell]) -> None:
    """Draw the cells of a row, from the first column on."""
    for column, cell in zip(columns, cells, strict=False):
        _cell(axis, column.left, top, column.width, cell)


def _cell(axis: Axes, left: float, top: float, width: float, cell: Cell) -> None:
    from matplotlib.patches import Rectangle

    look: dict[str, Any] = {"facecolor": cell.colour, "edgecolor": "0.8", "lw": 0.5}
    axis.add_patch(Rectangle((left, top), width, ROW, **look))
    strong = cell.colour == FOUND
    words: dict[str, Any] = {"color": "white" if strong else "black", "fontsize": 7.5}
    words |= {"fontweight": "bold" if strong else "normal", "ha": "center", "va": "center"}
    axis.text(left + width / 2, top + ROW / 2, cell.text, **words)


def _legend(axis: Axes) -> None:
    """Explain the colours of the cells of measures, below the grid."""
    from matplotlib.patches import Patch

    meanings = {
        FOUND: "measure: hidden, but views are re-identified; top 1: above guessing",
        MISSED: "measure: hidden, but the verdict is a leak",
        RIGHT: "measure: hidden, and nothing is found",
    }
    handles = [Patch(fc=colour, ec="0.8", label=text) for colour, text in meanings.items()]
    axis.legend(handles=handles, loc="lower left", frameon=False, fontsize=7.5, borderpad=0)
