"""Estimate the leakage at every level, from files of the workflow or from your own arrays.

python -m leakage estimate histogram x.npy y.npy
python -m leakage estimate mine x.npy y.npy --groups groups.npy --output table.csv
"""

import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import typer
from numpy.typing import NDArray

from leakage import devices, estimators, progress, seeds
from leakage.analysis import enough
from leakage.config.paths import ACROSS, INSIDE, title
from leakage.config.settings import from_json, validate
from leakage.errors import LeakageError
from leakage.estimators import Estimator, arguments
from leakage.estimators.tables import too_few
from leakage.options import Groups, Limit, Part, Parts, Rows
from leakage.protocol.folds import FEWEST_PICTURES
from leakage.schemes.regions import Region
from leakage.storage import checkpoints, files, kinds, levels
from leakage.storage import parts as told_apart
from leakage.storage.kinds import Kind
from leakage.storage.views import View

# Gives the index of the pixels of a picture, by its id and shape, that an estimate reads.
Chosen = Callable[[str, tuple[int, ...]], Any]
# What a view that has come to its end gives as its next picture.
NO_PICTURE = "", np.empty(0, np.uint8)
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
    part: Part = None,
    parts: Parts = None,
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
    about_table = {"--label": label, "--representation": representation, "--code": code}
    files.refuse_without_output(output, about_table)
    source = kinds.of_pair(x, y)
    given: dict[str, Any] = {
        "--groups": groups,
        "--rows": rows,
        "--limit": limit,
        "--checkpoint": checkpoint,
    }
    given |= {"--checkpoint-every": checkpoint_every, "--part": part, "--parts": parts}
    _refuse_options(source, given, chosen)
    which = (rows or "patches", limit, seed, part)
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
        pair = files.read_array(x), files.read_array(y[0])
        own = arguments.checked(*pair, members, None, seed, counts=chosen.counts)
        table = estimators.run(chosen, *own)
    elif source is Kind.VIEWS:
        table, about = _from_views(chosen, x, y, seed, part, kept)
    else:
        read = levels.read(x, y, *which, told_apart.chosen(part, parts, rows))
        items = read.plain, read.views, read.image_ids, read.levels
        table, about = _of_part(part, chosen, items, seed, kept), read.source
    if note := enough.note(table, chosen.model_dump()):
        print(note, file=sys.stderr)
    if output is None:
        shown = table[table["chosen"]].drop(columns=["chosen", "estimand"])
        shown.dropna(axis="columns", how="all").to_csv(sys.stdout, index=False)
        return
    table.insert(0, "scheme", title(about.get("scheme", ""), part or ""))
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
        metadata["inputs"] = levels.checksums(x, y, parts)
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


