"""Figure 3: cosine and MI of rounded features, whole pictures, on the encoder in place of CLIP."""

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
        encoder = parts.player(source, parts.CLIP).named
        ends = {"cosine": rows["value"], "low": rows["value"] - half, "high": rows["value"] + half}
        table = rows[["level", "statistic"]].assign(**ends, encoder=encoder)
        figure, (axis,) = style.panels()
        kinds = {"raw": "raw, as in the paper", "centred": "centred per level"}
        for colour, (statistic, label) in zip(style.colours(2), kinds.items(), strict=True):
            part = table[table["statistic"] == statistic]
            style.band(axis, part, colour, label, y="cosine", marker="o")
        axis.axhline(0, color="0.4", lw=0.8)
        unit = "cosine similarity to the plain picture"
        curves.against_level(axis, table["level"], unit, style.level_label(tables))
        axis.plot([], [], " ", label="bands: 95 % interval over pictures")
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


class Figure3b(Figure):
    """Figure 3b: mutual information of rounded coordinates."""

    title = "MI of rounded features (paper: CLIP)"
    caption = """
        Empirical mutual information of the rounded coordinates of the embeddings of a picture and
        of its view by {encoder}: {first:.2f} bits at n = {lowest}, {last:.2f} at n = {highest}. It
        cannot exceed {ceiling:.2f} bits, the logarithm of the number of coordinates. It need not
        fall to 0 where nothing is left. The value there is its floor.
    """

    def tables(self, config: Configuration, representation: str = "") -> dict[str, Wanted]:
        """Return the rounded histogram by the encoder in place of CLIP, on whole pictures."""
        return {"rounded": Wanted(config.paper.rounded_histogram, f"{config.paper.clip}-whole")}

    def draw(self, tables: dict[str, style.Table]) -> tuple[Canvas, Frame]:
        """Return MI in bits with its 95 % interval over pictures, and its ceiling ln(dim)."""
        source, bits = tables["rounded"], style.BITS_PER_NAT
        encoder = parts.player(source, parts.CLIP).named
        rows = source.rows.sort_values("level")
        half = 1.96 * rows["standard_error"]
        table = rows[["level"]].assign(
            mi_bits=rows["nats"] * bits,
            low_bits=(rows["nats"] - half) * bits,
            high_bits=(rows["nats"] + half) * bits,
            ceiling_bits=rows["ceiling"] * bits,
            encoder=encoder,
        )
        figure, (axis,) = style.panels()
        blue, _, _, red = style.colours(4)
        label = "MI, mean over pictures (95 % interval)"
        ends = ("low_bits", "high_bits")
        style.band(axis, table, blue, label, y="mi_bits", ends=ends, marker="o")
        label = f"ceiling: log2 of {source.metadata['source']['dim']} coordinates"
        axis.plot(table["level"], table["ceiling_bits"], ":", color=red, label=label)
        unit = "mutual information (bits per coordinate)"
        curves.against_level(axis, table["level"], unit, style.level_label(tables))
        axis.set_ylim(bottom=min(0.0, table["low_bits"].min()))
        change = captions.trend(table["level"], table["mi_bits"], ".2f", "bits")
        decimals = source.metadata["settings"]["decimals"]
        style.set_title(
            axis,
            f"Information in features {change}\n"
            f"whole pictures, embeddings, {decimals} decimals, by\n{encoder}",
        )
        curves.legend_below(figure, axis, 2)
        return figure, table

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return the values at both ends, and the ceiling."""
        first, last = table.iloc[0], table.iloc[-1]
        return {
            "encoder": first["encoder"],
            "lowest": int(first["level"]),
            "highest": int(last["level"]),
            "first": first["mi_bits"],
            "last": last["mi_bits"],
            "ceiling": first["ceiling_bits"],
        }
