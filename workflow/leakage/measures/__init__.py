"""Classic measures of visual and statistical security, of one picture at one level.

No measure says how much information a view contains. They are here because readers ask for them.
Each module has one or more classes derived from `Measure`; a new measure is a new module.
Pictures are uint8 of shape (height, width, channels) with 1 or 3 channels. A colour picture with
three equal channels has the same values as the grey picture.
"""

import functools
import importlib
import itertools
import sys
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from leakage import arguments, plugins, progress
from leakage.errors import LeakageError
from leakage.interfaces import Bytes

# The first columns of the table come from these modules. Those of other modules follow.
FIRST = ("similarity", "statistics", "edge_similarity", "change")

# Values of a picture that a measure computes with at once: temporary arrays then fit into the
# processor's cache, and memory does not grow with the picture.
AT_ONCE = 1 << 17
# The measures of a picture with this many values take seconds. Its bar appears at once, because a
# delayed one waits until the next measure ends.
LARGE = 1 << 24
# Rows and columns of windows that are computed together, where that is faster than strips. Even.
TILE = 64, 256
# The squares of this many bytes add up to less than 2^32.
MOST_ROWS = 1 << 15
# Thousandths of red, green and blue in luma (ITU-R BT.601); whole numbers keep grey exact.
LUMA = (299, 587, 114)


class Measure:
    """Base class of the measures."""

    name: ClassVar[str]
    """its column in the table of measures"""

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of a picture, its view and its ciphertext (with encrypted bits)."""
        raise NotImplementedError


def strips(picture: Bytes, overlap: int = 0, values: int = AT_ONCE) -> Iterator[slice]:
    """Yield the rows of a picture in strips of about `values` numbers, at most `MOST_ROWS` high.

    Each strip has `overlap` rows more at its end, so that windows of `overlap` + 1 rows are each
    inside exactly one strip.
    """
    height, width, channels = picture.shape
    # With fewer rows than these, the overlap would be most of the work.
    rows = min(max(values // (width * channels), 2 * overlap, 1), MOST_ROWS)
    for start in range(0, height - overlap, rows):
        yield slice(start, min(start + rows, height - overlap) + overlap)


def tiles(shape: tuple[int, ...], overlap: int) -> Iterator[tuple[slice, slice]]:
    """Yield rows and columns of tiles, so that windows are each inside exactly one tile.

    Tiles have `overlap` rows and columns more than `TILE` at their ends. A window has `overlap` + 1
    rows and columns.
    """
    tops, lefts = (
        range(0, length - overlap, side) for length, side in zip(shape[:2], TILE, strict=True)
    )
    for top, left in itertools.product(tops, lefts):
        yield slice(top, top + TILE[0] + overlap), slice(left, left + TILE[1] + overlap)


def luma(picture: Bytes) -> NDArray[np.float32]:
    """Return the luma times 1000, exact whole numbers, of shape (height, width)."""
    if picture.shape[2] == 1:
        return picture[..., 0].astype(np.float32) * np.float32(sum(LUMA))
    found: NDArray[np.float32] = picture.astype(np.float32) @ np.array(LUMA, np.float32)
    return found


def modules() -> list[str]:
    """Return the modules of the measures, as dotted names, in the order of their columns."""
    found = plugins.names(sys.modules[__name__], FIRST)
    return [f"{__name__}.{name}" for name in (*FIRST, *found)]


@functools.cache
def all_measures() -> tuple[Measure, ...]:
    """Return every measure, in the order of the columns."""
    found: list[Measure] = []
    for name in modules():
        for each in vars(importlib.import_module(name)).values():
            if isinstance(each, type) and issubclass(each, Measure) and each.__module__ == name:
                found.append(each())
    return tuple(found)


def names() -> tuple[str, ...]:
    """Return the name of every measure, in the order of the columns."""
    return tuple(each.name for each in all_measures())


def measure(plain: Bytes, view: Bytes, ciphertext: Bytes | bytes | bytearray) -> dict[str, float]:
    """Return every measure of one picture, by name.

    Of a ciphertext that is not a picture but bytes, the measures read the view.

    Raises:
        LeakageError: an argument is not a picture, or the three have different shapes.
    """
    if isinstance(ciphertext, bytes | bytearray):
        ciphertext = view
    for name, given in (("plain", plain), ("view", view), ("ciphertext", ciphertext)):
        picture = arguments.picture(given, name)
        if picture.shape != plain.shape:
            raise LeakageError(
                f"{name}: found shape {picture.shape}, and plain has {plain.shape}; expected the "
                "same shape; give a picture with its own view and ciphertext"
            )
    every = all_measures()
    with progress.of_library("measures", at_once=plain.size >= LARGE) as shows:
        loop = progress.over(every, "measures") if shows else every
        return {each.name: each.measure(plain, view, ciphertext) for each in loop}
