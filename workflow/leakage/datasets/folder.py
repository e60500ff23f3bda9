"""The user's own pictures: all picture files in a folder and its subfolders, left in place."""

from pathlib import Path
from typing import ClassVar

from leakage.config.settings import PathText
from leakage.datasets import Dataset, Entry, Row
from leakage.errors import LeakageError
from leakage.storage import listing


class Folder(Dataset):
    """A folder of the user's."""

    branch: ClassVar[str] = "folder"

    path: PathText
    """the folder; pictures in its subfolders count too"""
    license: str = ""
    """licence of all these pictures, for the manifest"""

    def expected(self) -> int:
        """Return the number of picture files, including those too small for a patch."""
        return len(_picture_files(Path(self.path)).names)

    def content(self) -> list[tuple[str, int]]:
        """Return name and size of every picture file, so that a change of the folder is noticed."""
        root = Path(self.path)
        return [(name, (root / name).stat().st_size) for name in _picture_files(root).names]

    def pictures(self) -> dict[str, Path]:
        """Return the file of every picture by its id."""
        root = Path(self.path)
        return {listing.image_id(name): root / name for name in _picture_files(root).names}

    def notes(self) -> list[str]:
        """Return which files and folders are left out, by reason."""
        return _picture_files(Path(self.path)).notes()

    def folder(self, run: Path) -> Path:
        """Return the user's folder: the pictures are not copied."""
        return Path(self.path)

    def collect(self, pictures: Path, patch_size: int) -> tuple[list[Row], list[Row]]:
        """Return the rows of the manifest and of the skipped pictures."""
        root = Path(self.path)
        names = _picture_files(root).names
        seen: dict[str, str] = {}
        for name in names:
            other = seen.setdefault(listing.image_id(name), name)
            if other != name:
                raise LeakageError(
                    f"dataset.folder.path: {other} and {name} would both have the id "
                    f"{listing.image_id(name)!r}; rename one of them"
                )
        entries = [Entry(listing.image_id(name), name, self.license, name) for name in names]
        return self.listed(root, entries, patch_size)


def _picture_files(root: Path) -> listing.Listing:
    """Return the picture files below `root`, after checks of their names."""
    where = f"dataset.folder.path: {root}"
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "no such folder"
        raise LeakageError(f"{where}: {what}; give the folder of the pictures")
    if listing.is_results(root):
        raise LeakageError(
            f"{where}: is the results folder of a run; give the folder of the pictures"
        )
    found = listing.below(root)
    if not found.names:
        notes = f" ({'; '.join(found.notes())})" if found.left_out else ""
        raise LeakageError(
            f"{where} contains no picture ({', '.join(listing.SUFFIXES)}){notes}; give the "
            "folder of the pictures"
        )
    for name in found.names:
        if not (root / name).exists():
            raise LeakageError(
                f"dataset.folder.path: {root / name} is a link to a missing file; restore that "
                "file, or move the link out of the folder"
            )
        if not name.isprintable():
            raise LeakageError(
                f"dataset.folder.path: the file name {name!r} in {root} contains a character that "
                "cannot be printed; rename the file"
            )
    return found
