"""Summarise a run on one page: verdicts, the paper's claims, calibration, warnings."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from leakage import files, pages
from leakage.analysis import verdicts
from leakage.errors import LeakageError
from leakage.figures import curves, style
from leakage.figures.verdict import p_text, quiet, size_text
from leakage.schemes import keystream
from leakage.steps import calibration

TITLE = "Run summary"


def main(
    output: Annotated[Path, typer.Argument(help="path without suffix; .md and .html are made")],
    manifest: Annotated[Path, typer.Option(help="manifest.csv")],
    estimator: Annotated[str, typer.Option(help="the estimator of the verdicts")],
    table: Annotated[list[Path] | None, typer.Option(help="an estimate of the run, each")] = None,
    verdict: Annotated[Path | None, typer.Option(help="analysis/verdicts.parquet")] = None,
    scorecard: Annotated[Path | None, typer.Option(help="figures/scorecard.csv")] = None,
    calibrated: Annotated[Path | None, typer.Option(help="calibration/table.parquet")] = None,
    errors: Annotated[Path | None, typer.Option(help="calibration/verdict.parquet")] = None,
    calibrate: Annotated[str, typer.Option(help="the command that calibrates")] = "",
    key: Annotated[str, typer.Option(help="fingerprint of the run's key")] = "",
    test_key: Annotated[Path | None, typer.Option(help="the key that anyone can read")] = None,
) -> None:
    """Write the summary as Markdown and as HTML."""
    pictures = len(pd.read_csv(files.check(manifest)))
    found = None if verdict is None else files.read_table(verdict)[0].to_pandas()
    blocks: list[pages.Block] = [
        f"{pictures:,} pictures. The verdicts rest on exact permutation tests and on "
        f"`{estimator}`, whose value is in nats."
    ]
    blocks += [pages.Heading("Is a leak found?"), *verdict_blocks(found)]
    claims = None if scorecard is None else pd.read_csv(scorecard)
    blocks += [pages.Heading("The paper's claims"), *claim_blocks(claims)]
    blocks.append(pages.Heading("Calibration"))
    if calibrated is None:
        blocks.append(
            f"Not in this report (`report: {{calibration: false}}`). To run it: `{calibrate}`."
        )
    else:
        blocks += calibration_blocks(files.read_table(calibrated)[0].to_pandas(), estimator)
        if errors is not None:
            blocks.append(false_alarms(files.read_table(errors)[0].to_pandas()))
    warned = [
        *estimate_warnings([style.read(path) for path in table or []]),
        *picture_warnings(found),
        *([] if calibrated is not None else [UNCALIBRATED.format(estimator=estimator)]),
        *key_warnings(key, test_key),
    ]
    blocks += [pages.Heading("Warnings"), pages.Listing(warned) if warned else "No warnings."]
    for suffix, write in {"md": pages.as_markdown, "html": pages.as_html}.items():
        with files.whole_file(f"{output}.{suffix}") as temporary:
            temporary.write_text(write(TITLE, blocks), encoding="utf-8")


UNCALIBRATED = "**Not calibrated in this run**: how far `{estimator}` is from known truths."


def verdict_blocks(found: pd.DataFrame | None) -> Iterable[pages.Block]:
    """Return a table per scheme, a row per representation and a column per level."""
    if found is None:
        yield "Not in this run: no figure of the configuration shows a verdict."
        return
    for scheme, part in found.groupby("scheme", sort=False):
        levels = sorted(part["level"].unique())
        rows = [
            [
                str(of_one["label"].iloc[0]),
                *(_said(of_one[of_one["level"] == level]) for level in levels),
                quiet(of_one).replace("\n", " "),
            ]
            for _, of_one in part.groupby("representation", sort=False)
        ]
        yield pages.Heading(f"{scheme}", 3)
        yield pages.Table(
            ["representation", *(f"n = {each}" for each in levels), "conclusion"], rows
        )


def _said(row: pd.DataFrame) -> str:
    if not len(row):
        return ""
    one = row.iloc[0]
    if one["verdict"] != verdicts.LEAK:
        return str(one["verdict"])
    value = "" if np.isnan(one["nats"]) else f", {size_text(one['nats'])}"
    return f"**leak**{value} ({p_text(one['corrected_p'])})"


def claim_blocks(claims: pd.DataFrame | None) -> Iterable[pages.Block]:
    """Return the paper's claims and whether they hold, as a table."""
    if claims is None:
        yield _not_drawn("scorecard")
        return
    rows = claims.drop_duplicates("claim")[["claim", "verdict"]]
    yield pages.Table(["claim", "verdict"], rows.to_numpy().tolist())


