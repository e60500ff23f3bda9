"""Find texts that are cut at the edge of a figure, and labels that overlap."""

import itertools

from matplotlib.figure import Figure
from matplotlib.text import Text

# Pixels that a text may exceed the edge by, for antialiasing.
SLACK = 1.0


def cut(figure: Figure) -> list[str]:
    """Return the texts that are not completely inside the figure."""
    figure.draw_without_rendering()
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown(figure)]
    room = figure.bbox.padded(SLACK)
    return [
        text for text, box in boxes if not (room.contains(*box.min) and room.contains(*box.max))
    ]


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Return the pairs of overlapping labels: ticks of one axis, and titles."""
    figure.draw_without_rendering()
    groups = [within(axis) for axes in figure.axes if axes.axison for axis in both(axes)]
    titles = [(axes.title, axes._left_title, axes._right_title) for axes in figure.axes]
    groups.append(list(filter(is_shown, [*itertools.chain(*titles), *figure.texts])))
    return [
        (one.get_text(), other.get_text())
        for group in groups
        for one, other in itertools.combinations(group, 2)
        # Texts that only touch do not overlap.
        if one.get_window_extent().padded(-SLACK).overlaps(other.get_window_extent())
    ]


def shown(figure: Figure) -> list[Text]:
    """Return the visible texts, without those of an axis that is switched off."""
    hidden = set()
    for axis in (axis for axes in figure.axes for axis in both(axes)):
        texts = axis.get_ticklabels(which="both") if axis.axes.axison else axis.findobj(Text)
        seen = within(axis) if axis.axes.axison else []
        hidden |= set(map(id, texts)) - set(map(id, seen))
    return [text for text in figure.findobj(Text) if is_shown(text) and id(text) not in hidden]


def both(axes) -> tuple:
    return axes.xaxis, axes.yaxis


def within(axis) -> list[Text]:
    """Return the tick labels of the part of an axis that is drawn."""
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [tick.label1 for tick in ticks if is_shown(tick.label1)]


def is_shown(text: Text) -> bool:
    return text.get_visible() and bool(text.get_text().strip())
