"""Curves of held-out values against the level, for the figures beyond the paper."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from leakage.analysis import enough
from leakage.figures import style
from leakage.interfaces import Axes, Canvas, Frame

NATS = "held-out mutual information (nats)"
TOO_FEW = "too few pictures to train on"
LOWER_BOUND = "at its ceiling: at least this much"
# An axis is cut if values fall below this many times the largest one. The held-out value of a
# critic that memorises its training pairs can fall without end, which would flatten other curves.
LOWEST = -1.5
# Without the upward triangle, which marks values at their ceiling.
MARKERS = "osDvPX<>dp"


def looks(names: Sequence[str]) -> dict[str, tuple[Any, str]]:
    """Return a colour and a marker for each name."""
    pairs = zip(style.colours(len(names)), itertools.cycle(MARKERS), strict=False)
    return dict(zip(names, pairs, strict=False))


def colour(table: style.Table, own: Any) -> Any:
    """Return the colour of an estimate's curve: grey if it has too few pictures."""
    return own if enough.carries_weight(table) else style.GREY


def too_few(tables: Iterable[style.Table]) -> str:
    """Return a line for the title that explains the grey curves, or nothing."""
    return shortages(map(enough.shortage, tables))


def shortages(reasons: Iterable[str]) -> str:
    """Return the same line from the reasons; empty ones do not count."""
    found = dict.fromkeys(filter(None, reasons))
    if not found:
        return ""
    return f"\ngrey: {TOO_FEW} ({'; '.join(found)}), carries no weight"


def too_few_sentence(table: Frame) -> str:
    """Return a sentence for the caption on values that carry no weight, or nothing."""
    if "carries_weight" not in table or table["carries_weight"].all():
        return ""
    return (
        " Grey values have too few pictures to train on and carry no weight: on so few held-out "
        "pictures even a perfect critic cannot be told from chance. The exact tests of the verdict "
        "stay valid."
    )


def interval(table: style.Table) -> str:
    """Return the meaning of a band, say `95 % interval over pictures`."""
    return f"{table.metadata['settings'].get('confidence', 0.95):.0%}".replace("%", " %") + (
        " interval over pictures"
    )


def pictures(parts: Iterable[Frame]) -> str:
    """Return the number of pictures behind the values, in words, or its range."""
    counts = sorted({int(count) for part in parts for count in part["pictures"].dropna()})
    if not counts:
        return "pictures"
    return f"{' to '.join(map(str, dict.fromkeys([counts[0], counts[-1]])))} pictures"


def curve(axis: Axes, part: Frame, colour: Any, label: str, size: float = 7, **looks: Any) -> None:
    """Draw values with their band, and an open upward triangle where they are at their ceiling."""
    style.band(axis, part, colour, label, **looks)
    bounded = part[part["at_ceiling"]]
    look = {"mfc": "white", "mec": colour, "mew": 1.4, "ls": "none", "zorder": 4}
    if len(bounded):
        axis.plot(bounded["level"], bounded["mean"], "^", ms=size, label="_at ceiling", **look)


def lower_bound_entry(axis: Axes, parts: Iterable[Frame]) -> None:
    """Add the entry for the open triangles to the legend, if there are any."""
    if any(part["at_ceiling"].any() for part in parts):
        axis.plot([], [], "^", mfc="white", mec="0.3", mew=1.4, ms=7, ls="none", label=LOWER_BOUND)


def against_level(axis: Axes, levels: Iterable[int], unit: str, label: str) -> None:
    """Label an axis with the level as x, and put a tick at each level."""
    axis.set(xlabel=label, ylabel=unit)
    axis.set_xticks(sorted({int(level) for level in levels}))


def legend_below(figure: Canvas, axis: Axes, columns: int = 0) -> None:
    """Put the legend of one axis below all axes."""
    handles, labels = axis.get_legend_handles_labels()
    columns = columns or (2 if len(labels) == 4 else 3)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def cut(axis: Axes, table: Frame, columns: Iterable[str] = ("mean", "low")) -> str:
    """Cut an axis far below zero, as `cut_below` does, and return a note for the title."""
    low = table[[name for name in columns if name in table]].min(axis=1)
    high = table[["mean", "high"]].max(axis=1)
    return cut_below(axis, table.assign(low=low, high=high), 0.0)


def cut_below(axis: Any, table: Frame, top: float) -> str:
    """Limit an axis if values lie far below zero, and return a note for the title, or nothing."""
    low, high = table["low"].min(), max(table["high"].max(), top)
    floor = LOWEST * max(high, 0.1)
    if not low < floor:
        return ""
    axis.set_ylim(floor, max(high, 0.1) * 1.05)
    return f"\n(cut: they fall to {low:,.1f})" if low > -1e5 else f"\n(cut: they fall to {low:.0e})"
