"""Write the report of a run: one HTML page, its summary as Markdown, the merged configuration."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

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
from leakage.report.inputs import ReportInputs, read
from leakage.storage import files
from leakage.storage.views import View

LARGEST = 10_000_000  # bytes of a page that can still be mailed
HELP = "A JSON object, or the path of a file with one. Its keys:\n\n" + "\n\n".join(
    f"{name}{'' if field.is_required() else ' (optional)'}: {field.description}"
    for name, field in ReportInputs.model_fields.items()
)


def main(inputs: Annotated[str, typer.Argument(help=HELP, show_default=False)]) -> None:
    """Write report.html, summary.md and record/configuration.yaml into the results folder."""
    given = read(inputs)
    found = collected(given)
    _write(given.results / "record/configuration.yaml", found.record.configuration)
    _write(given.results / "summary.md", summary.markdown(found))
    _write(given.results / "report.html", page.html(found))
    size = (given.results / "report.html").stat().st_size
    print(f"report.html: {size / 1e6:.1f} MB", file=sys.stderr)
    if size > LARGEST:
        print(f"warning: report.html is larger than {LARGEST / 1e6:.0f} MB", file=sys.stderr)


def collected(given: ReportInputs) -> content.Content:
    """Return the content of the report, read from the files of the run."""
    manifest = pd.read_csv(files.check(given.results / "manifest.csv"))
    verdicts, metadata = None, {}
    if given.verdicts:
        verdicts, metadata = _table(given.verdicts)
        verdicts = answers.distinct(verdicts)
    claims = pd.read_csv(given.scorecard) if given.scorecard else None
    estimates = [tables.read(path) for path in given.estimates]
    grey = given.configuration.get("dataset", {}).get("grey", "keep")
    pictures = {
        scheme: dict(grid.picture(View(path)) for path in paths)
        for scheme, paths in given.views.items()
    }
    return content.Content(
        pictures=len(manifest),
        estimator=given.estimator,
        answers=content.answered(verdicts),
        grids=content.grids(verdicts, pictures, metadata.get("level_labels", {})),
        warnings=(
            *warnings.of_estimates(estimates),
            *warnings.of_verdicts(verdicts),
            *warnings.of_claims(claims),
            *warnings.of_channels(manifest["channels"], grey),
            *warnings.of_key(given.key, record.TEST_KEY),
        ),
        groups=tuple(illustrations.groups(given.figures)),
        verdicts=content.verdict_table(verdicts),
        claims=content.claim_table(claims),
        estimates=content.estimate_table(estimates),
        calibration=_calibration(given),
        record=record.record(given.configuration, given.key, given.results / "benchmarks"),
    )


def _calibration(given: ReportInputs) -> calibrations.Calibration:
    if given.calibration is None:
        configuration = shlex.quote(str(given.results / "record/configuration.yaml"))
        command = f"snakemake --cores 8 --configfile {configuration} -- calibration"
        return calibrations.quoted(record.PUBLISHED, command)
    errors = _table(given.false_alarms)[0] if given.false_alarms else None
    return calibrations.measured(_table(given.calibration)[0], errors, given.estimator)


def _table(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    table, metadata = files.read_table(path)
    return table.to_pandas(), metadata


def _write(path: Path, text: str) -> None:
    with files.whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
