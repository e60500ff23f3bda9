"""Datasets: one module per kind, with one class derived from `Dataset`."""

import sys
from pathlib import Path
from typing import Any, ClassVar, Literal

from leakage import plugins
from leakage.config.settings import Settings, nearest, shown
from leakage.errors import LeakageError
from leakage.storage import files

COLUMNS = ("image_id", "file_name", "width", "height", "license", "source", "sha256", "channels")
SKIPPED_COLUMNS = ("image_id", "file_name", "width", "height", "reason")

Row = dict[str, Any]


class Dataset(Settings):
    """The pictures: a branch of `dataset` with its settings. Base class of all datasets."""

    branch: ClassVar[str] = ""
    """the name of its branch in the configuration and of its module"""
    download_options: ClassVar[frozenset[str]] = frozenset()
    """settings that say how pictures are downloaded, and do not change which"""

    too_small: Literal["refuse", "skip"] = "refuse"
    """what a picture smaller than a patch does: it stops the run, or is left out"""

    def expected(self) -> int:
        """Return the largest possible number of pictures, known before any download."""
        raise NotImplementedError

    def content(self) -> list[tuple[str, int]]:
        """Return name and size in bytes of every file of the user's that belongs to the dataset."""
        return []

    def folder(self, run: Path) -> Path:
        """Return the folder that `file_name` in the manifest is relative to.

        Args:
            run: the folder `pictures` of the run.
        """
        return run

    def collect(self, pictures: Path, patch_size: int) -> tuple[list[Row], list[Row]]:
        """Bring the pictures to the run's folder if they are not there, and list them.

        Args:
            pictures: the folder `pictures` of the run.
            patch_size: side of a patch in pixels.

        Returns:
            The rows of the manifest (`COLUMNS`) and of the skipped pictures (`SKIPPED_COLUMNS`).

        Raises:
            LeakageError: a picture is missing, unreadable or too small.
        """
        raise NotImplementedError

    def divide_by_size(self, rows: list[Row], patch_size: int) -> tuple[list[Row], list[Row]]:
        """Return the rows of the pictures that hold a patch, and the skipped rows of the others."""
        small: list[Row] = []
        large: list[Row] = []
        for row in rows:
            (small if min(row["width"], row["height"]) < patch_size else large).append(row)
        if small and (self.too_small == "refuse" or not large):
            where = f"dataset.{self.branch}"
            listed = ", ".join(
                f"{r['file_name']} ({r['width']} x {r['height']})" for r in small[:3]
            )
            more = ", …" if len(small) > 3 else ""
            skip = "" if self.too_small == "skip" else f"set {where}.too_small to skip, or "
            raise LeakageError(
                f"{where}: {len(small)} of {len(rows)} pictures are smaller than a patch of "
                f"{patch_size} x {patch_size} pixels: {listed}{more}; {skip}lower patches.size"
            )
        reason = f"smaller than a patch of {patch_size} x {patch_size} pixels"
        kept = SKIPPED_COLUMNS[:-1]
        return large, [{key: row[key] for key in kept} | {"reason": reason} for row in small]


def kinds() -> list[str]:
    """Return the names of the modules in this folder, one per kind of dataset."""
    return plugins.names(sys.modules[__name__], ())


def dataset_class(kind: str) -> type[Dataset]:
    """Return the class of a kind of dataset, importing no other kind."""
    if kind not in kinds():
        raise LeakageError(
            f"dataset.name: unknown dataset {shown(kind)}; the nearest is {nearest(kind, kinds())} "
            f"(known: {', '.join(kinds())})"
        )
    return plugins.find_class(sys.modules[__name__], kind, Dataset, (), "dataset", {})


def describe(root: Path, image_id: str, file_name: str, license: str, source: str) -> Row:
    """Return the manifest's row of a picture file, with its size and channels."""
    # Imported here: the Snakefile imports this module at every start.
    from leakage.storage import pictures

    height, width, channels = pictures.read(root / file_name).shape
    digest = files.sha256(root / file_name)
    values = (image_id, file_name, width, height, license, source, digest, channels)
    return dict(zip(COLUMNS, values, strict=True))
