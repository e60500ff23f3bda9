"""Draw the places of the patches of every picture, the same at every level."""

from pathlib import Path
from typing import Annotated

import typer

from leakage import patches
from leakage.config.settings import Settings, parse
from leakage.storage import files, shards

# So that memory does not grow with the number of pictures.
PICTURES_AT_ONCE = 1000


class Places(Settings):
    """The settings that the places depend on."""

    seed: int
    size: int
    per_image: int


def main(
    manifest: Annotated[Path, typer.Argument(help="manifest.csv")],
    output: Annotated[Path, typer.Argument(help="the CSV of places to write")],
    settings: Annotated[str, typer.Option(help="seed, size and per_image, as JSON")],
) -> None:
    """Draw the places of the patches of every picture."""
    chosen: Places = parse(Places, settings, "patches")
    parts = shards.parts(files.check(manifest), PICTURES_AT_ONCE)
    with (
        files.kept_file(output) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as stream,
    ):
        for index, part in enumerate(parts):
            places = patches.draw_places(part, chosen.size, chosen.per_image, chosen.seed)
            places.to_csv(stream, index=False, header=index == 0, lineterminator="\n")
