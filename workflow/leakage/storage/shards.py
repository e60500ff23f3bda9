"""Shards: the parts of a large dataset, one job each, so that jobs do not grow with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from leakage.errors import LeakageError
from leakage.interfaces import Frame, Ints

if TYPE_CHECKING:
    import pandas as pd

# Rows of a table that are in memory at once.
ROWS_AT_ONCE = 10_000
# Columns whose values may look like numbers.
TEXTS = dict.fromkeys(("image_id", "file_name", "similar_to", "sha256"), str)


def count(pictures: int, size: int) -> int:
    """Return the number of shards of at most `size` pictures, at least one."""
    return max(1, -(-pictures // size))


def bounds(pictures: int, shard: int, shards: int) -> tuple[int, int]:
    """Return the first picture of a shard and the one after its last.

    The shards have equal sizes, up to one picture. So none is empty, even if pictures were skipped
    after the number of shards was planned.
    """
    if pictures < shards:
        raise LeakageError(
            f"dataset.shard_size: {shards} shards were planned, but only {pictures} pictures are "
            "left; raise dataset.shard_size"
        )
    return pictures * shard // shards, pictures * (shard + 1) // shards


def rows(path: Path | str, shard: int, shards: int) -> Frame:
    """Return one shard's rows of the manifest or of the places, without loading the whole table."""
    # Imported here: the Snakefile imports this module at every start.
    import pandas as pd

    pictures = 0
    for numbers, _ in _numbered(path, ["image_id"]):
        pictures = int(numbers.iloc[-1]) + 1
    first, end = bounds(pictures, shard, shards)
    return pd.concat(
        part[(numbers >= first) & (numbers < end)] for numbers, part in _numbered(path)
    )


def spread(count: int, limit: int) -> Ints:
    """Return at most `limit` of the numbers 0 to count - 1, evenly spread and in order."""
    taken = min(count, limit)
    return np.arange(taken) * count // max(1, taken)


def parts(path: Path | str, rows: int, columns: list[str] | None = None) -> Iterator[Frame]:
    """Yield a CSV with `image_id` in parts of `rows` rows."""
    import pandas as pd

    with pd.read_csv(
        path, usecols=columns, dtype=TEXTS, keep_default_na=False, chunksize=rows
    ) as found:
        yield from found


def _numbered(
    path: Path | str, columns: list[str] | None = None
) -> "Iterator[tuple[pd.Series[int], Frame]]":
    """Yield a CSV in parts: the number of each row's picture, from 0, and the rows."""
    number, last = -1, None
    for part in parts(path, ROWS_AT_ONCE, columns):
        ids = part["image_id"]
        numbers = number + (ids != ids.shift(fill_value=last)).cumsum()
        number, last = int(numbers.iloc[-1]), ids.iloc[-1]
        yield numbers, part
