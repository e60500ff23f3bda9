"""Pictures encrypted by another program: {path}/{level}/{image_id}.png.

Level 0 is the dataset's own picture; the folder needs none. An image id is what the manifest calls
the picture: in a dataset `folder`, its path below the folder without the suffix, / replaced by _.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydantic

from leakage.config.settings import input_path, shown
from leakage.errors import LeakageError
from leakage.schemes import Definition

SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".webp", ".jpg", ".jpeg")


class Settings(Definition):
    """Where the encrypted pictures lie."""

    cipher: Literal["folder"] = "folder"
    path: str = pydantic.Field(min_length=1)
    """folder with one subfolder per level, named by the level's number"""
    levels: list[int] = pydantic.Field(default=[])
    """levels to measure; empty: 0 and every subfolder named by a number"""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _levels_are_there(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(values.get("path"), str):
            return values
        root = Path(input_path(values["path"]))
        if not root.is_dir():
            raise ValueError(
                f"{root} is no folder; name the one with encrypted pictures, a subfolder per level"
            )
        found = sorted(int(each.name) for each in root.iterdir() if _is_level(each))
        levels = values.get("levels")
        if levels in (None, []):
            levels = [0, *(level for level in found if level > 0)]
        if not isinstance(levels, list) or not all(isinstance(each, int) for each in levels):
            return values
        missing = [level for level in levels if level not in {0, *found}]
        if missing or levels == [0]:
            raise ValueError(
                f"{root} has no subfolder {missing[0] if missing else '1, 2, …'} (found: "
                f"{', '.join(map(str, found)) or 'none'}); expected one per level"
            )
        for path in (path for level in levels for path in _pictures(root / str(level))):
            if set(path) & set("{}"):  # which Snakemake takes for wildcards
                raise ValueError(f"found {shown(path)}; expected no braces in it; rename it")
        return {**values, "levels": levels}


def read(image_id: str, plain: np.ndarray, level: int, settings: Settings) -> np.ndarray:
    """Return the encrypted picture, uint8 of shape (height, width, channels), as the plain one's.

    Raises:
        LeakageError: there is none or more than one of that name, it cannot be read, or it is of
            another shape than the plain picture.
    """
    from leakage.storage import pictures

    folder = Path(settings.path) / str(level)
    present = [folder / f"{image_id}{suffix}" for suffix in SUFFIXES]
    found = [path for path in present if path.is_file()]
    if len(found) != 1:
        what = f"{len(found)} files ({', '.join(path.name for path in found)})" if found else "none"
        raise LeakageError(
            f"{folder / image_id}.png: expected one encrypted picture of that name, found {what}; "
            "put it there, or take the picture out of the dataset"
        )
    pixels = pictures.read(found[0])
    if pixels.shape != plain.shape:
        here, there = (
            f"{each.shape[1]} x {each.shape[0]} with {each.shape[2]} channels"
            for each in (pixels, plain)
        )
        raise LeakageError(
            f"{found[0]}: {here}, and the plain picture has {there}; encrypt it anew at that size, "
            "or take the picture out of the dataset"
        )
    return pixels


def files(settings: Settings, level: int) -> list[str]:
    """Return the picture files of a level, sorted: when one changes, the level is read anew."""
    return _pictures(Path(settings.path) / str(level))


def _pictures(folder: Path) -> list[str]:
    found = folder.iterdir() if folder.is_dir() else []
    return sorted(str(path) for path in found if path.suffix.lower() in SUFFIXES)


def _is_level(path: Path) -> bool:
    return path.is_dir() and path.name.isascii() and path.name.isdigit()
