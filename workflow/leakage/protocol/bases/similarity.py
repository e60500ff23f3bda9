"""Similarity: the cosine of standardised items, where both sides come from the same space.

Nothing is learned but the scale of each coordinate, so a few pictures suffice. Most of what a view
still shows lies on the diagonal of the cross-covariance, which this base reads directly.
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
    """Return the one candidate; arguments as of `bases.Base.fit`."""
    return [Cosine(plain, views)]
