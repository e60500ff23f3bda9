"""The user's own pictures: all picture files in a folder and its subfolders, not moved."""

from collections.abc import Iterable
from pathlib import Path

from leakage import datasets, progress
from leakage.config.settings import PathText
from leakage.config.settings import Settings as Branch
from leakage.errors import LeakageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


class Settings(Branch):
    """The branch `dataset.folder`."""

    path: PathText
    """the folder; pictures in its subfolders count too"""
    license: str = ""
    """licence of all these pictures, for the manifest"""
    too_small: datasets.TooSmall = "refuse"


def expected(settings: Settings) -> int:
    """Return the number of picture files, those too small for a patch included."""
    return len(content(settings))


def content(settings: Settings) -> list[tuple[str, int]]:
    """Return name and bytes of every picture file: one that comes, goes or changes is seen.

    Raises:
        LeakageError: the folder is missing or holds no picture file.
    """
    root = Path(settings.path)
    return [(name, (root / name).stat().st_size) for name in _picture_files(root)]


def collect(
    settings: Settings, pictures: Path, patch_size: int
) -> tuple[list[datasets.Row], list[datasets.Row]]:
    """Return the manifest's and the skipped rows; `file_name` is relative to `settings.path`.

    Raises:
        LeakageError: the folder is missing or holds no picture file; a file with a picture's
            suffix is no picture that is accepted; two pictures have the same id; pictures are
            too small.
    """
    root = Path(settings.path)
    names = _picture_files(root)
    _refuse_same_ids(names)
    rows = [
        datasets.describe(root, image_id(name), name, settings.license, name)
        for name in progress.over(names, "pictures")
    ]
    return datasets.divide_by_size(rows, patch_size, settings.too_small, "dataset.folder")


def image_id(name: str) -> str:
    """Return a picture's id: its path below the folder without the suffix, / replaced by _."""
    return name.rpartition(".")[0].replace("/", "_")


def _picture_files(root: Path) -> list[str]:
    """Return the sorted names, relative to `root`; files that begin with a dot are left out."""
    if not root.is_dir():
        raise LeakageError(
            f"dataset.folder.path: {root} is no folder; name the one that holds the pictures"
        )
    names = sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and (path.is_file() or _leads_nowhere(path))
        and not path.name.startswith(".")
    )
    if not names:
        raise LeakageError(
            f"dataset.folder.path: {root} holds no picture ({', '.join(SUFFIXES)}); "
            "name the folder that does"
        )
    for name in names:
        if not (root / name).exists():
            raise LeakageError(
                f"dataset.folder.path: {root / name} is a link to nothing; restore what it leads "
                "to, or take the link away"
            )
        if not name.isprintable():
            raise LeakageError(
                f"dataset.folder.path: the file name {name!r} in {root} holds a character that "
                "cannot be printed; rename the file"
            )
    return names


def _leads_nowhere(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _refuse_same_ids(names: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(image_id(name), name)
        if other != name:
            raise LeakageError(
                f"dataset.folder.path: {other} and {name} would both be the picture "
                f"{image_id(name)!r}; rename one of them"
            )
