"""Embed the patches and the whole pictures of one view with one encoder."""

import importlib.metadata
import itertools
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from leakage import encoders, patches, progress
from leakage.encoders import Pixels, Vectors
from leakage.encoders.weights import Weights, read
from leakage.errors import LeakageError
from leakage.storage import embeddings, files
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
    found = _weights(entry, weights, where)
    ready = entry.load(found, device)
    about = _of_view(opened)
    progress.about(f"{encoder} {about['scheme']} {about['level']}")
    pictures = progress.over(opened, "pictures")
    parts = encoders.embed(ready, of_pictures(pictures, _places(places, opened), size))
    first = next(parts)
    dim = first[1].shape[1]
    metadata = {
        "encoder": encoder,
        "label": ready.label,
        "untrained": ready.untrained,
        "weights": found.record.model_dump() if found else None,
        **about,
        "patch_size": size,
        "dim": dim,
        "device": ready.device,
        "versions": _versions(ready.libraries),
        "code": code,
        "inputs": {
            role: files.recorded(path)
            for role, path in {"view": view, "places": places, "weights": weights}.items()
            if path is not None
        },
    }
    finite = (refuse_nan(*part, where) for part in itertools.chain([first], parts))
    embeddings.write(output, finite, dim, metadata)


def _weights(entry: encoders.Encoder, path: Path | None, where: str) -> Weights | None:
    if not entry.needs_weights:
        return None
    if path is None:
        raise LeakageError(f"{where}: --weights is missing; give the weights record")
    return read(path)


def _places(path: Path, view: View) -> dict[str, pd.DataFrame]:
    """Return the places by picture, for the pictures of a view or of one shard of it."""
    shard, shards = view.metadata.get("shard", 0), view.metadata.get("shards", 1)
    table = rows(files.check(path), shard, shards)
    return {str(image_id): own for image_id, own in table.groupby("image_id", sort=False)}


def of_pictures(
    pictures: Iterable[tuple[str, Pixels]], places: dict[str, pd.DataFrame], size: int
) -> Iterator[tuple[Row, Pixels]]:
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
    return LeakageError(f"{found}; make both from the same manifest: delete both and run again")


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


def _of_view(view: View) -> dict[str, Any]:
    """Return the scheme and the level of a view, and all of its metadata under `view`."""
    missing = [key for key in ("scheme", "level") if key not in view.metadata]
    if missing:
        raise LeakageError(
            f"{view.path}: not a view of this workflow: its metadata has no {missing[0]}; make it "
            "with the step `view`"
        )
    known = view.metadata
    return {"scheme": known["scheme"], "level": known["level"], "view": known}


def _versions(libraries: tuple[str, ...]) -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in ("numpy", *libraries)}
    return {"python": platform.python_version(), **versions}
