"""Files that are kept: written whole or not at all, with a checksum that is checked when read."""

import contextlib
import errno
import functools
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from leakage.errors import LeakageError

METADATA_KEY = b"leakage"
# The end of a temporary name: the writer's machine (a hash of its name) and process, and chance.
TEMPORARY = re.compile(r"\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.part$")
# Seconds after which a file that a process of another machine began counts as given up.
GIVEN_UP = 24 * 3600
# By how many seconds the clock of a file system may be behind the machine's.
CLOCKS_DIFFER = 60
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def whole_file(path: Path | str) -> Iterator[Path]:
    """Yield a temporary name beside `path`; rename it to `path` once the block has succeeded.

    The name is unique, so an orphaned writer of an interrupted run cannot spoil a later one.

    Raises:
        LeakageError: there is no room, or the folder may not be written.
    """
    path = Path(path)
    temporary = temporary_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno not in (*NO_ROOM, errno.EROFS) and not _is_of(error, temporary):
            raise
        raise _unwritable(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def temporary_name(path: Path) -> Path:
    """Return a name beside `path` for what this process writes, which no other process uses."""
    return path.with_name(f".{path.name}.{_machine()}-{os.getpid()}-{secrets.token_hex(4)}.part")


@contextlib.contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path` that is gone afterwards; none is made at `path`."""
    folder = temporary_name(path)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(folder: Path) -> None:
    """Remove what processes that have ended left half written in a folder and below it.

    What a living process writes stays: two runs may share a folder. Whether a process of another
    machine lives cannot be seen from here; its files go when nothing was added for a day.
    """
    for path in folder.rglob(".*.part"):
        with contextlib.suppress(FileNotFoundError):  # its writer has just renamed it
            if _is_written(path):
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def refuse_unwritable(folder: Path) -> None:
    """Raise a LeakageError where nothing can be written into a folder, which is made if need be."""
    probe = temporary_name(folder / "probe")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A full disk still has room for an empty file.
        probe.write_bytes(bytes(1 << 12))
    except OSError as error:
        raise _unwritable(folder, error) from None
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)


@functools.cache
def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _is_written(path: Path) -> bool:
    """Tell whether a process that lives, as far as can be seen, writes a temporary file."""
    import psutil

    found, changed = TEMPORARY.search(path.name), path.stat().st_mtime
    if found is None:
        return False
    if found[1] != _machine():
        return time.time() - changed < GIVEN_UP
    try:
        process = psutil.Process(int(found[2]))
        # The number of a process that has ended is given to another one.
        return process.create_time() <= changed + CLOCKS_DIFFER and process.is_running()
    except psutil.NoSuchProcess:
        return False


def _is_of(error: OSError, temporary: Path) -> bool:
    """Tell whether an error is about a temporary file, or about the folder for it."""
    return error.filename is not None and Path(error.filename) in (temporary, *temporary.parents)


def _unwritable(path: Path, error: OSError) -> LeakageError:
    remedy = "make room there" if error.errno in NO_ROOM else "let that folder be written to"
    return LeakageError(
        f"{path}: cannot be written ({os.strerror(error.errno or errno.EIO)}); {remedy}, and run "
        "the same command again: what is finished stays"
    )


@contextlib.contextmanager
def kept_file(path: Path | str) -> Iterator[Path]:
    """Like `whole_file`, and leaves the SHA-256 of what was written in `checksum_path(path)`."""
    with whole_file(path) as temporary:
        yield temporary
        digest = sha256(temporary)
    with whole_file(checksum_path(path)) as sidecar:
        sidecar.write_text(f"{digest}  {Path(path).name}\n")


def checksum_path(path: Path | str) -> Path:
    """Return where the SHA-256 of a kept file lies (a line that `sha256sum --check` reads)."""
    return Path(f"{path}.sha256")


def recorded(path: Path | str) -> list[str]:
    """Return the SHA-256 that was written beside a kept file, or beside each one of a folder."""
    beside = sorted(Path(path).glob("*.sha256")) or [checksum_path(path)]
    return [each.read_text(errors="replace").partition(" ")[0] for each in beside]


def sha256(path: Path | str) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check(path: Path | str) -> Path:
    """Return `path` if it holds what was written there.

    Raises:
        LeakageError: the file or its checksum is missing, or they disagree.
    """
    path, sidecar = Path(path), checksum_path(path)
    # By its name: Snakemake does not miss what stands between pictures and figures that are there.
    again = f"delete it and run again, asking for it: snakemake … -- {path} figures"
    refuse_missing(path)
    if not sidecar.is_file():
        raise LeakageError(f"{path}: its checksum {sidecar.name} is missing; {again}")
    (expected, *_), found = recorded(path), sha256(path)
    if found != expected:
        raise LeakageError(
            f"{path}: damaged: its SHA-256 is {found}, and {expected} was written; {again}"
        )
    return path


def refuse_missing(path: Path) -> None:
    """Raise a LeakageError where there is no file."""
    if not path.is_file():
        raise LeakageError(f"{path}: no such file; run the step that makes it")


def write_table(path: Path | str, table: pa.Table, metadata: dict[str, Any]) -> None:
    """Write a Parquet table (zstd) with `metadata` as JSON in its schema, and its checksum."""
    with kept_file(path) as temporary:
        pq.write_table(
            table.replace_schema_metadata(encode(metadata)), temporary, compression="zstd"
        )


def read_table(path: Path | str) -> tuple[pa.Table, dict[str, Any]]:
    """Return a Parquet table written by `write_table` and its metadata, after `check`."""
    table = pq.read_table(check(path))
    return table, decode(table.schema.metadata)


def read_metadata(path: Path | str) -> dict[str, Any]:
    """Return only the metadata of a table written by `write_table`."""
    return decode(pq.read_schema(path).metadata)


def encode(metadata: dict[str, Any]) -> dict[bytes, bytes]:
    """Return `metadata` as Parquet schema metadata (JSON under one key, keys sorted)."""
    return {METADATA_KEY: json.dumps(metadata, sort_keys=True).encode()}


def decode(metadata: dict[bytes, bytes] | None) -> dict[str, Any]:
    """Return what `encode` stored, or nothing where nothing was stored."""
    return json.loads((metadata or {}).get(METADATA_KEY, b"{}"))


def read_array(path: Path) -> np.ndarray:
    """Return the array in a .npy file.

    Raises:
        LeakageError: the file is missing or holds something else.
    """
    try:
        found = np.load(path, allow_pickle=False)
        if not isinstance(found, np.ndarray):
            raise ValueError("it is a zip")
        return found
    except (OSError, ValueError, EOFError, MemoryError, OverflowError) as error:
        why = "the file is empty" if isinstance(error, EOFError) else str(error) or "too large"
        why = why.partition("\n")[0]
        raise LeakageError(
            f"{path}: not an array of numbers in a .npy file ({why}); save it by numpy.save"
        ) from None
