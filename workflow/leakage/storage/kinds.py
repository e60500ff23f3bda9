"""The kinds of files that the commands read, told by their content, not by the end of the name."""

import enum
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from leakage.errors import LeakageError
from leakage.storage import files
from leakage.storage.embeddings import ROWS
from leakage.storage.views import shard_name

EXPECTED = (
    "expected an array saved by numpy.save (.npy), or a view or embedding that the workflow made "
    "(.parquet)"
)
# First bytes of files that are none of these, and what to do.
OTHERS = {
    b"\x89HDF": "HDF5",
    b"MATLAB": "MATLAB",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"%PDF": "PDF",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
}


class Kind(enum.Enum):
    """What a file or folder holds."""

    ARRAYS = "arrays of your own"
    VIEWS = "views"
    EMBEDDINGS = "embeddings"


# The kinds for which an option of a command does something.
READ_BY = {
    "--groups": (Kind.ARRAYS,),
    "--rows": (Kind.EMBEDDINGS,),
    "--limit": (Kind.EMBEDDINGS,),
    "--part": (Kind.VIEWS, Kind.EMBEDDINGS),
    "--parts": (Kind.EMBEDDINGS,),
    "--checkpoint": (Kind.VIEWS, Kind.EMBEDDINGS),
    "--checkpoint-every": (Kind.VIEWS, Kind.EMBEDDINGS),
}


def of(path: Path) -> Kind:
    """Return the kind of a file or folder.

    Raises:
        LeakageError: there is no such file, it cannot be read, or it holds something else.
    """
    if path.is_dir():
        first = path / shard_name(0)
        if not first.is_file() and not files.checksum_path(first).is_file():
            raise LeakageError(
                f"{path}: found a folder without {first.name}, so it holds no views; {EXPECTED}"
            )
        return Kind.VIEWS
    if not path.exists():
        raise LeakageError(f"{path}: no such file; {EXPECTED}")
    if not path.is_file():
        raise LeakageError(f"{path}: not a regular file, such as a pipe; {EXPECTED}")
    with open(path, "rb") as stream:
        start = stream.read(64)
    if start.startswith(b"\x93NUMPY"):
        return Kind.ARRAYS
    # A damaged view or embedding has lost its beginning, but not its checksum.
    if start.startswith(b"PAR1") or files.checksum_path(path).is_file():
        return _of_parquet(path)
    raise LeakageError(f"{path}: found {_described(path, start)}; {EXPECTED}")


def of_pair(x: Path, y: Sequence[Path]) -> Kind:
    """Return the kind of plain items and views.

    Raises:
        LeakageError: they differ in kind, or several files hold arrays; or see `of`.
    """
    kinds = [of(path) for path in (x, *y)]
    for path, kind in zip(y, kinds[1:], strict=True):
        if kind is not kinds[0]:
            raise LeakageError(
                f"{path}: holds {kind.value}, but {x} holds {kinds[0].value}; give the same kind"
            )
    if kinds[0] is Kind.ARRAYS and len(y) > 1:
        raise LeakageError(
            f"{len(y)} arrays for y; expected one, of shape (levels, pairs, dim): np.stack them"
        )
    return kinds[0]


def refuse_options(kind: Kind, given: Mapping[str, Any]) -> None:
    """Refuse options of a command that do nothing for a kind of files, or have a wrong value.

    Args:
        kind: of the files.
        given: the options by name; None where one is not given.

    Raises:
        LeakageError: an option to leave out or to correct.
    """
    for option, value in given.items():
        kinds = READ_BY.get(option, tuple(Kind))
        if value is not None and kind not in kinds:
            useful = " and ".join(each.value for each in kinds)
            raise LeakageError(
                f"{option}: does nothing for {kind.value}, only for {useful}; leave it out"
            )
    rows, limit = given["--rows"], given["--limit"]
    if rows is not None and rows not in ROWS:
        raise LeakageError(f"--rows: found {rows!r}; expected {' or '.join(ROWS)}")
    if limit is not None and limit < 1:
        raise LeakageError(f"--limit: found {limit}; expected at least 1; leave it out for all")


def _of_parquet(path: Path) -> Kind:
    try:
        schema = pq.read_schema(path)
        metadata = files.decode(schema.metadata)
    except (pa.ArrowException, OSError, ValueError):
        # A damaged file of a run still has its checksum; `files.check` has a better message for it.
        if files.checksum_path(path).is_file():
            files.check(path)
        metadata = {}
    if not metadata:
        raise LeakageError(f"{path}: not a file that the workflow made; {EXPECTED}")
    for column, kind in (("pixels", Kind.VIEWS), ("embedding", Kind.EMBEDDINGS)):
        if column in schema.names:
            return kind
    raise LeakageError(f"{path}: a file of another stage; {EXPECTED}")


def _described(path: Path, start: bytes) -> str:
    if not start:
        return "an empty file"
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as parts:
            names = [name.removesuffix(".npy") for name in parts.namelist()]
        listed = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        return f"a zip or .npz archive with {listed or 'nothing'} (save one array with numpy.save)"
    for first, what in OTHERS.items():
        if start.startswith(first):
            return what
    try:
        text = start.decode("utf-8").partition("\n")[0]
    except UnicodeDecodeError:
        return "other content"
    return f"text ({text[:40]!r}; read it with numpy.loadtxt)"
