"""Entropy and mutual information of what was counted: the plug-in estimates, in nats."""

import numpy as np

BYTES = 256


def entropy(counts: np.ndarray) -> float:
    """Return -sum p ln p of the frequencies that non-negative `counts` (any shape) stand for."""
    counts = counts[counts > 0]
    total = counts.sum()
    return max(0.0, float(np.log(total) - (counts * np.log(counts)).sum() / total))


def byte_pairs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return how often each pair of bytes occurs, shape (256, 256), for flat uint8 x and y."""
    flat = x.astype(np.uint16) * BYTES + y
    return np.bincount(flat, minlength=BYTES * BYTES).reshape(BYTES, BYTES)


def mutual_information_of_bytes(joint: np.ndarray) -> float:
    """Return I(X;Y) = H(X) + H(Y) - H(X,Y) of the table that `byte_pairs` made."""
    return entropy(joint.sum(axis=1)) + entropy(joint.sum(axis=0)) - entropy(joint)


def mutual_information(x: np.ndarray, y: np.ndarray) -> float:
    """Return I(X;Y) of the pairs of x and y, shape (pairs,); each distinct value is a symbol."""
    (rows, x_counts), (columns, y_counts) = _symbols(x), _symbols(y)
    _, joint = np.unique(rows * len(y_counts) + columns, return_counts=True)
    return entropy(x_counts) + entropy(y_counts) - entropy(joint)


def ceiling(*columns: np.ndarray) -> float:
    """Return ln of the smallest number of distinct values: no plug-in MI of them is larger."""
    return float(np.log(min(len(np.unique(column)) for column in columns)))


def _symbols(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    return index.astype(np.int64), counts
