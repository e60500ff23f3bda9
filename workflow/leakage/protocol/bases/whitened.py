"""Whitened similarity: the cosine after whitening x and y, with shrinkage.

A covariance S is shrunk to S + shrinkage * m I, where m is its mean eigenvalue. Items are
multiplied by the inverse root. Directions with a large variance (brightness, noise of the view)
then no longer hide the others.
"""

from dataclasses import dataclass

import numpy as np

from leakage.interfaces import Floats, Ints
from leakage.protocol.bases.similarity import TEMPERATURES
from leakage.protocol.preprocessing import Variable, unit

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

    def vectors(self, plain: Ints, views: Ints) -> tuple[Floats, Floats]:
        """Return unit vectors, float64 (items, dim)."""
        return self._whitened(self.plain, plain), self._whitened(self.views, views)

    def _whitened(self, variable: Variable, index: Ints) -> Floats:
        rows, fitted = variable.standardised(index), variable.whitening
        added = self.shrinkage * fitted.mean
        if not added:
            return unit(rows)
        # Directions without variance in training have eigenvalue 0 and weight 1/sqrt(added).
        weights = 1 / np.sqrt(fitted.variances + added) - 1 / np.sqrt(added)
        return unit(rows / np.sqrt(added) + (rows @ fitted.axes * weights) @ fitted.axes.T)


def fit(plain: Variable, views: Variable, partner: Ints) -> list[WhitenedCosine]:
    """Return one candidate per shrinkage. See `bases.Base` for the arguments."""
    return [WhitenedCosine(plain, views, each) for each in SHRINKAGES]
