"""Estimate the leakage at every level, from files of the workflow or from your own arrays.

python -m leakage estimate histogram x.npy y.npy
python -m leakage estimate mine x.npy y.npy --groups groups.npy --output table.csv
"""

import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import typer
from numpy.typing import NDArray

from leakage import devices, estimators, progress, seeds
from leakage.analysis import enough
from leakage.config.settings import from_json
from leakage.errors import LeakageError
from leakage.estimators import Estimator, arguments
from leakage.options import Groups, Limit, Rows
from leakage.storage import checkpoints, files, kinds, levels
from leakage.storage.kinds import Kind
from leakage.storage.views import View

# A constant, because a computed logarithm can differ in the last bit between machines.
LN_2 = 0.6931471805599453


def main(
    name: Annotated[str, typer.Argument(help=f"{', '.join(estimators.names())}, or a Python file")],
    x: Annotated[
        Path,
        typer.Argument(help="plain items: .npy, or view (file or folder) or embedding of level 0"),
    ],
    y: Annotated[list[Path], typer.Argument(help="views: one .npy, or a file per level")],
    output: Annotated[
        Path | None,
        typer.Option(help="output table, .parquet or .csv; default: print the chosen rows"),
    ] = None,
    groups: Groups = None,
    rows: Rows = None,
    limit: Limit = None,
    settings: Annotated[
        str, typer.Option(help="settings, as JSON; default: the estimator's, not config.yaml's")
    ] = "{}",
    seed: Annotated[int, typer.Option(help="random seed")] = 0,
    label: Annotated[str, typer.Option(help="the estimator's key, for the table")] = "",
    representation: Annotated[str, typer.Option(help="representation, for the table")] = "",
    code: Annotated[str, typer.Option(help="digest of the code, for the metadata")] = "",
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="for views and embeddings: file that keeps the state of a training"),
    ] = None,
    checkpoint_every: Annotated[
        float | None,
        typer.Option(help=f"seconds between two checkpoints; default: {checkpoints.EVERY:g}"),
    ] = None,
) -> None:
    """Estimate the leakage at every level with one estimator.

    Without --output, print a row per level, of trained critics also per fold and seed.
    The columns mean, low, high, floor and p_value are of the whole level.
    """
    chosen = _settings(name, settings)
    seed = seeds.checked(seed, "--seed")
    inputs = [x, *y, *([groups] if groups else [])]
    files.refuse_output(output, (".parquet", ".csv"), inputs)
    for option, value in (("label", label), ("representation", representation), ("code", code)):
        if value and output is None:
            raise LeakageError(f"--{option}: does nothing without --output; leave it out")
    source = kinds.of_pair(x, y)
    given = {"--groups": groups, "--rows": rows, "--limit": limit, "--checkpoint": checkpoint}
    _refuse_options(source, given | {"--checkpoint-every": checkpoint_every}, chosen)
    which = (rows or "patches", limit, seed)
    progress.about(" ".join(filter(None, [label or name, representation])))
    kept = None
    if checkpoint:
        identity = _identity(name, x, y, which, chosen, code)
        every = checkpoints.EVERY if checkpoint_every is None else checkpoint_every
        kept = checkpoints.Checkpoint(checkpoint, identity, every)
    about: dict[str, Any] = {}
    if source is Kind.ARRAYS:
        members = None if groups is None else files.read_array(groups)
        if members is None and not chosen.reads_whole_pictures:
            print(arguments.NO_GROUPS, file=sys.stderr)
        own = arguments.checked(files.read_array(x), files.read_array(y[0]), members, None, seed)
        table = estimators.run(chosen, *own)
    elif source is Kind.VIEWS:
        table, about = _from_views(chosen, x, y, seed, kept)
    else:
        read = levels.read(x, y, *which)
        items = read.plain, read.views, read.image_ids, read.levels
        table, about = estimators.run(chosen, *items, seed, kept), read.source
    if note := enough.note(table, chosen.model_dump()):
        print(note, file=sys.stderr)
    if output is None:
        shown = table[table["chosen"]].drop(columns=["chosen", "estimand"])
        shown.dropna(axis="columns", how="all").to_csv(sys.stdout, index=False)
        return
    table.insert(0, "scheme", about.get("scheme", ""))
    table.insert(2, "estimator", label or name)
    table.insert(3, "representation", representation)
    metadata: dict[str, Any] = {
        "estimator": label or name,
        "representation": representation,
        "settings": chosen.model_dump(),
        "seed": seed,
        "code": code,
        "device": _device(chosen),
        "versions": {each: importlib.metadata.version(each) for each in ("numpy", "torch")},
        "source": about,
    }
    if source is not Kind.ARRAYS:
        metadata["inputs"] = levels.checksums(x, y)
    _write(output, table, metadata)
    if kept:
        kept.remove()


