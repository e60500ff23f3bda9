"""What MINE's training value owes to memory: training against held-out values, by level."""

from typing import TYPE_CHECKING, Any

from leakage.figures import curves, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Training against held-out values"
PER_REPRESENTATION = True
SERIES = {
    "train": "training pairs, last epoch (the paper's number)",
    "single_split": "MINE's own held-out value, single split",
    "cross_fitted": "held-out estimate, cross-fitted",
    "floor": "its floor: trained on mismatched pictures",
}
LOOKS: dict[str, dict[str, Any]] = {
    "train": {"marker": "o"},
    "single_split": {"marker": "s", "ls": "-."},
    "cross_fitted": {"marker": "D"},
    "floor": {"ls": "--"},
}


def tables(config: Any, representation: str = "") -> dict[str, tuple[str, str]]:
    """Return MINE's training curves and the verdict's held-out estimate on one representation."""
    return {
        "mine": ("mine", representation),
        "held_out": (config.verdict.estimator, representation),
    }


def draw(tables: dict[str, style.Table], name: str) -> "tuple[Figure, pd.DataFrame]":
    """Return all values on one axis, and the held-out ones alone, enlarged."""
    mine, held_out = tables["mine"], tables["held_out"]
    table = behind(mine, held_out)
    figure, axes = style.panels(2, 5.4, 4.8)
    colours = [*style.colours(3), "0.45"]
    looks = dict(zip(SERIES, colours, strict=True))
    titles = {"training and held-out pairs": list(SERIES), "held-out pairs alone": [*SERIES][1:]}
    for axis, (title, shown) in zip(axes, titles.items(), strict=True):
        for series in shown:
            part = table[table["series"] == series]
            label = SERIES[series]
            if series == "cross_fitted":
                label += f" ({curves.methods({'held_out': held_out})['held_out']})"
            curves.curve(axis, part, looks[series], label, **LOOKS[series])
        seen = table[table["series"].isin(shown)]
        axis.axhline(0, color="0.4", lw=0.8, zorder=0)
        curves.against_level(
            axis, table["level"], "mutual information (nats)", style.level_label(tables)
        )
        axis.set_title(title + curves.cut(axis, seen))
    curves.lower_bound_entry(axes[0], [table])
    curves.legend_below(figure, axes[0])
    seeds = mine.rows["seed"].nunique()
    figure.suptitle(
        f"Training against held-out MINE on {mine.label}, {curves.pictures([table])}\n"
        f"(bands: range of {seeds} seeds; cross-fitted: {curves.interval(held_out)})"
    )
    return figure, table


def numbers(table: "pd.DataFrame") -> dict[str, Any]:
    """Return what the caption says: where training and cross-fitted values differ the most."""
    means = table.pivot_table(index="level", columns="series", values="mean")
    means = means.reindex(columns=list(SERIES)).dropna(subset=["train", "cross_fitted"])
    if not len(means):
        return {"level": "no level", "train": float("nan"), "held_out": float("nan")}
    level = (means["train"] - means["cross_fitted"]).abs().idxmax()
    train, held_out = means.loc[level, ["train", "cross_fitted"]]
    return {"level": level, "train": train, "held_out": held_out}


def behind(mine: style.Table, held_out: style.Table) -> "pd.DataFrame":
    """Return `mean`, `low`, `high` in nats per series and level; MINE's are over its seeds."""
    import pandas as pd

    train = mine.rows[mine.rows["split"] == "train"]
    fitted = curves.values(held_out)
    floor = fitted[["level", "pictures"]].assign(mean=fitted["floor"])
    parts = {
        "train": _over_seeds(train[train["step"] == train["step"].max()]),
        "single_split": _over_seeds(mine.answer),
        "cross_fitted": fitted.drop(columns=["floor", "chance"]),
        "floor": floor.assign(low=floor["mean"], high=floor["mean"]),
    }
    table = pd.concat(
        [part.assign(series=series) for series, part in parts.items()], ignore_index=True
    )
    return table.assign(at_ceiling=table["at_ceiling"].fillna(False).astype(bool))


def _over_seeds(rows: "pd.DataFrame") -> "pd.DataFrame":
    return rows.groupby("level")["nats"].agg(mean="mean", low="min", high="max").reset_index()
