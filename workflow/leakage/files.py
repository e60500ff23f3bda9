"""Files that are kept: written whole or not at all, with a checksum that is checked when read."""

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from leakage.errors import LeakageError

METADATA_KEY = b"leakage"


@contextlib.contextmanager
def whole_file(path: Path | str) -> Iterator[Path]:
    """Yield a temporary name beside `path`; rename it to `path` once the block has succeeded.

    The name is unique, so an orphaned writer of an interrupted run cannot spoil a later one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
    again = "delete it and run the same command again to make it anew"
    refuse_missing(path)
    if not sidecar.is_file():
        raise LeakageError(f"{path}: its checksum {sidecar.name} is missing; {again}")
    expected, found = sidecar.read_text().split()[0], sha256(path)
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
