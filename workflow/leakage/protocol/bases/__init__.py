"""Bases of critics: simple scores that need no training by steps, a small module each.

A base is fitted on training pairs and scores two items by the product of two vectors,
T(x, y) = a <u(x), v(y)>. It offers candidates (shrinkage, components), among which held-out
pictures choose; they set the temperature a as well. T = 0 is always a candidate.
"""

from typing import Protocol

import numpy as np

from leakage.protocol.bases import gaussian, similarity, whitened
from leakage.protocol.sides import Side


class Candidate(Protocol):
    """One fitted base."""

    name: str
    """the same for the same candidate of every training set"""
    temperatures: tuple[float, ...]
    """values of a to choose from"""

    def vectors(self, plain: np.ndarray, views: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return u of the plain items and v of the views at these indices, float64 (items, k)."""


class Base(Protocol):
    """A module of this folder."""

    SAME_SPACE: bool
    """whether it compares a coordinate of x with the same coordinate of y"""

    @staticmethod
    def fit(plain: Side, views: Side, partner: np.ndarray) -> list[Candidate]:
        """Return the candidates.

        Args:
            plain: the plain items.
            views: one level's views.
            partner: the view that each plain item is paired with, int (pairs,).
        """


MODULES: dict[str, Base] = {"gaussian": gaussian, "similarity": similarity, "whitened": whitened}
