"""Pictures encrypted by another program: {path}/{level}/{image_id}.png.

Level 0 is the dataset's own picture, so the folder needs none. The manifest lists the image ids. In
a dataset `folder`, an id is the picture's path below the folder, without the suffix and with _ in
place of /.
"""

import functools
from pathlib import Path
from typing import Any, Literal, Self

import pydantic

from leakage.config.settings import input_path, shown
from leakage.errors import LeakageError
from leakage.interfaces import Bytes
from leakage.schemes import Cipher
from leakage.storage import listing


class EncryptedFolder(Cipher):
    """A folder with encrypted pictures."""

    cipher: Literal["folder"] = "folder"
    levels: list[int] = pydantic.Field(default=[])
    """levels to measure; empty: 0 and every subfolder named by a number"""
    path: str = pydantic.Field(min_length=1)
    """folder with one subfolder per level, named by the level's number"""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _all_levels(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(values.get("path"), str):
            return values
        found = _subfolders(values["path"])
        if values.get("levels") not in (None, []):
            return values
        return {**values, "levels": [0, *(level for level in found if level > 0)]}

    # Runs after conversion, so that the text "7" is checked like the number 7.
    @pydantic.model_validator(mode="after")
    def _levels_have_folders(self) -> Self:
        root, found = Path(self.path), _subfolders(self.path)
        missing = [level for level in self.levels if level not in {0, *found}]
        if missing or self.levels == [0]:
            raise ValueError(
                f"{root} has no subfolder {missing[0] if missing else '1, 2, …'} (found: "
                f"{', '.join(map(str, found)) or 'none'}); expected one per level"
            )
        for path in (path for level in self.levels for path in self.files(level)):
            if set(path) & set("{}"):  # which Snakemake takes for wildcards
                raise ValueError(f"found {shown(path)}; expected a name without braces; rename it")
        return self

    def read(self, image_id: str, plain: Bytes, level: int) -> Bytes:
        """Return the encrypted picture."""
        from leakage.storage import pictures

        folder = Path(self.path) / str(level)
        changed = folder.stat().st_mtime_ns if folder.is_dir() else 0
        found = [Path(path) for path in _by_id(folder, changed).get(image_id, [])]
        if len(found) != 1:
            names = ", ".join(path.name for path in found)
            what = f"{len(found)} files ({names})" if found else "none"
            raise LeakageError(
                f"{folder / image_id}.png: expected one encrypted picture of that name, found "
                f"{what}; put it there, or move the picture out of the dataset"
            )
        pixels = pictures.read(found[0])
        if pixels.shape != plain.shape:
            here, there = (
                f"{each.shape[1]} x {each.shape[0]} with {each.shape[2]} channels"
                for each in (pixels, plain)
            )
            raise LeakageError(
                f"{found[0]}: {here}, and the plain picture has {there}; encrypt it again at that "
                "size, or move the picture out of the dataset"
            )
        return pixels

    def files(self, level: int) -> list[str]:
        """Return the picture files of a level, sorted."""
        return _pictures(Path(self.path) / str(level))


def _subfolders(path: str) -> list[int]:
    """Return the levels that have a subfolder, sorted.

    Raises:
        ValueError: the folder does not exist, or a subfolder's name has a leading zero.
    """
    root = Path(input_path(path))
    if not root.is_dir():
        raise ValueError(
            f"{root}: no such folder; give the folder of the encrypted pictures, with one "
            "subfolder per level"
        )
    folders = [each.name for each in root.iterdir() if each.is_dir()]
    numbered = [name for name in folders if name.isascii() and name.isdigit()]
    for name in numbered:
        if name != str(int(name)):
            raise ValueError(f"found the subfolder {name}; rename it to {int(name)}")
    return sorted(map(int, numbered))


def _pictures(folder: Path) -> list[str]:
    found = folder.iterdir() if folder.is_dir() else []
    return sorted(str(path) for path in found if listing.is_picture(path.name))


@functools.lru_cache(maxsize=2)
def _by_id(folder: Path, changed: int) -> dict[str, list[str]]:
    """Return the picture files of a folder by id, as of the time of its last change."""
    found: dict[str, list[str]] = {}
    for path in _pictures(folder):
        found.setdefault(listing.image_id(Path(path).name), []).append(path)
    return found
