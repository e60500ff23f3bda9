"""The classic measures of visual security against mutual information: where do they disagree?

A measure says `hidden` of a level where its mean over pictures is no nearer to the plain picture's
side than noise gets: no further than the 95 % range, over the pictures, of the same measure of
uniform noise in the view's place. Else it says `visible`. It disagrees where the verdict
(`leakage.analysis.verdicts`) finds a leak in what it calls hidden, or no evidence of one in what it
calls visible. Which side is the plain picture's stands in `Measure.higher_is_visible`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from leakage.analysis.verdicts import LEAK, NO_EVIDENCE, sized
from leakage.errors import LeakageError
from leakage.figures import Figure, compared, curves, style
from leakage.interfaces import Wanted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawn

    from leakage.config.models import Config

TABLE, PIXELS, COUNTED = "measures", "pixels", "histogram"
VERDICTS = "verdicts"
NOISE = "noise"
HIDDEN, VISIBLE = "hidden", "visible"
# This share of the pictures is left out on each side of a 95 % range.
TAIL = 0.025
COLUMNS = [
    *("scheme", "level", "representation", "label", "measure", "unit", "visible_side", "pictures"),
    *("mean", "low", "high", "reference", "reference_low", "reference_high"),
    *("nats", "nats_low", "nats_high", "verdict", "says", "agrees", "tau", "carries_weight"),
]
# Where a level's number may stand, as (right, up) of its point in points of print: the first place
# that hides nothing.
PLACES = [(9, 6), (-9, 6), (9, -6), (-9, -6), (0, 10), (0, -10), (12, 0), (-12, 0)]
# Points this near to each other, in points of print, share a number.
TOGETHER = 6.0
FONT = 7.5


class VisualSecurity(Figure):
    """A panel per classic measure, a line per scheme, disagreements ringed."""

    title = "Classic measures against MI"
    caption = """
        Classic measures of visual security (mean over pictures) against held-out mutual information
        on {label}, with a point per scheme and level. Of {asked} points that can be compared,
        {wrong} contradict the verdict (most: {most}) and are ringed. A measure says hidden if its
        mean lies in the grey range of uniform noise (dashed) or beyond it, away from the plain
        picture. Filled points are leaks, open points have no evidence of a leak. Kendall's tau
        compares the two orders (near -1 if a low value means visible). NPCR and UACI compare the
        picture with its whole ciphertext. This is not a differential test. The table of the figure
        has all representations and the intervals.{few}
    """
    per_scheme = False

    def tables(self, config: "Config", representation: str = "") -> dict[str, Wanted]:
        """Return the verdicts, and of every scheme pixels counted and the measures.

        Where pixels are among the representations, their verdict stands for the count. The first
        representation is the one that is drawn.
        """
        counted = [] if PIXELS in config.representations else [(PIXELS, config.paper.histogram)]
        return {VERDICTS: Wanted("analysis", VERDICTS, "")} | {
            role(scheme, what): Wanted(estimator, PIXELS, scheme)
            for scheme in compared(config)
            for what, estimator in [*counted, (TABLE, TABLE)]
        }

    def draw(self, tables: dict[str, style.Table]) -> "tuple[Drawn, pd.DataFrame]":
        """Return a panel per measure, with a line per scheme through its levels."""
        table = behind(tables)
        shown = table[table["representation"] == table["representation"].iloc[0]]
        columns = -(-(len(MEASURES) + 1) // 2)
        figure, axes = style.panels(2 * columns, 3.9, 3.9, rows=2)
        schemes = list(dict.fromkeys(shown["scheme"]))
        looks = curves.looks(schemes)
        panels = dict(zip(MEASURES, axes, strict=False))
        placed = {measure: _panel(axis, shown, measure, looks) for measure, axis in panels.items()}
        for axis in axes[::columns]:
            axis.set_ylabel(_unit(shown))
        for axis in panels.values():
            if not shown["carries_weight"].all():
                axis.tick_params(axis="y", labelcolor=style.GREY)
                axis.yaxis.label.set_color(style.GREY)
        for axis in axes[len(MEASURES) :]:
            axis.set_axis_off()
        _legend(axes[len(MEASURES)], shown, looks)
        pictures = curves.pictures([shown])
        style.set_title(
            figure,
            f"{self._finding(table)}\n"
            f"{shown['label'].iloc[0]}, {pictures} (numbers: levels; a ring: the "
            "measure says hidden where a leak is found, or visible where none is)"
            f"{_too_few(tables[VERDICTS].rows, shown)}",
        )
        # Where points lie on paper is known only now.
        figure.draw_without_rendering()
        for measure, axis in panels.items():
            _numbers(axis, placed[measure], looks)
        return figure, table

    def numbers(self, table: "pd.DataFrame") -> dict[str, Any]:
        """Return how often measures contradict the verdict, and which one most often."""
        shown = table[table["representation"] == table["representation"].iloc[0]]
        asked = shown[shown["agrees"].notna()]
        wrong = asked.loc[~asked["agrees"].astype(bool), "measure"].value_counts()
        return {
            "label": shown["label"].iloc[0],
            "few": curves.too_few_sentence(shown),
            "asked": len(asked),
            "wrong": int(wrong.sum()),
            "most": MEASURES[wrong.index[0]].title if len(wrong) else "none",
        }

    def _finding(self, table: "pd.DataFrame") -> str:
        """Return how often the measures contradict the verdict, in words."""
        said = self.numbers(table)
        if not said["asked"]:
            return "Classic measures beside the information that is left"
        return (
            f"Classic measures contradict the verdict at {said['wrong']} of {said['asked']} points"
        )


@dataclass(frozen=True)
class Measure:
    """A measure as it is drawn.

    Attributes:
        title: its name.
        unit: of its values; empty for a ratio.
        columns: of the table, whose mean of each picture is taken (those that are known).
        higher_is_visible: whether a higher value is nearer to the plain picture, or a lower one.
    """

    title: str
    unit: str
    columns: tuple[str, ...]
    higher_is_visible: bool

    @property
    def axis_label(self) -> str:
        """Name and unit, with an arrow to the plain picture's side."""
        said = f"{self.title} ({self.unit})" if self.unit else self.title
        return f"{said}   visible →" if self.higher_is_visible else f"← visible   {said}"


