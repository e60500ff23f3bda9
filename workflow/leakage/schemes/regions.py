"""Regions: the part of each picture that a scheme encrypts, as boxes or as a mask.

The rest of the picture stays plain. The crop of each box is encrypted like a picture of its own,
with its own nonce, so any cipher fits and stays invertible. A mask has any outline, so it fits only
ciphers that change each pixel by itself (`Cipher.pixelwise`).
"""

import csv
import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pydantic
from numpy.typing import NDArray

from leakage.config.settings import Settings, input_path, shown
from leakage.errors import LeakageError
from leakage.interfaces import Bytes
from leakage.storage import listing

Mask = NDArray[np.bool_]
SIDES = ("left", "top", "width", "height")
IDS = ("image_id", "file_name")
# Shares such as 0.1 + 0.9 may add up to a little more than 1.
ROUNDING = 1e-9


class Box(NamedTuple):
    """A rectangle in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def place(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return (
            slice(self.top, self.top + self.height),
            slice(self.left, self.left + self.width),
        )

    def overlaps(self, other: "Box") -> bool:
        """Return whether two boxes share a pixel."""
        apart = self.left + self.width <= other.left or other.left + other.width <= self.left
        above = self.top + self.height <= other.top or other.top + other.height <= self.top
        return not (apart or above)

    def __str__(self) -> str:
        """Return the box as one text: left, top and size."""
        return f"{self.width} x {self.height} at left {self.left}, top {self.top}"


class Region(Settings):
    """The part of each picture that a scheme encrypts: `boxes`, `mask` or `box`.

    The rest stays plain, and leakage is reported for the patches inside, outside and across.
    """

    boxes: str | None = None
    """CSV file with a row per box: `image_id` as in manifest.csv (or `file_name`), and `left`,
    `top`, `width`, `height` in pixels; a picture without a row stays plain"""
    mask: str | None = None
    """folder of masks `{image_id}.png` of the pictures' sizes, black where the picture stays
    plain; a picture without a mask stays plain; only for ciphers that change each pixel by
    itself"""
    box: tuple[float, float, float, float] | None = None
    """one box in every picture: left, top, width and height, as shares of the picture from 0 to
    1"""

    @pydantic.field_validator("boxes")
    @classmethod
    def _boxes_are_readable(cls, boxes: str | None) -> str | None:
        if boxes is not None:
            if not Path(input_path(boxes)).is_file():
                raise ValueError(f"{boxes}: no such file; give a CSV file of boxes")
            _explained(_boxes, boxes)
        return boxes

    @pydantic.field_validator("mask")
    @classmethod
    def _masks_are_there(cls, mask: str | None) -> str | None:
        if mask is not None and not _masks(input_path(mask)):
            raise ValueError(f"{mask}: no folder with PNG files; give the folder of the masks")
        return mask

    @pydantic.field_validator("box")
    @classmethod
    def _box_is_inside(
        cls, box: tuple[float, float, float, float] | None
    ) -> tuple[float, float, float, float] | None:
        if box is None:
            return box
        left, top, width, height = box
        ends = left + width, top + height
        if min(left, top) < 0 or min(width, height) <= 0 or max(ends) > 1 + ROUNDING:
            raise ValueError(
                f"found {shown(list(box))}; expected left, top, width and height as shares of the "
                "picture: from 0, and left + width and top + height at most 1"
            )
        return box

    @pydantic.model_validator(mode="after")
    def _one_is_given(self) -> Self:
        found = [key for key in type(self).model_fields if getattr(self, key) is not None]
        if len(found) != 1:
            raise ValueError(
                f"found {' and '.join(found) or 'nothing'}; expected one of "
                f"{', '.join(type(self).model_fields)}"
            )
        return self

    def files(self) -> list[str]:
        """Return the user's files that say where the region is, sorted."""
        if self.boxes is not None:
            return [self.boxes]
        return [] if self.mask is None else sorted(_masks(self.mask).values())

    def named(self) -> set[str]:
        """Return the ids of the pictures that the user's files name."""
        if self.boxes is not None:
            return set(_listed(self.boxes))
        return set() if self.mask is None else set(_masks(self.mask))

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Refuse boxes and masks of pictures that the dataset does not have.

        Raises:
            LeakageError: naming the first.
        """
        if unknown := sorted(self.named() - set(known)):
            more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
            raise LeakageError(
                f"{self.boxes or self.mask}: picture {shown(unknown[0])}{more} is not in the "
                "dataset; name pictures by their image_id in manifest.csv, or remove the others"
            )

    def refuse_unfit(self, image_id: str, size: tuple[int, ...]) -> None:
        """Refuse a box outside its picture of this height and width, or a mask of another size.

        Raises:
            LeakageError: naming the first.
        """
        if self.mask is None:
            self.boxes_in(image_id, size)
        elif path := _masks(self.mask).get(image_id):
            _refuse_other_size(path, size)

    def boxes_in(self, image_id: str, size: tuple[int, ...]) -> list[Box]:
        """Return the boxes of a picture of this height and width; not for a mask.

        Raises:
            LeakageError: a box ends outside the picture.
        """
        height, width = size[:2]
        if self.box is not None:
            left, wide = _span(self.box[0::2], width)
            top, tall = _span(self.box[1::2], height)
            return [Box(left, top, wide, tall)]
        assert self.boxes is not None
        found = _listed(self.boxes).get(image_id, [])
        for box in found:
            if box.left + box.width > width or box.top + box.height > height:
                raise LeakageError(
                    f"{self.boxes}: picture {image_id}: box {box} is not inside the picture of "
                    f"{width} x {height} pixels; correct it"
                )
        return found

    def inside(self, image_id: str, size: tuple[int, ...]) -> Mask:
        """Return which pixels of a picture are encrypted, bool of shape (height, width).

        Raises:
            LeakageError: a box outside the picture, or a mask of another size.
        """
        found = np.zeros(size[:2], bool)
        if self.mask is None:
            for box in self.boxes_in(image_id, size):
                found[box.place] = True
            return found
        if (path := _masks(self.mask).get(image_id)) is None:
            return found
        _refuse_other_size(path, size)
        return _read_mask(path)

    def change(self, image_id: str, pixels: Bytes, changed: Callable[[str, Bytes], Bytes]) -> Bytes:
        """Return a picture with its region changed.

        Args:
            image_id: the picture.
            pixels: uint8 of shape (height, width, channels).
            changed: returns the new pixels, of the same shape, of a box (of the whole picture for
                a mask); its first argument decides the nonce and is different for every box.
        """
        if self.mask is not None:
            inside = self.inside(image_id, pixels.shape)[..., None]
            return np.where(inside, changed(image_id, pixels), pixels)
        found = pixels.copy()
        for number, box in enumerate(self.boxes_in(image_id, pixels.shape)):
            crop = np.ascontiguousarray(pixels[box.place])
            found[box.place] = changed(f"{image_id} box {number}", crop)
        return found


def _span(shares: tuple[float, ...], size: int) -> tuple[int, int]:
    """Return the first pixel and the number of pixels, at least one, of a share of a side."""
    first, end = (round(share * size) for share in (shares[0], sum(shares)))
    first = min(first, size - 1)
    return first, max(end - first, 1)


def _explained(function: Callable[[str], object], path: str) -> None:
    """Call a function; raise its LeakageError as the ValueError that pydantic expects."""
    try:
        function(path)
    except LeakageError as error:
        raise ValueError(str(error)) from None


def _listed(path: str) -> dict[str, list[Box]]:
    """Return the boxes of a file by picture, reading it again only after a change."""
    return _boxes_as_of(path, Path(path).stat().st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _boxes_as_of(path: str, changed: int) -> dict[str, list[Box]]:
    return _boxes(path)


def _boxes(path: str) -> dict[str, list[Box]]:
    """Return the boxes of a file by picture.

    Raises:
        LeakageError: a column that is missing or given twice, a row with too many or wrong values,
            boxes that overlap, or no box.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise LeakageError(
            f"{path}: byte {error.start} is not UTF-8; save the file as CSV in UTF-8"
        ) from None
    found: dict[str, list[Box]] = {}
    for number, image_id, box in _rows(path, csv.DictReader(lines)):
        for other in found.setdefault(image_id, []):
            if box.overlaps(other):
                raise LeakageError(
                    f"{path}: line {number}, picture {image_id}: the boxes {other} and {box} "
                    "overlap; join them, or make them smaller"
                )
        found[image_id].append(box)
    if not found:
        raise LeakageError(
            f"{path}: found no box; expected a row per box below the header; add one, or remove "
            "the scheme's region"
        )
    return found


