"""Embed the patches and the whole pictures of one view with one encoder."""

import importlib.metadata
import itertools
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from leakage import encoders, patches, progress
from leakage.encoders.weights import Weights, read
from leakage.errors import LeakageError
from leakage.storage import embeddings, files
from leakage.storage.embeddings import WHOLE, Row
from leakage.storage.shards import rows
from leakage.storage.views import View


def main(
    view: Annotated[Path, typer.Argument(help="the view of one level")],
    places: Annotated[Path, typer.Argument(help="the CSV of places")],
    output: Annotated[Path, typer.Argument(help="the Parquet file to make")],
    encoder: Annotated[str, typer.Option(help="the encoder's key in the configuration")],
    settings: Annotated[str, typer.Option(help="its entry, as JSON")],
    size: Annotated[int, typer.Option(help="side of a patch in pixels")],
    code: Annotated[str, typer.Option(help="digest of the code, to be recorded")],
    weights: Annotated[Path | None, typer.Option(help="the weights record")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
) -> None:
    """Embed the patches and the whole pictures of one view."""
    where = f"encoders.{encoder}"
    entry = encoders.parse(settings, where)
    where = f"{where} ({entry.kind})"
    opened = View(view)
    record = _weights(entry, weights, where)
    ready = entry.load(record, device)
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
        "weights": record.record.model_dump() if record else None,
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
    """Return the places by picture, of the pictures that a view (or a shard of it) should have."""
    shard, shards = view.metadata.get("shard", 0), view.metadata.get("shards", 1)
    return dict(list(rows(files.check(path), shard, shards).groupby("image_id", sort=False)))


def of_pictures(
    pictures: Any, places: dict[str, pd.DataFrame], size: int
) -> Iterator[tuple[Row, np.ndarray]]:
    """Yield each picture's patches and then the whole of it, and whose they are.

    Raises:
        LeakageError: the view and the places are not of the same pictures.
    """
    left = dict(places)
    for image_id, pixels in pictures:
        if image_id not in left:
            raise _other_pictures(f"the view has picture {image_id}, the places have not")
        own = left.pop(image_id)
        for place, patch in zip(own.itertuples(), patches.crop(pixels, own, size), strict=True):
            yield (image_id, place.patch, place.top, place.left), patch
        yield (image_id, WHOLE, WHOLE, WHOLE), encoders.resize_whole(pixels, size)
    if left:
        raise _other_pictures(f"the places have picture {next(iter(left))}, the view has not")


def _other_pictures(found: str) -> LeakageError:
    return LeakageError(f"{found}; make both from the same manifest (delete both, and run again)")


def refuse_nan(rows: list[Row], found: np.ndarray, where: str) -> tuple[list[Row], np.ndarray]:
    """Return rows and embeddings; refuse those with a NaN or infinity, naming the first picture."""
    wrong = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if wrong.size:
        raise LeakageError(
            f"{where}: the embedding of picture {rows[wrong[0]][0]} is not finite (NaN or "
            "infinity): of a plug-in, mend its code; of a network, the weights are damaged or not "
            "this model's"
        )
    return rows, found


def _of_view(view: View) -> dict[str, Any]:
    """Return the scheme and the level of a view, and under `view` all that is known of it."""
    missing = [key for key in ("scheme", "level") if key not in view.metadata]
    if missing:
        raise LeakageError(
            f"{view.path}: its metadata has no {missing[0]}, so it is no view of this workflow; "
            "make it by the step `view`"
        )
    known = view.metadata
    return {"scheme": known["scheme"], "level": known["level"], "view": known}


def _versions(libraries: tuple[str, ...]) -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in ("numpy", *libraries)}
    return {"python": platform.python_version(), **versions}
