"""Collect the pictures of a dataset, and list them with licence, source and SHA-256."""

import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from leakage import datasets, progress
from leakage.config.settings import Settings, from_json, parse, validate
from leakage.storage import files


class Manifest(Settings):
    """The settings that the manifest depends on.

    Attributes:
        name: the kind of dataset.
        settings: its branch, without the download options.
        patch_size: side of a patch in pixels.
        content: digest of the user's files when Snakemake started.
    """

    name: str
    settings: dict[str, Any]
    patch_size: int
    content: str = ""


def main(
    output: Annotated[Path, typer.Argument(help="the manifest.csv to write")],
    pictures: Annotated[Path, typer.Option(help="folder of the run for pictures")],
    skipped: Annotated[Path, typer.Option(help="the CSV of skipped pictures to write")],
    settings: Annotated[str, typer.Option(help="name, settings and patch_size, as JSON")],
    download: Annotated[str, typer.Option(help="download options, as JSON")] = "{}",
) -> None:
    """Collect the pictures of a dataset and list them."""
    chosen: Manifest = parse(Manifest, settings, "dataset")
    given = chosen.settings | from_json(download, "--download")
    progress.about(chosen.name)
    dataset: datasets.Dataset = validate(
        datasets.dataset_class(chosen.name), given, f"dataset.{chosen.name}"
    )
    for line in dataset.notes():
        print(f"{chosen.name}: {line}", file=sys.stderr)
    rows, rows_skipped = dataset.collect(pictures, chosen.patch_size)
    _write(skipped, datasets.SKIPPED_COLUMNS, rows_skipped)
    _write(output, datasets.COLUMNS, rows)
    if warning := datasets.near_duplicates(rows):
        print(f"warning: {warning}", file=sys.stderr)
    note = f", {len(rows_skipped)} skipped (listed in {skipped})" if rows_skipped else ""
    print(f"{output}: {len(rows)} pictures{note}", file=sys.stderr)


def _write(path: Path, columns: Sequence[str], rows: Iterable[datasets.Row]) -> None:
    with (
        files.kept_file(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
