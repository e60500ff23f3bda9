"""Re-identification: the share of held-out views whose own picture is found, against the level."""

from typing import TYPE_CHECKING, Any

from leakage.errors import LeakageError
from leakage.figures import curves, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Is the right picture found?"
STATISTICS = {
    "top 1": "found at the first place (top 1)",
    "top 5": "found among the first five (top 5)",
}


def tables(config: Any, representation: str = "") -> dict[str, tuple[str, str]]:
    """Return re-identification on every representation but pixels, which show no single picture."""
    return {key: ("reidentification", key) for key in config.representations if key != "pixels"}


def draw(tables: dict[str, style.Table], name: str) -> "tuple[Figure, pd.DataFrame]":
    """Return the shares of the first and of the first five places, and what guessing finds."""
    if not tables:
        raise LeakageError(
            "representations: no encoder given; name one there, or take reidentification out of "
            "figures"
        )
    table = behind(tables)
    figure, axes = style.panels(2, 5.4, 4.8)
    colours = style.colours(len(tables))
    for axis, (statistic, title) in zip(axes, STATISTICS.items(), strict=True):
        shown = table[table["statistic"] == statistic]
        for index, (role, part) in enumerate(shown.groupby("representation", sort=False)):
            marker = curves.MARKERS[index % len(curves.MARKERS)]
            looks = {"marker": marker, "ms": 4}
            style.band(
                axis,
                *(part[column] for column in ("level", "mean", "low", "high")),
                colours[index],
                tables[role].label,
                **looks,
            )
        chance = shown["chance"].mean()
        axis.axhline(chance, color="0.3", ls="--", lw=1, label="guessing")
        curves.against_level(
            axis, table["level"], "share of held-out views", style.level_label(tables)
        )
        axis.set_ylim(0, 1.02)
        axis.set_title(f"{title}\nguessing finds {chance:.1%}".replace("%", " %"))
    first = next(iter(tables.values()))
    curves.legend_below(figure, axes[0])
    figure.suptitle(
        f"Re-identification of held-out views, {curves.pictures([table])} "
        f"(bands: {curves.interval(first)})"
    )
    return figure, table


def numbers(table: "pd.DataFrame") -> dict[str, Any]:
    """Return what the caption says: the best representation's top 1 at the ends, and chance."""
    first = table[table["statistic"] == "top 1"]
    best = first.groupby("level")["mean"].max()
    return {
        "pictures": curves.pictures([table]),
        "lowest": int(best.index.min()),
        "highest": int(best.index.max()),
        "first": best.iloc[0],
        "last": best.iloc[-1],
        "chance": first["chance"].mean(),
    }


def behind(tables: dict[str, style.Table]) -> "pd.DataFrame":
    """Return the shares per representation, statistic and level; chance is the mean over folds."""
    import pandas as pd

    parts = [
        curves.values(table, statistic).assign(
            representation=role, label=table.label, statistic=statistic
        )
        for role, table in tables.items()
        for statistic in STATISTICS
    ]
    return pd.concat(parts, ignore_index=True).drop(columns=["ceiling", "at_ceiling"])
