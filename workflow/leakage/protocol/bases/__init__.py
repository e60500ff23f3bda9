"""Bases of critics: simple scores without gradient training, one small module each.

A base is fitted on training pairs. It scores two items by the product of two vectors,
T(x, y) = a <u(x), v(y)>. It offers candidates that differ in shrinkage or components. Held-out
pictures choose among them and set the temperature a. T = 0 is always a candidate.
"""

from typing import Protocol

import numpy as np

from leakage.protocol.bases import gaussian, similarity, whitened
from leakage.protocol.preprocessing import Variable


class Candidate(Protocol):
    """One fitted base."""

    name: str
    """the candidate's name, equal across training sets"""
    temperatures: tuple[float, ...]
    """values of a to choose from"""

    def vectors(self, plain: np.ndarray, views: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return u of the plain items and v of the views at some indices.

        Args:
            plain: indices of plain items, int (items,).
            views: indices of views, int (items,).

        Returns:
            Two float64 arrays, each (items, k).
        """


class Base(Protocol):
    """The interface of every module in this folder."""

    SAME_SPACE: bool
    """whether it compares each coordinate of x with the same coordinate of y"""

    @staticmethod
    def fit(plain: Variable, views: Variable, partner: np.ndarray) -> list[Candidate]:
        """Return the fitted candidates.

        Args:
            plain: the plain items.
            views: the views of one level.
            partner: index of the view paired with each plain item, int (pairs,).
        """


MODULES: dict[str, Base] = {"gaussian": gaussian, "similarity": similarity, "whitened": whitened}
