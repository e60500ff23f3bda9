"""Shards: the parts of a large dataset, one job each, so that no job grows with the dataset."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from leakage.errors import LeakageError

if TYPE_CHECKING:
    import pandas as pd

# Rows of a table that are in memory at once.
ROWS_AT_ONCE = 10_000


def count(pictures: int, size: int) -> int:
    """Return how many shards of at most `size` pictures hold `pictures`; at least one."""
    return max(1, -(-pictures // size))


def bounds(pictures: int, shard: int, shards: int) -> tuple[int, int]:
    """Return the first picture of a shard and the one after its last.

    The pictures are spread evenly: no shard is empty, even where fewer pictures were left of the
    dataset than the number of shards was planned for.

    Args:
        pictures: rows of the manifest.
        shard: 0 to shards - 1.
        shards: how many there are.

    Raises:
        LeakageError: there are fewer pictures than shards.
    """
    if pictures < shards:
        raise LeakageError(
            f"dataset.shard_size: {shards} shards were planned for the dataset, and only "
            f"{pictures} pictures of it are left; raise dataset.shard_size"
        )
    return pictures * shard // shards, pictures * (shard + 1) // shards


def rows(path: Path | str, shard: int, shards: int) -> "pd.DataFrame":
    """Return one shard's rows of the manifest or of the places, without holding all of them.

    Args:
        path: a CSV with `image_id`, the rows of each picture one after the other.
        shard: 0 to shards - 1.
        shards: how many there are.

    Raises:
        LeakageError: there are fewer pictures than shards.
    """
    # Imported here: the workflow counts shards at every parse of the Snakefile.
    import pandas as pd

    pictures = 0
    for numbers, _ in _numbered(path, ["image_id"]):
        pictures = numbers.iloc[-1] + 1
    first, end = bounds(pictures, shard, shards)
    return pd.concat(
        part[(numbers >= first) & (numbers < end)] for numbers, part in _numbered(path)
    )


def _numbered(
    path: Path | str, columns: list[str] | None = None
) -> "Iterator[tuple[pd.Series, pd.DataFrame]]":
    """Yield the rows of a CSV in parts, and of each row the number of its picture, from 0."""
    import pandas as pd

    number, last = -1, None
    options = {"dtype": {"image_id": str}, "keep_default_na": False, "chunksize": ROWS_AT_ONCE}
    with pd.read_csv(path, usecols=columns, **options) as parts:
        for part in parts:
            ids = part["image_id"]
            numbers = number + (ids != ids.shift(fill_value=last)).cumsum()
            number, last = numbers.iloc[-1], ids.iloc[-1]
            yield numbers, part