def _refuse_options(source: Kind, given: dict[str, Any], chosen: Estimator) -> None:
    """Raise a LeakageError for an option with a wrong value or without effect."""
    kinds.refuse_options(source, given)
    every = given["--checkpoint-every"]
    if every is not None and (given["--checkpoint"] is None or not every >= 0):
        raise LeakageError(
            f"--checkpoint-every: found {every:g}; expected at least 0 seconds, and --checkpoint"
        )
    if given["--checkpoint"] is not None and not chosen.resumes:
        raise LeakageError(
            f"--checkpoint: estimator {chosen.method} keeps no state; leave the option out"
        )


def _identity(
    name: str, x: Path, y: list[Path], which: tuple[Any, ...], chosen: Estimator, code: str
) -> str:
    """Return the digest of everything that an estimate from files depends on."""
    inputs = [digest for path in (x, *y) for digest in files.recorded(path)]
    depends = [name, *inputs, *which, chosen.model_dump(mode="json"), code, _device(chosen)]
    depends.append(importlib.metadata.version("torch"))
    return hashlib.sha256(json.dumps(depends).encode()).hexdigest()


def _device(chosen: Estimator) -> str:
    """Return the device of an estimator with these settings."""
    return str(devices.resolve(chosen.runs_on)) if chosen.uses_gpu else "cpu"


def _settings(name: str, text: str) -> Estimator:
    """Return the estimator with its settings from the command line."""
    given = from_json(text, "--settings")
    if not isinstance(given, dict):
        raise LeakageError(f"--settings: found {text}; expected a JSON object, such as {{}}")
    return estimators.entry(name, given)


def _from_views(
    chosen: Estimator,
    x: Path,
    y: list[Path],
    seed: int,
    checkpoint: checkpoints.Checkpoint | None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table from pixels: from all of them, picture by picture, or from drawn pairs."""
    if "pixels" not in chosen.reads:
        raise LeakageError(
            f"estimator {chosen.method}: reads only embeddings, but {x} is a view; give embeddings"
        )
    plain, views = View(x), [View(path) for path in y]
    numbers = [view.metadata["level"] for view in views]
    if chosen.reads_whole_pictures:
        pixels = ((p, s) for _, p, s in _pixels(plain, views))
        table = estimators.run_on_pictures(chosen, pixels, numbers, seed)
    else:
        drawn = _draw_pixels(plain, views, chosen.pixel_pairs, seed)
        table = estimators.run(chosen, *drawn, numbers, seed, checkpoint)
    bits = {view.metadata["level"]: view.metadata["clear_bits"] for view in views}
    table["bound"] = table["level"].map(bits) * LN_2
    return table, {**views[-1].metadata, **levels.source([view.metadata for view in views])}


def _pixels(plain: View, views: list[View]) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    """Yield id, x (pixels, channels) and y (levels, pixels, channels), uint8, per picture."""
    others = [iter(view) for view in views]
    for image_id, x in progress.over(plain, "pictures", len(plain)):
        height, width, channels = x.shape
        y = np.empty((len(views), height * width, channels), np.uint8)
        # One level at a time: all at once would take twice the memory.
        for level, view in enumerate(others):
            other, pixels = next(view, ("", x))
            if other != image_id:
                raise LeakageError(
                    f"{plain.path}: its pictures differ from those of the other levels; give views "
                    "of one run"
                )
            y[level] = pixels.reshape(-1, channels)
            del pixels
        yield image_id, x.reshape(-1, channels), y


def _draw_pixels(
    plain: View, views: list[View], pairs: int, seed: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return random pixel values, spread evenly over the pictures.

    Returns:
        x uint8 (pairs, 1), y uint8 (levels, pairs, 1) and the picture ids (pairs,).
    """
    generator = np.random.default_rng([seed, 3])
    # With fewer pairs than pictures, evenly spaced pictures give one pair each.
    counts = np.diff(np.arange(len(plain) + 1) * pairs // len(plain))
    xs, ys, ids = [], [], []
    for (image_id, x, y), count in zip(_pixels(plain, views), counts, strict=True):
        place = generator.integers(0, x.size, count)
        xs.append(x.reshape(-1, 1)[place])
        ys.append(y.reshape(len(y), -1, 1)[:, place])
        ids += [image_id] * count
    return np.concatenate(xs), np.concatenate(ys, axis=1), np.array(ids)


def _write(output: Path, table: pd.DataFrame, metadata: dict[str, Any]) -> None:
    """Write the table; metadata only fit into Parquet."""
    if output.suffix.lower() == ".csv":
        with files.whole_file(output) as temporary:
            table.to_csv(temporary, index=False)
        return
    files.write_table(output, pa.Table.from_pandas(table, preserve_index=False), metadata)
