"""Shannon entropy."""

from typing import ClassVar

import numpy as np

from leakage.interfaces import Bytes
from leakage.measures import Measure


class Entropy(Measure):
    """Shannon entropy of the view in bits, over the values of all channels together: 0 to 8."""

    name: ClassVar[str] = "entropy"

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of the view."""
        from scipy.stats import entropy

        counts = np.bincount(view.ravel(), minlength=256)
        return float(entropy(counts[counts > 0], base=2))
