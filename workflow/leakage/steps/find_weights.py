"""Find the weights of one encoder once, for the many jobs that embed with it."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from leakage import encoders, patches
from leakage.encoders import network
from leakage.errors import LeakageError
from leakage.storage import files
from leakage.storage.shards import rows
from leakage.storage.views import View

# Plain patches that an untrained network with BatchNorm is calibrated on, at most.
CALIBRATION_PATCHES = 256


def main(
    output: Annotated[Path, typer.Argument(help="the file to make; its stem is the encoder's key")],
    settings: Annotated[str, typer.Option(help="the encoder's entry, as JSON")],
    seed: Annotated[int, typer.Option(help="seed of an untrained network")],
    view: Annotated[
        Path | None, typer.Option(help="level 0 (its first shard), for an untrained network")
    ] = None,
    places: Annotated[Path | None, typer.Option(help="the CSV of places in it")] = None,
    size: Annotated[int | None, typer.Option(help="side of a patch in pixels")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
) -> None:
    """Find the weights of one encoder: download them if need be, and make sure that they fit."""
    where = f"encoders.{output.stem}"
    entry = encoders.parse(settings, where)
    if not encoders.needs_weights(entry):
        raise LeakageError(f"{where}: an encoder of kind {entry.kind} has no weights to find")
    architecture = encoders.module(entry.kind).architecture(entry, where)
    if size is not None:
        network.check_size(architecture, size)
    given = None not in (view, places, size)
    plain = (lambda: plain_patches(view, places, size)) if given else None
    network.write(output, network.resolve(architecture, entry, seed, device, plain, where))


def plain_patches(view: Path, places: Path, size: int) -> list[np.ndarray]:
    """Return up to `CALIBRATION_PATCHES` patches of a view, spread evenly over its pictures.

    Of a view in shards, the pictures are those of the first.
    """
    opened = View(view)
    shard, shards = opened.metadata.get("shard", 0), opened.metadata.get("shards", 1)
    table = rows(files.check(places), shard, shards)
    count = min(CALIBRATION_PATCHES, len(table))
    chosen = table.iloc[np.linspace(0, len(table) - 1, count).astype(int)]
    return [
        patch
        for image_id, pixels in opened
        for patch in patches.crop(pixels, chosen[chosen.image_id == image_id], size)
    ]
