"""Schemes at equal strength, on one representation and on pixels.

A scheme gives the strength of its levels, from 0 (plain) to 1 (strongest): XOR the share of
encrypted bits, a permutation its reach. Counting pixels in the same place is blind to the
neighbourhoods that a permutation keeps; a held-out estimate on embeddings is not. Points without
evidence of a leak are open.
"""

from typing import Any

import numpy as np

from leakage.analysis import comparisons, parted, role_of
from leakage.analysis.comparisons import COUNTED, HELD_OUT, VERDICTS
from leakage.analysis.tables import grouped, records
from leakage.analysis.verdicts import NO_EVIDENCE
from leakage.config.paths import ACROSS, part_of
from leakage.figures import Figure, curves, style
from leakage.interfaces import Axes, Canvas, Configuration, Frame, Wanted

# The place of the level numbers, in points from their marker; each scheme has its own.
PLACES = [(8, 6), (-8, -7), (9, -6), (-8, 7), (0, 11), (0, -11), (12, 0), (-12, 0)]
STRENGTH = "strength (share of bits or signs encrypted; of permutations, their reach)"


class Schemes(Figure):
    """Leakage against strength, a curve per scheme: left pixels, right one representation."""

    title = "Schemes at equal strength"
    caption = """
        {schemes} schemes at equal strength, on one representation. Left: the counted mutual
        information of a pixel and of the pixel in its place. It is blind to the neighbourhoods that
        a permutation of pixels keeps. Right: the held-out estimate on embeddings of the views (the
        legend names them). At their strongest levels the schemes lie between {least:.2f} and
        {most:.2f} nats, where the floors reach {floor:.2f}. Values at or below the floor cannot be
        compared. The verdict says whether a scheme leaks.{few}
    """
    per_scheme = False
    per_representation = True

    def tables(self, config: Configuration, representation: str = "") -> dict[str, Wanted]:
        """Return the verdicts, and both estimates of every scheme as `{scheme}/{estimate}`."""
        asked = {
            COUNTED: (config.paper.histogram, "pixels"),
            HELD_OUT: (config.verdict.estimator, representation),
        }
        return {
            role_of(scheme, name): Wanted(*wanted, scheme)
            for scheme, _ in parted(config, [representation])
            for name, wanted in asked.items()
            if not (name == COUNTED and part_of(scheme) == ACROSS)
        } | {VERDICTS: Wanted("analysis", VERDICTS, "")}

    def draw(self, tables: dict[str, style.Table]) -> tuple[Canvas, Frame]:
        """Return leakage against strength, on pixels and on the representation."""
        table = comparisons.schemes(tables)
        figure, (left, right) = style.panels(2, 6.0, 4.8)
        schemes = list(dict.fromkeys(table["scheme"]))
        looks = curves.looks(schemes)
        for axis, estimate in ((left, COUNTED), (right, HELD_OUT)):
            shown = table[table["estimate"] == estimate]
            for scheme, part in grouped(shown, "scheme"):
                colour, marker = looks[scheme]
                colour = curves.colour(tables[f"{scheme}/{estimate}"], colour)
                _curve(axis, part, colour, _named(tables, scheme), marker)
                _levels(axis, part, colour, PLACES[schemes.index(scheme) % len(PLACES)])
            axis.set(xlabel=STRENGTH, xlim=(-0.04, 1.06))
            axis.axhline(0, color="0.3", lw=0.8)
        for scheme, part in grouped(table[table["verdict"] == NO_EVIDENCE], "scheme"):
            colour, marker = looks[scheme]
            colour = curves.colour(tables[f"{scheme}/{HELD_OUT}"], colour)
            right.plot(
                part["strength"], part["mean"], marker, ms=5, mfc="white", mec=colour, zorder=5
            )
        first = {role.partition("/")[2]: table for role, table in reversed(tables.items())}
        left.set(ylabel="mutual information (nats per pixel)")
        style.set_title(left, "A pixel and the one in its place, counted")
        right.set(ylabel=curves.NATS)
        method = comparisons.methods({"": first[HELD_OUT]})[""]
        held_out = [table for role, table in tables.items() if role.endswith(f"/{HELD_OUT}")]
        style.set_title(
            right, f"{first[HELD_OUT].label}: {method}, held out\n(open: {NO_EVIDENCE})"
        )
        for axis, estimate in ((left, COUNTED), (right, HELD_OUT)):
            floors = table[table["estimate"] == estimate]["floor"].dropna()
            if floors.any():
                axis.axhspan(floors.min(), floors.max(), color="0.85", zorder=0)
        for scheme in schemes:
            if f"{scheme}/{COUNTED}" not in tables:  # patches across a region's border
                colour, marker = looks[scheme]
                label = f"{_named(tables, scheme)}, patches only"
                left.plot([], [], marker, color=colour, label=label, ms=7, mfc="none", mew=1.5)
        # The legend is the left panel's, which has the schemes' colours; the right one may be grey.
        if table["floor"].dropna().any():
            left.fill_between([], [], [], color="0.85", label="floors")
        curves.legend_below(figure, left)
        pictures = curves.pictures([table[table["estimate"] == HELD_OUT]])
        style.set_title(
            figure,
            "Information that each scheme leaves, by its strength\n"
            f"{pictures} (numbers: levels; bands: "
            f"{curves.interval(first[HELD_OUT])}){curves.too_few(held_out)}",
        )
        return figure, table

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return the number of schemes, and the values of their strongest levels."""
        shown = table[(table["estimate"] == HELD_OUT) & table["mean"].notna()]
        strongest = shown.sort_values("strength").groupby("scheme", sort=False).tail(1)
        return {
            "schemes": table["scheme"].nunique(),
            "least": strongest["mean"].min(),
            "most": strongest["mean"].max(),
            "floor": shown["floor"].max(),
            "few": curves.too_few_sentence(table),
        }


def _named(tables: dict[str, style.Table], scheme: str) -> str:
    """Return a scheme with its view, and with the meaning of its strength if it gives none."""
    source = tables[f"{scheme}/{HELD_OUT}"].metadata["source"]
    view = (source.get("view", {}).get("definition") or {}).get("view", "ciphertext")
    said = source.get("strength", {})
    known = all(value is not None for level, value in said.items() if level != "0")
    return f"{scheme} (view: {view})" + ("" if known else ", strength: level / highest")


def _curve(axis: Axes, part: Frame, colour: Any, label: str, marker: str) -> None:
    """Draw the levels of a scheme; without a line if there is one besides the plain picture."""
    if len(part) > 2:
        style.band(axis, part, colour, label, x="strength", marker=marker, ms=5)
        return
    mean = part["mean"]
    # A value at its ceiling equals the ends of its interval up to rounding.
    error = [(mean - part["low"]).clip(0), (part["high"] - mean).clip(0)]
    look: dict[str, Any] = {"color": colour, "ms": 7, "mfc": "none", "mew": 1.5, "capsize": 3}
    axis.errorbar(part["strength"], mean, error, fmt=marker, label=label, **look)


def _levels(axis: Axes, part: Frame, colour: Any, place: tuple[int, int]) -> None:
    """Write the level beside each point; that of the plain picture only once."""
    for row in records(part):
        if np.isfinite(row.mean) and (row.level > 0 or place == PLACES[0]):
            look = {"fontsize": 7, "color": colour, "ha": "center", "va": "center"}
            at = row.strength, row.mean
            axis.annotate(str(row.level), at, place, textcoords="offset points", **look)
