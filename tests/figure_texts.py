"""Find texts that are cut at the edge of a figure, and labels that overlap."""

import itertools

from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

# Pixels that a text may exceed the edge by, for antialiasing.
SLACK = 1.0


def cut(figure: Figure) -> list[str]:
    """Return the texts that are not completely inside the figure."""
    figure.draw_without_rendering()
    outer = figure.bbox
    return [
        text.get_text()
        for text in shown(figure)
        if (box := text.get_window_extent()).x0 < outer.x0 - SLACK
        or box.y0 < outer.y0 - SLACK
        or box.x1 > outer.x1 + SLACK
        or box.y1 > outer.y1 + SLACK
    ]


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Return the pairs of overlapping labels: ticks of one axis, and titles."""
    figure.draw_without_rendering()
    groups = [ticks for axes in figure.axes for ticks in tick_labels(axes)]
    groups.append([text for axes in figure.axes for text in titles(axes)])
    groups[-1] += [text for text in figure.texts if is_shown(text)]
    return [
        (one.get_text(), other.get_text())
        for group in groups
        for one, other in itertools.combinations(group, 2)
        if overlap(one.get_window_extent(), other.get_window_extent())
    ]


def shown(figure: Figure) -> list[Text]:
    """Return the visible texts, without those of an axis that is switched off."""
    hidden = {
        id(text)
        for axes in figure.axes
        if not axes.axison
        for axis in (axes.xaxis, axes.yaxis)
        for text in axis.findobj(Text)
    }
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            ticks = {id(text) for text in axis.get_ticklabels(which="both")}
            seen = {id(text) for text in within(axis)}
            hidden |= ticks - seen
    return [text for text in figure.findobj(Text) if is_shown(text) and id(text) not in hidden]


def tick_labels(axes) -> list[list[Text]]:
    """Return the labels of both axes with ticks in view."""
    return [within(axis) for axis in (axes.xaxis, axes.yaxis)] if axes.axison else []


def within(axis) -> list[Text]:
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [tick.label1 for tick in ticks if is_shown(tick.label1)]


def titles(axes) -> list[Text]:
    return [text for text in (axes.title, axes._left_title, axes._right_title) if is_shown(text)]


def is_shown(text: Text) -> bool:
    return text.get_visible() and bool(text.get_text().strip())


def overlap(one: Bbox, other: Bbox) -> bool:
    """Return whether two boxes share more than their edges."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return width > SLACK and height > SLACK
