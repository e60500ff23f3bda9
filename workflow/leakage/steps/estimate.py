"""Estimate the leakage at every level with one estimator, from kept files or from your own arrays.

python -m leakage estimate histogram x.npy y.npy
python -m leakage estimate mine x.npy y.npy --settings '{"epochs": 50}' --output table.csv
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

from leakage import checkpoints, devices, estimators, files, levels, progress
from leakage.errors import LeakageError
from leakage.settings import validate
from leakage.views import View

# Written out: computed, its last bit is not the same on every machine.
LN_2 = 0.6931471805599453


def main(
    name: Annotated[str, typer.Argument(help="histogram, rounded_histogram, cosine, mine, …")],
    x: Annotated[
        Path,
        typer.Argument(help="plain items: .npy, or level 0's view (file or folder) or embedding"),
    ],
    y: Annotated[list[Path], typer.Argument(help="what is seen: one .npy, or a file per level")],
    output: Annotated[
        Path | None, typer.Option(help="table to make, .parquet or .csv; default: print the answer")
    ] = None,
    groups: Annotated[Path | None, typer.Option(help="picture ids, .npy of shape (pairs,)")] = None,
    rows: Annotated[str, typer.Option(help="of embeddings: patches or whole")] = "patches",
    limit: Annotated[int | None, typer.Option(help="embeddings that are read at most")] = None,
    settings: Annotated[str, typer.Option(help="the estimator's settings, as JSON")] = "{}",
    seed: Annotated[int, typer.Option(help="of everything random")] = 0,
    label: Annotated[str, typer.Option(help="the estimator's key, for the table")] = "",
    representation: Annotated[str, typer.Option(help="for the table")] = "",
    code: Annotated[str, typer.Option(help="digest of the code, for the metadata")] = "",
    checkpoint: Annotated[
        Path | None, typer.Option(help="where a long training keeps its state until it has ended")
    ] = None,
    checkpoint_every: Annotated[
        float, typer.Option(help="seconds between two states")
    ] = checkpoints.EVERY,
) -> None:
    """Estimate the leakage at every level with one estimator."""
    chosen = _settings(name, settings)
    progress.about(" ".join(filter(None, [label or name, representation])))
    kept = None
    if checkpoint and x.suffix != ".npy" and getattr(estimators.module(name), "RESUMES", False):
        identity = _identity(name, x, y, (rows, limit, seed), chosen, code)
        kept = checkpoints.Checkpoint(checkpoint, identity, checkpoint_every)
    resume = {"checkpoint": kept} if kept else {}
    if x.suffix == ".npy":
        table, source = _from_arrays(name, x, y, groups, seed, chosen), {}
    elif _is_view(x):
        table, source = _from_views(name, x, y, seed, chosen, resume)
    else:
        table, source = _from_embeddings(name, x, y, (rows, limit, seed), chosen, resume)
    if output is None:
        shown = table[table["chosen"]].drop(columns=["chosen", "estimand"])
        shown.dropna(axis="columns", how="all").to_csv(sys.stdout, index=False)
        return
    table.insert(0, "scheme", source.get("scheme", ""))
    table.insert(2, "estimator", label or name)
    table.insert(3, "representation", representation)
    metadata = {
        "estimator": label or name,
        "representation": representation,
        "settings": chosen.model_dump(),
        "seed": seed,
        "code": code,
        "device": _device(chosen),
        "versions": {each: importlib.metadata.version(each) for each in ("numpy", "torch")},
        "source": source,
    }
    if x.suffix != ".npy":
        read = {"plain": [x], "levels": y}
        metadata["inputs"] = {
            role: [digest for path in paths for digest in files.recorded(path)]
            for role, paths in read.items()
        }
    _write(output, table, metadata)
    if kept:
        kept.remove()


def _identity(
    name: str, x: Path, y: list[Path], which: tuple[Any, ...], chosen: Any, code: str
) -> str:
    """Return the digest of all that an estimate from kept files depends on."""
    inputs = [digest for path in (x, *y) for digest in files.recorded(path)]
    depends = [name, *inputs, *which, chosen.model_dump(mode="json"), code, _device(chosen)]
    depends.append(importlib.metadata.version("torch"))
    return hashlib.sha256(json.dumps(depends).encode()).hexdigest()


def _device(chosen: Any) -> str:
    """Return where an estimator with these settings computes."""
    return str(devices.resolve(chosen.device)) if hasattr(chosen, "device") else "cpu"


def _settings(name: str, text: str) -> Any:
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise LeakageError(f"--settings: not JSON ({error}): {text}") from None
    if not isinstance(given, dict):
        raise LeakageError(f"--settings: found {text}; expected a JSON object, say {{}}")
    return validate(estimators.settings_of(name), {"method": name, **given}, name)


def _from_arrays(
    name: str, x: Path, y: list[Path], groups: Path | None, seed: int, chosen: Any
) -> pd.DataFrame:
    if len(y) != 1:
        raise LeakageError(f"{len(y)} arrays for y; expected one, of shape (levels, pairs, dim)")
    members = None if groups is None else files.read_array(groups)
    given = chosen.model_dump(exclude={"method"})
    arrays = files.read_array(x), files.read_array(y[0])
    return estimators.estimate(name, *arrays, members, seed, **given)


def _is_view(path: Path) -> bool:
    return path.is_dir() or "clear_bits" in files.read_metadata(files.check(path))


def _from_embeddings(
    name: str,
    x: Path,
    y: list[Path],
    which: tuple[Any, int | None, int],
    chosen: Any,
    resume: dict[str, Any],
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table from the embeddings of the plain pictures and of every level.

    `which` of them: patches or whole pictures, at most how many, and the seed that draws them.
    """
    seed = which[-1]
    read = levels.read(x, y, *which)
    given = read.plain, read.views, read.image_ids, read.levels
    return estimators.run(name, *given, seed, chosen, **resume), read.source


