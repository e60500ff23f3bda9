"""Similarity: the cosine of standardised items, for two sides from the same space.

It learns only the scale of each coordinate, so a few pictures are enough. Most of the information
in a view lies on the diagonal of the cross-covariance, and this base reads the diagonal directly.
"""

from dataclasses import dataclass

import numpy as np

from leakage.protocol.sides import Side, unit

SAME_SPACE = True
# Nats per unit of cosine.
TEMPERATURES = tuple(float(a) for a in np.geomspace(0.1, 300, 28))


@dataclass(frozen=True)
class Cosine:
    """The cosine of standardised items."""

    plain: Side
    views: Side
    name: str = "similarity"
    temperatures: tuple[float, ...] = TEMPERATURES

    def vectors(self, plain: np.ndarray, views: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return unit vectors, float64 (items, dim)."""
        return unit(self.plain.standardised(plain)), unit(self.views.standardised(views))


def fit(plain: Side, views: Side, partner: np.ndarray) -> list[Cosine]:
    """Return the only candidate. See `bases.Base.fit` for the arguments."""
    return [Cosine(plain, views)]