def _rows(path: str, reader: "csv.DictReader[str]") -> Iterator[tuple[int, str, Box]]:
    """Yield the line, the picture and the box of each row."""
    columns = reader.fieldnames or []
    keys = [each for each in columns if each in IDS]
    if len(keys) != 1 or any(columns.count(side) != 1 for side in SIDES):
        raise LeakageError(
            f"{path}: found the columns {', '.join(columns) or 'of an empty file'}; expected "
            f"either image_id or file_name, and {', '.join(SIDES)}, each once"
        )
    (key,) = keys
    for row in reader:
        if more := row.get(None):  # the values without a column
            raise LeakageError(
                f"{path}: line {reader.line_num}: found {len(columns) + len(more)} values; "
                f"expected {len(columns)}, as in the header; write numbers without commas"
            )
        values = [str(row[side] or "").strip() for side in SIDES]
        whole = [value for value in values if value.isascii() and value.isdigit()]
        box = Box(*map(int, whole)) if len(whole) == len(SIDES) else None
        if box is None or not (row[key] and box.width and box.height):
            raise LeakageError(
                f"{path}: line {reader.line_num}: found {key} {shown(row[key])} and "
                f"{', '.join(values)}; expected a picture, and left, top, width and height as "
                "whole numbers of pixels, width and height from 1"
            )
        image_id = str(row[key]) if key == "image_id" else listing.image_id(str(row[key]))
        yield reader.line_num, image_id, box


