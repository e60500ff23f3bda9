"""Embeddings of one encoder at one level: a Parquet file of patches and whole pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from leakage import files

# What `patch`, `top` and `left` are in the row of a whole picture.
WHOLE = -1

# A row before it has its embedding: image id, patch, top and left in pixels.
Row = tuple[str, int, int, int]


def write(
    path: Path | str, rows: Sequence[Row], embeddings: np.ndarray, metadata: dict[str, Any]
) -> None:
    """Write embeddings with the rows that say whose they are.

    Args:
        path: the Parquet file to make.
        rows: per embedding its image id, patch, top and left; the last three -1 for a whole
            picture.
        embeddings: float32 of shape (rows, dim).
        metadata: what `read` will give back.
    """
    image_id, patch, top, left = zip(*rows, strict=True)
    values = pa.array(np.ascontiguousarray(embeddings, np.float32).ravel())
    table = pa.table(
        {
            "image_id": pa.array(image_id, pa.string()),
            "patch": pa.array(patch, pa.int32()),
            "top": pa.array(top, pa.int32()),
            "left": pa.array(left, pa.int32()),
            "embedding": pa.FixedSizeListArray.from_arrays(values, embeddings.shape[1]),
        }
    )
    files.write_table(path, table, metadata)


def read(
    path: Path | str, rows: Literal["patches", "whole"]
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Return the embeddings of the patches or of the whole pictures, in the view's order.

    The order is the same at every level, so the rows of two levels are pairs.

    Returns:
        image_ids: str of shape (n,).
        embeddings: float32 of shape (n, dim).
        metadata: what was written beside them.

    Raises:
        LeakageError: the file is missing or damaged.
    """
    table, metadata = files.read_table(path)
    whole = table["patch"].to_numpy() == WHOLE
    table = table.filter(whole if rows == "whole" else ~whole)
    column = table["embedding"].combine_chunks()
    embeddings = column.flatten().to_numpy(zero_copy_only=False)
    return (
        np.array(table["image_id"].to_pylist(), dtype=np.str_),
        embeddings.reshape(len(table), column.type.list_size),
        metadata,
    )