def _from_views(
    name: str, x: Path, y: list[Path], seed: int, chosen: Any, resume: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table from pixels: all of them, picture by picture, or pairs drawn from them."""
    plain, seen = View(x), [View(path) for path in y]
    numbers = [view.metadata["level"] for view in seen]
    estimator = estimators.module(name)
    if hasattr(estimator, "estimate_pictures"):
        pixels = ((p, s) for _, p, s in _pixels(plain, seen))
        table = estimator.estimate_pictures(pixels, numbers, chosen)
    elif hasattr(chosen, "pixels"):
        drawn = _draw_pixels(plain, seen, chosen.pixels.pairs, seed)
        table = estimators.run(name, *drawn, numbers, seed, chosen, **resume)
    else:
        raise LeakageError(f"estimator {name}: reads embeddings only, and {x} is a view")
    bits = {view.metadata["level"]: view.metadata["clear_bits"] for view in seen}
    table["bound"] = table["level"].map(bits) * LN_2
    return table, {**seen[-1].metadata, **levels.source([view.metadata for view in seen])}


def _pixels(plain: View, seen: list[View]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield id, x (pixels, channels) and y (levels, pixels, channels), uint8, per picture."""
    pictures = zip(plain, *seen, strict=True)
    for (image_id, x), *rest in progress.over(pictures, "pictures", len(plain)):
        if any(other != image_id for other, _ in rest):
            raise LeakageError(f"{plain.path}: its pictures are not those of the other levels")
        channels = x.shape[2]
        y = np.stack([pixels.reshape(-1, channels) for _, pixels in rest])
        yield image_id, x.reshape(-1, channels), y


def _draw_pixels(
    plain: View, seen: list[View], pairs: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return `pairs` pixel values, spread evenly over the pictures, at random places and channels.

    Returns:
        x uint8 (pairs, 1), y uint8 (levels, pairs, 1) and the picture ids (pairs,).
    """
    generator = np.random.default_rng([seed, 3])
    # Where there are fewer pairs than pictures, pictures spread over the whole dataset give one.
    counts = np.diff(np.arange(len(plain) + 1) * pairs // len(plain))
    xs, ys, ids = [], [], []
    for (image_id, x, y), count in zip(_pixels(plain, seen), counts, strict=True):
        place = generator.integers(0, x.size, count)
        xs.append(x.reshape(-1, 1)[place])
        ys.append(y.reshape(len(y), -1, 1)[:, place])
        ids += [image_id] * count
    return np.concatenate(xs), np.concatenate(ys, axis=1), np.array(ids)


def _write(output: Path, table: pd.DataFrame, metadata: dict[str, Any]) -> None:
    if output.suffix == ".csv":
        with files.whole_file(output) as temporary:
            table.to_csv(temporary, index=False)
        return
    if output.suffix != ".parquet":
        raise LeakageError(f"--output {output}: expected a name that ends in .parquet or .csv")
    files.write_table(output, pa.Table.from_pandas(table, preserve_index=False), metadata)
