"""Figure 3b: histogram MI of rounded features by level, on the encoder in place of CLIP."""

from typing import Any

from leakage import captions
from leakage.analysis import parts
from leakage.figures import Figure, curves, style
from leakage.interfaces import Canvas, Configuration, Frame, Wanted


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
        decimals = source.metadata["settings"]["decimals"]
        figure, (axis,) = style.panels()
        blue, _, _, red = style.colours(4)
        label = "MI, mean over pictures (95 % interval)"
        ends = ("low_bits", "high_bits")
        style.band(axis, table, blue, label, y="mi_bits", ends=ends, marker="o")
        dim = source.metadata["source"]["dim"]
        label = f"ceiling: log2 of {dim} coordinates"
        axis.plot(table["level"], table["ceiling_bits"], ":", color=red, label=label)
        axis.set(
            xlabel=style.level_label(tables), ylabel="mutual information (bits per coordinate)"
        )
        axis.set_xticks(table["level"])
        axis.set_ylim(bottom=min(0.0, table["low_bits"].min()))
        change = captions.trend(table["level"], table["mi_bits"], ".2f", "bits")
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
