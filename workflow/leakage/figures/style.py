"""How all figures look: one theme, colours that the colour-blind can tell apart, one way to save.

matplotlib and seaborn are imported inside the functions: the figures' modules are read at every
parse of the Snakefile, which draws nothing.
"""

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from leakage.analysis.tables import LEVEL, Table, read
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
BITS_PER_NAT = 1 / np.log(2)


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
