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
import itertools
import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from leakage.interfaces import Bytes, Floats
from leakage.measures import LUMA, Measure, luma, tiles

WINDOWS = (17, 9, 5, 3)
# Variance of the noise of the eye.
NOISE = 2.0
# Smaller variances are rounding errors.
NOTHING = 1e-8
# Windows along a line that one product of matrices smooths.
BAND = 16


class VisualInformation(Measure):
    """Visual information fidelity; 0 without shared structure, 1 for the same picture.

    It is above 1 for a view that has more contrast than the plain picture, and not symmetric. A
    scale into which no window fits does not count. The value is NaN if the plain picture has fewer
    than 17 rows or columns, or is constant.
    """

    name: ClassVar[str] = "visual_information"

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of the view."""
        pictures: tuple[NDArray[Any], NDArray[Any]] = plain, view
        shared, available = 0.0, 0.0
        for side, following in itertools.pairwise((*WINDOWS, 0)):
            if min(pictures[0].shape[:2]) < side:
                break
            found, pictures = _scale(*pictures, side, following)
            shared, available = shared + found[0], available + found[1]
        return shared / available if available else np.nan


def _scale(
    one: NDArray[Any], other: NDArray[Any], side: int, following: int
) -> tuple[tuple[float, float], tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return the two sums over the windows of a scale, and both pictures at the next scale.

    The windows have sides of `side` at this scale, and of `following` at the next: 0 at the last.
    """
    smallest = following or side
    height, width = ((length - smallest + 2) // 2 for length in one.shape[:2])
    halves = np.empty((2, height, width), np.float32)
    sums = []
    for rows, columns in tiles(one.shape, smallest - 1):
        wider = tuple(slice(each.start, each.stop + side - smallest) for each in (rows, columns))
        both = np.stack([_values(one[wider]), _values(other[wider])])
        if min(both.shape[1:]) >= side:
            sums.append(_information(both, side))
        if following:
            down, right = rows.stop - rows.start, columns.stop - columns.start
            part = _smoothed(both[:, :down, :right], following, step=2)
            place = halves[:, rows.start // 2 :, columns.start // 2 :]
            place[:, : part.shape[1], : part.shape[2]] = part
    shared, available = (math.fsum(each) for each in zip(*sums, strict=True))
    return (shared, available), (halves[0], halves[1])


def _values(part: NDArray[Any]) -> Floats:
    """Return the luma of a part of a picture, 0 to 255, or the values of a smaller scale."""
    if part.ndim == 3:
        return luma(part).astype(np.float64) / sum(LUMA)
    return part.astype(np.float64)


def _information(both: Floats, side: int) -> tuple[float, float]:
    """Return the two sums over the windows of a tile of plain picture and view.

    A sum of logarithms is the logarithm of a product. The factors are below 10^4, so the product of
    a column of a tile is finite.
    """
    plain, view = both
    products = np.stack([plain, view, plain * plain, view * view, plain * view])
    x, y, xx, yy, xy = _smoothed(products, side)
    s, t, c = xx - x * x, yy - y * y, xy - x * y
    s[s < NOTHING] = 0
    known = (s > 0) & (t > NOTHING) & (c > 0)
    gained = c / np.where(known, s, np.inf) * c  # g^2 s
    distorted = np.maximum(t - gained, 0)
    shared = np.log((1 + gained / (distorted + NOISE)).prod(axis=0)).sum()
    return float(shared), float(np.log((1 + s / NOISE).prod(axis=0)).sum())


def _smoothed(values: Floats, side: int, step: int = 1) -> Floats:
    """Return the weighted means over the windows that fit, `step` apart.

    Products of small matrices are several times as fast as sums of shifted arrays. Each picture has
    its own, so that equal pictures have equal means.

    Args:
        values: pictures, of shape (pictures, rows, columns).
        side: the side of the window.
        step: the distance of the windows, in rows and in columns.
    """
    pictures, rows, columns = values.shape
    tall, wide = ((length - side) // step + 1 for length in (rows, columns))
    down = np.empty((pictures, tall, columns))
    for windows, places, weights in _bands(tall, side, step):
        np.matmul(weights, values[:, places], out=down[:, windows])
    found = np.empty((pictures, tall, wide))
    for windows, places, weights in _bands(wide, side, step):
        np.matmul(down[..., places], weights.T, out=found[..., windows])
    return found


def _bands(count: int, side: int, step: int) -> Iterator[tuple[slice, slice, Floats]]:
    """Yield groups of the windows along a line, the places below them, and their weights there."""
    for start in range(0, count, BAND):
        windows = min(BAND, count - start)
        first, length = start * step, (windows - 1) * step + side
        weights = _weights(windows, side, step)
        yield slice(start, start + windows), slice(first, first + length), weights


@functools.lru_cache(maxsize=64)
def _weights(windows: int, side: int, step: int) -> Floats:
    """Return the weights of windows `step` apart, of shape (windows, places below them)."""
    places = np.arange(side) - side // 2
    window = np.exp(-(places**2) / (2 * (side / 5) ** 2))
    found = np.zeros((windows, (windows - 1) * step + side))
    for each in range(windows):
        found[each, each * step : each * step + side] = window / window.sum()
    return found
