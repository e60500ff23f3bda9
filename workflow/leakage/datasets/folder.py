"""The user's own pictures: all picture files in a folder and its subfolders, left in place."""

from pathlib import Path
from typing import ClassVar

from leakage import progress
from leakage.config.settings import PathText
from leakage.datasets import Dataset, Row, describe
from leakage.errors import LeakageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


class Folder(Dataset):
    """A folder of the user's."""

    branch: ClassVar[str] = "folder"

    path: PathText
    """the folder; pictures in its subfolders count too"""
    license: str = ""
    """licence of all these pictures, for the manifest"""

    def expected(self) -> int:
        """Return the number of picture files, including those too small for a patch."""
        return len(_picture_files(Path(self.path)))

    def content(self) -> list[tuple[str, int]]:
        """Return name and size of every picture file, so that a change of the folder is noticed."""
        root = Path(self.path)
        return [(name, (root / name).stat().st_size) for name in _picture_files(root)]

    def folder(self, run: Path) -> Path:
        """Return the user's folder: the pictures are not copied."""
        return Path(self.path)

    def collect(self, pictures: Path, patch_size: int) -> tuple[list[Row], list[Row]]:
        """Return the rows of the manifest and of the skipped pictures."""
        root = Path(self.path)
        names = _picture_files(root)
        seen: dict[str, str] = {}
        for name in names:
            other = seen.setdefault(image_id(name), name)
            if other != name:
                raise LeakageError(
                    f"dataset.folder.path: {other} and {name} would both have the id "
                    f"{image_id(name)!r}; rename one of them"
                )
        rows = [
            describe(root, image_id(name), name, self.license, name)
            for name in progress.over(names, "pictures")
        ]
        return self.divide_by_size(rows, patch_size)


def image_id(name: str) -> str:
    """Return a picture's id: its path below the folder without the suffix, / replaced by _."""
    return name.rpartition(".")[0].replace("/", "_")


def _picture_files(root: Path) -> list[str]:
    """Return the sorted file names relative to `root`, without hidden files."""
    if not root.is_dir():
        raise LeakageError(
            f"dataset.folder.path: {root}: no such folder; give the folder of the pictures"
        )
    names = sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and (path.is_file() or (path.is_symlink() and not path.exists()))
        and not path.name.startswith(".")
    )
    if not names:
        raise LeakageError(
            f"dataset.folder.path: {root} contains no picture ({', '.join(SUFFIXES)}); give the "
            "folder of the pictures"
        )
    for name in names:
        if not (root / name).exists():
            raise LeakageError(
                f"dataset.folder.path: {root / name} is a link to a missing file; restore that "
                "file, or remove the link"
            )
        if not name.isprintable():
            raise LeakageError(
                f"dataset.folder.path: the file name {name!r} in {root} contains a character that "
                "cannot be printed; rename the file"
            )
    return names
