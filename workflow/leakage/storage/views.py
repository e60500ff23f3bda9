"""View files: the views of all pictures at one level, lossless, in one file or one per shard."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from leakage.errors import LeakageError
from leakage.interfaces import Bytes
from leakage.storage import files

SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("channels", pa.int32()),
        ("pixels", pa.binary()),
    ]
)


def write(
    path: Path | str, pictures: Iterable[tuple[str, Bytes]], metadata: dict[str, Any]
) -> None:
    """Write pictures one by one, so that memory does not grow with their number.

    Args:
        path: the Parquet file to write, with one row group per picture.
        pictures: (image id, uint8 array of shape (height, width, channels)) pairs.
        metadata: stored with the pictures, as `View.metadata`.
    """
    schema = SCHEMA.with_metadata(files.encode(metadata))
    with (
        files.kept_file(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", use_dictionary=False) as writer,
    ):
        for image_id, pixels in pictures:
            height, width, channels = pixels.shape
            row = [[image_id], [height], [width], [channels], [pixels.tobytes()]]
            writer.write_table(
                pa.Table.from_arrays(
                    [pa.array(c, t) for c, t in zip(row, schema.types, strict=True)], schema=schema
                )
            )


class View:
    """The views of a level, opened for reading: one file, or a folder of shards.

    Args:
        path: a file that `write` wrote, or a folder with one such file per shard, named
            `shard_name(0)`, `shard_name(1)`, …. The metadata of each has the number of shards.

    Attributes:
        metadata: stored with the pictures; in a folder, with those of the first shard.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        first = self.path / shard_name(0) if self.path.is_dir() else self.path
        self.metadata = files.read_metadata(files.check(first))
        self._checked = {first}
        self.paths = [first]
        if self.path.is_dir():
            shards = self.metadata.get("shards", 1)
            self.paths = [self.path / shard_name(index) for index in range(shards)]
        for path in self.paths:
            files.refuse_missing(path)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return sum(pq.read_metadata(self._check(path)).num_row_groups for path in self.paths)

    def __iter__(self) -> Iterator[tuple[str, Bytes]]:
        """Yield (image id, read-only uint8 array of shape (height, width, channels))."""
        for path in self.paths:
            opened = pq.ParquetFile(self._check(path))
            found = files.decode(opened.schema_arrow.metadata)
            here, there = (each.get("shards", 1) for each in (found, self.metadata))
            if here != there:
                raise LeakageError(
                    f"{path}: one of {here} shards, but {self.paths[0]} is one of {there}; "
                    f"{files.again(path)}"
                )
            for index in range(opened.metadata.num_row_groups):
                # A variable here would keep the picture until the next one is asked for.
                yield _read(opened, index)

    def _check(self, path: Path) -> Path:
        if path not in self._checked:
            self._checked.add(files.check(path))
        return path


def _read(opened: pq.ParquetFile, index: int) -> tuple[str, Bytes]:
    row = opened.read_row_group(index)
    shape = tuple(row[name][0].as_py() for name in ("height", "width", "channels"))
    pixels = np.frombuffer(row["pixels"][0].as_buffer(), np.uint8)
    return row["image_id"][0].as_py(), pixels.reshape(shape)


def shard_name(index: int) -> str:
    """Return the file name of a shard in the folder of a level."""
    return f"{index}.parquet"
