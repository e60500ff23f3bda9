"""Tell the patches of a scheme with a region apart: inside it, outside, or across its border."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from leakage.config.settings import Settings, parse
from leakage.errors import LeakageError
from leakage.interfaces import Frame
from leakage.schemes.regions import Region
from leakage.storage import files, parts, shards


class Told(Settings):
    """The settings that the table depends on.

    Attributes:
        region: of the scheme.
        size: side of a patch in pixels.
    """

    region: Region
    size: int


def main(
    manifest: Annotated[Path, typer.Argument(help="manifest.csv")],
    places: Annotated[Path, typer.Argument(help="the CSV of patch places")],
    output: Annotated[Path, typer.Argument(help="the table to write, CSV")],
    settings: Annotated[str, typer.Option(help="region and size of a patch, as JSON")],
) -> None:
    """Tell the patches of a scheme with a region apart.

    The table has one row per patch: its share of encrypted pixels, and whether it is inside the
    region, outside, or across its border.
    """
    told: Told = parse(Told, settings, "region")
    found = pd.DataFrame(list(_rows(manifest, places, told)), columns=parts.COLUMNS)
    with files.kept_file(output) as temporary:
        found.to_csv(temporary, index=False, lineterminator="\n")
    for line in parts.counts(found):
        print(line, file=sys.stderr)


def _rows(manifest: Path, places: Path, told: Told) -> Iterator[tuple[str, int, float, str]]:
    sizes = _sizes(manifest)
    table: Frame = shards.rows(files.check(places), 0, 1)
    for image_id, own in table.groupby("image_id", sort=False):
        if image_id not in sizes:
            raise LeakageError(
                f"{places}: picture {image_id} is not in {manifest}; make both of one run"
            )
        inside = told.region.inside(str(image_id), sizes[str(image_id)])
        for patch, top, left in own[["patch", "top", "left"]].to_numpy().tolist():
            share = float(inside[top : top + told.size, left : left + told.size].mean())
            yield str(image_id), patch, share, parts.of(share)


def _sizes(manifest: Path) -> dict[str, tuple[int, int]]:
    """Return height and width of every picture."""
    table = shards.rows(files.check(manifest), 0, 1)[["image_id", "height", "width"]]
    return {str(key): (height, width) for key, height, width in table.itertuples(index=False)}
