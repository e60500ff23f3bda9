"""The classic measures of visual security against mutual information: where do they disagree?"""

from typing import Any

import numpy as np

from leakage.analysis.tables import grouped, records
from leakage.analysis.verdicts import LEAK, NO_EVIDENCE, sized
from leakage.analysis.visual_security import MEASURES
from leakage.figures import Figure, curves, style
from leakage.interfaces import Axes, Canvas, Configuration, Frame, Wanted

TABLE, VERDICTS = "visual_security", "verdicts"
# Possible places of a level's number, as (right, up) of its point in points of print. The first one
# that hides nothing is taken.
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

    def tables(self, config: Configuration, representation: str = "") -> dict[str, Wanted]:
        """Return the table of measures, and the verdicts."""
        return {each: Wanted("analysis", each, "") for each in (TABLE, VERDICTS)}

    def draw(self, tables: dict[str, style.Table]) -> tuple[Canvas, Frame]:
        """Return a panel per measure, with a line per scheme through its levels."""
        table = tables[TABLE].rows
        shown = table[table["representation"] == table["representation"].iloc[0]]
        columns = -(-(len(MEASURES) + 1) // 2)
        figure, axes = style.panels(2 * columns, 3.9, 3.9, rows=2)
        schemes = list(dict.fromkeys(shown["scheme"]))
        looks = curves.looks(schemes)
        panels = dict(zip(MEASURES, axes, strict=False))
        placed = {measure: _panel(axis, shown, measure, looks) for measure, axis in panels.items()}
        held_out, sure = shown["verdict"].notna().any(), shown["carries_weight"].all()
        unit = curves.NATS if held_out else "mutual information (nats)"
        for axis in axes[::columns]:
            axis.set_ylabel(unit if sure else f"{unit},\ntoo few pictures")
        note, judged = "", tables[VERDICTS].rows
        if not sure:
            for axis in panels.values():
                axis.tick_params(axis="y", labelcolor=style.GREY)
                axis.yaxis.label.set_color(style.GREY)
            if len(few := judged[~sized(judged)]):
                pictures, needed = few["pictures"].min(), few["needed_for_nats"].max()
                note = f" ({pictures:.0f}, at least {needed:.0f} needed); the verdicts do"
                note = f"\nthe nats carry no weight: {curves.TOO_FEW}{note}"
        for axis in axes[len(MEASURES) :]:
            axis.set_axis_off()
        _legend(axes[len(MEASURES)], shown, looks)
        style.set_title(
            figure,
            f"{self._finding(table)}\n"
            f"{shown['label'].iloc[0]}, {curves.pictures([shown])} (numbers: levels; a ring: the "
            f"measure says hidden where a leak is found, or visible where none is){note}",
        )
        # Where points lie on paper is known only now.
        figure.draw_without_rendering()
        for measure, axis in panels.items():
            _numbers(axis, placed[measure], looks)
        return figure, table

    def numbers(self, table: Frame) -> dict[str, Any]:
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

    def _finding(self, table: Frame) -> str:
        """Return how often the measures contradict the verdict, in words."""
        said = self.numbers(table)
        if not said["asked"]:
            return "Classic measures beside the information that is left"
        return (
            f"Classic measures contradict the verdict at {said['wrong']} of {said['asked']} points"
        )


def _panel(axis: Axes, shown: Frame, measure: str, looks: dict[str, tuple[Any, str]]) -> Frame:
    """Draw one measure; return its points with their places `x`."""
    rows = shown[shown["measure"] == measure]
    for low, high, middle in (
        rows[["reference_low", "reference_high", "reference"]].drop_duplicates().dropna().to_numpy()
    ):
        axis.axvspan(low, high, color="0.87", zorder=0, lw=0)
        axis.axvline(middle, color="0.5", ls="--", lw=1, zorder=1)
    axis.axhline(0, color="0.4", lw=0.8, zorder=1)
    rows, end = _at_the_edge(rows)
    for scheme, part in grouped(rows, "scheme"):
        colour, marker = looks[scheme]
        part = part.sort_values("level")
        axis.plot(part["x"], part["nats"], color=colour, lw=1, alpha=0.7, zorder=2)
        for row in records(part):
            look = {"mfc": _fill(row.verdict, colour), "mec": colour, "mew": 1.2, "zorder": 3}
            axis.plot(row.x, row.nats, marker, ms=6, ls="none", **look)
    ringed = rows[rows["agrees"].eq(False)]
    ring: dict[str, Any] = {"s": 110, "facecolors": "none", "edgecolors": "black", "zorder": 4}
    axis.scatter(ringed["x"], ringed["nats"], linewidths=1.3, **ring)
    axis.margins(x=0.1, y=0.1)
    if end is not None:
        ticks = [tick for tick in axis.get_xticks() if axis.get_xlim()[0] <= tick < 0.97 * end]
        axis.set_xticks([*ticks, end], [*(f"{tick:g}" for tick in ticks), "∞"])
    about = MEASURES[measure]
    said = f"{about.title} ({about.unit})" if about.unit else about.title
    axis.set_xlabel(f"{said}   visible →" if about.higher_is_visible else f"← visible   {said}")
    axis.set_title(f"{about.title}\n{_summary(rows)}")
    return rows


def _fill(found: str | None, colour: Any) -> Any:
    """Return a marker's filling: full for a leak, none for no evidence, grey for no verdict."""
    return {LEAK: colour, NO_EVIDENCE: "white"}.get(found or "", "0.75")


def _at_the_edge(rows: Frame) -> "tuple[Frame, float | None]":
    """Return the rows with `x`, and the place of infinite means on that axis, if there are any."""
    infinite = np.isinf(rows["mean"])
    if not infinite.any():
        return rows.assign(x=rows["mean"]), None
    known = [*rows.loc[~infinite, "mean"].dropna(), *rows["reference"].dropna()]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    end = high + 0.2 * max(high - low, 1.0)
    return rows.assign(x=rows["mean"].where(~infinite, end)), end


def _summary(rows: Frame) -> str:
    """Return tau and the number of points at which measure and verdict disagree, in words."""
    value = rows["tau"].iloc[0] if len(rows) else np.nan
    # A minus sign, not a hyphen.
    said = "τ unknown" if np.isnan(value) else f"τ = {value:.2f}".replace("-", "\u2212")
    judged = rows["agrees"].notna().sum()
    against = f"disagrees at {rows['agrees'].eq(False).sum()} of {judged}"
    words = [said, against if judged else "no verdict"]
    if unknown := int(rows["mean"].isna().sum()):
        words.append(f"undefined at {unknown}")
    return ", ".join(words)


def _legend(axis: Axes, shown: Frame, looks: dict[str, tuple[Any, str]]) -> None:
    """Explain colours, fillings, rings and the band, in an axis without data."""
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
        look: dict[str, Any] = {"mfc": _fill(found, "0.3"), "mec": "0.3", "mew": 1.2}
        handles.append(Line2D([], [], marker="o", ms=6, ls="none", label=text, **look))
    ring: dict[str, Any] = {"marker": "o", "ms": 11, "ls": "none", "mfc": "none", "mec": "black"}
    handles.append(Line2D([], [], mew=1.3, label="measure and verdict disagree", **ring))
    handles.append(Patch(color="0.87", label="noise: 95 % range over pictures"))
    handles.append(Line2D([], [], color="0.5", ls="--", lw=1, label="noise: mean"))
    axis.legend(handles=handles, loc="center left", frameon=False, labelspacing=0.8)


def _numbers(axis: Axes, rows: Frame, looks: dict[str, tuple[Any, str]]) -> None:
    """Write the levels beside the points, unless they would hide something."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2, foreground="white")]
    rows = rows[rows["x"].notna() & rows["nats"].notna()].sort_values(["scheme", "level"])
    figure = axis.get_figure(root=True)
    assert figure is not None
    to_print = 72 / figure.dpi
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
            if inside and not any(
                (np.abs(at - other) < np.add(half, half_of)).all() for other, half_of in taken
            ):
                taken.append((at, half))
                numbered.append((text, point))
                look = {"fontsize": FONT, "ha": "center", "va": "center", "color": looks[scheme][0]}
                axis.annotate(
                    text, where, xytext=place, textcoords="offset points", path_effects=halo, **look
                )
                break


def _together(
    rows: Frame, points: np.ndarray
) -> list[tuple[str, str, tuple[float, float], np.ndarray]]:
    """Return number, scheme, place in the data and place on paper of the points to be numbered."""
    found: list[tuple[list[int], str, tuple[float, float], np.ndarray]] = []
    for row, point in zip(records(rows), points, strict=True):
        if found and found[-1][1] == row.scheme and _near(point, found[-1][3]):
            found[-1][0].append(row.level)
        else:
            found.append(([row.level], row.scheme, (row.x, row.nats), point))
    return [
        ("–".join(map(str, dict.fromkeys([each[0][0], each[0][-1]]))), *each[1:]) for each in found
    ]


def _near(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.hypot(*(one - other)) < TOGETHER)