DIRECTIONS = ("horizontal", "vertical", "diagonal")
MEASURES = {
    "psnr": Measure("PSNR", "dB", ("psnr",), True),
    "ssim": Measure("SSIM", "", ("ssim",), True),
    "edge_similarity": Measure("edge similarity", "", ("edge_similarity",), True),
    "correlation": Measure(
        "correlation of neighbours", "", tuple(f"correlation_{each}" for each in DIRECTIONS), True
    ),
    "entropy": Measure("entropy", "bits", ("entropy",), False),
    "npcr": Measure("NPCR", "%", ("npcr",), False),
    "uaci": Measure("UACI", "%", ("uaci",), False),
}


def role(scheme: str, what: str) -> str:
    """Return the role of a table: what is a representation, or `TABLE` for the measures."""
    return f"{scheme}/{what}"


def _too_few(judged: "pd.DataFrame", shown: "pd.DataFrame") -> str:
    """Return a line that says that the nats are rough, or nothing."""
    few = judged[~sized(judged)]
    if not len(few) or shown["carries_weight"].all():
        return ""
    pictures, needed = few["pictures"].min(), few["needed_for_nats"].max()
    return (
        f"\nthe nats carry no weight: {curves.TOO_FEW} ({pictures:.0f}, at least {needed:.0f} "
        "needed); the verdicts do"
    )


