"""How all figures look: one theme, colours that the colour-blind can tell apart, one way to save.

matplotlib and seaborn are imported inside the functions: the figures' modules are read at every
parse of the Snakefile, which draws nothing.
"""

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from leakage.analysis.tables import BITS_PER_NAT, LEVEL, Table, read
from leakage.storage import files

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["BITS_PER_NAT", "LEVEL", "Table", "band", "colours", "level_colours", "level_label"]
__all__ += ["panels", "read", "save", "set_title"]

# Of curves that carry no weight.
GREY = "0.55"
# What stays on one line of a title: `at n = 0 held out`, `95 %`.
TOGETHER = r"(at )?n = \S+( held out)?|\d %"
# Characters per inch of a title over a figure, which is larger, and over an axis.
OVER_ALL, OVER_AXIS = 11.5, 12.8


def level_label(tables: dict[str, Table]) -> str:
    """Return what a level counts in the tables of a figure, which are of one scheme."""
    return next(iter(tables.values())).level_label


def panels(
    count: int = 1, width: float = 6.0, height: float = 4.2, rows: int = 1
) -> "tuple[Figure, list[Axes]]":
    """Return a figure with `count` axes (full rows of them), in the theme of all figures.

    Args:
        count: of axes, a multiple of `rows`.
        width: of one of them, in inches.
        height: of one of them, in inches.
        rows: that they stand in, one below the other.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    sns.set_theme(context="paper", style="ticks", palette="colorblind")
    columns = count // rows
    size = (width * columns, height * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained")
    axes = np.ravel(axes).tolist()
    for axis in axes:
        sns.despine(ax=axis)
        axis.grid(True, axis="y", alpha=0.3)
    return figure, axes


def set_title(where: "Figure | Axes", text: str) -> None:
    """Write a title above a figure or an axis, each line wrapped to its width."""
    from matplotlib.figure import Figure

    over_all = isinstance(where, Figure)
    width = (where if over_all else where.figure).get_size_inches()[0]
    if not over_all:
        width /= where.get_subplotspec().get_gridspec().ncols
    text = re.sub(TOGETHER, lambda found: found[0].replace(" ", "\u00a0"), text)
    room = int(width * (OVER_ALL if over_all else OVER_AXIS))
    lines = (textwrap.fill(line, room) for line in text.split("\n"))
    wrapped = "\n".join(lines).replace("\u00a0", " ")
    (where.suptitle if over_all else where.set_title)(wrapped)


def colours(count: int) -> list[tuple[float, float, float]]:
    """Return `count` distinct colours of one set, the same in every figure."""
    import seaborn as sns

    return sns.color_palette("colorblind", count)


def level_colours(levels: list[int]) -> dict[int, tuple[float, float, float]]:
    """Return a colour per level, from dark (plain) to light (encrypted)."""
    import seaborn as sns

    return dict(zip(levels, sns.color_palette("viridis", len(levels)), strict=True))


def level_greys(levels: list[int]) -> dict[int, tuple[float, float, float]]:
    """Return a grey per level, from dark (plain) to light, for values that carry no weight."""
    shades = np.linspace(0.3, 0.75, len(levels))
    return {level: (shade, shade, shade) for level, shade in zip(levels, shades, strict=True)}


def band(
    axis: "Axes", x: Any, middle: Any, low: Any, high: Any, colour: Any, label: str, **style: Any
) -> None:
    """Draw a curve with its interval as a band."""
    axis.plot(x, middle, color=colour, label=label, **style)
    alpha = 0.1 if colour == GREY else 0.2
    axis.fill_between(x, low, high, color=colour, alpha=alpha, linewidth=0)


def save(figure: "Figure", table: "pd.DataFrame", stem: Path, caption: str = "") -> None:
    """Write a figure as `stem`.png and .pdf and what it drew as .csv, each whole or not at all.

    The caption goes along inside both pictures, as description and as subject: a figure that is
    passed on still says what it shows.
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
) -> "Figure":
    """Return a figure that is a table to read: every text wrapped into its cell.

    Args:
        widths: of the columns in inches, by their heads.
        rows: texts; a newline starts a new line of its own.
        fills: the colour behind each text, or None.
        title: above the table.
    """
    from matplotlib.patches import Rectangle

    # In inches at 9 points: a character (a wide one, on average), a line, and the air in a cell.
    character, line, air = 0.07, 0.165, 0.08
    spaces = list(widths.values())
    edges = np.concatenate([[0], np.cumsum(spaces)])
    body = [
        [
            _wrapped(text, int((space - 2 * air) / character))
            for text, space in zip(row, spaces, strict=True)
        ]
        for row in rows
    ]
    texts = [list(widths), *body]
    heights = [max(text.count("\n") + 1 for text in row) * line + 2 * air for row in texts]
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
            at = edges[column] + air, tops[place] + air
            axis.text(*at, text, va="top", fontsize=9, fontweight=weight, linespacing=1.2)
    axis.axhline(tops[-1], color="0.6", lw=0.6, clip_on=False)
    axis.set_title(title, loc="left", fontsize=10.5)
    return figure


def _wrapped(text: str, width: int) -> str:
    """Wrap each line of a text on its own; what a line goes on with is set in."""
    import textwrap

    lines = text.split("\n")
    indent = "  " if len(lines) > 1 else ""
    return "\n".join(textwrap.fill(each, width, subsequent_indent=indent) for each in lines)