def _masks(folder: str) -> dict[str, str]:
    """Return the masks of a folder by picture, listing it again only after a change."""
    root = Path(folder)
    return _masks_as_of(root, root.stat().st_mtime_ns) if root.is_dir() else {}


@functools.lru_cache(maxsize=8)
def _masks_as_of(root: Path, changed: int) -> dict[str, str]:
    paths = (path for path in sorted(root.iterdir()) if path.suffix.lower() == ".png")
    return {listing.image_id(path.name): str(path) for path in paths if path.name[0] != "."}


def _refuse_other_size(path: str, size: tuple[int, ...]) -> None:
    """Refuse a mask that is no PNG file of this height and width; read only its header."""
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG",)) as image:
            found = image.size
    except OSError as error:
        raise LeakageError(f"{path}: not a PNG mask ({error}); replace it") from None
    if found != (size[1], size[0]):
        here, there = (f"{width} x {height}" for width, height in (found, (size[1], size[0])))
        raise LeakageError(
            f"{path}: {here} pixels, and the picture has {there}; give a mask of that size"
        )


def _read_mask(path: str) -> Mask:
    """Return where a mask is not black, bool of shape (height, width).

    Raises:
        LeakageError: an incomplete file, or one with transparency or 16 bits per colour.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG",)) as image:
            transparent = image.has_transparency_data
            # Pillow keeps only the upper half of 16 bits, where a dark colour is black.
            deep = "RGB;16" in str(image.tile)
            found = np.array(image.convert("RGB") if image.mode == "P" else image)
    except (OSError, SyntaxError) as error:
        raise LeakageError(f"{path}: not a complete PNG mask ({error}); replace it") from None
    if transparent or deep:
        raise LeakageError(
            f"{path}: found a mask with {'transparency' if transparent else '16 bits per colour'}; "
            "expected black where the picture stays plain; save it as grey with 8 bits"
        )
    return np.asarray(found.reshape(*found.shape[:2], -1).any(axis=2))
