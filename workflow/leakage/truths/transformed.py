"""Tasks of "Beyond Normal": injective maps of Gaussians, Student's t, uniform noise.

Czyż et al., arXiv 2306.11078, as their package benchmark-mi 0.1.3 defines the tasks. An injective
map of x, and another of y, changes no mutual information.
"""

import numpy as np

from leakage.truths import gaussian
from leakage.truths.samples import Sample, of_one


def student_t_nats(dim_x: int, dim_y: int, freedom: float) -> float:
    """Return I(X;Y) of a multivariate Student t whose dispersion is the identity.

    It is not 0: X and Y share their scale. From the differential entropies of Arellano-Valle,
    Contreras-Reyes and Genton, Scandinavian Journal of Statistics 40 (2013), Eq. 7.
    """
    from scipy.special import digamma, gammaln

    def entropy(dim: int) -> float:
        half, half_sum = freedom / 2, (freedom + dim) / 2
        density_at_0 = gammaln(half_sum) - gammaln(half) - dim / 2 * np.log(freedom * np.pi)
        return half_sum * (digamma(half_sum) - digamma(half)) - density_at_0

    return float(entropy(dim_x) + entropy(dim_y) - entropy(dim_x + dim_y))


def spiral(points: np.ndarray, plane: tuple[int, int], speed: float) -> np.ndarray:
    """Turn each point in a plane by an angle that grows with its distance: exp(A |p|^2) p.

    A is the generator of the rotations in that plane, times the speed. The map keeps norms and
    volume, and the spiral of the opposite speed undoes it.

    Args:
        points: shape (points, dim).
        plane: the two axes (i, j); A[i, j] = -speed and A[j, i] = speed.
        speed: radians per squared unit of distance.
    """
    angle = speed * (points**2).sum(axis=1)
    i, j = plane
    turned = points.copy()
    turned[:, i] = np.cos(angle) * points[:, i] - np.sin(angle) * points[:, j]
    turned[:, j] = np.sin(angle) * points[:, i] + np.cos(angle) * points[:, j]
    return turned


def turned_by_spirals(pairs: int, generator: np.random.Generator, dim: int = 25) -> Sample:
    """Return the sparse Gaussian of `dim` + `dim` variables with both sides turned by spirals.

    The speed is 1 / dim, so that a typical point, |p|^2 = dim, turns by one radian.
    """
    straight = gaussian.multinormal(gaussian.sparse_covariance(dim), pairs, generator)
    x, y = spiral(straight.x, (0, 1), 1 / dim), spiral(straight.y[0], (1, 2), 1 / dim)
    return of_one(x, y, straight.nats[0])


def student_t(
    pairs: int,
    generator: np.random.Generator,
    dispersion: np.ndarray | None = None,
    dim: int = 5,
    freedom: int = 2,
) -> Sample:
    """Return a multivariate Student t; `dispersion`, (2 dim, 2 dim), is the identity if None."""
    normal = generator.standard_normal((pairs, 2 * dim))
    if dispersion is None:
        dispersion = np.eye(2 * dim)
    else:
        normal = normal @ np.linalg.cholesky(dispersion).T
    scale = np.sqrt(freedom / generator.chisquare(freedom, (pairs, 1)))
    x, y = np.split(normal * scale, 2, axis=1)
    nats = gaussian.gaussian_nats(dispersion, dim) + student_t_nats(dim, dim, freedom)
    return of_one(x, y, nats)


def additive_noise_nats(half_width: float) -> float:
    """Return I(X;Y) of X uniform on [0, 1] and Y = X + N, N uniform on ± `half_width`."""
    if half_width > 0.5:
        return 1 / (4 * half_width)
    return float(half_width - np.log(2 * half_width))


def additive_noise(pairs: int, generator: np.random.Generator, half_width: float = 0.1) -> Sample:
    """Return X uniform on [0, 1] and Y = X + N, N uniform on ± `half_width`."""
    x, noise = generator.random((2, pairs, 1))
    y = x + half_width * (2 * noise - 1)
    return of_one(x, y, additive_noise_nats(half_width))


def swissroll(pairs: int, generator: np.random.Generator, correlation: float = 0.75) -> Sample:
    """Return correlated uniform pairs, x rolled up in a plane: (t cos t, t sin t) / 21."""
    from scipy.special import ndtr

    covariance = np.array([[1, correlation], [correlation, 1]])
    x, y = map(ndtr, gaussian.normal_pairs(covariance, pairs, generator))
    t = 1.5 * np.pi * (1 + 2 * x)
    rolled = np.hstack([t * np.cos(t), t * np.sin(t)]) / 21
    return of_one(rolled, y, gaussian.gaussian_nats(covariance, 1))
