"""Gaussian tasks: the staircase, dense and sparse covariances, independence.

The staircase comes from Poole et al., arXiv 1905.06922, with its steps in bits as in
kyungeun-lee/mibenchmark. `multinormal_dense` and `multinormal_sparse` come from Czyż et al.,
"Beyond Normal", arXiv 2306.11078, as defined in their package benchmark-mi 0.1.3. Their benchmark
also rescales each coordinate, which does not change mutual information.
"""

import numpy as np

from leakage.interfaces import Floats
from leakage.truths.samples import Sample, of_levels, of_one

STAIRCASE_BITS = (2, 4, 6, 8, 10)
STAIRCASE_DIM = 20
INDEPENDENT_LEVELS = 2
PAIRS_PER_GROUP = 9  # the default number of patches per picture
SHARED_BY_GROUP = 0.5  # share of the variance
SAME_SPACE_NATS = (4.0, 2.0, 1.0, 0.5)


def gaussian_nats(covariance: Floats, dim_x: int) -> float:
    """Return I(X;Y) = 1/2 ln(det S_xx det S_yy / det S) in nats, where X has `dim_x` variables."""
    blocks = (covariance[:dim_x, :dim_x], covariance[dim_x:, dim_x:], covariance)
    of_x, of_y, of_both = (np.linalg.slogdet(block).logabsdet for block in blocks)
    return float(of_x + of_y - of_both) / 2


def dense_covariance(dim: int = 25, correlation: float = 0.5) -> Floats:
    """Return the covariance (2 dim, 2 dim) with the same correlation between any two variables."""
    return np.eye(2 * dim) * (1 - correlation) + correlation


def sparse_covariance(dim: int = 25, interacting: int = 2, strength: float = 2.0) -> Floats:
    """Return the covariance (2 dim, 2 dim) in which X_i and Y_i interact for i < interacting.

    X_i = strength Z_i + E_i and Y_i = strength Z_i + F_i, scaled to variance 1. Their correlation
    is strength^2 / (strength^2 + 1). All other variables are independent.
    """
    covariance = np.eye(2 * dim)
    i = np.arange(interacting)
    covariance[i, dim + i] = covariance[dim + i, i] = strength**2 / (strength**2 + 1)
    return covariance


def normal_pairs(
    covariance: Floats, pairs: int, generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return x and y, each (pairs, dim), of a centred Gaussian with covariance (2 dim, 2 dim)."""
    both = generator.standard_normal((pairs, len(covariance))) @ np.linalg.cholesky(covariance).T
    x, y = np.split(both, 2, axis=1)
    return x, y


def staircase(pairs: int, generator: np.random.Generator) -> Sample:
    """Return 20 correlated pairs of coordinates, with one correlation per level."""
    # So that -dim/2 ln(1 - rho^2) is `STAIRCASE_BITS`, in nats.
    rho = np.sqrt(1 - np.exp2(-2 * np.array(STAIRCASE_BITS) / STAIRCASE_DIM))
    x, *noise = generator.standard_normal((1 + len(rho), pairs, STAIRCASE_DIM))
    y = [r * x + np.sqrt(1 - r**2) * e for r, e in zip(rho, noise, strict=True)]
    return of_levels(x, y, -STAIRCASE_DIM / 2 * np.log(1 - rho**2))


def staircase_cubed(pairs: int, generator: np.random.Generator) -> Sample:
    """Return the staircase with every coordinate of y cubed, which is injective."""
    plain = staircase(pairs, generator)
    return of_levels(plain.x, plain.y**3, plain.nats)


def multinormal(covariance: Floats, pairs: int, generator: np.random.Generator) -> Sample:
    """Return x and y of a centred Gaussian with covariance (2 dim, 2 dim)."""
    x, y = normal_pairs(covariance, pairs, generator)
    return of_one(x, y, gaussian_nats(covariance, x.shape[1]))


def independence(pairs: int, generator: np.random.Generator) -> Sample:
    """Return independent x and y of 20 coordinates each."""
    x, *y = generator.standard_normal((1 + INDEPENDENT_LEVELS, pairs, STAIRCASE_DIM))
    return of_levels(x, y, np.zeros(INDEPENDENT_LEVELS))


def independence_grouped(
    pairs: int,
    generator: np.random.Generator,
    dim: int = STAIRCASE_DIM,
    per_group: int = PAIRS_PER_GROUP,
) -> Sample:
    """Return independent x and y of `dim` coordinates each, in groups of `per_group` pairs.

    Pairs of a group share a part of x and a part of y. If a group is split between training and
    test, an estimator finds a false leak.
    """
    groups = np.arange(pairs) // per_group
    of_group, own = (
        generator.standard_normal((1 + INDEPENDENT_LEVELS, rows, dim))
        for rows in (groups[-1] + 1, pairs)
    )
    shared = np.sqrt(SHARED_BY_GROUP) * of_group[:, groups]
    x, *y = shared + np.sqrt(1 - SHARED_BY_GROUP) * own
    return of_levels(x, y, np.zeros(INDEPENDENT_LEVELS), groups)


def same_space_correlations(dim: int) -> Floats:
    """Return rho of each level and coordinate, shape (4, dim).

    A coordinate's share of the level's `SAME_SPACE_NATS` is a quantile of the exponential
    distribution. Most coordinates have little and few have much, as in an embedding.
    """
    shares = -np.log((np.arange(dim) + 0.5) / dim)
    nats = np.multiply.outer(SAME_SPACE_NATS, shares / shares.sum())
    rho: Floats = np.sqrt(-np.expm1(-2 * nats))
    return rho


def same_space(pairs: int, generator: np.random.Generator, dim: int) -> Sample:
    """Return x and y in one space: y_i = rho_i x_i + noise, each coordinate with its own rho_i.

    The embeddings of a view and of the plain picture are related like this: their common
    information lies on the diagonal of the cross-covariance.
    """
    rho = same_space_correlations(dim)
    x, *noise = generator.standard_normal((1 + len(rho), pairs, dim), dtype=np.float32)
    y = [r * x + np.sqrt(1 - r**2) * e for r, e in zip(rho, noise, strict=True)]
    return of_levels(x, y, SAME_SPACE_NATS)