def behind(tables: dict[str, style.Table]) -> "pd.DataFrame":
    """Return one row per scheme, representation, measure and level.

    Columns:
        `mean`, `low`, `high`: of the measure over the pictures where it is known and finite, and
            the 95 % range over those where it is known; infinite where every PSNR is.
        `visible_side`: the plain picture's, `above` or `below` the reference.
        `reference`, `reference_low`, `reference_high`: the same of the noise.
        `nats`, `nats_low`, `nats_high`, `verdict`: as the verdicts' table says; pixels that are
            counted have no verdict.
        `says`, `agrees`: as the module's text defines them; missing where the measure is not
            known (the correlation in a black view) or the verdict neither a leak nor no evidence.
        `tau`: Kendall's tau-b between the measure's mean and nats over all schemes and levels;
            negative where they agree and the visible side is below.

    Raises:
        LeakageError: there is no representation, or a scheme's table of measures is missing.
    """
    import pandas as pd

    parts = []
    for scheme, what, found in _information(tables):
        if (beside := role(scheme, TABLE)) not in tables:
            raise LeakageError(f"figure visual_security: no table {beside!r}; give it as well")
        found = found.assign(scheme=scheme, representation=what)
        parts.append(found.merge(_measured(tables[beside].rows), on="level"))
    if not parts:
        raise LeakageError(
            "figure visual_security: no representation; name one in `representations`"
        )
    rows = pd.concat(parts, ignore_index=True)
    rows["agrees"] = [_agrees(*pair) for pair in zip(rows["says"], rows["verdict"], strict=True)]
    taus = {key: tau(part) for key, part in rows.groupby(["representation", "measure"])}
    keys = zip(rows["representation"], rows["measure"], strict=True)
    return rows.assign(tau=[taus.get(key, np.nan) for key in keys])[COLUMNS]


def tau(rows: "pd.DataFrame") -> float:
    """Return Kendall's tau-b between `mean` and `nats`; NaN where fewer than two pairs differ."""
    from scipy.stats import kendalltau

    known = rows[rows["mean"].notna() & rows["nats"].notna()]
    if min(known["mean"].nunique(), known["nats"].nunique()) < 2:
        return np.nan
    return float(kendalltau(known["mean"], known["nats"]).statistic)


def says(mean: float, low: float, high: float, higher_is_visible: bool) -> str | None:
    """Return what a measure says of a level: `hidden` or `visible`; None where it is not known.

    Args:
        mean: over the pictures.
        low: lower end of the noise's range.
        high: upper end of it; a value on the end is hidden.
        higher_is_visible: which side of the noise is the plain picture's.
    """
    if np.isnan([mean, low, high]).any():
        return None
    return VISIBLE if (mean > high if higher_is_visible else mean < low) else HIDDEN


def _agrees(said: str | None, found: str | None) -> bool | None:
    if said not in (HIDDEN, VISIBLE) or found not in (LEAK, NO_EVIDENCE):
        return None
    return (said == VISIBLE) == (found == LEAK)


def _information(tables: dict[str, style.Table]) -> "Iterator[tuple[str, str, pd.DataFrame]]":
    """Yield scheme, representation and the rows of each: level, label, nats, interval, verdict.

    Pixels that are counted replace the verdict on their bits.
    """
    columns = {"low": "nats_low", "high": "nats_high"}
    kept = ["level", "label", "nats", "nats_low", "nats_high", "verdict", "carries_weight"]
    if VERDICTS not in tables:
        raise LeakageError("figure visual_security: no table 'verdicts'; give it as well")
    judged = tables[VERDICTS].rows.rename(columns=columns)
    judged = judged.assign(carries_weight=sized(judged))
    for (scheme, what), rows in judged.groupby(["scheme", "representation"], sort=False):
        if role(str(scheme), str(what)) not in tables:
            yield str(scheme), str(what), rows[kept]
    for name, table in tables.items():
        scheme, _, what = name.partition("/")
        if what == PIXELS:
            rows = curves.values(table).rename(columns={"mean": "nats", **columns})
            yield (
                scheme,
                what,
                rows.assign(label=table.label, verdict=None, carries_weight=True)[kept],
            )


