"""Figure 2: histogram mutual information against the level, with its linear fit."""

from typing import Any

import numpy as np

from leakage import captions
from leakage.figures import Figure, curves, style
from leakage.interfaces import Canvas, Configuration, Frame, Series, Wanted

BITS = ("low_bits", "high_bits")
EXACT = (
    "The view is a function of the pixel, so the value equals the exact entropy H(view) and cannot "
    "exceed the bits that stay clear"
)
CORRECTED = (
    "At some levels the view is not a function of the pixel; there the value is corrected for its "
    "bias, lies below the entropy H(view), and counts only pixels in the same place"
)
FLOOR = "floor: pixels of the view shuffled"
UNKNOWN = "too few pixels: floor above 10 % of H(view)"


class Figure2(Figure):
    """Figure 2: counted mutual information in bits, with its linear fit."""

    title = "Information about a pixel"
    caption = """
        Counted mutual information of a pixel and its view against the level, as the mean over
        {pictures} pictures with its 95 % interval: {first:.2f} bits at n = {lowest}, {last:.2f} at
        n = {highest}. {relation}. {fit}.
    """

    def tables(self, config: Configuration, representation: str = "") -> dict[str, Wanted]:
        """Return the histogram estimate on pixels."""
        return {"histogram": Wanted(config.paper.histogram, "pixels")}

    def draw(self, tables: dict[str, style.Table]) -> tuple[Canvas, Frame]:
        """Return MI in bits with its fit, the entropy of the view, the bound and the floor."""
        table = behind(tables["histogram"].rows.sort_values("level"))
        figure, (axis,) = style.panels()
        blue, orange, green, red = style.colours(4)
        n = table["level"]
        label = "MI, mean over pictures (95 % interval)"
        style.band(axis, table, blue, label, y="mi_bits", ends=BITS, marker="o")
        entropy = "exact H(view)" if table["is_exact"].all() else "H(view)"
        axis.plot(n, table["entropy_bits"], "x", color=orange, ms=8, label=entropy)
        slope, r2 = table["slope"].iloc[0], table["r_squared"].iloc[0]
        if np.isfinite(slope):
            label = f"linear fit: {slope:.3f} bit per level,\nR² = {r2:.4f}"
            axis.plot(n, table["fit_bits"], "--", color=green, label=label)
        # If the scheme gives no bound, only the plain picture has one.
        if table["bound_bits"][table["level"] > 0].notna().any():
            axis.plot(n, table["bound_bits"], ":", color=red, label="bound: bits that stay clear")
        if (table["floor_bits"] > 0).any():
            axis.fill_between(n, 0, table["floor_bits"], color="0.85", zorder=0, label=FLOOR)
        if not table["estimable"].all():
            unknown = table[~table["estimable"]]
            axis.plot(
                unknown["level"], unknown["mi_bits"], "o", mfc="white", mec=blue, label=UNKNOWN
            )
        axis.set(xlabel=style.level_label(tables), ylabel="mutual information (bits per pixel)")
        axis.set_xticks(n)
        axis.set_ylim(bottom=min(-0.15, table["low_bits"].min()))
        style.set_title(
            axis,
            f"Information about a pixel {captions.trend(n, table['mi_bits'], '.2f', 'bits')}\n"
            f"counted on pixels, mean over {int(table['pictures'].iloc[0])} pictures",
        )
        curves.legend_below(figure, axis, 2)
        return figure, table

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return the number of pictures, the values at both ends, and the fit."""
        first, last = table.iloc[0], table.iloc[-1]
        slope, r2 = first["slope"], first["r_squared"]
        line = f"a slope of {slope:.3f} bit per level and R² = {r2:.4f}"
        return {
            "pictures": int(first["pictures"]),
            "lowest": int(first["level"]),
            "highest": int(last["level"]),
            "first": first["mi_bits"],
            "last": last["mi_bits"],
            "relation": EXACT if table["is_exact"].all() else CORRECTED + _floor(table),
            "fit": f"The straight line through it has {line}"
            if np.isfinite([slope, r2]).all()
            else "No straight line goes through it",
        }


def _floor(table: Frame) -> str:
    """Return a sentence on the floor, and on the levels with too few pixels."""
    highest, unknown = table["floor_bits"].max(), table[~table["estimable"]]
    words = f". With the pixels of the view shuffled it finds at most {highest:.2f} bits"
    words = words if np.isfinite(highest) else ""
    levels = captions.listed(unknown["level"].tolist())
    return words + (f". Too few pixels to estimate it at n = {levels}" if len(unknown) else "")


def is_exact(rows: Frame) -> Series:
    """Return whether each value is exact: the view is a function of the pixel in every picture."""
    # A word of the estimator's. Importing its module would redraw figures whenever it changes.
    return rows["estimand"].str.contains("exact:", regex=False) & rows["estimable"]


def behind(rows: Frame) -> Frame:
    """Return the values in bits, with their linear fit if there are three levels."""
    import pandas as pd

    bits = style.BITS_PER_NAT
    half = 1.96 * rows["standard_error"]
    table = pd.DataFrame(
        {
            "level": rows["level"],
            "mi_bits": rows["nats"] * bits,
            "low_bits": (rows["nats"] - half) * bits,
            "high_bits": (rows["nats"] + half) * bits,
            "entropy_bits": rows["entropy"] * bits,
            "bound_bits": rows["bound"] * bits,
            "floor_bits": rows["floor"] * bits,
            "estimable": rows["estimable"],
            "pictures": rows["pictures"],
            "is_exact": is_exact(rows),
        }
    ).reset_index(drop=True)
    slope = intercept = r2 = np.nan
    if len(table) > 2:
        slope, intercept = np.polyfit(table["level"], table["mi_bits"], 1)
        spread = np.var(table["mi_bits"])
        residual = table["mi_bits"] - (slope * table["level"] + intercept)
        r2 = 1 - np.mean(residual**2) / spread if spread > 0 else np.nan
    return table.assign(
        fit_bits=slope * table["level"] + intercept, slope=slope, intercept=intercept, r_squared=r2
    )
