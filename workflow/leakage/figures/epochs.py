"""MINE over epochs, one curve per level: Figures 4, 5 and 7, and any other representation."""

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from leakage import captions
from leakage.analysis import enough
from leakage.figures import curves, style
from leakage.figures.fig2 import is_exact

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "MINE over epochs"
PER_REPRESENTATION = True
# How a critic reads a pixel, by the setting.
READINGS = {
    "scalar": "a byte as one number",
    "bits": "a byte as eight bits",
    "fourier": "a byte as sines and cosines",
}
SIDES = {"train": "training pairs, as in the paper", "test": "held-out pairs"}


def tables(config: Any, representation: str = "") -> dict[str, tuple[str, str]]:
    """Return MINE on one representation."""
    return {"mine": (config.paper.training, representation)}


def draw(
    tables: dict[str, style.Table], name: str, encoder: str = ""
) -> "tuple[Figure, pd.DataFrame]":
    """Return the value per epoch on training pairs and on held-out ones, side by side.

    Bands span the seeds. Where a table with exact values is given, each level's is a dashed line.

    Args:
        tables: MINE, and the histogram estimate if the exact values are known.
        name: of the figure.
        encoder: words for the encoder; its label if empty.
    """
    mine = tables["mine"]
    encoder = encoder or mine.label
    table = behind(mine.rows).assign(encoder=encoder)
    table["carries_weight"] = (table["split"] == "train") | enough.carries_weight(mine)
    exact = exact_values(tables)
    table["exact_nats"] = table["level"].map(exact) if exact else float("nan")
    figure, axes = style.panels(2, 5.2)
    colours = style.level_colours(sorted(table["level"].unique()))
    held_out = colours
    if shortage := enough.shortage(mine):
        held_out = style.level_greys(list(colours))
    for axis, (split, title) in zip(axes, SIDES.items(), strict=True):
        shades = held_out if split == "test" else colours
        for level, part in table[table["split"] == split].groupby("level"):
            style.band(
                axis,
                part["epoch"],
                part["nats"],
                part["low"],
                part["high"],
                shades[level],
                f"n = {level}",
            )
            if exact:
                axis.axhline(exact[level], color=shades[level], ls="--", lw=0.8)
        axis.set(xlabel="epoch", ylabel="MINE's value (nats)")
        axis.axhline(0, color="0.4", lw=0.8, zorder=0)
        tops = exact.values() if exact else [0.0]
        if split == "test" and shortage:
            title = f"{title}, grey: {curves.TOO_FEW}\n({shortage}), carries no weight"
        style.set_title(
            axis, title + curves.cut_below(axis, table[table["split"] == split], max(tops))
        )
    _share_limits(axes)
    handles, labels = axes[0].get_legend_handles_labels()
    if exact:
        handles.append(axes[0].axhline(float("nan"), color="0.3", ls="--", lw=0.8))
        labels.append(exact_label(tables))
    counted = textwrap.fill(mine.level_label, 20)
    figure.legend(handles, labels, loc="outside right center", frameon=False, title=counted)
    seeds = mine.rows["seed"].nunique()
    how = (
        f", critic reads {READINGS[mine.metadata['settings']['pixels']['input']]}" if exact else ""
    )
    under = f", {mine.scheme}" if mine.scheme else ""
    style.set_title(
        figure, f"{finding(table)}\n{encoder}{under}{how}; mean and range of {seeds} training runs"
    )
    return figure, table


def _share_limits(axes: "list[Axes]") -> None:
    """Give axes that are compared the same limits."""
    limits = np.array([axis.get_ylim() for axis in axes])
    for axis in axes:
        axis.set_ylim(limits[:, 0].min(), limits[:, 1].max())


def finding(table: "pd.DataFrame") -> str:
    """Return the values after the last epoch, at the level with the most on training pairs."""
    said = numbers(table)
    level = said["train_level"]
    if level == "no level":
        return "MINE gives no value"
    last = table[(table["epoch"] == said["epochs"]) & (table["level"] == level)]
    values = last.set_index("split")["nats"]
    train, test = (captions.number(values.get(split, np.nan), ".2f") for split in SIDES)
    words = f"MINE at n = {level}: {train} nats on its training pairs"
    if last.set_index("split")["carries_weight"].get("test", True):
        words += f", {test} held out"
    exact = last["exact_nats"].iloc[0]
    return words + (f", {exact:.2f} counted" if np.isfinite(exact) else "")


def numbers(table: "pd.DataFrame") -> dict[str, Any]:
    """Return what the caption says: epochs, and the largest values after the last one."""
    last = table[table["epoch"] == table["epoch"].max()]
    found: dict[str, Any] = {"encoder": table["encoder"].iloc[0]}
    found |= {"epochs": int(table["epoch"].max()), "levels": table["level"].nunique()}
    for split in SIDES:
        part = last[last["split"] == split].set_index("level")["nats"].dropna()
        found[split] = part.max()
        found[f"{split}_level"] = part.idxmax() if len(part) else "no level"
    few = curves.too_few_sentence(table)
    return found | {"exact": table["exact_nats"].max(), "few": few}


def behind(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return mean, lowest and highest value over the seeds, per split, level and epoch."""
    kept = rows[rows["split"].isin(SIDES)]
    groups = kept.groupby(["split", "level", "step"])["nats"]
    table = groups.agg(nats="mean", low="min", high="max").reset_index()
    return table.rename(columns={"step": "epoch"})


def exact_label(tables: dict[str, style.Table]) -> str:
    """Return what the counted values are called: exact where views are functions of the pixel."""
    table = tables.get("histogram")
    return "exact" if table is not None and is_exact(table.answer).all() else "counted"


def exact_values(tables: dict[str, style.Table]) -> dict[int, float]:
    """Return the exact MI in nats of the pixels of all pictures together, by level, if given."""
    if "histogram" not in tables:
        return {}
    rows = tables["histogram"].rows
    return dict(zip(rows["level"], rows["pooled"], strict=True))
