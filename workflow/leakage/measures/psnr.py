"""Peak signal-to-noise ratio."""

from typing import ClassVar

import numpy as np

from leakage.interfaces import Bytes
from leakage.measures import Measure


class Psnr(Measure):
    """Peak signal-to-noise ratio in dB, over all channels; infinite for the same picture."""

    name: ClassVar[str] = "psnr"

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of the view."""
        from skimage.metrics import peak_signal_noise_ratio

        with np.errstate(divide="ignore"):
            return float(peak_signal_noise_ratio(plain, view, data_range=255))