def _of_part(
    part: str | None,
    chosen: Estimator,
    items: tuple[NDArray[Any], NDArray[Any], NDArray[Any], list[int]],
    seed: int,
    checkpoint: checkpoints.Checkpoint | None,
) -> pd.DataFrame:
    """Return the table of an estimator; of a part with too few pictures, one without values."""
    pictures = len(set(items[2]))
    if part is not None and pictures < FEWEST_PICTURES:
        return too_few(items[3], pictures)
    return estimators.run(chosen, *items, seed, checkpoint)


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
    part: str | None,
    checkpoint: checkpoints.Checkpoint | None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table from pixels: from all of them, picture by picture, or from drawn pairs."""
    if "pixels" not in chosen.reads:
        raise LeakageError(
            f"estimator {chosen.method}: reads only embeddings, but {x} is a view; give embeddings"
        )
    plain, views = View(x), [View(path) for path in y]
    abouts = [view.metadata for view in views]
    numbers = [about["level"] for about in abouts]
    source = levels.source(abouts, part)
    inside = _inside(part, abouts[-1])
    pictures = _pictures(plain, inside)
    if not pictures:
        table = too_few(numbers, 0)
    elif chosen.reads_whole_pictures:
        pixels = _whole_pictures(plain, views, inside)
        table = estimators.run_on_pictures(chosen, pixels, numbers, seed)
    else:
        drawn = _draw_pixels(plain, views, chosen.pixel_pairs, seed, inside, pictures)
        table = _of_part(part, chosen, (*drawn, numbers), seed, checkpoint)
    bits = {about["level"]: levels.clear_bits(about, part) for about in abouts}
    table["bound"] = table["level"].map(bits).astype("float64") * LN_2
    return table, {**abouts[-1], **source}


def _every_pixel(image_id: str, shape: tuple[int, ...]) -> slice:
    return slice(None)


def _inside(part: str | None, about: dict[str, Any]) -> Chosen:
    """Return a function that gives a picture's pixels of a part, bool, or all of them.

    Args:
        part: `inside` or `outside`, or None for all; a pixel is never across the border.
        about: the metadata of an encrypted view.
    """
    if part is None:
        return _every_pixel
    told_apart.refuse_unknown(part)
    if part == ACROSS:
        raise LeakageError(
            "--part across: a pixel is inside the region or outside; give one of these"
        )
    region: Region = validate(Region, about["definition"]["region"], "region")

    def of_picture(image_id: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        found = region.inside(image_id, shape).ravel()
        return found if part == INSIDE else ~found

    return of_picture


def _pictures(plain: View, inside: Chosen) -> int:
    """Return the number of pictures with pixels of a part."""
    if inside is _every_pixel:
        return len(plain)
    return sum(bool(np.any(inside(image_id, pixels.shape))) for image_id, pixels in plain)


def _pixels(
    plain: View, views: list[View], inside: Chosen
) -> Iterator[tuple[str, NDArray[Any], Iterator[NDArray[Any]]]]:
    """Yield id, x (pixels, channels) and an iterator over the y of each level, uint8, per picture.

    These are the pixels that `inside` gives. Pictures without such pixels are left out. The
    iterator reads a level when it is asked for the next one, and must be read to its end.
    """
    open_views = [iter(view) for view in views]
    for image_id, picture in progress.over(plain, "pictures", len(plain)):
        height, width, channels = picture.shape
        kept = inside(image_id, (height, width))
        x = picture.reshape(-1, channels)[kept]
        pictures = (_next_picture(view, image_id, plain.path) for view in open_views)
        ys = (y.reshape(-1, channels)[kept] for y in pictures)
        if len(x):
            yield image_id, x, ys
        else:
            for _ in ys:
                pass


def _next_picture(
    view: Iterator[tuple[str, NDArray[Any]]], image_id: str, plain: Path
) -> NDArray[Any]:
    """Return the next picture of a view, which must have this id."""
    found, pixels = next(view, NO_PICTURE)
    if found != image_id:
        raise LeakageError(
            f"{plain}: its pictures differ from those of the other levels; give views of one run"
        )
    return pixels


def _whole_pictures(
    plain: View, views: list[View], inside: Chosen
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield x (pixels, channels) and y (levels, pixels, channels), uint8, per picture."""
    for _, x, ys in _pixels(plain, views, inside):
        # A variable here would keep all levels while those of the next picture are read.
        yield x, _stacked(ys, (len(views), *x.shape))


def _stacked(ys: Iterator[NDArray[Any]], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the pixels of all levels, read one by one: np.stack would hold them twice."""
    stacked = np.empty(shape, np.uint8)
    for level, y in enumerate(ys):
        stacked[level] = y
    return stacked


def _draw_pixels(
    plain: View,
    views: list[View],
    pairs: int,
    seed: int,
    inside: Chosen = _every_pixel,
    pictures: int | None = None,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return random pixel values, spread evenly over the pictures.

    Returns:
        x uint8 (pairs, 1), y uint8 (levels, pairs, 1) and the picture ids (pairs,).
    """
    generator = np.random.default_rng([seed, 3])
    # With fewer pairs than pictures, evenly spaced pictures give one pair each.
    pictures = len(plain) if pictures is None else pictures
    counts = np.diff(np.arange(pictures + 1) * pairs // pictures)
    drawn_x, drawn_y, ids = [], [], []
    found = _pixels(plain, views, inside)
    for (image_id, x, ys), count in zip(found, counts, strict=True):
        place = generator.integers(0, x.size, count)
        drawn_x.append(x.reshape(-1, 1)[place])
        drawn_y.append(np.stack([y.reshape(-1, 1)[place] for y in ys]))
        ids += [image_id] * count
    return np.concatenate(drawn_x), np.concatenate(drawn_y, axis=1), np.array(ids)


def _write(output: Path, table: pd.DataFrame, metadata: dict[str, Any]) -> None:
    """Write the table; metadata only fit into Parquet."""
    if output.suffix.lower() == ".csv":
        with files.whole_file(output) as temporary:
            table.to_csv(temporary, index=False)
        return
    files.write_table(output, pa.Table.from_pandas(table, preserve_index=False), metadata)
