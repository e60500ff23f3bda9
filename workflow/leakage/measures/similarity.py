"""Similarity of the view to the plain picture: PSNR and SSIM."""

from typing import ClassVar

import numpy as np

from leakage.interfaces import Bytes
from leakage.measures import Measure

# The side of the window of SSIM, which must be odd. The smallest window with a variance is 3 x 3.
WINDOW, SMALLEST_WINDOW = 7, 3


class Psnr(Measure):
    """Peak signal-to-noise ratio in dB, over all channels; infinite for the same picture."""

    name: ClassVar[str] = "psnr"

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of the view."""
        from skimage.metrics import peak_signal_noise_ratio

        with np.errstate(divide="ignore"):
            return float(peak_signal_noise_ratio(plain, view, data_range=255))


class Ssim(Measure):
    """Structural similarity, -1 to 1, mean over the channels; 1 for the same picture.

    Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural
    similarity", IEEE Trans. Image Processing 13(4), 2004, as scikit-image computes it by default:
    uniform windows of 7 x 7, sample covariance. The window of a picture with fewer than 7 rows or
    columns is the largest odd one that fits. With fewer than 3 there is none, and the value is NaN.
    """

    name: ClassVar[str] = "ssim"

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of the view."""
        from skimage.metrics import structural_similarity

        side = min(WINDOW, *plain.shape[:2])
        window = side - 1 + side % 2
        if window < SMALLEST_WINDOW:
            return np.nan
        found = structural_similarity(plain, view, win_size=window, data_range=255, channel_axis=2)
        return float(found)
