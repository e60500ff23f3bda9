"""Draw where the patches of every picture lie, the same at every level."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from leakage import files, patches
from leakage.settings import Settings, parse


class Places(Settings):
    """What the places depend on."""

    seed: int
    size: int
    per_image: int


def main(
    manifest: Annotated[Path, typer.Argument(help="manifest.csv")],
    output: Annotated[Path, typer.Argument(help="the CSV of places to make")],
    settings: Annotated[str, typer.Option(help="seed, size and per_image, as JSON")],
) -> None:
    """Draw where the patches of every picture lie."""
    chosen = parse(Places, settings, "patches")
    pictures = pd.read_csv(files.check(manifest), dtype={"image_id": str}, keep_default_na=False)
    places = patches.draw_places(pictures, chosen.size, chosen.per_image, chosen.seed)
    with files.kept_file(output) as temporary:
        places.to_csv(temporary, index=False)
