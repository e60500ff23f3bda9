"""Re-identification: the share of held-out views whose own patch is found, against the level."""

from typing import Any

from leakage import captions
from leakage.analysis import comparisons
from leakage.analysis.comparisons import CRITIC, NEAREST, OF_ALL
from leakage.errors import LeakageError
from leakage.figures import Figure, curves, style
from leakage.interfaces import Axes, Canvas, Configuration, Frame, Wanted

STATISTICS = {
    "top 1": "found at the first place (top 1)",
    "top 5": "found among the first five (top 5)",
}
LOOKS: dict[str, dict[str, Any]] = {
    CRITIC: {"ls": "-", "ms": 4},
    NEAREST: {"ls": "--", "ms": 2.5, "lw": 1.1},
    OF_ALL: {"ls": "-.", "ms": 0, "lw": 0.9},
}
GUESSING: dict[str, Any] = {"color": "0.3", "ls": ":", "lw": 1.2}


class Reidentification(Figure):
    """The share of held-out views whose own patch is found."""

    title = "Is the right patch found?"
    caption = """
        The share of held-out views with the right patch ranked first, or among the first five, of
        all patches of the held-out fold, for {pictures}. Solid: the base or network that was best
        on validation pictures, with exact intervals. Dashed: the nearest neighbour, without
        training. Dash-dotted: the nearest neighbour among the patches of all pictures. The best
        representation finds {first:.0%} at n = {lowest} and {last:.0%} at n = {highest}. Guessing
        (dotted) finds {chance:.0%}. The interval lies above guessing at {above}. The critic and the
        nearest neighbour differ the most at {apart}: {apart_critic:.0%} against
        {apart_nearest:.0%}. Where a curve meets the dotted line, the embeddings did not help this
        attacker.
    """

    def tables(self, config: Configuration, representation: str = "") -> dict[str, Wanted]:
        """Return re-identification on every representation except pixels."""
        return {
            key: Wanted(config.comparisons.reidentification, key)
            for key in config.representations
            if key != "pixels"
        }

    def draw(self, tables: dict[str, style.Table]) -> tuple[Canvas, Frame]:
        """Return the shares of the first and of the first five places, and what guessing finds."""
        if not tables:
            raise LeakageError(
                "representations: no encoder given; name one there, or take reidentification out "
                "of figures"
            )
        table = comparisons.reidentification(tables)
        figure, axes = style.panels(2, 5.4, 5.2)
        for axis, (statistic, title) in zip(axes, STATISTICS.items(), strict=True):
            shown = {by: table[table["statistic"] == by + statistic] for by in LOOKS}
            for by, rows in shown.items():
                _curves(axis, rows, by, tables)
            chance = shown[CRITIC]["chance"].mean()
            axis.axhline(chance, **GUESSING)
            curves.against_level(
                axis, table["level"], "share of held-out views", style.level_label(tables)
            )
            axis.set_ylim(0, 1.02)
            style.set_title(axis, f"{title}; guessing finds {_percent(chance)}")
        _legend(figure, axes[0], table)
        first = next(iter(tables.values()))
        style.set_title(
            figure,
            f"{self._finding(table)}\n"
            f"{curves.pictures([table])} (bands: exact {curves.interval(first)})",
        )
        return figure, table

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return the shares found first at the ends, by guessing and by the nearest neighbour."""
        import pandas as pd

        first = table[table["statistic"] == "top 1"]
        nearest = table[table["statistic"] == f"{NEAREST}top 1"]
        sides = {"critic": first, "nearest": nearest}
        found = pd.DataFrame({k: rows.groupby("level")["mean"].max() for k, rows in sides.items()})
        above = first[first["low"] > first["chance"]]
        distance = (found["critic"] - found["nearest"]).abs().dropna()
        apart: Any = distance.idxmax() if len(distance) else None
        return {
            "pictures": curves.pictures([table]),
            "lowest": int(found.index.min()),
            "highest": int(found.index.max()),
            "first": found["critic"].iloc[0],
            "last": found["critic"].iloc[-1],
            "chance": first["chance"].mean(),
            "above": captions.levels(above["level"]) if len(above) else "no level",
            "apart": "no level" if apart is None else f"n = {int(apart)}",
            "apart_critic": float("nan") if apart is None else found["critic"][apart],
            "apart_nearest": float("nan") if apart is None else found["nearest"][apart],
        }

    def _finding(self, table: Frame) -> str:
        """Return how the share found first changes with the level, and where it beats guessing."""
        best = table[table["statistic"] == "top 1"].groupby("level")["mean"].max()
        return (
            f"The share of views found first {captions.trend(best.index, best, '.0%')};\n"
            f"it is above guessing at {self.numbers(table)['above']}"
        )


def _curves(axis: Axes, rows: Frame, by: str, tables: dict[str, style.Table]) -> None:
    """Draw one curve per representation; that of the critics with its band."""
    for index, (colour, role) in enumerate(zip(style.colours(len(tables)), tables, strict=True)):
        part = rows[rows["representation"] == role]
        marker = curves.MARKERS[index % len(curves.MARKERS)]
        looks = LOOKS[by] | {"marker": marker}
        if by == CRITIC:
            style.band(axis, part, colour, tables[role].label, **looks)
        else:
            axis.plot(part["level"], part["mean"], color=colour, **looks)


def _legend(figure: Canvas, axis: Axes, table: Frame) -> None:
    """Say which colour is which representation, and which line is which search."""
    label = {
        CRITIC: "best base or network",
        NEAREST: "nearest neighbour, nothing trained",
        OF_ALL: "nearest neighbour among the patches of all pictures",
    }
    chance = table.groupby("statistic")["chance"].mean()
    if f"{OF_ALL}top 1" in chance:
        one, five = (_percent(chance[f"{OF_ALL}{place}"]) for place in STATISTICS)
        label[OF_ALL] += f"\n(guessing finds {one} first, {five} among five)"
    for by, text in label.items():
        if (table["statistic"] == f"{by}top 1").any():
            axis.plot([], [], color="0.3", label=text, **LOOKS[by])
    axis.plot([], [], label="guessing", **GUESSING)
    curves.legend_below(figure, axis)


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")
