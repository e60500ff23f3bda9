"""Write the report of a run: one HTML page, its summary as Markdown, the merged configuration."""

import json
import sys
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from leakage.analysis import tables
from leakage.report import (
    answers,
    calibrations,
    content,
    grid,
    illustrations,
    page,
    record,
    summary,
    warnings,
)
from leakage.storage import files
from leakage.storage.views import View

LARGEST = 10_000_000  # bytes of a page that can still be mailed


def main(
    folder: Annotated[Path, typer.Argument(help="folder of the results")],
    configuration: Annotated[str, typer.Option(help="the merged configuration, as JSON")],
    manifest: Annotated[Path, typer.Option(help="manifest.csv")],
    estimator: Annotated[str, typer.Option(help="the estimator of the verdicts")],
    pins: Annotated[Path, typer.Option(help="requirements.txt with the pinned distributions")],
    benchmarks: Annotated[Path, typer.Option(help="folder of the jobs' benchmarks")],
    figures: Annotated[str, typer.Option(help="the figures, as JSON")] = "[]",
    view: Annotated[list[str] | None, typer.Option(help="SCHEME=PATH of a level's view")] = None,
    table: Annotated[list[Path] | None, typer.Option(help="an estimate of the run, each")] = None,
    verdict: Annotated[Path | None, typer.Option(help="analysis/verdicts.parquet")] = None,
    scorecard: Annotated[Path | None, typer.Option(help="figures/scorecard.csv")] = None,
    calibrated: Annotated[Path | None, typer.Option(help="calibration/table.parquet")] = None,
    errors: Annotated[Path | None, typer.Option(help="calibration/verdict.parquet")] = None,
    published: Annotated[Path | None, typer.Option(help="docs/calibration.md")] = None,
    calibrate: Annotated[str, typer.Option(help="the command that calibrates")] = "",
    key: Annotated[str, typer.Option(help="fingerprint of the run's key")] = "",
    test_key: Annotated[Path | None, typer.Option(help="the key that anyone can read")] = None,
) -> None:
    """Write report.html, summary.md and record/configuration.yaml."""
    given = json.loads(configuration)
    merged = record.as_yaml(given)
    rows = pd.read_csv(files.check(manifest))
    verdicts, about = (None, {}) if verdict is None else _read(verdict)
    verdicts = None if verdicts is None else answers.distinct(verdicts)
    claims = None if scorecard is None else pd.read_csv(scorecard)
    estimates = [tables.read(path) for path in table or []]
    if calibrated is None:
        calibration = calibrations.quoted(published, calibrate)
    else:
        wrong = None if errors is None else _read(errors)[0]
        calibration = calibrations.measured(_read(calibrated)[0], wrong, estimator)
    found = content.Content(
        pictures=len(rows),
        estimator=estimator,
        answers=content.answered(verdicts),
        grids=content.grids(verdicts, _pictures(view or []), about.get("level_labels", {})),
        warnings=(
            *warnings.of_estimates(estimates),
            *warnings.of_verdicts(verdicts),
            *warnings.of_claims(claims),
            *warnings.of_channels(rows["channels"], given["dataset"].get("grey", "keep")),
            *warnings.of_key(key, test_key),
        ),
        groups=tuple(illustrations.groups(illustrations.drawn(figures))),
        verdicts=content.verdict_table(verdicts),
        claims=content.claim_table(claims),
        estimates=content.estimate_table(estimates),
        calibration=calibration,
        record=record.record(merged, key, pins, benchmarks),
    )
    _write(folder / "record/configuration.yaml", merged)
    _write(folder / "summary.md", summary.markdown(found))
    _write(folder / "report.html", page.html(found))
    size = (folder / "report.html").stat().st_size
    print(f"report.html: {size / 1e6:.1f} MB", file=sys.stderr)
    if size > LARGEST:
        print(f"warning: report.html is larger than {LARGEST / 1e6:.0f} MB", file=sys.stderr)


def _pictures(options: list[str]) -> dict[str, dict[int, grid.Picture]]:
    """Return the first picture of each view, by scheme and level."""
    found: dict[str, dict[int, grid.Picture]] = {}
    for scheme, _, path in (option.partition("=") for option in options):
        level, shown = grid.picture(View(path))
        found.setdefault(scheme, {})[level] = shown
    return found


def _write(path: Path, text: str) -> None:
    with files.whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _read(path: Path) -> tuple[pd.DataFrame, dict]:
    table, metadata = files.read_table(path)
    return table.to_pandas(), metadata
