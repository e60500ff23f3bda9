"""Shards: the parts of a large dataset, one job each, so that no job grows with the dataset."""

from leakage.errors import LeakageError


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
