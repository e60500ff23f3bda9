"""MINE on pixels by three critics that read a byte differently, against the exact value."""

from typing import Any

from leakage import captions
from leakage.analysis import comparisons
from leakage.analysis.comparisons import TOLERANCE
from leakage.figures import Figure, curves, style
from leakage.interfaces import Canvas, Configuration, Frame, Wanted

CRITICS = {
    "scalar": "scalar: a byte is one number",
    "bits": "bits: a byte is its eight bits",
    "fourier": "fourier: a byte is sines and cosines",
}


class PixelCritics(Figure):
    """Three critics of pixels against the exact value of the paper's scheme."""

    title = "Three ways to read a byte"
    caption = """
        Held-out MINE on pairs of pixel values, for three ways to read a byte, with the exact mutual
        information dashed. Right: the difference, at most {scalar:.2f} nats for bytes as numbers,
        {bits:.2f} for bytes as bits and {fourier:.2f} for bytes as sines. Values in the grey band
        count as right. The bend of the scalar critic's curve is a failure of the critic and not a
        property of the pictures, because the same pairs read in another way give other values.{few}
    """
    per_scheme = False

    def tables(self, config: Configuration, representation: str = "") -> dict[str, Wanted]:
        """Return MINE on pixels per reading of a byte, and the histogram for the exact values."""
        found = config.comparisons.pixel_critics.items()
        critics = {critic: Wanted(key, "pixels") for critic, key in found if key is not None}
        return critics | {"histogram": Wanted(config.paper.histogram, "pixels")}

    def draw(self, tables: dict[str, style.Table]) -> tuple[Canvas, Frame]:
        """Return the three critics beside the exact value, and their errors."""
        table = comparisons.pixel_critics(tables)
        figure, axes = style.panels(2, 5.4, 4.8)
        exact = table.drop_duplicates("level")
        axes[0].plot(exact["level"], exact["exact"], "--", color="0.2", label="exact, by counting")
        axes[1].axhline(0, color="0.2", ls="--")
        label = f"right: within {TOLERANCE[0]} nat or {TOLERANCE[1]:.0%}".replace("%", " %")
        span = (-exact["tolerance"], exact["tolerance"])
        axes[1].fill_between(exact["level"], *span, color="0.8", alpha=0.7, lw=0)
        axes[0].fill_between([], [], [], color="0.8", alpha=0.7, lw=0, label=label)
        for own, marker, (critic, words) in zip(
            style.colours(3), curves.MARKERS, CRITICS.items(), strict=False
        ):
            part = table[table["critic"] == critic]
            colour = curves.colour(tables[critic], own)
            columns = ["mean", "low", "high"]
            off = part.assign(**{column: part[column] - part["exact"] for column in columns})
            for axis, values in zip(axes, (part, off), strict=True):
                curves.curve(axis, values, colour, words, marker=marker, ms=4)
        curves.lower_bound_entry(axes[0], [table])
        labels = (curves.NATS, "held-out MINE minus exact value (nats)")
        for axis, unit in zip(axes, labels, strict=True):
            curves.against_level(axis, table["level"], unit, style.level_label(tables))
        style.set_title(axes[0], "MINE and the exact value" + curves.cut(axes[0], table))
        style.set_title(axes[1], "difference to the exact value")
        curves.legend_below(figure, axes[0])
        within = tables["scalar"].metadata["settings"].get("pixels", {}).get("split") == "pairs"
        units, over = curves.pictures([table]), curves.interval(tables["scalar"])
        if within:
            units, over = f"{int(units.split()[0]):,} of them", over.replace("pictures", "pairs")
        few = curves.too_few(tables[critic] for critic in CRITICS)
        style.set_title(
            figure, f"{self._finding(table)}\npairs of pixel values, {units} (bands: {over}){few}"
        )
        return figure, table

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return the largest error of each critic, in nats."""
        return {
            critic: table.loc[table["critic"] == critic, "difference"].abs().max()
            for critic in CRITICS
        } | {"few": curves.too_few_sentence(table)}

    def _finding(self, table: Frame) -> str:
        """Return each critic's largest error, in words."""
        words = {"scalar": "a byte as one number", "bits": "as bits"}
        words["fourier"] = "as sines and cosines"
        errors = self.numbers(table)
        said = [f"{captions.number(errors[key], '.2f')} nats ({words[key]})" for key in words]
        return f"MINE misses the exact value by up to {', '.join(said)}"
