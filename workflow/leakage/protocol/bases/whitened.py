"""Whitened similarity: the cosine after whitening each side, with shrinkage.

A covariance S is shrunk to S + shrinkage * m I, where m is its mean eigenvalue. Items are
multiplied by the inverse root. Directions with a large variance (brightness, noise of the view)
then no longer hide the others.
"""

from dataclasses import dataclass

import numpy as np

from leakage.protocol.bases.similarity import TEMPERATURES
from leakage.protocol.preprocessing import Variable, unit

SAME_SPACE = True
SHRINKAGES = (0.1, 1.0, 10.0)


@dataclass(frozen=True)
class WhitenedCosine:
    """The cosine of whitened items, for one shrinkage."""

    plain: Variable
    views: Variable
    shrinkage: float
    temperatures: tuple[float, ...] = TEMPERATURES

    @property
    def name(self) -> str:
        """The base and its shrinkage."""
        return f"whitened {self.shrinkage:g}"

    def vectors(self, plain: np.ndarray, views: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return unit vectors, float64 (items, dim)."""
        return self._of(self.plain, plain), self._of(self.views, views)

    def _of(self, side: Variable, index: np.ndarray) -> np.ndarray:
        rows, fitted = side.standardised(index), side.whitening
        added = self.shrinkage * fitted.mean
        if not added:
            return unit(rows)
        # Directions without variance in training have eigenvalue 0 and weight 1/sqrt(added).
        weights = 1 / np.sqrt(fitted.variances + added) - 1 / np.sqrt(added)
        return unit(rows / np.sqrt(added) + (rows @ fitted.axes * weights) @ fitted.axes.T)


def fit(plain: Variable, views: Variable, partner: np.ndarray) -> list[WhitenedCosine]:
    """Return one candidate per shrinkage. See `bases.Base.fit` for the arguments."""
    return [WhitenedCosine(plain, views, each) for each in SHRINKAGES]
