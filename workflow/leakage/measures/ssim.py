"""Structural similarity.

Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural
similarity", IEEE Trans. Image Processing 13(4), 2004, as scikit-image computes it by default:
uniform windows of 7 x 7, sample covariance.
"""

from typing import ClassVar

import numpy as np

from leakage.interfaces import Bytes
from leakage.measures import Measure

# The side of the window, which must be odd. The smallest window with a variance is 3 x 3.
WINDOW, SMALLEST_WINDOW = 7, 3


class Ssim(Measure):
    """Structural similarity, -1 to 1, mean over the channels; 1 for the same picture.

    The window of a picture with fewer than 7 rows or columns is the largest odd one that fits. With
    fewer than 3 there is none, and the value is NaN.
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
