"""The datasets: one module per kind, each with its `Settings`, `expected` and `collect`.

`expected(settings)` returns how many pictures there can be at most, known before any is fetched:
the workflow divides a large dataset into shards by it. `content(settings)` (optional) returns what
lies in the user's hands and not in the settings, such as the names in a folder.

`collect(settings, pictures, patch_size)` returns two lists of rows, those of the manifest
(`COLUMNS`) and those of the pictures left out (`SKIPPED_COLUMNS`). `pictures` is the run's own
folder for pictures; `file_name` in a row is relative to it, or to the user's folder.
"""

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

import pydantic

from leakage.config.settings import nearest, shown
from leakage.errors import LeakageError
from leakage.storage import files

COLUMNS = (
    "image_id",
    "file_name",
    "width",
    "height",
    "license",
    "source",
    "sha256",
    "channels",
)
SKIPPED_COLUMNS = ("image_id", "file_name", "width", "height", "reason")

Row = dict[str, Any]
TooSmall = Annotated[
    Literal["refuse", "skip"],
    pydantic.Field(
        description="what a picture smaller than a patch does: it stops the run, or is left out"
    ),
]


def kinds() -> list[str]:
    """Return the names of the modules of this folder, each one a kind of dataset."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def module(kind: str) -> ModuleType:
    """Return the module of one kind of dataset, importing no other.

    Raises:
        LeakageError: there is no such kind.
    """
    if kind not in kinds():
        raise LeakageError(
            f"dataset.name: {shown(kind)} is no dataset; the nearest known one is "
            f"{nearest(kind, kinds())} (known: {', '.join(kinds())})"
        )
    return importlib.import_module(f"{__name__}.{kind}")


def describe(root: Path, image_id: str, file_name: str, license: str, source: str) -> Row:
    """Return the manifest's row for a picture file, its size and channels read from the file.

    Raises:
        LeakageError: the file is no picture that `pictures.read` accepts.
    """
    # NumPy and Pillow are for the step that reads pictures, not for parsing a configuration.
    from leakage.storage import pictures

    height, width, channels = pictures.read(root / file_name).shape
    digest = files.sha256(root / file_name)
    values = (image_id, file_name, width, height, license, source, digest, channels)
    return dict(zip(COLUMNS, values, strict=True))


def divide_by_size(
    rows: list[Row], patch_size: int, too_small: TooSmall, where: str
) -> tuple[list[Row], list[Row]]:
    """Return the rows whose pictures hold a patch, and the skipped rows of those that do not.

    Args:
        rows: with at least `image_id`, `file_name`, `width` and `height` in pixels.
        patch_size: side of a patch in pixels.
        too_small: whether pictures smaller than a patch are refused or skipped.
        where: the configuration branch that holds `too_small`, for the message.

    Raises:
        LeakageError: pictures are too small and are to be refused, or none is left.
    """
    small, large = [], []
    for row in rows:
        (small if min(row["width"], row["height"]) < patch_size else large).append(row)
    if small and (too_small == "refuse" or not large):
        shown = ", ".join(f"{r['file_name']} ({r['width']} x {r['height']})" for r in small[:3])
        more = ", …" if len(small) > 3 else ""
        way_out = "" if too_small == "skip" else f"set {where}.too_small to skip, or "
        raise LeakageError(
            f"{where}: {len(small)} of {len(rows)} pictures are smaller than a patch of "
            f"{patch_size} x {patch_size} pixels: {shown}{more}; {way_out}lower patches.size"
        )
    reason = f"smaller than a patch of {patch_size} x {patch_size} pixels"
    kept = SKIPPED_COLUMNS[:-1]
    return large, [{key: row[key] for key in kept} | {"reason": reason} for row in small]
