"""Collect the pictures of a dataset, and list them with licence, source and SHA-256."""

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from leakage import datasets, progress
from leakage.config.settings import Settings, parse, validate
from leakage.storage import files


class Manifest(Settings):
    """What the manifest depends on.

    Attributes:
        name: the kind of dataset.
        settings: those of its branch that say which pictures.
        patch_size: side of a patch in pixels.
        content: digest of what lay in the user's folder when the workflow was read.
    """

    name: str
    settings: dict[str, Any]
    patch_size: int
    content: str = ""


def main(
    output: Annotated[Path, typer.Argument(help="the manifest.csv to make")],
    pictures: Annotated[Path, typer.Option(help="the run's folder for pictures")],
    skipped: Annotated[Path, typer.Option(help="the CSV of pictures left out to make")],
    settings: Annotated[str, typer.Option(help="name, settings and patch_size, as JSON")],
    fetching: Annotated[
        str, typer.Option(envvar="LEAKAGE_FETCHING", help="settings that say how, not which: JSON")
    ] = "{}",
) -> None:
    """Collect the pictures of a dataset and list them."""
    chosen = parse(Manifest, settings, "dataset")
    given = chosen.settings | json.loads(fetching)
    progress.about(chosen.name)
    dataset: datasets.Dataset = validate(
        datasets.dataset_class(chosen.name), given, f"dataset.{chosen.name}"
    )
    rows, left_out = dataset.collect(pictures, chosen.patch_size)
    _write(skipped, datasets.SKIPPED_COLUMNS, left_out)
    _write(output, datasets.COLUMNS, rows)
    note = f", {len(left_out)} left out (listed in {skipped})" if left_out else ""
    print(f"{output}: {len(rows)} pictures{note}", file=sys.stderr)


def _write(path: Path, columns: Sequence[str], rows: Iterable[datasets.Row]) -> None:
    with (
        files.kept_file(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
