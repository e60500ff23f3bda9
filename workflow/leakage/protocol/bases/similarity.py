"""Similarity of standardised items, for x and y from the same space.

It learns only the scale of each coordinate, so a few pictures are enough. Most of the information
in a view lies on the diagonal of the cross-covariance, and this base reads the diagonal directly.
It has two candidates: the cosine, and the density ratio of items with normal, independent
coordinates.
"""

from dataclasses import dataclass

import numpy as np

from leakage.interfaces import Floats, Ints
from leakage.protocol.bases import gaussian
from leakage.protocol.preprocessing import Variable, fitted_on, unit

# Nats per unit of cosine.
TEMPERATURES = tuple(float(a) for a in np.geomspace(0.1, 300, 28))
# Of a density ratio: 1 where the items are normal, less where their coordinates are dependent.
TEMPERATURES_OF_RATIO = tuple(float(a) for a in np.geomspace(0.002, 1, 14))


@dataclass(frozen=True)
class Cosine:
    """The cosine of standardised items."""

    plain: Variable
    views: Variable
    name: str = "similarity"
    temperatures: tuple[float, ...] = TEMPERATURES

    def vectors(self, plain: Ints, views: Ints) -> tuple[Floats, Floats]:
        """Return unit vectors, float64 (items, dim)."""
        return unit(self.plain.standardised(plain)), unit(self.views.standardised(views))


@dataclass(frozen=True)
class Diagonal:
    """The log density ratio of independent normal coordinates.

    It is the formula of the Gaussian base. Each coordinate of x is correlated only with the same
    one of y, by `rho`. Unlike the cosine it weighs coordinates and reads lengths.
    """

    plain: Variable
    views: Variable
    rho: Floats
    name: str = "diagonal"
    temperatures: tuple[float, ...] = TEMPERATURES_OF_RATIO

    def vectors(self, plain: Ints, views: Ints) -> tuple[Floats, Floats]:
        """Return weighted items with the sums of their squares, float64 (items, dim + 2)."""
        x, y = self.plain.standardised(plain), self.views.standardised(views)
        return gaussian.log_ratio(x, y, self.rho)


def fit(plain: Variable, views: Variable, partner: Ints) -> list[Cosine | Diagonal]:
    """Return the candidates. See `bases.Base` for the arguments."""
    return [Cosine(plain, views), Diagonal(plain, views, _correlations(plain, views, partner))]


def _correlations(plain: Variable, views: Variable, partner: Ints) -> Floats:
    """Return the correlation of each coordinate of x with the same one of y, float64 (dim,).

    Chance makes estimated correlations differ. They are shrunk to their mean by that much (James
    and Stein, Fourth Berkeley Symposium, 1961).
    """
    train = fitted_on(plain.train)
    x, y = plain.standardised(train), views.standardised(partner[train])
    rho: Floats = np.mean(x * y, axis=0)
    mean, spread = rho.mean(), rho.var()
    chance = (1 - mean**2) ** 2 / len(train)
    kept = max(0.0, 1 - chance / spread) if spread > 0 else 0.0
    shrunk: Floats = np.clip(mean + kept * (rho - mean), -gaussian.LARGEST, gaussian.LARGEST)
    return shrunk
