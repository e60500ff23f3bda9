"""View files: what an observer sees of every picture at one level, losslessly, in one file."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from leakage import files

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
    """A view file, opened for reading after its checksum was checked."""

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self._file = pq.ParquetFile(files.check(path))
        self.metadata = files.decode(self._file.schema_arrow.metadata)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return self._file.metadata.num_row_groups

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield (image id, read-only uint8 array of shape (height, width, channels))."""
        for index in range(len(self)):
            row = self._file.read_row_group(index)
            shape = tuple(row[name][0].as_py() for name in ("height", "width", "channels"))
            pixels = np.frombuffer(row["pixels"][0].as_buffer(), np.uint8)
            yield row["image_id"][0].as_py(), pixels.reshape(shape)