def _measured(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return one row per measure and level, with what noise gives and what the measure says."""
    import pandas as pd

    found = []
    for name, measure in MEASURES.items():
        values = rows[list(measure.columns)].mean(axis=1)
        noise = _range(values[rows["scheme"] == NOISE])
        reference = dict(zip(("reference", "reference_low", "reference_high"), noise, strict=True))
        side = "above" if measure.higher_is_visible else "below"
        kept = {"measure": name, "unit": measure.unit, "visible_side": side, **reference}
        for level, part in values[rows["scheme"] != NOISE].groupby(rows["level"]):
            mean, low, high = _range(part)
            said = says(mean, *noise[1:], measure.higher_is_visible)
            one = {"level": level, "pictures": len(part), "mean": mean, "low": low, "high": high}
            found.append({**kept, **one, "says": said})
    return pd.DataFrame(found)


def _range(values: "pd.Series") -> tuple[float, float, float]:
    """Return the mean and the 95 % range of the values that are known; NaN where there are none.

    The mean is of the finite ones: a single picture that a cipher leaves as it is must not make the
    PSNR of all infinite. Infinite where no other is known.
    """
    known = np.sort(values.dropna().to_numpy())
    if not len(known):
        return np.nan, np.nan, np.nan
    # By counting and not by interpolation, which infinite values do not bear.
    cut = int(TAIL * len(known))
    finite = known[np.isfinite(known)]
    mean = float(finite.mean()) if len(finite) else np.inf
    return mean, float(known[cut]), float(known[-1 - cut])


def _unit(shown: "pd.DataFrame") -> str:
    """Return the label of the axis of information: held out where there is a verdict."""
    held_out = shown["verdict"].notna().any()
    few = "" if shown["carries_weight"].all() else ",\ntoo few pictures"
    return (curves.NATS if held_out else "mutual information (nats)") + few


def _panel(
    axis: "Axes", shown: "pd.DataFrame", measure: str, looks: dict[str, tuple[Any, str]]
) -> "pd.DataFrame":
    """Draw one measure; return its points with the places `x` where they stand."""
    rows = shown[shown["measure"] == measure]
    for low, high, middle in (
        rows[["reference_low", "reference_high", "reference"]].drop_duplicates().dropna().to_numpy()
    ):
        axis.axvspan(low, high, color="0.87", zorder=0, lw=0)
        axis.axvline(middle, color="0.5", ls="--", lw=1, zorder=1)
    axis.axhline(0, color="0.4", lw=0.8, zorder=1)
    rows, end = _at_the_edge(rows)
    for scheme, part in rows.groupby("scheme", sort=False):
        colour, marker = looks[scheme]
        part = part.sort_values("level")
        axis.plot(part["x"], part["nats"], color=colour, lw=1, alpha=0.7, zorder=2)
        for row in part.itertuples():
            look = {"mfc": _fill(row.verdict, colour), "mec": colour, "mew": 1.2, "zorder": 3}
            axis.plot(row.x, row.nats, marker, ms=6, ls="none", **look)
    ringed = rows[rows["agrees"].eq(False)]
    look = {"s": 110, "facecolors": "none", "edgecolors": "black", "linewidths": 1.3, "zorder": 4}
    axis.scatter(ringed["x"], ringed["nats"], **look)
    axis.margins(x=0.1, y=0.1)
    if end is not None:
        ticks = [tick for tick in axis.get_xticks() if axis.get_xlim()[0] <= tick < 0.97 * end]
        axis.set_xticks([*ticks, end], [*(f"{tick:g}" for tick in ticks), "∞"])
    axis.set_xlabel(MEASURES[measure].axis_label)
    axis.set_title(f"{MEASURES[measure].title}\n{_summary(rows)}")
    return rows


def _fill(found: str | None, colour: Any) -> Any:
    """Return a marker's filling: full for a leak, none for no evidence, grey for no verdict."""
    return {LEAK: colour, NO_EVIDENCE: "white"}.get(found, "0.75")


def _at_the_edge(rows: "pd.DataFrame") -> "tuple[pd.DataFrame, float | None]":
    """Return the rows with `x`, the mean, or of an infinite one a place right of all others.

    The second is that place; None where nothing is infinite.
    """
    infinite = np.isinf(rows["mean"])
    if not infinite.any():
        return rows.assign(x=rows["mean"]), None
    known = [*rows.loc[~infinite, "mean"].dropna(), *rows["reference"].dropna()]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    end = high + 0.2 * max(high - low, 1.0)
    return rows.assign(x=rows["mean"].where(~infinite, end)), end


def _summary(rows: "pd.DataFrame") -> str:
    """Return the panel's numbers in words: tau, and at how many points the two disagree."""
    value = rows["tau"].iloc[0] if len(rows) else np.nan
    # A minus sign, not a hyphen.
    said = "τ unknown" if np.isnan(value) else f"τ = {value:.2f}".replace("-", "\u2212")
    judged = rows["agrees"].notna().sum()
    against = f"disagrees at {rows['agrees'].eq(False).sum()} of {judged}"
    words = [said, against if judged else "no verdict"]
    if unknown := int(rows["mean"].isna().sum()):
        words.append(f"undefined at {unknown}")
    return ", ".join(words)


def _legend(axis: "Axes", shown: "pd.DataFrame", looks: dict[str, tuple[Any, str]]) -> None:
    """Explain colours, fillings, rings and the band in an axis of their own."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Line2D([], [], color=colour, marker=marker, ms=6, label=scheme)
        for scheme, (colour, marker) in looks.items()
    ]
    fillings = {LEAK: "verdict: leak", NO_EVIDENCE: "verdict: no evidence of a leak"}
    if not shown["verdict"].isin(fillings).all():
        fillings[""] = "no verdict"
    for found, text in fillings.items():
        look = {"mfc": _fill(found, "0.3"), "mec": "0.3", "mew": 1.2}
        handles.append(Line2D([], [], marker="o", ms=6, ls="none", label=text, **look))
    ring = {"mfc": "none", "mec": "black", "mew": 1.3}
    handles.append(
        Line2D([], [], marker="o", ms=11, ls="none", label="measure and verdict disagree", **ring)
    )
    handles.append(Patch(color="0.87", label="noise: 95 % range over pictures"))
    handles.append(Line2D([], [], color="0.5", ls="--", lw=1, label="noise: mean"))
    axis.legend(handles=handles, loc="center left", frameon=False, labelspacing=0.8)


def _numbers(axis: "Axes", rows: "pd.DataFrame", looks: dict[str, tuple[Any, str]]) -> None:
    """Write the levels beside the points, where they hide nothing; else leave them out."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2, foreground="white")]
    rows = rows[rows["x"].notna() & rows["nats"].notna()].sort_values(["scheme", "level"])
    to_print = 72 / axis.figure.dpi
    points = axis.transData.transform(rows[["x", "nats"]].to_numpy()) * to_print
    frame = np.array(axis.get_window_extent().get_points()) * to_print
    taken = [(point, (4.0, 4.0)) for point in points]
    numbered: list[tuple[str, np.ndarray]] = []
    for text, scheme, where, point in _together(rows, points):
        if any(text == other and _near(point, at) for other, at in numbered):
            continue
        half = 0.32 * FONT * len(text), 0.42 * FONT
        for right, up in PLACES:
            # Beside a point a number begins, or ends, at one distance whatever its length.
            place = right + np.sign(right) * (half[0] - 0.32 * FONT), up
            at = point + place
            inside = (at - half >= frame[0]).all() and (at + half <= frame[1]).all()
            if inside and not any(_overlap(at, half, *other) for other in taken):
                taken.append((at, half))
                numbered.append((text, point))
                look = {"fontsize": FONT, "ha": "center", "va": "center", "color": looks[scheme][0]}
                axis.annotate(
                    text, where, xytext=place, textcoords="offset points", path_effects=halo, **look
                )
                break


def _together(
    rows: "pd.DataFrame", points: np.ndarray
) -> list[tuple[str, str, tuple[float, float], np.ndarray]]:
    """Return (number, scheme, place in the data, place on paper) of the points to be numbered.

    A scheme's levels that follow each other on nearly one point are numbered together, as 4–8.
    """
    found: list[tuple[list[int], str, tuple[float, float], np.ndarray]] = []
    for row, point in zip(rows.itertuples(), points, strict=True):
        if found and found[-1][1] == row.scheme and _near(point, found[-1][3]):
            found[-1][0].append(row.level)
        else:
            found.append(([row.level], row.scheme, (row.x, row.nats), point))
    return [
        ("–".join(map(str, dict.fromkeys([each[0][0], each[0][-1]]))), *each[1:]) for each in found
    ]


def _near(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.hypot(*(one - other)) < TOGETHER)


def _overlap(one: Any, half: Any, other: Any, other_half: Any) -> bool:
    """Return whether two boxes overlap, given by their middles and half their sides."""
    return bool((np.abs(np.subtract(one, other)) < np.add(half, other_half)).all())