def calibration_blocks(table: pd.DataFrame, estimator: str) -> Iterable[pages.Block]:
    """Return the largest error per task, of the verdict's estimator and of the best one."""
    own = estimator if estimator in set(table["estimator"]) else None
    rows = []
    for task, part in table.dropna(subset="bias").groupby("task", sort=False):
        worst = part.assign(error=part["bias"].abs()).sort_values("error")
        worst = worst.drop_duplicates("estimator", keep="last")
        of_own = worst[worst["estimator"] == own]
        best = worst.iloc[0]
        rows.append(
            [
                str(task).replace("_", " "),
                f"{part['truth'].min():.2f} to {part['truth'].max():.2f}",
                f"{of_own['bias'].iloc[0]:+.2f}" if len(of_own) else "not on this task",
                f"{best['bias']:+.2f} (`{best['estimator']}`)",
            ]
        )
    yield "Largest error on pairs whose mutual information is known, over a task's levels, in nats."
    yield pages.Table(["task", "truth", f"`{estimator}`", "the best there"], rows)


def false_alarms(found: pd.DataFrame) -> str:
    """Return how often the verdict called a leak where there was none."""
    null = calibration.errors(found)
    null = null[null["strength"] == 0]
    worst = null.sort_values("families").drop_duplicates("rule", keep="last")
    worst = worst.sort_values(["families", "families_with_a_leak"]).iloc[-1]
    return (
        f"Where nothing leaks, the verdict found a leak in {worst['families_with_a_leak']:.1%} of "
        f"{worst['families']:.0f} families of levels (allowed: {1 - worst['confidence']:.0%})."
    ).replace("%", " %")


def estimate_warnings(tables: list[style.Table]) -> Iterable[str]:
    """Return a line on the untrained encoders, and one per estimate that is at its ceiling."""
    untrained = dict.fromkeys(table.label for table in tables if table.untrained)
    if untrained:
        yield f"**Untrained encoders**: {'; '.join(untrained)}."
    for table in tables:
        if "p_value" not in table.rows:  # no held-out estimate
            continue
        values = curves.values(table)
        bounded = values.loc[values["at_ceiling"], "level"]
        if len(bounded):
            where = f" under {table.scheme}" if table.scheme else ""
            yield (
                f"**At its ceiling**: `{table.metadata['estimator']}` on {table.label}{where} at "
                f'{curves.levels(bounded)}. The value says "at least".'
            )


def picture_warnings(found: pd.DataFrame | None) -> Iterable[str]:
    """Return a line per row of the verdict that has too few pictures, or permutations."""
    if found is None:
        return
    for (scheme, _), part in found.groupby(["scheme", "representation"], sort=False):
        unable = part[part["verdict"].isin(UNABLE)]
        if len(unable):
            one = unable.iloc[0]
            yield (
                f"**{str(one['verdict']).capitalize()}** for a verdict: {scheme}, {one['label']}: "
                f"{quiet(part)}.".replace("\n", " ")
            )


UNABLE = {verdicts.TOO_FEW_PICTURES, verdicts.TOO_FEW_PERMUTATIONS}


def key_warnings(fingerprint: str, test_key: Path | None) -> Iterable[str]:
    """Return a line if the run's key is the one that lies in the repository for all to read."""
    if test_key is None:
        return
    try:
        known: Any = keystream.fingerprint(keystream.read_key(test_key))
    except LeakageError:  # taken out of this checkout
        return
    if fingerprint == known:
        yield (
            "**Test key**: the pictures are encrypted with a key that anyone can read; your own "
            "goes into `encryption.key_file`."
        )


def _not_drawn(name: str) -> str:
    return f"Not in this run: `{name}` is not among the `figures` of the configuration."
