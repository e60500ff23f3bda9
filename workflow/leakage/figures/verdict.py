"""Verdicts: at which levels a leak is found, per representation, corrected for many tests."""

from typing import TYPE_CHECKING, Any

import numpy as np

from leakage import verdicts
from leakage.errors import LeakageError
from leakage.figures import compared, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Is a leak found?"
# One grid for all schemes.
PER_SCHEME = False
# Light tints of Okabe and Ito's vermilion and blue, and greys: told apart by the colour-blind, and
# in print. Every cell says its verdict in words as well.
COLOURS = {
    verdicts.LEAK: "#f2a983",
    verdicts.NO_EVIDENCE: "#a9d3ee",
    verdicts.TOO_FEW_PICTURES: "#dddddd",
    verdicts.TOO_FEW_PERMUTATIONS: "#c4c4c4",
}
COLUMNS = [
    *("scheme", "representation", "label", "level", "nats", "low", "high", "floor", "p_value"),
    *("corrected_p", "confidence", "pictures", "needed_pictures", "verdict", "quiet_from"),
    "quiet_for_good",
]
SHORT = {
    verdicts.LEAK: "leak",
    verdicts.NO_EVIDENCE: "no evidence",
    verdicts.TOO_FEW_PICTURES: "too few\npictures",
    verdicts.TOO_FEW_PERMUTATIONS: "too few\npermutations",
}


def tables(config: Any, representation: str = "") -> dict[str, tuple[str, str, str]]:
    """Return the estimate that verdicts rest on, on each representation, and on pixels' bits.

    The role of each is `{scheme}/{representation}`.
    """
    asked = {each: config.verdict.estimator for each in config.representations}
    if config.estimators.get("mine-bits") is not None:
        asked["pixels"] = "mine-bits"
    return {
        f"{scheme}/{key}": (estimator, key, scheme)
        for scheme in compared(config)
        for key, estimator in asked.items()
    }


def draw(tables: dict[str, style.Table], name: str) -> "tuple[Figure, pd.DataFrame]":
    """Return the grid of verdicts, a row per scheme and representation, a column per level."""
    table = behind(tables)
    levels = sorted(table["level"].unique())
    rows = dict(list(table.groupby(["scheme", "representation"], sort=False)))
    schemes = list(dict.fromkeys(table["scheme"]))
    width = 4.6 + 1.05 * len(levels)
    figure, (axis,) = style.panels(1, width, 1.7 + 0.8 * max(1, len(rows)))
    axis.grid(False)
    for side in axis.spines.values():
        side.set_visible(False)
    for place, part in enumerate(rows.values()):
        for row in part.itertuples():
            _cell(axis, levels.index(row.level), place, row)
        axis.text(len(levels) - 0.4, place, quiet(part), va="center", fontsize=9)
    label = "level of the scheme" if len(schemes) > 1 else style.level_label(tables)
    axis.set(xlim=(-0.5, len(levels) + 1.9), ylim=(len(rows) - 0.5, -0.5), xlabel=label)
    axis.set_xticks(range(len(levels)), [str(level) for level in levels])
    labels = {key: part["label"].iloc[0] for key, part in rows.items()}
    names = [f"{scheme}\n{_wrapped(said, 24)}" for (scheme, _), said in labels.items()]
    axis.set_yticks(range(len(rows)), names if len(schemes) > 1 else map(_unnamed, names))
    axis.tick_params(length=0)
    confidences = sorted(table["confidence"].unique())
    sure = " and ".join(f"{100 * each:g} %" for each in confidences)
    axis.set_title(
        f"Is a leak found? Tested at {sure} confidence, p corrected for all levels of a row (Holm)"
    )
    return figure, table


def numbers(table: "pd.DataFrame") -> dict[str, Any]:
    """Return what the caption says: how many cells are a leak, and what each scheme shows."""
    found = {
        scheme: [
            f"on {part['label'].iloc[0]} {finding(part)}"
            for _, part in rows.groupby("representation", sort=False)
        ]
        for scheme, rows in table.groupby("scheme", sort=False)
    }
    return {
        "cells": len(table),
        "leaks": int((table["verdict"] == verdicts.LEAK).sum()),
        "found": ". ".join(f"{scheme}: {'; '.join(said)}" for scheme, said in found.items()),
    }


def finding(part: "pd.DataFrame") -> str:
    """Return what is found on one representation of one scheme, in words."""
    leaks = part.loc[part["verdict"] == verdicts.LEAK, "level"]
    if len(leaks):
        return f"a leak up to n = {leaks.max()}"
    unable = part[part["verdict"] != verdicts.NO_EVIDENCE]
    if not len(unable):
        return f"{verdicts.NO_EVIDENCE} at {len(part)} levels"
    return f"{unable['verdict'].iloc[0]} ({unable['pictures'].iloc[0]:.0f})"


