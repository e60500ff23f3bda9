"""Memorisation: MINE's training values against held-out values, by level."""

from typing import Any

import numpy as np

from leakage import captions
from leakage.analysis import comparisons, enough
from leakage.figures import Figure, curves, style
from leakage.interfaces import Canvas, Configuration, Frame, Wanted

SERIES = {
    "train": "training pairs, as in the paper",
    "single_split": "MINE on one part of the pictures, held out",
    "cross_fitted": "each picture held out once",
    "floor": "the same, trained on mismatched pictures (floor)",
}
LOOKS: dict[str, dict[str, Any]] = {
    "train": {"marker": "o"},
    "single_split": {"marker": "s", "ls": "-."},
    "cross_fitted": {"marker": "D"},
    "floor": {"ls": "--"},
}


class Memorisation(Figure):
    """MINE's training values beside held-out ones, on one representation."""

    title = "Training against held-out values"
    caption = """
        MINE's value on its training pairs, as in the paper, beside values on pairs of pictures that
        no critic saw, on one representation. They differ the most at n = {level}: {train:.2f} nats
        on training pairs and {held_out:.2f} held out. The difference is not evidence of leakage,
        because a critic can memorise its training pairs. The right panel shows the held-out values
        alone.{few}
    """
    per_representation = True

    def tables(self, config: Configuration, representation: str = "") -> dict[str, Wanted]:
        """Return MINE's training curves and the verdict's held-out estimate."""
        return {
            "mine": Wanted(config.paper.training, representation),
            "held_out": Wanted(config.verdict.estimator, representation),
        }

    def draw(self, tables: dict[str, style.Table]) -> tuple[Canvas, Frame]:
        """Return all values on one axis, and the held-out ones alone, enlarged."""
        mine, held_out = tables["mine"], tables["held_out"]
        table = comparisons.memorisation(mine, held_out)
        figure, axes = style.panels(2, 5.4, 4.8)
        blue, orange, green = style.colours(3)
        looks = {"train": blue, "single_split": curves.colour(mine, orange)}
        looks |= {"cross_fitted": curves.colour(held_out, green), "floor": "0.45"}
        titles = {
            "training and held-out pairs": list(SERIES),
            "held-out pairs alone, on their own scale": [*SERIES][1:],
        }
        for axis, (title, shown) in zip(axes, titles.items(), strict=True):
            for series in shown:
                part = table[table["series"] == series]
                label = SERIES[series]
                if series == "cross_fitted":
                    label += f" ({comparisons.methods({'held_out': held_out})['held_out']})"
                curves.curve(axis, part, looks[series], label, **LOOKS[series])
            seen = table[table["series"].isin(shown)]
            axis.axhline(0, color="0.4", lw=0.8, zorder=0)
            curves.against_level(
                axis, table["level"], "mutual information (nats)", style.level_label(tables)
            )
            style.set_title(axis, title + curves.cut(axis, seen))
        curves.lower_bound_entry(axes[0], [table])
        curves.legend_below(figure, axes[0])
        seeds = mine.rows["seed"].nunique()
        said = self.numbers(table)
        held = f", {captions.number(said['held_out'], '.2f')} held out"
        held = held if enough.carries_weight(held_out) else ""
        train = captions.number(said["train"], ".2f")
        style.set_title(
            figure,
            f"MINE at n = {said['level']}: {train} nats on its training pairs{held}\n"
            f"{mine.label}, {curves.pictures([table])}{curves.too_few([held_out])}\n"
            f"bands: range of {seeds} training runs; of pictures held out once, "
            f"{curves.interval(held_out)}",
        )
        return figure, table

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return the level at which training and held-out values differ the most."""
        few = curves.too_few_sentence(table)
        means = table.pivot_table(index="level", columns="series", values="mean")
        means = means.reindex(columns=list(SERIES)).dropna(subset=["train", "cross_fitted"])
        if not len(means):
            return {"level": "no level", "train": np.nan, "held_out": np.nan, "few": few}
        level: Any = (means["train"] - means["cross_fitted"]).abs().idxmax()
        train, held_out = means.loc[level, ["train", "cross_fitted"]]
        return {"level": level, "train": train, "held_out": held_out, "few": few}
