"""Figure 3a: cosine of whole pictures against the level, on the encoder in place of CLIP."""

from typing import Any

from leakage import captions
from leakage.analysis import parts
from leakage.figures import Figure, curves, style
from leakage.interfaces import Canvas, Configuration, Frame, Wanted


class Figure3a(Figure):
    """Figure 3a: raw and centred cosine of whole pictures."""

    title = "Cosine, whole pictures (paper: CLIP)"
    caption = """
        Cosine similarity of the embeddings of whole pictures and of their views by {encoder}, as
        the mean over pictures with its 95 % interval. Even an empty view has a high raw similarity.
        At n = {highest} the raw similarity is {raw:.2f}, and {centred:.2f} after centring per
        level. A cosine does not measure information.
    """

    def tables(self, config: Configuration, representation: str = "") -> dict[str, Wanted]:
        """Return the cosine by the encoder in place of CLIP, on whole pictures."""
        return {"cosine": Wanted(config.paper.cosine, f"{config.paper.clip}-whole")}

    def draw(self, tables: dict[str, style.Table]) -> tuple[Canvas, Frame]:
        """Return the raw and the centred cosine, with 95 % intervals over pictures."""
        source = tables["cosine"]
        rows = source.rows.sort_values(["statistic", "level"], ascending=[False, True])
        half = 1.96 * rows["standard_error"]
        table = rows[["level", "statistic"]].assign(
            cosine=rows["value"], low=rows["value"] - half, high=rows["value"] + half
        )
        encoder = parts.player(source, parts.CLIP).named
        table = table.assign(encoder=encoder)
        figure, (axis,) = style.panels()
        kinds = {"raw": "raw, as in the paper", "centred": "centred per level"}
        for colour, (statistic, label) in zip(style.colours(2), kinds.items(), strict=True):
            part = table[table["statistic"] == statistic]
            style.band(axis, part, colour, label, y="cosine", marker="o")
        axis.axhline(0, color="0.4", lw=0.8)
        axis.set(xlabel=style.level_label(tables), ylabel="cosine similarity to the plain picture")
        axis.plot([], [], " ", label="bands: 95 % interval over pictures")
        axis.set_xticks(sorted(table["level"].unique()))
        raw = table[table["statistic"] == "raw"]
        change = captions.trend(raw["level"], raw["cosine"], ".2f")
        style.set_title(
            axis,
            f"Raw cosine to the plain picture {change}\nwhole pictures, embeddings by\n{encoder}",
        )
        curves.legend_below(figure, axis, 2)
        return figure, table

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return both cosines at the highest level."""
        last = table[table["level"] == table["level"].max()].set_index("statistic")["cosine"]
        return {
            "encoder": table["encoder"].iloc[0],
            "highest": int(table["level"].max()),
            "raw": last.get("raw", float("nan")),
            "centred": last.get("centred", float("nan")),
        }
