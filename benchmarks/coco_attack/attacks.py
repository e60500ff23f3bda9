"""Simple attacks on pairs of embeddings, with few choices and independent of the package.

Both sides come from one encoder, so a plain embedding is compared directly with that of a view.
Every coordinate is standardised on the training fold (x once, y per level), and the score is
T(x, y) = a cos(x, y). Whitening first multiplies each side by the inverse root of its covariance
plus lambda times the mean eigenvalue.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

FOLDS = 5
TEMPERATURES = np.geomspace(0.1, 300, 60)
SHRINKAGES = (0.1, 1.0, 10.0)


@dataclass(frozen=True)
class Attack:
    """The result of one attack at one level, averaged over the folds.

    Attributes:
        nats: InfoNCE's bound on held-out pairs.
        top_1: share of held-out views whose own item scores highest among the fold's.
    """

    nats: float
    top_1: float


def folds(groups: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the fold of each pair, 0 to 4, shape (pairs,); a picture is in one fold."""
    names, members = np.unique(groups, return_inverse=True)
    fold = np.empty(len(names), np.int64)
    order = np.random.default_rng(seed).permutation(len(names))
    fold[order] = np.arange(len(names)) * FOLDS // len(names)
    return fold[members]


def sides(fold: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the training, validation and test pairs per fold, each bool of shape (pairs,)."""
    for each in range(FOLDS):
        test, validation = fold == each, fold == (each + 1) % FOLDS
        yield ~(test | validation), validation, test


def standardised(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return values (pairs, dim) with mean 0 and variance 1 (or constant 0) on training pairs."""
    mean, spread = values[train].mean(axis=0), values[train].std(axis=0)
    varies = np.ptp(values[train], axis=0) > 0  # a constant's deviation can be a rounding error
    return np.where(varies, values - mean, 0) / np.where(varies, spread, 1)


def whitened(values: np.ndarray, train: np.ndarray, shrinkage: float) -> np.ndarray:
    """Return values (pairs, dim) times (C + lambda mean(eigenvalues of C))^(-1/2).

    C is the covariance of the standardised training pairs, from their singular values; `shrinkage`
    is lambda.
    """
    values = standardised(values, train)
    _, sizes, axes = np.linalg.svd(values[train], full_matrices=False)
    eigenvalues = sizes**2 / train.sum()
    added = shrinkage * eigenvalues.sum() / values.shape[1]
    if added == 0:
        return values
    inside, outside = 1 / np.sqrt(eigenvalues + added), 1 / np.sqrt(added)
    return outside * values + values @ axes.T * (inside - outside) @ axes


def cosines(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return cos(x_i, y_j), shape (items, views); 0 for an item of length 0."""
    x, y = (v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12) for v in (x, y))
    return x @ y.T


def infonce(scores: np.ndarray) -> float:
    """Return InfoNCE's bound in nats of scores T(x_i, y_j), shape (items, views), matched by index.

    Van den Oord, Li and Vinyals, arXiv 1807.03748, equation 4: at most ln(items).
    """
    highest = scores.max(axis=0)
    mean = np.exp(scores - highest).mean(axis=0)
    return float((scores.diagonal() - highest - np.log(mean)).mean())


def top_1(scores: np.ndarray) -> float:
    """Return the share of views whose own item scores highest; ties count in part."""
    best = scores == scores.max(axis=0)
    return float((best.diagonal() / best.sum(axis=0)).mean())


def similarity(x: np.ndarray, y: np.ndarray, fold: np.ndarray) -> Attack:
    """Return the result of the cosine of standardised embeddings.

    Args:
        x: shape (pairs, dim).
        y: shape (pairs, dim), views at one level.
        fold: of each pair, shape (pairs,).
    """
    found = []
    for train, _, test in sides(fold):
        scores = cosines(standardised(x, train), standardised(y, train))
        of_test = scores[np.ix_(test, test)]
        a = _temperature(scores[np.ix_(train, train)])[0]
        found.append((infonce(a * of_test), top_1(of_test)))
    return Attack(*np.mean(found, axis=0).tolist())


def whitened_similarity(x: np.ndarray, y: np.ndarray, fold: np.ndarray) -> Attack:
    """Return the result of the cosine after whitening; validation chooses lambda and a."""
    found = []
    for train, validation, test in sides(fold):
        tried = []
        for shrinkage in SHRINKAGES:
            scores = cosines(*(whitened(side, train, shrinkage) for side in (x, y)))
            a, value = _temperature(scores[np.ix_(validation, validation)])
            tried.append((value, a, scores[np.ix_(test, test)]))
        _, a, of_test = max(tried, key=lambda each: each[0])
        found.append((infonce(a * of_test), top_1(of_test)))
    return Attack(*np.mean(found, axis=0).tolist())


def nearest_of_all(x: np.ndarray, y: np.ndarray) -> float:
    """Return the top-1 share of the cosine among all items, standardised over all of them."""
    everything = np.ones(len(x), bool)
    return top_1(cosines(*(standardised(side, everything) for side in (x, y))))


def _temperature(scores: np.ndarray) -> tuple[float, float]:
    """Return the temperature with the largest bound, and that bound."""
    values = [infonce(a * scores) for a in TEMPERATURES]
    best = int(np.argmax(values))
    return float(TEMPERATURES[best]), values[best]
