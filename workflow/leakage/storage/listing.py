"""Find the user's picture files in a folder, and say which files are left out and why."""

import fnmatch
import os
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from leakage.errors import LeakageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
# Folders in which programs and file systems keep thumbnails, copies and deleted files.
OF_PROGRAMS = (
    "__macosx",
    "__pycache__",
    "@eadir",
    "@recently-snapshot",
    "@recycle",
    "@tmp",
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "~snapshot",
    "_thumbs",
    "_vti_cnf",
    "cvs",
    "lost+found",
    "node_modules",
    "system volume information",
    "thumbnails",
    "thumbs",
    "thumbs.db",
    "venv",
    "*.lrdata",
    "*.photoslibrary",
)
# A results folder has at least one of these files.
OF_RESULTS = ("manifest.csv.sha256", "patches.csv.sha256", "record/configuration.yaml")
MOST_SHOWN = 5


@dataclass(frozen=True)
class Listing:
    """The picture files below a folder, sorted, and (reason, file or folder) of the others."""

    names: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]

    def notes(self) -> list[str]:
        """Return one line per reason for which files or folders were left out."""
        lines = []
        for reason in dict.fromkeys(reason for reason, _ in self.left_out):
            found = Counter(name for each, name in self.left_out if each == reason)
            shown = [
                name if count == 1 else f"{name}: {count}"
                for name, count in found.most_common(MOST_SHOWN)
            ]
            more = ", …" if len(found) > MOST_SHOWN else ""
            lines.append(f"left out {found.total()} {reason}: {', '.join(shown)}{more}")
        return lines


def is_picture(name: str) -> bool:
    """Return whether a file's name is a picture's: known suffix in any case, not hidden."""
    return Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")


def image_id(name: str) -> str:
    """Return a picture's id: its path below the folder without the suffix, / replaced by _.

    Accents are composed (NFC), because some file systems store them apart.
    """
    return unicodedata.normalize("NFC", name.rpartition(".")[0].replace("/", "_"))


def is_results(folder: Path) -> bool:
    """Return whether a folder holds the results of a run; not if it cannot be looked into."""
    # Unlike Path.is_file, this raises nothing.
    return any(os.path.isfile(folder / each) for each in OF_RESULTS)


def below(root: Path) -> Listing:
    """Return the picture files in a folder and its subfolders.

    Hidden files and folders, the folders of programs, links to folders and results of runs are left
    out.

    Raises:
        LeakageError: a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise LeakageError(
            f"{error.filename}: the folder cannot be read ({error.strerror}); make it readable, "
            "or move it elsewhere"
        )

    names: list[str] = []
    left_out: list[tuple[str, str]] = []
    for folder, folders, files in os.walk(root, onerror=refuse):
        here = Path(folder)
        kept = []
        for name in sorted(folders):
            if reason := _reason_against_folder(here / name):
                left_out.append((reason, (here / name).relative_to(root).as_posix()))
            else:
                kept.append(name)
        folders[:] = kept
        for name in sorted(files):
            path = here / name
            relative = path.relative_to(root).as_posix()
            if name.startswith("."):
                left_out.append(("hidden files", relative))
            elif not is_picture(name):
                left_out.append(("files with other endings", path.suffix.lower() or relative))
            elif path.exists() and not path.is_file():
                left_out.append(("entries that are not files", relative))
            else:
                names.append(relative)
    return Listing(tuple(sorted(names)), tuple(left_out))


def _reason_against_folder(path: Path) -> str | None:
    if path.name.startswith("."):
        return "hidden folders"
    if path.is_symlink():
        return "links to folders"
    if any(fnmatch.fnmatchcase(path.name.lower(), each) for each in OF_PROGRAMS):
        return "folders of programs"
    return "results folders" if is_results(path) else None
