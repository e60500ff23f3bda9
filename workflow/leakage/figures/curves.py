"""Held-out values against the level: what the figures beyond the paper share."""

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from leakage import captions
from leakage.analysis import enough
from leakage.figures import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NATS = "held-out mutual information (nats)"
# How a figure says that a grey curve carries no weight.
TOO_FEW = "too few pictures to train on"
LOWER_BOUND = "at its ceiling: at least this much"
# An axis is cut only where values fall further below zero than this many times the largest one: a
# critic that has learned its training pairs by heart can fall without end, and flatten the rest.
LOWEST = -1.5
# None is an upward triangle, which marks values at their ceiling.
MARKERS = "osDvPX<>dp"


def looks(names: Sequence[str]) -> dict[str, tuple[Any, str]]:
    """Return a colour and a marker for each of some names, the same in every figure of them."""
    markers = itertools.cycle(MARKERS)
    return {
        name: (colour, marker)
        for name, colour, marker in zip(names, style.colours(len(names)), markers, strict=False)
    }


def colour(table: style.Table, own: Any) -> Any:
    """Return the colour of an estimate's curve: grey if it has too few pictures."""
    return own if enough.carries_weight(table) else style.GREY


def too_few(tables: Iterable[style.Table]) -> str:
    """Return a line of the title that says what the grey curves are, or nothing."""
    return shortages(map(enough.shortage, tables))


def shortages(reasons: Iterable[str]) -> str:
    """Return the same line from the reasons; empty ones do not count."""
    found = dict.fromkeys(filter(None, reasons))
    if not found:
        return ""
    return f"\ngrey: {TOO_FEW} ({'; '.join(found)}), carries no weight"


def too_few_sentence(table: "pd.DataFrame") -> str:
    """Return a further sentence of the caption on curves that carry no weight, or nothing."""
    if "carries_weight" not in table or table["carries_weight"].all():
        return ""
    return (
        " Grey values have too few pictures to train on and carry no weight: on so few held-out "
        "pictures even a perfect critic cannot be told from chance. The exact tests of the verdict "
        "stay valid."
    )


def interval(table: style.Table) -> str:
    """Return the words for a band, say `95 % interval over pictures`."""
    return f"{table.metadata['settings'].get('confidence', 0.95):.0%}".replace("%", " %") + (
        " interval over pictures"
    )


def pictures(parts: "Iterable[pd.DataFrame]") -> str:
    """Return how many pictures the values are of, in words; tables may differ in it."""
    counts = sorted({int(count) for part in parts for count in part["pictures"].dropna()})
    if not counts:
        return "pictures"
    return f"{' to '.join(map(str, dict.fromkeys([counts[0], counts[-1]])))} pictures"


def levels(values: "Iterable[int]") -> str:
    """Return the distinct levels in words, `n = 0, 1 and 4`."""
    return f"n = {captions.listed(sorted({int(level) for level in values}))}"


def curve(
    axis: "Axes", part: "pd.DataFrame", colour: Any, label: str, size: float = 7, **looks: Any
) -> None:
    """Draw `values` as a curve with its band, open upward triangles where it is at its ceiling."""
    style.band(axis, part["level"], part["mean"], part["low"], part["high"], colour, label, **looks)
    bounded = part[part["at_ceiling"]]
    look = {"mfc": "white", "mec": colour, "mew": 1.4, "ls": "none", "zorder": 4}
    if len(bounded):
        axis.plot(bounded["level"], bounded["mean"], "^", ms=size, label="_at ceiling", **look)


def lower_bound_entry(axis: "Axes", parts: "Iterable[pd.DataFrame]") -> None:
    """Add the legend's entry for the open triangles, if there are any."""
    if any(part["at_ceiling"].any() for part in parts):
        axis.plot([], [], "^", mfc="white", mec="0.3", mew=1.4, ms=7, ls="none", label=LOWER_BOUND)


def against_level(axis: "Axes", levels: Iterable[int], unit: str, label: str) -> None:
    """Label an axis whose x is the level, with a tick at each."""
    axis.set(xlabel=label, ylabel=unit)
    axis.set_xticks(sorted({int(level) for level in levels}))


def legend_below(figure: "Figure", axis: "Axes", columns: int = 0) -> None:
    """Put one axis' legend below all axes, where it hides nothing."""
    handles, labels = axis.get_legend_handles_labels()
    columns = columns or (2 if len(labels) == 4 else 3)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def cut(axis: "Axes", table: "pd.DataFrame", columns: Iterable[str] = ("mean", "low")) -> str:
    """Cut an axis far below zero, as `epochs.cut_below` does, and return words that say so."""
    low = table[[name for name in columns if name in table]].min(axis=1)
    high = table[["mean", "high"]].max(axis=1)
    return cut_below(axis, table.assign(low=low, high=high), 0.0)


def cut_below(axis: Any, table: "pd.DataFrame", top: float) -> str:
    """Limit an axis from below where values lie far under zero, and return words that say so."""
    low, high = table["low"].min(), max(table["high"].max(), top)
    floor = LOWEST * max(high, 0.1)
    if not low < floor:
        return ""
    axis.set_ylim(floor, max(high, 0.1) * 1.05)
    return f"\n(cut: they fall to {low:,.1f})" if low > -1e5 else f"\n(cut: they fall to {low:.0e})"
