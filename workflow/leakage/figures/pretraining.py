"""Pretraining: each pretrained encoder beside the same network untrained."""

from typing import Any

from leakage import captions
from leakage.analysis import comparisons
from leakage.figures import Figure, curves, style
from leakage.interfaces import Canvas, Configuration, Frame, Wanted

UNITS = {
    "information": curves.NATS,
    "found": "share of held-out views found first (top 1)",
}
SIDES = {"trained": "-", "untrained": "--"}


class Pretraining(Figure):
    """Held-out information and re-identification, pretrained and untrained."""

    title = "What pretraining adds"
    caption = """
        Each pretrained encoder (solid) beside the same network untrained (dashed): held-out mutual
        information, and the share of held-out views that are re-identified. They differ the most at
        n = {information_level} in information ({information_trained:.2f} nats pretrained,
        {information_untrained:.2f} untrained) and at n = {found_level} in the share found
        ({found_trained:.0%} and {found_untrained:.0%}). The part common to both comes from the
        pictures and the architecture. The gap between the curves comes from pretraining.{few}
    """

    def tables(self, config: Configuration, representation: str = "") -> dict[str, Wanted]:
        """Return the held-out MI and the re-identification of each encoder and of its control."""
        pairs = {key: other for key, other in config.controls.items() if other is not None}
        estimators = {
            "information": config.verdict.estimator,
            "found": config.comparisons.reidentification,
        }
        return {
            f"{key} {measure}": Wanted(estimator, key)
            for pair in pairs.items()
            for key in pair
            for measure, estimator in estimators.items()
        }

    def draw(self, tables: dict[str, style.Table]) -> tuple[Canvas, Frame]:
        """Return MI and top-1 share, pretrained solid and untrained dashed in the pair's colour."""
        table = comparisons.pretraining(tables)
        pairs = comparisons.pairs(tables)
        figure, axes = style.panels(2, 5.4, 4.8)
        for axis, (measure, unit) in zip(axes, UNITS.items(), strict=True):
            shown = table[table["measure"] == measure]
            for index, (colour, pair) in enumerate(
                zip(style.colours(len(pairs)), pairs, strict=True)
            ):
                part = shown[(shown["trained"] == pair[0]) & (shown["untrained"] == pair[1])]
                for (side, dash), key in zip(SIDES.items(), pair, strict=True):
                    columns = {f"{side}_{column}": column for column in ("mean", "low", "high")}
                    columns[f"{side}_at_ceiling"] = "at_ceiling"
                    of_side = part[["level", *columns]].rename(columns=columns)
                    looks: dict[str, Any] = {"ls": dash, "marker": curves.MARKERS[index], "ms": 4}
                    source, shade = tables[f"{key} {measure}"], colour
                    if measure == "found":
                        of_side["at_ceiling"] = False  # a share of 1 is a share of 1
                    else:
                        shade = curves.colour(source, colour)
                    curves.curve(axis, of_side, shade, source.label, **looks)
            curves.against_level(axis, table["level"], unit, style.level_label(tables))
        axes[1].axhline(table["chance"].mean(), color="0.3", ls=":", lw=1)
        axes[1].plot([], [], ":", color="0.3", lw=1, label="guessing")
        axes[1].set_ylim(0, 1.02)
        information = table[table["measure"] == "information"]
        note = curves.cut(axes[0], _outermost(information))
        few = curves.too_few(tables[role] for role in tables if role.endswith(" information"))
        style.set_title(axes[0], f"information{few}{note}")
        style.set_title(axes[1], "re-identification")
        curves.lower_bound_entry(axes[1], [_outermost(information)])
        curves.legend_below(figure, axes[1])
        first = next(iter(tables.values()))
        style.set_title(
            figure,
            f"{self._finding(table)}\n{curves.pictures([table])} (bands: {curves.interval(first)})",
        )
        return figure, table

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return where pretraining makes the largest difference, by measure."""
        found: dict[str, Any] = {}
        for measure in UNITS:
            most = _largest(table, measure)
            most = {} if most is None else most
            found[f"{measure}_level"] = most.get("level", "no level")
            for side in SIDES:
                found[f"{measure}_{side}"] = most.get(f"{side}_mean", float("nan"))
        return found | {"few": curves.too_few_sentence(table[table["measure"] == "information"])}

    def _finding(self, table: Frame) -> str:
        """Return the level at which pretraining changes the share found the most, in words."""
        most = _largest(table, "found")
        if most is None:
            return "What pretraining adds to an architecture"
        trained, untrained = (captions.number(most[f"{side}_mean"], ".0%") for side in SIDES)
        return (
            f"At n = {most['level']} {most['label']} finds {trained} of the held-out views; "
            f"untrained, {untrained}"
        )


def _largest(table: Frame, measure: str) -> Any:
    """Return the row of a measure with the largest difference; None without any."""
    rows = table[table["measure"] == measure].dropna(subset="difference")
    level: Any = rows["difference"].abs().idxmax() if len(rows) else None
    return None if level is None else rows.loc[level]


def _outermost(table: Frame) -> Frame:
    """Return the lowest and highest of both sides, and whether one of them is at its ceiling."""
    sides = {name: table[[f"{side}_{name}" for side in SIDES]] for name in ("low", "mean", "high")}
    bounded = table[[f"{side}_at_ceiling" for side in SIDES]].any(axis=1)
    lowest = sides["low"].join(sides["mean"]).min(axis=1)
    highest = sides["high"].join(sides["mean"]).max(axis=1)
    return table.assign(low=lowest, mean=lowest, high=highest, at_ceiling=bounded)
