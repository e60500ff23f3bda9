"""Files: written completely or not at all, with a checksum that is verified on reading."""

import contextlib
import errno
import functools
import hashlib
import json
import os
import platform
import re
import secrets
import shlex
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from leakage.errors import LeakageError

METADATA_KEY = b"leakage"
# The end of a temporary name: hash of the machine's name, process id, and random digits.
TEMPORARY = re.compile(r"\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.part$")
# Seconds without a change after which a temporary file of another machine counts as abandoned.
ABANDONED = 24 * 3600
# Largest delay of a file system's clock, in seconds.
CLOCKS_DIFFER = 60
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What numpy.load raises for a damaged file. It reads the header as Python text.
DAMAGED = (OSError, ValueError, EOFError, MemoryError, OverflowError, SyntaxError, TokenError)


@contextlib.contextmanager
def whole_file(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which is renamed to `path` if the block succeeds.

    The name is unique, so a writer left over from an interrupted run cannot damage a later file.

    Raises:
        LeakageError: the disk is full, or the folder is not writable.
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
    """Return a path beside `path` that no other process uses."""
    return path.with_name(f".{path.name}.{_machine()}-{os.getpid()}-{secrets.token_hex(4)}.part")


@contextlib.contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path`, which is removed afterwards."""
    folder = temporary_name(path)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files of processes that have ended, in a folder and below it.

    Those of live processes stay: two runs may share a folder. Processes of other machines cannot be
    seen from here; their files are removed if they have not changed for a day.
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
    """Raise a LeakageError if a folder is not writable; make the folder if it is missing."""
    if folder.is_symlink() and not folder.exists():
        raise LeakageError(
            f"{folder}: is a link to {folder.readlink()}, which is missing; make that folder, or "
            "name another one"
        )
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
    """Return whether a live process, as far as can be seen, writes a temporary file."""
    import psutil

    found, changed = TEMPORARY.search(path.name), path.stat().st_mtime
    if found is None:
        return False
    if found[1] != _machine():
        return time.time() - changed < ABANDONED
    try:
        process = psutil.Process(int(found[2]))
        # A younger process has the same id by chance.
        return bool(process.create_time() <= changed + CLOCKS_DIFFER and process.is_running())
    except psutil.NoSuchProcess:
        return False


def _is_of(error: OSError, temporary: Path) -> bool:
    """Return whether an error is about a temporary file or its folder."""
    return error.filename is not None and Path(error.filename) in (temporary, *temporary.parents)


def _unwritable(path: Path, error: OSError) -> LeakageError:
    remedy = "make the folder writable"
    if error.errno in NO_ROOM:
        remedy = "free disk space"
    elif error.errno == errno.ENAMETOOLONG:
        remedy = "shorten the name of the picture, scheme or other entry that it is made of"
    return LeakageError(
        f"{path}: cannot be written ({os.strerror(error.errno or errno.EIO)}); {remedy}, and run "
        "the same command again: finished results are kept"
    )


@contextlib.contextmanager
def kept_file(path: Path | str) -> Iterator[Path]:
    """Like `whole_file`, and write the SHA-256 of the file to `checksum_path(path)`."""
    with whole_file(path) as temporary:
        yield temporary
        digest = sha256(temporary)
    with whole_file(checksum_path(path)) as sidecar:
        sidecar.write_bytes(os.fsencode(f"{digest}  {Path(path).name}\n"))


def checksum_path(path: Path | str) -> Path:
    """Return the path of a file's checksum (a line that `sha256sum --check` accepts)."""
    return Path(f"{path}.sha256")


def recorded(path: Path | str) -> list[str]:
    """Return the SHA-256 written beside a file, or beside each file of a folder."""
    beside = sorted(Path(path).glob("*.sha256")) or [checksum_path(path)]
    return [each.read_text("utf-8", "replace").partition(" ")[0] for each in beside]


def sha256(path: Path | str) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check(path: Path | str) -> Path:
    """Return `path` after verifying its checksum.

    Raises:
        LeakageError: the file or its checksum is missing, or they do not match.
    """
    path, sidecar = Path(path), checksum_path(path)
    refuse_missing(path)
    if not sidecar.is_file():
        raise LeakageError(
            f"{path}: its checksum {sidecar.name} is missing, so it may not be a file of a run; "
            f"copy the checksum beside it, or, in the run's folder, {again(path)}"
        )
    (expected, *_), found = recorded(path), sha256(path)
    if found != expected:
        raise LeakageError(
            f"{path}: damaged: found SHA-256 {found}, expected {expected}; {again(path)}"
        )
    return path


def again(*paths: Path | str) -> str:
    """Return how to make files of a run again; nobody needs to delete any.

    Snakemake replaces an output that it is forced to make. The files are also targets, because
    Snakemake does not notice missing files between existing pictures and figures.
    """
    names = " ".join(shlex.quote(str(path)) for path in paths)
    return f"make it again: snakemake … --forcerun {names} -- {names} figures"


def refuse_missing(path: Path) -> None:
    """Raise a LeakageError if there is no file."""
    if not path.is_file():
        raise LeakageError(f"{path}: no such file; run the step that makes it")


def write_table(path: Path | str, table: pa.Table, metadata: dict[str, Any]) -> None:
    """Write a Parquet table (zstd), with `metadata` as JSON in its schema, and its checksum."""
    with kept_file(path) as temporary:
        pq.write_table(
            table.replace_schema_metadata(encode(metadata)), temporary, compression="zstd"
        )


def read_table(path: Path | str) -> tuple[pa.Table, dict[str, Any]]:
    """Return the table and the metadata that `write_table` wrote, after `check`."""
    table = pq.read_table(check(path))
    return table, decode(table.schema.metadata)


def read_metadata(path: Path | str) -> dict[str, Any]:
    """Return the metadata that `write_table` wrote."""
    return decode(pq.read_schema(path).metadata)


def encode(metadata: dict[str, Any]) -> dict[bytes, bytes]:
    """Return `metadata` as Parquet schema metadata (JSON under one key, keys sorted)."""
    return {METADATA_KEY: json.dumps(metadata, sort_keys=True).encode()}


def decode(metadata: dict[bytes, bytes] | None) -> dict[str, Any]:
    """Return the metadata that `encode` stored; empty if there is none."""
    found: dict[str, Any] = json.loads((metadata or {}).get(METADATA_KEY, b"{}"))
    return found


def refuse_output(
    output: Path | None,
    suffixes: Sequence[str],
    inputs: Iterable[Path],
    option: str = "--output",
) -> None:
    """Refuse an output file that cannot be written, before anything is computed.

    Args:
        output: the value of `--output`; None: nothing is written.
        suffixes: the accepted ends of its name.
        inputs: files that must not be overwritten.
        option: its name, for the message.

    Raises:
        LeakageError: another end of the name, a folder, an input, or a folder that is missing or
            may not be written.
    """
    if output is None:
        return
    if output.suffix.lower() not in suffixes:
        ends = " or ".join(suffixes)
        raise LeakageError(f"{option} {output}: expected a name that ends in {ends}")
    if output.is_dir():
        raise LeakageError(f"{option} {output}: is a folder; expected the name of a file")
    if any(output.exists() and each.exists() and output.samefile(each) for each in inputs):
        raise LeakageError(
            f"{option} {output}: is an input, which it would overwrite; name another"
        )
    refuse_unwritable(output.parent)


def refuse_without_output(output: Path | None, given: Mapping[str, str]) -> None:
    """Refuse options that only describe the output file when `--output` is missing.

    Args:
        output: the value of `--output`.
        given: the options by name; empty where one is not given.

    Raises:
        LeakageError: an option to leave out.
    """
    for option, value in given.items():
        if value and output is None:
            raise LeakageError(f"{option}: does nothing without --output; leave it out")


def read_array(path: Path) -> NDArray[Any]:
    """Return the array in a .npy file.

    Raises:
        LeakageError: the path cannot be read, or does not hold one array of numbers, text or times.
    """
    if path.is_dir():
        raise LeakageError(f"{path}: is a folder; expected a .npy file, saved by numpy.save")
    try:
        with open(path, "rb") as stream:
            found = np.load(stream, allow_pickle=False)
            if not isinstance(found, np.ndarray):
                raise ValueError("it is a zip file")
            if stream.read(1):
                raise ValueError("more follows the first array")
        return found
    except DAMAGED as error:
        if isinstance(error, OSError) and error.strerror:
            raise LeakageError(
                f"{path}: cannot be read ({error.strerror}); expected a .npy file, saved by "
                "numpy.save"
            ) from None
        why = "the file is empty" if isinstance(error, EOFError) else str(error) or "too large"
        why = why.partition("\n")[0]
        if why.startswith("Object arrays"):
            raise LeakageError(
                f"{path}: found an array of Python objects; expected numbers or text; convert it, "
                "for example with .astype(str) for text or .astype(float) for numbers, and save it "
                "again"
            ) from None
        raise LeakageError(
            f"{path}: not an array of numbers in a .npy file ({why}); save it with numpy.save"
        ) from None
