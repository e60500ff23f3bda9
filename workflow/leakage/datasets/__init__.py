"""Datasets: one module per kind, with one class derived from `Dataset`."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from leakage import plugins, progress
from leakage.config.settings import Settings, nearest, shown
from leakage.errors import LeakageError
from leakage.storage import files

if TYPE_CHECKING:
    from leakage.storage import copies

COLUMNS = (
    *("image_id", "file_name", "width", "height", "license", "source", "sha256", "channels"),
    "similar_to",
)
SKIPPED_COLUMNS = ("image_id", "file_name", "width", "height", "reason")

# Most refused pictures that one message names.
MOST_SHOWN = 20
Row = dict[str, Any]


class Entry(NamedTuple):
    """A picture file of a dataset, and its origin."""

    image_id: str
    file_name: str
    license: str
    source: str


class Dataset(Settings):
    """The pictures: a branch of `dataset` with its settings. Base class of all datasets."""

    branch: ClassVar[str] = ""
    """the name of its branch in the configuration and of its module"""
    download_options: ClassVar[frozenset[str]] = frozenset()
    """settings that say how pictures are downloaded, and do not change which"""

    trusts_jpegs: ClassVar[bool] = False
    """whether JPEGs with decoder warnings are accepted, because they are the published files"""

    too_small: Literal["refuse", "skip"] = "refuse"
    """what a picture smaller than a patch does: it stops the run, or is left out"""

    duplicates: Literal["refuse", "skip"] = "refuse"
    """what a second picture with the same pixels does: it stops the run, or is left out"""

    def expected(self) -> int:
        """Return the largest possible number of pictures, known before any download."""
        raise NotImplementedError

    def content(self) -> list[tuple[str, int]]:
        """Return name and size in bytes of every file of the user's that belongs to the dataset."""
        return []

    def pictures(self) -> dict[str, Path]:
        """Return the file of every picture by its id; empty if not known before any job."""
        return {}

    def notes(self) -> list[str]:
        """Return lines for the log, such as which files of the user's are left out and why."""
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

    def listed(
        self, root: Path, entries: Sequence[Entry], patch_size: int
    ) -> tuple[list[Row], list[Row]]:
        """Read all pictures, and return their rows and those of the skipped pictures.

        Raises:
            LeakageError: one line per picture that is missing, damaged or not accepted; or pictures
                are too small or occur twice, and the configuration refuses them.
        """
        # Imported here: the Snakefile imports this module at every start.
        import numpy as np

        from leakage.storage import copies

        found: list[tuple[Row, str, copies.Outlines]] = []
        problems: list[str] = []
        for entry in progress.over(entries, "pictures"):
            try:
                found.append(_described(root, entry, self.trusts_jpegs))
            except LeakageError as error:
                problems.append(str(error))
        if problems:
            more = len(problems) - MOST_SHOWN
            rest = [f"… and {more} more of {len(entries)} pictures"] if more > 0 else []
            raise LeakageError("\n".join(problems[:MOST_SHOWN] + rest))
        rows, small = self.divide_by_size([row for row, *_ in found], patch_size)
        digests = {row["image_id"]: pixels for row, pixels, _ in found}
        rows, twice = self._without_copies(rows, digests)
        outlines = {row["image_id"]: outline for row, _, outline in found}
        if rows:
            chosen = np.stack([outlines[row["image_id"]] for row in rows])
            for row, other in zip(rows, copies.earlier_alike(chosen), strict=True):
                row["similar_to"] = rows[other]["image_id"] if other >= 0 else ""
        return rows, small + twice

    def _without_copies(
        self, rows: list[Row], digests: Mapping[str, str]
    ) -> tuple[list[Row], list[Row]]:
        """Return the rows without copies of earlier pictures, and the skipped rows of the copies.

        Args:
            rows: of the manifest.
            digests: by picture id, the hash of the pixels.
        """
        first: dict[str, Row] = {}
        copies = []
        for row in rows:
            original = first.setdefault(digests[row["image_id"]], row)
            if original is not row:
                how = "file" if original["sha256"] == row["sha256"] else "pixels"
                reason = f"the same {how} as {original['file_name']}"
                copies.append({key: row[key] for key in SKIPPED_COLUMNS[:-1]} | {"reason": reason})
        if copies and self.duplicates == "refuse":
            where = f"dataset.{self.branch}"
            listed = ", ".join(f"{r['file_name']} has {r['reason']}" for r in copies[:MOST_SHOWN])
            more = ", …" if len(copies) > MOST_SHOWN else ""
            raise LeakageError(
                f"{where}: {len(copies)} of {len(rows)} pictures occur twice: {listed}{more}; "
                f"copies in different folds look like a leak; set {where}.duplicates to skip, or "
                "remove them from the dataset"
            )
        left = {row["image_id"] for row in copies}
        return [row for row in rows if row["image_id"] not in left], copies

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


def near_duplicates(rows: Iterable[Mapping[Any, Any]]) -> str:
    """Return a sentence about the manifest's pictures that look like others; empty if none do."""
    pairs = [(row["image_id"], row["similar_to"]) for row in rows if row.get("similar_to")]
    if not pairs:
        return ""
    listed = ", ".join(f"{one} and {other}" for one, other in pairs[:MOST_SHOWN])
    more = ", …" if len(pairs) > MOST_SHOWN else ""
    return (
        f"{len(pairs)} pictures look like another one: {listed}{more} (similar_to in "
        "manifest.csv). If both are of the same scene, remove one: a network can learn one and "
        "recognise the other among the held-out pictures, which looks like a leak."
    )


def _described(root: Path, entry: Entry, trusts_jpegs: bool) -> "tuple[Row, str, copies.Outlines]":
    """Return the manifest's row of a picture, the hash of its pixels, and its outline."""
    # Imported here: the Snakefile imports this module at every start.
    from leakage.storage import copies, pictures

    path = root / entry.file_name
    pixels = pictures.read(path)
    height, width, channels = pixels.shape
    if not trusts_jpegs:
        pictures.refuse_damaged(path, channels)
    values = (entry.image_id, entry.file_name, width, height, entry.license, entry.source)
    row = dict(zip(COLUMNS, (*values, files.sha256(path), channels, ""), strict=True))
    return row, copies.digest(pixels), copies.outline(pixels)
