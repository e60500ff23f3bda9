"""Embeddings of one encoder at one level: a Parquet file of patches and whole pictures."""

import contextlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from leakage import seeds
from leakage.config.settings import shown
from leakage.errors import LeakageError
from leakage.storage import files

WHOLE = -1
"""`patch`, `top` and `left` in the row of a whole picture"""
ROWS = ("patches", "whole")
GROUP = 1024
"""smallest number of rows that are written at once"""

SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("patch", pa.int32()),
        ("top", pa.int32()),
        ("left", pa.int32()),
    ]
)

Row = tuple[str, int, int, int]
"""image id, patch, and top and left in pixels; the last three are `WHOLE` for a whole picture"""
Vectors = NDArray[np.float32]


def write(
    path: Path | str,
    parts: Iterable[tuple[Sequence[Row], Vectors]],
    dim: int,
    metadata: dict[str, Any],
) -> None:
    """Write rows with their embeddings (rows, dim) part by part, so that memory does not grow."""
    schema = SCHEMA.append(pa.field("embedding", pa.list_(pa.float32(), dim)))
    schema = schema.with_metadata(files.encode(metadata))
    with (
        files.kept_file(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for rows, embeddings in _grouped(parts):
            columns = [
                pa.array(values, field.type)
                for values, field in zip(zip(*rows, strict=True), SCHEMA, strict=True)
            ]
            values = pa.array(np.ascontiguousarray(embeddings, np.float32).ravel())
            columns.append(pa.FixedSizeListArray.from_arrays(values, dim))
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _grouped(
    parts: Iterable[tuple[Sequence[Row], Vectors]],
) -> Iterator[tuple[list[Row], Vectors]]:
    """Yield the parts joined to at least `GROUP` rows; the last may have fewer."""
    rows: list[Row] = []
    waiting: list[Vectors] = []
    for more, embeddings in parts:
        rows += more
        waiting.append(embeddings)
        if len(rows) >= GROUP:
            yield rows, np.concatenate(waiting)
            rows, waiting = [], []
    if rows:
        yield rows, np.concatenate(waiting)


def gather(shards: Sequence[Path | str], output: Path | str) -> None:
    """Join the embeddings of all shards of one level in one file, one row group at a time."""
    of_first: dict[str, Any] = {}
    with files.kept_file(output) as temporary, contextlib.ExitStack() as stack:
        writer = None
        for number, path in enumerate(shards):
            opened = pq.ParquetFile(files.check(path))
            metadata = _of_all_shards(files.decode(opened.schema_arrow.metadata))
            if writer is None:
                of_first = metadata
                digests = [files.recorded(files.check(each))[0] for each in shards]
                made_of = {"inputs": {"shards": digests}}
                schema = opened.schema_arrow.with_metadata(files.encode(metadata | made_of))
                writer = stack.enter_context(
                    pq.ParquetWriter(temporary, schema, compression="zstd")
                )
            if metadata != of_first:
                different = [key for key in metadata if metadata[key] != of_first.get(key)]
                raise LeakageError(
                    f"{path}: made differently from {shards[0]} ({', '.join(different)}); "
                    f"{files.again(path)}"
                )
            found = files.decode(opened.schema_arrow.metadata)["view"].get("shard", number)
            if found != number:
                raise LeakageError(
                    f"{path}: shard {found}; expected shard {number}: give all shards in order"
                )
            for group in range(opened.num_row_groups):
                writer.write_table(opened.read_row_group(group).cast(schema))
        if writer is not None and of_first["view"].get("shards", len(shards)) != len(shards):
            raise LeakageError(
                f"{shards[-1]}: found {len(shards)} shards, expected "
                f"{of_first['view']['shards']}; give all shards of the level"
            )


def _of_all_shards(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata without the parts that differ between shards."""
    view = {key: value for key, value in metadata["view"].items() if key != "shard"}
    return {key: value for key, value in metadata.items() if key != "inputs"} | {"view": view}


def read(
    path: Path | str,
    rows: str,
    limit: int | None = None,
    seed: int = 0,
    only: Collection[tuple[str, int]] | None = None,
) -> tuple[NDArray[np.str_], Vectors, dict[str, Any]]:
    """Return the embeddings of the patches or of the whole pictures, in the view's order.

    The order is the same at every level, also with a limit: the rows of two levels are pairs.

    Args:
        path: a file made by `write` or `gather`.
        rows: `patches` or `whole` (whole pictures).
        limit: largest number of rows to read, from as many pictures as possible; None for all.
        seed: draws the rows.
        only: (image id, patch) of the patches to read, which may be none; by default all.

    Returns:
        image_ids: str of shape (n,).
        embeddings: float32 of shape (n, dim).
        metadata: the metadata given to `write`.
    """
    if rows not in ROWS:
        raise LeakageError(f"rows: found {shown(rows)}; expected {' or '.join(ROWS)}")
    if limit is not None and limit < 1:
        raise LeakageError(f"limit: found {limit}; expected at least 1 embedding, or None for all")
    seed = seeds.checked(seed)
    # A dictionary holds each picture's id once, not once per patch.
    opened = pq.ParquetFile(files.check(path), read_dictionary=["image_id"])
    names = opened.read(["image_id", "patch"]).unify_dictionaries()
    patch = names["patch"].to_numpy()
    wanted = np.flatnonzero((patch == WHOLE) == (rows == "whole"))
    if only is not None:
        ids = names["image_id"].to_pylist()
        wanted = np.array([row for row in wanted if (ids[row], patch[row]) in only], np.intp)
    elif not len(wanted):
        raise LeakageError(f"{path}: found no embeddings of {rows}; ask for the other rows")
    image_ids = names["image_id"].take(pa.array(wanted))
    if limit is not None and limit < len(wanted):
        chosen = draw(image_ids.dictionary_encode().combine_chunks(), patch[wanted], limit, seed)
        wanted, image_ids = wanted[chosen], image_ids.take(pa.array(chosen))
    found, first = [], 0
    for group in range(opened.num_row_groups):
        length = opened.metadata.row_group(group).num_rows
        inside = wanted[np.searchsorted(wanted, first) : np.searchsorted(wanted, first + length)]
        if len(inside):
            column = opened.read_row_group(group, ["embedding"])["embedding"].combine_chunks()
            values = column.flatten().to_numpy(zero_copy_only=False)
            found.append(values.reshape(length, column.type.list_size)[inside - first])
        first += length
    dim = opened.schema_arrow.field("embedding").type.list_size
    return (
        np.array(image_ids.to_pylist(), dtype=np.str_),
        np.concatenate(found) if found else np.empty((0, dim), np.float32),
        files.decode(opened.schema_arrow.metadata),
    )


def draw(
    image_ids: pa.DictionaryArray, patch: NDArray[np.int32], limit: int, seed: int
) -> NDArray[np.intp]:
    """Return the sorted indices of `limit` rows: the first patch of each picture, then others."""
    pictures = len(image_ids.dictionary)
    order = np.random.default_rng([seed, 4]).permutation(pictures)
    turn = order[image_ids.indices.to_numpy()]
    return np.sort(np.lexsort((turn, patch))[:limit])
