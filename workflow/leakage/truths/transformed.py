"""Tasks of "Beyond Normal": injective maps of Gaussians, Student's t, uniform noise.

Czyż et al., arXiv 2306.11078; the tasks are defined as in their package benchmark-mi 0.1.3.
Injective maps of x and of y do not change mutual information.
"""

from collections.abc import Callable

import numpy as np

from leakage.interfaces import Floats
from leakage.truths import gaussian
from leakage.truths.samples import Sample, of_one

CORRELATION = 0.75  # in one dimension


def student_t_nats(dim_x: int, dim_y: int, freedom: float) -> float:
    """Return I(X;Y) in nats of a multivariate Student t with the identity as dispersion.

    It is not 0, because X and Y share their scale. The formula uses the differential entropies of
    Arellano-Valle, Contreras-Reyes and Genton, Scandinavian Journal of Statistics 40 (2013), Eq. 7.
    """
    from scipy.special import digamma, gammaln

    def entropy(dim: int) -> float:
        half, half_sum = freedom / 2, (freedom + dim) / 2
        density_at_0 = gammaln(half_sum) - gammaln(half) - dim / 2 * np.log(freedom * np.pi)
        return float(half_sum * (digamma(half_sum) - digamma(half)) - density_at_0)

    return entropy(dim_x) + entropy(dim_y) - entropy(dim_x + dim_y)


def spiral(points: Floats, plane: tuple[int, int], speed: float) -> Floats:
    """Rotate each point in a plane by an angle that grows with its distance: exp(A |p|^2) p.

    A is the generator of rotations in that plane (i, j), with A[j, i] = speed, in radians per
    squared unit of distance. The map keeps norms and volume. The spiral with the opposite speed is
    its inverse. Points have the shape (points, dim).
    """
    angle = speed * (points**2).sum(axis=1)
    i, j = plane
    turned = points.copy()
    turned[:, i] = np.cos(angle) * points[:, i] - np.sin(angle) * points[:, j]
    turned[:, j] = np.sin(angle) * points[:, i] + np.cos(angle) * points[:, j]
    return turned


def turned_by_spirals(
    pairs: int, generator: np.random.Generator, dim: int = 25, turn: float = 1.0
) -> Sample:
    """Return the sparse Gaussian of `dim` + `dim` variables, with a spiral applied to x and to y.

    The speed is `turn` / dim, so a typical point, |p|^2 = dim, turns by `turn` radians.
    """
    straight = gaussian.multinormal(gaussian.sparse_covariance(dim), pairs, generator)
    speed = turn / dim
    x, y = spiral(straight.x, (0, 1), speed), spiral(straight.y[0], (1, 2), speed)
    return of_one(x, y, straight.nats[0])


def student_t(
    dispersion: Floats, pairs: int, generator: np.random.Generator, freedom: int
) -> Sample:
    """Return a multivariate Student t with dispersion (2 dim, 2 dim)."""
    x, y = gaussian.normal_pairs(dispersion, pairs, generator)
    scale = np.sqrt(freedom / generator.chisquare(freedom, (pairs, 1)))
    dim = x.shape[1]
    nats = gaussian.gaussian_nats(dispersion, dim) + student_t_nats(dim, dim, freedom)
    return of_one(x * scale, y * scale, nats)


def additive_noise(pairs: int, generator: np.random.Generator, half_width: float = 0.1) -> Sample:
    """Return X uniform on [0, 1] and Y = X + N, where N is uniform on ± `half_width`."""
    x, noise = generator.random((2, pairs, 1))
    y = x + half_width * (2 * noise - 1)
    few = half_width <= 0.5
    nats = half_width - float(np.log(2 * half_width)) if few else 1 / (4 * half_width)
    return of_one(x, y, nats)


Map = Callable[[Floats], Floats]


def mapped(
    pairs: int, generator: np.random.Generator, dim: int, of_x: Map, of_y: Map | None = None
) -> Sample:
    """Return a Gaussian with an increasing map applied to each coordinate of x, and of y.

    In one dimension the correlation is 0.75. In more it is the sparse Gaussian. By default y has
    the map of x.
    """
    of_one_dimension = np.array([[1, CORRELATION], [CORRELATION, 1]])
    covariance = of_one_dimension if dim == 1 else gaussian.sparse_covariance(dim)
    x, y = gaussian.normal_pairs(covariance, pairs, generator)
    return of_one(of_x(x), (of_y or of_x)(y), gaussian.gaussian_nats(covariance, dim))


def normal_cdf(values: Floats) -> Floats:
    """Return the standard normal distribution function."""
    from scipy.special import ndtr

    found: Floats = ndtr(values)
    return found


def half_cube(values: Floats) -> Floats:
    """Return v |v|^(1/2)."""
    found: Floats = values * np.sqrt(np.abs(values))
    return found


def wiggly_x(values: Floats) -> Floats:
    """Return v plus three waves, small enough that the map is increasing."""
    return _wiggly(values, ((0.4, 1.0, 0.0), (0.2, 1.7, 1.0), (0.03, 3.3, -2.5)))


def wiggly_y(values: Floats) -> Floats:
    """Return v plus three other waves."""
    return _wiggly(values, ((-0.4, 0.4, 0.0), (0.17, 1.3, 3.5), (0.02, 4.3, -2.5)))


def _wiggly(values: Floats, waves: tuple[tuple[float, float, float], ...]) -> Floats:
    added = (height * np.sin(speed * values + at) for height, speed, at in waves)
    found: Floats = values + sum(added)
    return found


def bimodal_x(values: Floats) -> Floats:
    """Return standard normal v mapped to the distribution 0.3 N(0, 1) + 0.7 N(5, 1)."""
    return _bimodal(values, (0.3, 0.7), (0.0, 5.0))


def bimodal_y(values: Floats) -> Floats:
    """Return standard normal v mapped to the distribution 0.5 N(-1, 1) + 0.5 N(3, 1)."""
    return _bimodal(values, (0.5, 0.5), (-1.0, 3.0))


def _bimodal(values: Floats, shares: tuple[float, float], means: tuple[float, float]) -> Floats:
    # The inverse of the distribution function, interpolated in a fine table.
    grid = np.linspace(-12, 15, 100_001)
    of_each = [normal_cdf(grid - mean) for mean in means]
    distribution = shares[0] * of_each[0] + shares[1] * of_each[1]
    kept = np.concatenate([[True], np.diff(distribution) > 0])
    found: Floats = np.interp(normal_cdf(values), distribution[kept], grid[kept])
    return found


def asinh_student(pairs: int, generator: np.random.Generator) -> Sample:
    """Return a Student t with the identity as dispersion, after asinh of every coordinate."""
    plain = student_t(np.eye(4), pairs, generator, freedom=1)
    return of_one(np.arcsinh(plain.x), np.arcsinh(plain.y[0]), plain.nats[0])


def swissroll(pairs: int, generator: np.random.Generator) -> Sample:
    """Return correlated uniform pairs with x rolled up in a plane: (t cos t, t sin t) / 21."""
    flat = mapped(pairs, generator, 1, normal_cdf)
    t = 1.5 * np.pi * (1 + 2 * flat.x.astype(np.float64))
    rolled = np.hstack([t * np.cos(t), t * np.sin(t)]) / 21
    return of_one(rolled, flat.y[0], flat.nats[0])
