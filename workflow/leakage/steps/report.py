"""Write the report of a run: one HTML page, its summary as Markdown, the merged configuration."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from leakage.report import content, pages, record, reviewers
from leakage.report.inputs import ReportInputs, read
from leakage.storage import files

LARGEST = 10_000_000  # bytes of a page that can still be mailed
HELP = "A JSON object, or the path of a file with one. Its keys:\n\n" + "\n\n".join(
    f"{name}{'' if field.is_required() else ' (optional)'}: {field.description}"
    for name, field in ReportInputs.model_fields.items()
)


def main(inputs: Annotated[str, typer.Argument(help=HELP, show_default=False)]) -> None:
    """Write report.html, summary.md and record/configuration.yaml into the results folder.

    With the tests of ciphertexts, their table is written as security.csv as well.
    """
    given = read(inputs)
    found = content.collect(given)
    page = given.results / "report.html"
    _write(given.results / record.CONFIGURATION, found.record.configuration)
    _write(given.results / "summary.md", pages.markdown(found))
    if found.reviewers:
        _write(given.results / reviewers.FILE, found.reviewers.csv)
    _write(page, pages.html(found))
    size = page.stat().st_size
    print(f"report.html: {size / 1e6:.1f} MB", file=sys.stderr)
    if size > LARGEST:
        print(f"warning: report.html is larger than {LARGEST / 1e6:.0f} MB", file=sys.stderr)


def _write(path: Path, text: str) -> None:
    with files.whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
