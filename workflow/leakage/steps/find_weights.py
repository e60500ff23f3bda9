"""Find the weights of one encoder once, for the many jobs that embed with it."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from leakage import encoders, patches
from leakage.encoders import weights
from leakage.interfaces import Bytes
from leakage.storage import files
from leakage.storage.shards import rows
from leakage.storage.views import View

PLAIN_PATCHES = 256
"""largest number of plain patches for the BatchNorm statistics of an untrained network"""


def main(
    output: Annotated[
        Path, typer.Argument(help="the weights record to make; its stem is the encoder's key")
    ],
    settings: Annotated[str, typer.Option(help="the encoder's entry, as JSON")],
    seed: Annotated[int, typer.Option(help="seed of an untrained network")],
    size: Annotated[int, typer.Option(help="side of a patch in pixels")],
    view: Annotated[
        Path | None, typer.Option(help="level 0 (its first shard), for an untrained network")
    ] = None,
    places: Annotated[Path | None, typer.Option(help="the CSV of patch places")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
) -> None:
    """Find the weights of one encoder, download them if needed, and check that they fit."""
    where = f"encoders.{output.stem}"
    entry = encoders.parse(settings, where)

    def plain() -> list[Bytes]:
        return plain_patches(view, places, size) if view and places else []

    weights.write(output, entry.find_weights(size, seed, device, plain, where))


def plain_patches(view: Path, places: Path, size: int) -> list[Bytes]:
    """Return up to `PLAIN_PATCHES` patches of a view, spread evenly over its pictures."""
    opened = View(view)
    # A large dataset is in shards, and this view is the first one.
    shard, shards = opened.metadata.get("shard", 0), opened.metadata.get("shards", 1)
    table = rows(files.check(places), shard, shards)
    count = min(PLAIN_PATCHES, len(table))
    chosen = table.iloc[np.linspace(0, len(table) - 1, count).astype(int)]
    return [
        patch
        for image_id, pixels in opened
        for patch in patches.crop(pixels, chosen[chosen.image_id == image_id], size)
    ]
