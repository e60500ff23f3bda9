"""Similarity of the view to the plain picture: PSNR and SSIM."""

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from leakage.interfaces import Bytes
from leakage.measures import Measure, strips, tiles

# The side of the window of SSIM, which must be odd. The smallest window with a variance is 3 x 3.
WINDOW, SMALLEST_WINDOW = 7, 3


class Psnr(Measure):
    """Peak signal-to-noise ratio in dB, over all channels; infinite for the same picture."""

    name: ClassVar[str] = "psnr"

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of the view."""
        return psnr(plain, view)


class Ssim(Measure):
    """Structural similarity, -1 to 1, mean over the channels; 1 for the same picture.

    Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural
    similarity", IEEE Trans. Image Processing 13(4), 2004, with the defaults of scikit-image:
    uniform windows of 7 x 7, sample covariance. The window of a picture with fewer than 7 rows or
    columns is the largest odd one that fits. With fewer than 3 there is none, and the value is NaN.
    """

    name: ClassVar[str] = "ssim"

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of the view."""
        side = min(WINDOW, *plain.shape[:2])
        window = side - 1 + side % 2
        if window < SMALLEST_WINDOW:
            return np.nan
        if np.array_equal(plain, view):
            return 1.0
        height, width, channels = plain.shape
        total = math.fsum(
            _similarities(plain[tile], view[tile], window)
            for tile in tiles(plain.shape, window - 1)
        )
        windows = (height - window + 1) * (width - window + 1) * channels
        return float(total / windows)


def psnr(plain: Bytes, view: Bytes) -> float:
    """Return the peak signal-to-noise ratio in dB; infinite for the same picture."""
    squares = 0
    for rows in strips(plain):
        difference = np.subtract(plain[rows], view[rows], dtype=np.int32)
        difference *= difference
        squares += int(difference.sum(dtype=np.int64))
    return 10 * math.log10(255**2 * plain.size / squares) if squares else math.inf


def _similarities(plain: Bytes, view: Bytes, window: int) -> float:
    """Return the sum of the similarities of all windows.

    Sums over windows are exact: those of 7 x 7 bytes fit into uint16, those of their products into
    int32, and so do differences of products of sums. Means and covariances are multiplied by powers
    of the number of values, n, which cancel.
    """
    n = window * window
    luminance, contrast = (0.01 * 255 * n) ** 2, (0.03 * 255) ** 2 * n * (n - 1)
    x, y = plain.astype(np.uint16), view.astype(np.uint16)
    products = _window_sums((x * y).astype(np.int32), window)
    energy = _window_sums(np.add(x * x, y * y, dtype=np.int32), window)
    x_sums, y_sums = (_window_sums(each, window).astype(np.int32) for each in (x, y))
    both = x_sums * y_sums
    squares = x_sums * x_sums
    squares += y_sums * y_sums
    products *= n
    products -= both
    energy *= n
    energy -= squares
    numerator = (2 * both + luminance) * (2 * products + contrast)
    numerator /= (squares + luminance) * (energy + contrast)
    return float(numerator.sum())


def _window_sums(values: NDArray[Any], window: int) -> NDArray[Any]:
    """Return the sum over each square window of (height, width, channels) that fits."""
    height, width, channels = values.shape
    found = _sums(values.reshape(height, width * channels), window)
    return _sums(found, window, channels, axis=1)


def _sums(values: NDArray[Any], window: int, step: int = 1, axis: int = 0) -> NDArray[Any]:
    """Return the sums of `window` numbers, an odd count, `step` apart along an axis."""

    def part(of: NDArray[Any], start: int, length: int) -> NDArray[Any]:
        return of[start : start + length] if axis == 0 else of[:, start : start + length]

    length = values.shape[axis] - step
    pairs = part(values, 0, length) + part(values, step, length)
    length = values.shape[axis] - (window - 1) * step
    found: NDArray[Any] = part(values, (window - 1) * step, length) + part(pairs, 0, length)
    for place in range(2, window - 1, 2):
        found += part(pairs, place * step, length)
    return found