def behind(tables: dict[str, style.Table]) -> "pd.DataFrame":
    """Return one row per representation and level: value, interval, floor, p-values, verdict.

    Raises:
        LeakageError: there is no representation, or an estimate that tests nothing.
    """
    import pandas as pd

    if not tables:
        raise LeakageError("figure verdict: no representation; name one in `representations`")
    return pd.concat([_of(*item) for item in tables.items()], ignore_index=True)


def answer(table: style.Table) -> "pd.DataFrame":
    """Return the summary of the statistic that was chosen, one row per level.

    Raises:
        LeakageError: the estimate is not held out, so that it has no summary.
    """
    rows = table.summary
    if "p_value" not in rows:
        found = table.metadata.get("settings", {}).get("method", "?")
        raise LeakageError(
            f"estimator {found!r} on {table.label}: its table has no p_value; expected a held-out "
            "estimator (say mine), in verdict.estimator and mine-bits"
        )
    chosen = table.answer["statistic"].unique()
    return rows[rows["statistic"].isin(chosen)].sort_values("level").reset_index(drop=True)


def _of(role: str, table: style.Table) -> "pd.DataFrame":
    scheme, _, representation = role.partition("/")
    rows, settings = answer(table), table.metadata["settings"]
    test = settings["folds"], settings["permutations"], settings["confidence"]
    pictures = int(rows["pictures"].iloc[0])
    found = verdicts.verdict(rows["p_value"], pictures, *test)
    said = [each.verdict for each in found]
    quiet = verdicts.quiet_from(rows["level"].tolist(), said)
    folds, permutations, confidence = test
    try:
        needed: float = verdicts.needed(folds, len(rows), permutations, confidence)
    except LeakageError:
        needed = np.nan
    for_good = np.nan if quiet is None or quiet.for_good is None else quiet.for_good
    return rows[["level", "low", "high", "floor", "p_value", "pictures"]].assign(
        scheme=scheme,
        representation=representation,
        label=label(table),
        nats=rows["mean"],
        corrected_p=[each.corrected for each in found],
        confidence=confidence,
        needed_pictures=needed,
        verdict=said,
        quiet_from=np.nan if quiet is None else quiet.level,
        quiet_for_good=for_good,
    )[COLUMNS]


def label(table: style.Table) -> str:
    """Return a table's label; of pixels held out within pictures it names what is mismatched."""
    pixels = table.metadata["settings"].get("pixels") or {}
    on_pixels = "label" not in table.metadata["source"]
    if on_pixels and pixels.get("split") == "pairs":
        return f"{table.label} (units are pixel pairs, not pictures)"
    return table.label


def p_text(p: float) -> str:
    """Return `p = 0.0045`, `p < 0.001`, or that nothing was tested."""
    if np.isnan(p):
        return "no p-value"
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def _cell(axis: "Axes", column: int, row: int, found: Any) -> None:
    from matplotlib.patches import Rectangle

    corner = column - 0.48, row - 0.46
    axis.add_patch(Rectangle(corner, 0.96, 0.92, facecolor=COLOURS[found.verdict], edgecolor="0.4"))
    able = found.verdict in (verdicts.LEAK, verdicts.NO_EVIDENCE)
    lines = [SHORT[found.verdict], *([p_text(found.corrected_p)] if able else [])]
    if found.verdict == verdicts.LEAK:
        lines.insert(1, f"{found.nats:.2g} nats" if abs(found.nats) < 10 else f"{found.nats:.0f}")
    axis.text(column, row, "\n".join(lines), ha="center", va="center", fontsize=8)


def quiet(part: "pd.DataFrame") -> str:
    """Return from which level on nothing is found, in words."""
    first, for_good = part["quiet_from"].iloc[0], part["quiet_for_good"].iloc[0]
    units = "pixel pairs" if "pixel pairs" in part["label"].iloc[0] else "pictures"
    pictures, needed = part["pictures"].iloc[0], part["needed_pictures"].iloc[0]
    if np.isnan(needed):
        return "too few permutations\nto find anything"
    if pictures < needed:
        return f"{pictures:.0f} {units}; the test\nneeds at least {needed:.0f}"
    if np.isnan(first):
        return "a leak is found\nat every level"
    if first == for_good:
        return f"nothing found\nfrom n = {first:.0f}"
    end = "" if np.isnan(for_good) else f"\nnothing from n = {for_good:.0f} on"
    return f"nothing found at n = {first:.0f},\na leak higher up{'; ' if end else ''}{end}"


def _unnamed(name: str) -> str:
    return name.partition("\n")[2]


def _wrapped(text: str, width: int) -> str:
    import textwrap

    return textwrap.fill(text, width)
