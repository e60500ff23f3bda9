"""Visual information fidelity in the pixel domain.

Sheikh and Bovik, "Image information and visual quality", IEEE Trans. Image Processing 15(2), 2006,
in the version for pixels that the authors published as `vifp_mscale`. At each of four scales, with
a Gaussian window of side N = 17, 9, 5 and 3 and standard deviation N / 5, let s and t be the
variances of plain picture and view in the window, and c their covariance. Then

    g = c / s,  v = t - g c,  VIF = sum of ln(1 + g^2 s / (v + 2)) / sum of ln(1 + s / 2),

over the windows of all scales. Before each scale except the first, both pictures are smoothed with
its window, and every second row and column is kept. Windows lie inside the picture. Where c is
negative, g = 0 and v = t.

A reading of ours: luminance is the luma (0.299 R + 0.587 G + 0.114 B, 0 to 255).
"""

import functools
import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from leakage.interfaces import Bytes, Floats
from leakage.measures import LUMA, Measure, luma

WINDOWS = (17, 9, 5, 3)
# Variance of the noise of the eye.
NOISE = 2.0
# Smaller variances are rounding errors.
NOTHING = 1e-8
# Rows and columns of windows that are computed together. Must be even.
TILE = 64


class VisualInformation(Measure):
    """Visual information fidelity; 0 without shared structure, 1 for the same picture.

    It is above 1 for a view that has more contrast than the plain picture, and not symmetric. A
    scale into which no window fits does not count. The value is NaN if the plain picture has fewer
    than 17 rows or columns, or is constant.
    """

    name: ClassVar[str] = "visual_information"

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of the view."""
        shared, available = [], []
        for one, other, side in _scales(plain, view):
            for rows, columns in _tiles(one.shape, side):
                tile = _values(one[rows, columns]), _values(other[rows, columns])
                found = _information(*tile, side)
                shared.append(found[0])
                available.append(found[1])
        total = math.fsum(available)
        return math.fsum(shared) / total if total else np.nan


def _scales(
    one: NDArray[Any], other: NDArray[Any]
) -> Iterator[tuple[NDArray[Any], NDArray[Any], int]]:
    """Yield both pictures at each scale into which a window fits, and the side of the window."""
    for scale, side in enumerate(WINDOWS):
        if scale:
            one, other = _halved(one, side), _halved(other, side)
        if min(one.shape[:2]) < side:
            return
        yield one, other, side


def _tiles(shape: tuple[int, ...], side: int) -> Iterator[tuple[slice, slice]]:
    """Yield rows and columns of parts with `TILE` x `TILE` windows, fewer at the end."""
    height, width = shape[:2]
    for top in range(0, height - side + 1, TILE):
        for left in range(0, width - side + 1, TILE):
            yield slice(top, top + TILE + side - 1), slice(left, left + TILE + side - 1)


def _values(part: NDArray[Any]) -> Floats:
    """Return the luma of a part of a picture, 0 to 255, or the values of a smaller scale."""
    if part.ndim == 3:
        return luma(part) / sum(LUMA)
    return part.astype(np.float64)


def _halved(picture: NDArray[Any], side: int) -> Floats:
    """Return every second row and column of the smoothed picture, float32 (height, width)."""
    height, width = (max(length - side + 2, 0) // 2 for length in picture.shape[:2])
    found = np.empty((height, width), np.float32)
    for rows, columns in _tiles(picture.shape, side):
        part = _smoothed(_values(picture[rows, columns]), side, step=2)
        top, left = rows.start // 2, columns.start // 2
        found[top : top + len(part), left : left + part.shape[1]] = part
    return found


def _smoothed(values: Floats, side: int, step: int = 1) -> Floats:
    """Return the weighted means over the windows that fit, `step` apart, of (..., rows, columns).

    Products of small matrices are several times as fast as sums of shifted arrays.
    """
    down, right = (_weights(length, side)[::step] for length in values.shape[-2:])
    found: Floats = down @ values @ right.T
    return found


@functools.lru_cache(maxsize=64)
def _weights(length: int, side: int) -> Floats:
    """Return the weights of each window along a line, of shape (windows, length)."""
    places = np.arange(side) - side // 2
    window = np.exp(-(places**2) / (2 * (side / 5) ** 2))
    window /= window.sum()
    windows = length - side + 1
    found: Floats = sum(
        (weight * np.eye(windows, length, place) for place, weight in enumerate(window)),
        start=np.zeros((windows, length)),
    )
    return found


def _information(plain: Floats, view: Floats, side: int) -> tuple[float, float]:
    """Return the sums over all windows in the numerator and in the denominator."""
    values = np.stack([plain, view, plain * plain, view * view, plain * view])
    x, y, xx, yy, xy = _smoothed(values, side)
    s, t, c = xx - x * x, yy - y * y, xy - x * y
    s[s < NOTHING] = 0
    known = (s > 0) & (t > NOTHING) & (c > 0)
    gained = np.where(known, c / np.where(known, s, 1) * c, 0)  # g c, which is g^2 s
    distorted = np.maximum(t - gained, 0)
    shared = np.log1p(gained / (distorted + NOISE)).sum()
    return float(shared), float(np.log1p(s / NOISE).sum())
