"""Embed the patches and the whole pictures of one view with one encoder."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from leakage import encoders, patches, progress
from leakage.encoders import Vectors
from leakage.encoders.weights import read
from leakage.errors import LeakageError
from leakage.interfaces import Bytes
from leakage.storage import embeddings, files, provenance
from leakage.storage.embeddings import WHOLE, Row
from leakage.storage.shards import rows
from leakage.storage.views import View


def main(
    view: Annotated[Path, typer.Argument(help="the view of one level")],
    places: Annotated[Path, typer.Argument(help="the CSV of patch places")],
    output: Annotated[Path, typer.Argument(help="the Parquet file to make")],
    encoder: Annotated[str, typer.Option(help="the encoder's key in the configuration")],
    settings: Annotated[str, typer.Option(help="its entry, as JSON")],
    size: Annotated[int, typer.Option(help="side of a patch in pixels")],
    code: Annotated[str, typer.Option(help="digest of the code, recorded with the file")],
    weights: Annotated[Path | None, typer.Option(help="the weights record")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
) -> None:
    """Embed the patches and the whole pictures of one view."""
    where = f"encoders.{encoder}"
    entry = encoders.parse(settings, where)
    where = f"{where} ({entry.kind})"
    opened = View(view)
    about = opened.metadata
    record = None
    if entry.needs_weights:
        if weights is None:
            raise LeakageError(f"{where}: --weights is missing; give the weights record")
        record = read(weights)
    loaded = entry.load(record, device)
    progress.about(f"{encoder} {about['scheme']} {about['level']}")
    pictures = progress.over(opened, "pictures")
    parts = encoders.embed(loaded, of_pictures(pictures, _places(places, opened), size))
    first = next(parts)
    dim = first[1].shape[1]
    inputs = {"view": view, "places": places} | ({"weights": weights} if weights else {})
    metadata = {
        "encoder": encoder,
        "label": loaded.label,
        "untrained": loaded.untrained,
        "weights": record.record.model_dump() if record else None,
        "scheme": about["scheme"],
        "level": about["level"],
        "view": about,
        "patch_size": size,
        "dim": dim,
        "device": loaded.device,
        "versions": provenance.versions("numpy", *loaded.libraries),
        "code": code,
        "inputs": {role: files.recorded(path) for role, path in inputs.items()},
    }
    finite = (refuse_nan(*part, where) for part in itertools.chain([first], parts))
    embeddings.write(output, finite, dim, metadata)


def _places(path: Path, view: View) -> dict[str, pd.DataFrame]:
    """Return the places by picture, for the pictures of a view or of one shard of it."""
    shard, shards = view.metadata.get("shard", 0), view.metadata.get("shards", 1)
    table = rows(files.check(path), shard, shards)
    return {str(image_id): own for image_id, own in table.groupby("image_id", sort=False)}


def of_pictures(
    pictures: Iterable[tuple[str, Bytes]], places: dict[str, pd.DataFrame], size: int
) -> Iterator[tuple[Row, Bytes]]:
    """Yield each picture's patches and then the whole picture, each after its row.

    Raises:
        LeakageError: the view and the places are of different pictures.
    """
    remaining = dict(places)
    for image_id, pixels in pictures:
        if image_id not in remaining:
            raise _other_pictures(f"picture {image_id} of the view is missing from the places")
        own = remaining.pop(image_id)
        where = own[["patch", "top", "left"]].to_numpy().tolist()
        cut = patches.crop(pixels, own, size)
        for (number, top, left), patch in zip(where, cut, strict=True):
            yield (image_id, number, top, left), patch
        yield (image_id, WHOLE, WHOLE, WHOLE), encoders.resize_whole(pixels, size)
    if remaining:
        absent = next(iter(remaining))
        raise _other_pictures(f"picture {absent} of the places is missing from the view")


def _other_pictures(found: str) -> LeakageError:
    return LeakageError(
        f"{found}; make both from the same manifest: snakemake … --forcerun manifest -- figures"
    )


def refuse_nan(rows: list[Row], found: Vectors, where: str) -> tuple[list[Row], Vectors]:
    """Return rows and embeddings; raise if any is NaN or infinite, naming the first picture."""
    wrong = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if wrong.size:
        raise LeakageError(
            f"{where}: the embedding of picture {rows[wrong[0]][0]} is not finite (NaN or "
            "infinity); fix the plug-in, or give the network weights that are undamaged and of "
            "this model"
        )
    return rows, found
