"""MINE over epochs, one curve per level: Figures 4, 5 and 7, and any other representation."""

from typing import TYPE_CHECKING, Any

from leakage.figures import style
from leakage.figures.fig2 import is_exact

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "MINE over epochs"
PER_REPRESENTATION = True
SIDES = {"train": "training pairs (the paper's way)", "test": "held-out pairs"}
# Held-out values below this share of the largest one are cut off: a critic that has learned its
# training pairs by heart can fall without end, and would flatten everything else.
LOWEST = -0.5


def tables(config: Any, representation: str = "") -> dict[str, tuple[str, str]]:
    """Return MINE on one representation."""
    return {"mine": ("mine", representation)}


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
    exact = exact_values(tables)
    table["exact_nats"] = table["level"].map(exact) if exact else float("nan")
    figure, axes = style.panels(2, 5.2)
    colours = style.level_colours(sorted(table["level"].unique()))
    for axis, (split, title) in zip(axes, SIDES.items(), strict=True):
        for level, part in table[table["split"] == split].groupby("level"):
            style.band(
                axis,
                part["epoch"],
                part["nats"],
                part["low"],
                part["high"],
                colours[level],
                f"n = {level}",
            )
            if exact:
                axis.axhline(exact[level], color=colours[level], ls="--", lw=0.8)
        axis.set(xlabel="epoch", ylabel="Donsker-Varadhan value (nats)")
        tops = exact.values() if exact else [0.0]
        axis.set_title(title + cut_below(axis, table[table["split"] == split], max(tops)))
    handles, labels = axes[0].get_legend_handles_labels()
    if exact:
        handles.append(axes[0].axhline(float("nan"), color="0.3", ls="--", lw=0.8))
        labels.append(exact_label(tables))
    figure.legend(handles, labels, loc="outside right center", frameon=False)
    seeds = mine.rows["seed"].nunique()
    how = f", critic reads {mine.metadata['settings']['pixels']['input']}s" if exact else ""
    under = f" under {mine.scheme}" if mine.scheme else ""
    figure.suptitle(f"MINE on {encoder}{under}{how} (mean and range of {seeds} seeds)")
    return figure, table


def numbers(table: "pd.DataFrame") -> dict[str, Any]:
    """Return what the caption says: epochs, and the largest values after the last one."""
    last = table[table["epoch"] == table["epoch"].max()]
    found: dict[str, Any] = {"encoder": table["encoder"].iloc[0]}
    found |= {"epochs": int(table["epoch"].max()), "levels": table["level"].nunique()}
    for split in SIDES:
        part = last[last["split"] == split].set_index("level")["nats"].dropna()
        found[split] = part.max()
        found[f"{split}_level"] = part.idxmax() if len(part) else "no level"
    return found | {"exact": table["exact_nats"].max()}


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


def cut_below(axis: Any, table: "pd.DataFrame", top: float) -> str:
    """Limit an axis from below where values lie far under zero, and return words that say so."""
    low, high = table["low"].min(), max(table["high"].max(), top)
    floor = LOWEST * max(high, 0.1)
    if low >= floor:
        return ""
    axis.set_ylim(floor, max(high, 0.1) * 1.05)
    return f"\n(cut: they fall to {low:,.1f})" if low > -1e5 else f"\n(cut: they fall to {low:.0e})"
