"""The look of all figures: one theme, a palette for the colour-blind, and one way to save them.

A figure depends on its tables only. The theme starts from matplotlib's own defaults, so a user's
matplotlibrc, style sheet, backend or fonts change nothing, and the caller's settings come back.

matplotlib and seaborn are imported inside functions, because Snakemake imports the modules of the
figures at every start and draws nothing then.
"""

import contextlib
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from leakage.analysis.tables import BITS_PER_NAT, LEVEL, Table, read
from leakage.interfaces import Axes, Bytes, Canvas, Frame
from leakage.storage import files

__all__ = ["BITS_PER_NAT", "LEVEL", "Table", "band", "colours", "level_colours", "level_label"]
__all__ += ["panels", "read", "save", "set_title", "show", "theme"]

# The colour of values that carry no weight.
GREY = "0.55"
# Pixels a side of a picture in a figure.
MOST_SHOWN = 320
# Words that stay on one line of a title: `at n = 0 held out`, `95 %`.
TOGETHER = r"(at )?n = \S+( held out)?|\d %"
# Characters per inch in the title of a figure, which is larger, and of an axis.
OVER_ALL, OVER_AXIS = 11.5, 12.8


def level_label(tables: Mapping[str, Table]) -> str:
    """Return the label of the level axis, of tables of one scheme."""
    return next(iter(tables.values())).level_label


@contextlib.contextmanager
def theme() -> Iterator[None]:
    """Draw in the theme of all figures within a block, then restore the caller's settings.

    `Figure.draw`, `panels` and `save` enter it by themselves.
    """
    import matplotlib
    import matplotlib.colors
    import seaborn as sns

    converter = matplotlib.colors.colorConverter
    letters = dict(converter.colors)
    # The font comes with matplotlib. seaborn prefers Arial, which only some machines have.
    font = {"font.sans-serif": ["DejaVu Sans"]}
    try:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            sns.set_theme(context="paper", style="ticks", palette="colorblind", rc=font)
            yield
    finally:
        # The theme also gives the colours `b`, `g`, `r`, … of its palette.
        converter.colors.update(letters)
        converter.cache.clear()


@theme()
def panels(
    count: int = 1, width: float = 6.0, height: float = 4.2, rows: int = 1
) -> tuple[Canvas, list[Axes]]:
    """Return a figure with `count` axes of width x height inches, in the theme of all figures."""
    import seaborn as sns
    from matplotlib.figure import Figure

    columns = count // rows
    # Without pyplot, which needs a backend and keeps every figure open.
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    flat: list[Axes] = np.ravel(figure.subplots(rows, columns)).tolist()
    for axis in flat:
        sns.despine(ax=axis)
        axis.grid(True, axis="y", alpha=0.3)
    return figure, flat


def set_title(where: "Canvas | Axes", text: str) -> None:
    """Write a title above a figure or an axis, with each line wrapped to its width."""
    from matplotlib.figure import Figure

    write: Callable[[str], object]
    if isinstance(where, Figure):
        room, write = OVER_ALL * where.get_size_inches()[0], where.suptitle
    else:
        place, figure = where.get_subplotspec(), where.get_figure(root=True)
        assert place is not None and figure is not None
        width = figure.get_size_inches()[0] / place.get_gridspec().ncols
        room, write = OVER_AXIS * width, where.set_title
    text = re.sub(TOGETHER, lambda found: found[0].replace(" ", "\u00a0"), text)
    lines = (textwrap.fill(line, int(room)) for line in text.split("\n"))
    write("\n".join(lines).replace("\u00a0", " "))


def colours(count: int) -> list[tuple[float, float, float]]:
    """Return the first colours of one palette, the same in every figure."""
    import seaborn as sns

    return list(sns.color_palette("colorblind", count))


def level_colours(levels: list[int]) -> dict[int, tuple[float, float, float]]:
    """Return a colour per level, from dark (plain) to light (encrypted)."""
    import seaborn as sns

    return dict(zip(levels, sns.color_palette("viridis", len(levels)), strict=True))


def level_greys(levels: list[int]) -> dict[int, tuple[float, float, float]]:
    """Return a grey per level, from dark (plain) to light, for values that carry no weight."""
    shades = np.linspace(0.3, 0.75, len(levels))
    return {level: (shade, shade, shade) for level, shade in zip(levels, shades, strict=True)}


