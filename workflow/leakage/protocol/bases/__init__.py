"""Base critics: simple scores that need no gradient training, one module each.

A base critic is fitted on training pairs. It scores two items by the product of two vectors,
T(x, y) = a <u(x), v(y)>. A module offers candidates that differ in shrinkage or components.
Held-out pictures choose among them and set the temperature a. T = 0 is always a candidate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from leakage.interfaces import Floats, Ints
from leakage.protocol.bases import gaussian, similarity, whitened
from leakage.protocol.preprocessing import Variable


class Candidate(Protocol):
    """One fitted base critic."""

    @property
    def name(self) -> str:
        """The candidate's name, equal across training sets."""

    @property
    def temperatures(self) -> tuple[float, ...]:
        """Values of a to choose from."""

    def vectors(self, plain: Ints, views: Ints) -> tuple[Floats, Floats]:
        """Return u of the plain items and v of the views at some indices, each (items, k)."""


@dataclass(frozen=True)
class Base:
    """A kind of base critic."""

    # Returns the fitted candidates from the plain items, the views of one level, and the index of
    # the view paired with each plain item, int (pairs,).
    fit: Callable[[Variable, Variable, Ints], Sequence[Candidate]]
    same_space: bool  # whether it compares each coordinate of x with the same coordinate of y


BASES = {
    "gaussian": Base(gaussian.fit, same_space=False),
    "similarity": Base(similarity.fit, same_space=True),
    "whitened": Base(whitened.fit, same_space=True),
}
