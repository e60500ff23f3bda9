"""Entropy and mutual information of what was counted, in nats: plug-in, and bias-corrected.

The plug-in estimate takes frequencies for probabilities. It is exact where what is counted is all
there is, and where one variable is a function of the other; on a sample of anything else its
mutual information is too large by about (Kx - 1)(Ky - 1) / 2N nats.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

BYTES = 256


def entropy(counts: np.ndarray) -> float:
    """Return -sum p ln p of the frequencies that non-negative `counts` (any shape) stand for."""
    counts = counts[counts > 0]
    if len(counts) < 2:
        return 0.0  # exactly, where the sum below would leave a rounding error
    total = counts.sum()
    return float(np.log(total) - (counts * np.log(counts)).sum() / total)


def grassberger_entropy(counts: np.ndarray) -> float:
    """Return the entropy of what non-negative integer `counts` (any shape) are a sample of.

    Grassberger, "Entropy Estimates from Insufficient Samplings", arXiv physics/0307138:
    H = ln N - 1/N sum n G(n), with G(n) = psi(n) + (-1)^n / 2 [psi((n + 1) / 2) - psi(n / 2)]. Its
    bias falls exponentially with the expected counts. One symbol alone has entropy 0.
    """
    # Imported here: the settings of an estimator are read at every parse of the Snakefile.
    from scipy.special import digamma

    counts = counts[counts > 0]
    if len(counts) < 2:
        return 0.0
    # Few counts are distinct, and G is needed once for each of them.
    n, times = np.unique(counts, return_counts=True)
    sign = np.where(n % 2, -1, 1)
    g = digamma(n) + sign / 2 * (digamma((n + 1) / 2) - digamma(n / 2))
    total = counts.sum()
    return float(np.log(total) - (times * n * g).sum() / total)


class Counts(NamedTuple):
    """How often every symbol of x and of y, and every pair of them, occurred: flat, positive."""

    x: np.ndarray
    y: np.ndarray
    joint: np.ndarray

    @property
    def is_function(self) -> bool:
        """Whether every symbol of x occurred with one symbol of y only: H(X,Y) = H(X)."""
        return len(self.joint) == len(self.x)

    @property
    def ceiling(self) -> float:
        """ln of the smaller number of symbols: no plug-in MI is larger."""
        return float(np.log(min(len(self.x), len(self.y))))

    def information(self, of: Callable[[np.ndarray], float] = entropy) -> float:
        """Return H(X) + H(Y) - H(X,Y), each entropy by `of`; exactly 0 where a side is constant."""
        if min(len(self.x), len(self.y)) < 2:
            return 0.0
        return of(self.x) + of(self.y) - of(self.joint)


def count(x: np.ndarray, y: np.ndarray) -> Counts:
    """Return the counts of x and y, shape (pairs,); each distinct value is a symbol."""
    (rows, of_x), (columns, of_y) = _symbols(x), _symbols(y)
    _, joint = np.unique(rows * len(of_y) + columns, return_counts=True)
    return Counts(of_x, of_y, joint)


def count_table(joint: np.ndarray) -> Counts:
    """Return the counts in a table, shape (symbols of x, symbols of y), as `byte_pairs` makes."""
    return Counts(*(c[c > 0] for c in (joint.sum(axis=1), joint.sum(axis=0), joint.ravel())))


def byte_pairs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return how often each pair of bytes occurs, shape (256, 256), for flat uint8 x and y."""
    flat = x.astype(np.uint16) * BYTES + y
    return np.bincount(flat, minlength=BYTES * BYTES).reshape(BYTES, BYTES)


def mutual_information(
    x: np.ndarray, y: np.ndarray, of: Callable[[np.ndarray], float] = entropy
) -> float:
    """Return I(X;Y) of the pairs of x and y, shape (pairs,); each distinct value is a symbol."""
    return count(x, y).information(of)


def _symbols(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    return index.astype(np.int64), counts
