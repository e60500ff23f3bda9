"""Held-out mutual information by every estimator, against the level, on one representation."""

import itertools
from typing import Any

import numpy as np

from leakage import captions
from leakage.analysis import comparisons
from leakage.analysis.tables import grouped
from leakage.figures import Figure, curves, style
from leakage.interfaces import Axes, Canvas, Configuration, Frame, Wanted

# A ceiling this many times above all values would flatten them, so the legend gives it.
FAR = 2.0
# The dashes of grey curves, in place of colours.
DASHES = ["-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 2))]
# The labels of ceilings nearer to each other than this share of the highest value would overlap.
NEAR = 0.08


class Estimators(Figure):
    """A curve per held-out estimator, on one representation."""

    title = "All estimators, held out"
    caption = """
        Held-out mutual information on one representation against the level, by {estimators}
        estimators with intervals over {pictures}: {lowest_least:.2f} to {lowest_most:.2f} nats at n
        = {lowest}, {highest_least:.2f} to {highest_most:.2f} at n = {highest}. The grey band is the
        floor: the same estimate on mismatched pictures, where nothing leaks. The dashed line is the
        permutation null: the fixed critics on mismatched pictures, which can lie far below zero. No
        value can exceed its dotted ceiling. An open triangle there ({at_ceiling}) means at least
        this much. Just below the ceiling, values from a few dozen pairs are rough.{few}
    """
    per_representation = True

    def tables(self, config: Configuration, representation: str = "") -> dict[str, Wanted]:
        """Return every held-out estimator on one representation."""
        return {key: Wanted(key, representation) for key in config.comparisons.estimators}

    def draw(self, tables: dict[str, style.Table]) -> tuple[Canvas, Frame]:
        """Return the curves with intervals, the floors, the null and the ceilings."""
        table = comparisons.estimators(tables)
        parts = dict(grouped(table, "estimator"))
        first = next(iter(tables.values()))
        figure, (axis,) = style.panels(width=8.0, height=5.2)
        null = parts[next(iter(tables))]
        floors = table.groupby("level")["floor"].agg(["min", "max"]).dropna()
        if len(floors):
            label = "floors (trained on mismatched pictures)"
            look: dict[str, Any] = {"facecolor": "0.8", "edgecolor": "0.6", "alpha": 0.7}
            ends = floors["min"], floors["max"]
            axis.fill_between(floors.index, *ends, label=label, linewidth=0.8, **look)
        if null["null_high"].notna().any():
            label = f"permutation null, 95 % quantile ({null['method'].iloc[0]})"
            axis.plot(null["level"], null["null_high"], "--", color="0.4", lw=1.2, label=label)
        # Triangles of several estimators at the same ceiling are nested.
        size = 6 + 3 * sum(bool(part["at_ceiling"].any()) for part in parts.values())
        for index, (own, (role, part)) in enumerate(
            zip(style.colours(len(parts)), parts.items(), strict=True)
        ):
            colour = curves.colour(tables[role], own)
            marker = curves.MARKERS[index % len(curves.MARKERS)]
            method = part["method"].iloc[0]
            size -= 3 * bool(part["at_ceiling"].any())
            # Curves can be equal. The later they are drawn, the thinner they are, so all show.
            later = len(parts) - 1 - index
            looks: dict[str, Any] = {"marker": marker, "ms": 4 + later, "lw": 1.2 + 0.5 * later}
            if colour == style.GREY:
                looks |= {"ls": DASHES[index % len(DASHES)], "lw": 1.4, "ms": 5}
            curves.curve(axis, part, colour, method, size, **looks)
        curves.lower_bound_entry(axis, [table])
        curves.against_level(axis, table["level"], curves.NATS, style.level_label(tables))
        # The null lies far below where the critics are sharp; it must not set the scale.
        shown = table[["mean", "low", "high", "floor"]]
        low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
        margin = 0.08 * max(high - low, 0.1)
        axis.set_ylim(low - margin, high + margin)
        note = curves.cut(axis, table, ("mean", "low", "floor"))
        _ceilings(axis, table)
        style.set_title(
            axis,
            "Mutual information between plain picture and view, held out by picture\n"
            f"{first.label}, {curves.pictures([table])}, bands: {curves.interval(first)}"
            f"{curves.too_few(tables.values())}{note}",
        )
        curves.legend_below(figure, axis)
        return figure, table

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return what the caption says: the estimators' range at the ends, what is at a ceiling."""
        lowest, highest = (
            table[table["level"] == end] for end in (table["level"].min(), table["level"].max())
        )
        at = table.loc[table["at_ceiling"], "level"]
        return {
            "estimators": table["estimator"].nunique(),
            "few": curves.too_few_sentence(table),
            "pictures": curves.pictures([table]),
            "lowest": int(table["level"].min()),
            "highest": int(table["level"].max()),
            "lowest_least": lowest["mean"].min(),
            "lowest_most": lowest["mean"].max(),
            "highest_least": highest["mean"].min(),
            "highest_most": highest["mean"].max(),
            "at_ceiling": f"at {captions.levels(at)}" if len(at) else "none here",
        }


def _ceilings(axis: Axes, table: Frame) -> None:
    """Draw the distinct ceilings as dotted lines with labels; far ones go to the legend."""
    known = table[np.isfinite(table["ceiling"])]
    known = known.assign(rounded=known["ceiling"].round(2))
    highest = np.nanmax(table[["mean", "high"]].to_numpy())
    usual = known["rounded"].mode().tolist()[:1]
    above = dict(itertools.pairwise(sorted(known["rounded"].unique())))
    for rounded, part in grouped(known.sort_values("rounded", kind="stable"), "rounded"):
        text = ceiling_label(part["ceiling"].iloc[0])
        if rounded not in usual:
            text += f" ({', '.join(part['method'].str.partition(' (')[0].unique())})"
        if rounded > FAR * highest:
            axis.plot([], [], ":", color="0.3", label=f"{text} = {rounded:.2f} nats: out of sight")
            continue
        axis.axhline(rounded, color="0.3", ls=":", lw=1)
        # Of two near ones, the lower is named below its line.
        below = above.get(rounded, np.inf) - rounded < NEAR * highest
        shift, side = (-2, "top") if below else (2, "bottom")
        on: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        on |= {"ha": "right", "va": side, "fontsize": 8, "color": "0.3"}
        axis.annotate(text, (1, rounded), (0, shift), **on)
        axis.set_ylim(top=max(axis.get_ylim()[1], 1.07 * rounded))


def ceiling_label(nats: float) -> str:
    """Return `ceiling ln N`, or `ceiling ≈ ln N` if the folds differ in size."""
    count = np.exp(nats)
    near = np.isclose(count, round(count), rtol=1e-6)
    return f"ceiling {'' if near else '≈ '}ln {round(count):,}"
