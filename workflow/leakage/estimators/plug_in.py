"""Entropy and mutual information of what was counted: the plug-in estimates, in nats."""

import numpy as np

BYTES = 256


def entropy(counts: np.ndarray) -> float:
    """Return -sum p ln p of the frequencies that non-negative `counts` (any shape) stand for."""
    counts = counts[counts > 0]
    if len(counts) < 2:
        return 0.0  # exactly, where the sum below would leave a rounding error
    total = counts.sum()
    return float(np.log(total) - (counts * np.log(counts)).sum() / total)


def byte_pairs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return how often each pair of bytes occurs, shape (256, 256), for flat uint8 x and y."""
    flat = x.astype(np.uint16) * BYTES + y
    return np.bincount(flat, minlength=BYTES * BYTES).reshape(BYTES, BYTES)


def mutual_information_of_bytes(joint: np.ndarray) -> float:
    """Return I(X;Y) = H(X) + H(Y) - H(X,Y) of the table that `byte_pairs` made."""
    return _information(entropy(joint.sum(axis=1)), entropy(joint.sum(axis=0)), joint)


def mutual_information(x: np.ndarray, y: np.ndarray) -> float:
    """Return I(X;Y) of the pairs of x and y, shape (pairs,); each distinct value is a symbol."""
    (rows, x_counts), (columns, y_counts) = _symbols(x), _symbols(y)
    _, joint = np.unique(rows * len(y_counts) + columns, return_counts=True)
    return _information(entropy(x_counts), entropy(y_counts), joint)


def ceiling(*columns: np.ndarray) -> float:
    """Return ln of the smallest number of distinct values: no plug-in MI of them is larger."""
    return float(np.log(min(len(np.unique(column)) for column in columns)))


def _information(of_x: float, of_y: float, joint: np.ndarray) -> float:
    """Return H(X) + H(Y) - H(X,Y); exactly 0 where one side is constant."""
    return of_x + of_y - entropy(joint) if min(of_x, of_y) > 0 else 0.0


def _symbols(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    return index.astype(np.int64), counts
