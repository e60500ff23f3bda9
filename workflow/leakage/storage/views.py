"""View files: the view of every picture at one level, losslessly, in shards."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from leakage.errors import LeakageError
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
    path: Path | str, pictures: Iterable[tuple[str, np.ndarray]], metadata: dict[str, Any]
) -> None:
    """Write pictures one by one, so that memory does not grow with their number.

    Args:
        path: the Parquet file to make; one row group per picture.
        pictures: (image id, uint8 array of shape (height, width, channels)) pairs.
        metadata: what `View.metadata` will give back.
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
    """A view, opened for reading: one file, or the folder of its shards.

    Args:
        path: a file that `write` made, or a folder with such files, one per shard, named
            `shard_name(0)`, `shard_name(1)`, …; how many there are stands in the metadata of each.

    Attributes:
        metadata: what was written beside the pictures (of a folder: beside those of its first).

    Raises:
        LeakageError: a file is missing or damaged, or of a division into another number of shards.
            A shard's checksum is checked when its pictures are read.
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
        return sum(pq.read_metadata(path).num_row_groups for path in self.paths)

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield (image id, read-only uint8 array of shape (height, width, channels))."""
        for path in self.paths:
            if path not in self._checked:
                self._checked.add(files.check(path))
            opened = pq.ParquetFile(path)
            self._refuse_another_division(path, files.decode(opened.schema_arrow.metadata))
            for index in range(opened.metadata.num_row_groups):
                row = opened.read_row_group(index)
                shape = tuple(row[name][0].as_py() for name in ("height", "width", "channels"))
                pixels = np.frombuffer(row["pixels"][0].as_buffer(), np.uint8)
                yield row["image_id"][0].as_py(), pixels.reshape(shape)

    def _refuse_another_division(self, path: Path, found: dict[str, Any]) -> None:
        here, there = (each.get("shards", 1) for each in (found, self.metadata))
        if here != there:
            raise LeakageError(
                f"{path}: one of {here} shards, and {self.paths[0]} is one of {there}; delete the "
                "folder and run the same command again to make it anew"
            )


def shard_name(index: int) -> str:
    """Return the name of one shard's file in the folder of a level."""
    return f"{index}.parquet"