def band(
    axis: Axes,
    rows: Frame,
    colour: Any,
    label: str,
    x: str = "level",
    y: str = "mean",
    ends: tuple[str, str] = ("low", "high"),
    **style: Any,
) -> None:
    """Draw a curve with its interval as a band, from columns of a table."""
    axis.plot(rows[x], rows[y], color=colour, label=label, **style)
    alpha = 0.1 if colour == GREY else 0.2
    low, high = (rows[end] for end in ends)
    axis.fill_between(rows[x], low, high, color=colour, alpha=alpha, linewidth=0)


def show(axis: Axes, picture: Bytes) -> None:
    """Show a picture, shrunk to at most `MOST_SHOWN` pixels a side, which a PDF would keep."""
    from PIL import Image

    shrunk = Image.fromarray(picture.squeeze(axis=2) if picture.shape[2] == 1 else picture)
    factor = MOST_SHOWN / max(shrunk.size)
    if factor < 1:
        width, height = (max(1, round(factor * side)) for side in shrunk.size)
        shrunk = shrunk.resize((width, height), Image.Resampling.BOX)
    axis.imshow(np.asarray(shrunk), cmap="gray", vmin=0, vmax=255)


@theme()
def save(figure: Canvas, table: Frame, stem: Path, caption: str = "") -> None:
    """Write a figure as `stem`.png and .pdf and the table behind it as .csv, each atomically.

    Both pictures contain the caption, as description and as subject, so that it travels with them.
    """
    # No time stamp: the same tables give the same files.
    inside = {
        "png": {"Software": None, "Description": caption or None},
        "pdf": {"CreationDate": None, "Subject": caption or None},
    }
    for suffix, metadata in inside.items():
        with files.whole_file(f"{stem}.{suffix}") as temporary:
            figure.savefig(temporary, format=suffix, dpi=160, metadata=metadata)
    with files.whole_file(f"{stem}.csv") as temporary:
        table.to_csv(temporary, index=False)


def text_table(
    widths: dict[str, float],
    rows: list[list[str]],
    fills: list[list[str | None]],
    title: str,
) -> Canvas:
    """Return a figure that is a table of texts, each wrapped into its cell."""
    from matplotlib.patches import Rectangle

    # In inches at 9 points: a character (a wide average), a line, and the margin in a cell.
    character, line, margin = 0.07, 0.165, 0.08
    spaces = list(widths.values())
    edges = np.concatenate([[0], np.cumsum(spaces)])
    body = [
        [
            _wrapped(text, int((space - 2 * margin) / character))
            for text, space in zip(row, spaces, strict=True)
        ]
        for row in rows
    ]
    texts = [list(widths), *body]
    heights = [max(text.count("\n") + 1 for text in row) * line + 2 * margin for row in texts]
    tops = np.concatenate([[0], np.cumsum(heights)])
    above = 0.3 + 0.2 * title.count("\n")
    size = edges[-1] + 0.2, tops[-1] + above + 0.1
    figure, (axis,) = panels(1, *size)
    figure.set_layout_engine("none")
    axis.set_position((0.1 / size[0], 0.1 / size[1], edges[-1] / size[0], tops[-1] / size[1]))
    axis.set(xlim=(0, edges[-1]), ylim=(tops[-1], 0))
    axis.axis("off")
    for place, row in enumerate(texts):
        axis.axhline(tops[place], color="0.6", lw=0.6)
        for column, text in enumerate(row):
            if place and (colour := fills[place - 1][column]):
                corner = edges[column], tops[place]
                axis.add_patch(Rectangle(corner, spaces[column], heights[place], color=colour))
            weight = "normal" if place else "bold"
            at = edges[column] + margin, tops[place] + margin
            axis.text(*at, text, va="top", fontsize=9, fontweight=weight, linespacing=1.2)
    axis.axhline(tops[-1], color="0.6", lw=0.6, clip_on=False)
    axis.set_title(title, loc="left", fontsize=10.5)
    return figure


def _wrapped(text: str, width: int) -> str:
    """Wrap each line of a text; the continuation of a line is indented."""
    lines = text.split("\n")
    indent = "  " if len(lines) > 1 else ""
    return "\n".join(textwrap.fill(each, width, subsequent_indent=indent) for each in lines)
