"""Mixtures of Gaussians. Their mutual information is computed by an integral.

All tasks come from Czyż et al., "On the Properties and Estimation of Pointwise Mutual Information
Profiles", arXiv 2310.10240, as defined in benchmark-mi 0.1.3.
"""

import functools
from dataclasses import dataclass

import numpy as np

from leakage.interfaces import Floats
from leakage.truths import gaussian
from leakage.truths.samples import Sample, of_one
from leakage.truths.transformed import spiral

CELLS_PER_DEVIATION = 8  # of the narrowest component; four give the same five digits
TAIL = 8  # standard deviations
RINGS = 3


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of equally likely Gaussians of two variables."""

    means: Floats  # shape (components, 2)
    covariances: Floats  # shape (components, 2, 2)

    def draw(self, pairs: int, generator: np.random.Generator) -> Floats:
        """Return random points, float64 (pairs, 2)."""
        component = generator.integers(len(self.means), size=pairs)
        roots = np.linalg.cholesky(self.covariances)[component]
        normal = generator.standard_normal((pairs, 2))
        points: Floats = self.means[component] + np.einsum("pij,pj->pi", roots, normal)
        return points

    def nats(self) -> float:
        """Return the mutual information of the two variables in nats, by the trapezoidal rule.

        The rule converges faster than any power of the step on densities as smooth as these.
        """
        marginal = self.covariances[:, [0, 1], [0, 1]]  # the variances
        conditional = np.linalg.det(self.covariances)[:, None] / marginal[:, ::-1]
        steps = np.sqrt(conditional.min(axis=0)) / CELLS_PER_DEVIATION
        reach = TAIL * np.sqrt(marginal)
        low, high = (self.means - reach).min(axis=0), (self.means + reach).max(axis=0)
        x, y = (np.arange(*each) for each in zip(low, high, steps, strict=True))
        joint = np.zeros((len(x), len(y)))
        for mean, covariance in zip(self.means, self.covariances, strict=True):
            inverse = np.linalg.inv(covariance)
            u, v = (x - mean[0])[:, None], (y - mean[1])[None]
            squared = inverse[0, 0] * u**2 + 2 * inverse[0, 1] * u * v + inverse[1, 1] * v**2
            joint += np.exp(-squared / 2) / np.sqrt(np.linalg.det(covariance))
        joint /= joint.sum()
        of_x, of_y = joint.sum(axis=1), joint.sum(axis=0)
        return entropy(of_x) + entropy(of_y) - entropy(joint.ravel())


def entropy(shares: Floats) -> float:
    """Return -sum p ln p of shares that sum to 1, in nats."""
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def x_shaped(correlation: float = 0.9) -> Mixture:
    """Return the mixture "X": two components with opposite correlations."""
    signed = np.array([-correlation, correlation])
    covariances = np.eye(2) + signed[:, None, None] * (1 - np.eye(2))
    return Mixture(np.zeros((2, 2)), covariances)


def ai_shaped() -> Mixture:
    """Return the mixture "AI": three strokes of an I and three of an A."""
    slope = 0.95 * np.sqrt(0.04 * 0.2)
    strokes = [  # mean of x and y, variance of x and y, covariance
        (1.0, 0.0, 0.01, 0.2, 0.0),
        (1.0, 1.0, 0.05, 0.001, 0.0),
        (1.0, -1.0, 0.05, 0.001, 0.0),
        (-0.8, -0.2, 0.03, 0.001, 0.0),
        (-1.2, 0.0, 0.04, 0.2, slope),
        (-0.4, 0.0, 0.04, 0.2, -slope),
    ]
    means = np.array([stroke[:2] for stroke in strokes])
    return Mixture(means, np.array([[[a, c], [c, b]] for *_, a, b, c in strokes]))


def wave_centres() -> Mixture:
    """Return the mixture of "Waves" before bending: twelve small balls in rising rows of four."""
    k = np.arange(12)
    return Mixture(1.5 * np.stack([k, k % 4], axis=1), np.tile(0.1 * np.eye(2), (12, 1, 1)))


def galaxy_centres() -> Mixture:
    """Return the mixture of "Galaxy" before turning: position along the plane's diagonal, and y."""
    mean = 1.5 * np.array([np.sqrt(2), 1])
    return Mixture(np.stack([-mean, mean]), np.tile(np.eye(2), (2, 1, 1)))


SHAPES = {"X": x_shaped, "AI": ai_shaped, "waves": wave_centres, "galaxy": galaxy_centres}


def mixture(pairs: int, generator: np.random.Generator, shape: str) -> Sample:
    """Return points of a mixture in `SHAPES` as pairs of one variable each."""
    points = SHAPES[shape]().draw(pairs, generator)
    return of_one(points[:, :1], points[:, 1:], _nats_of(shape))


@functools.cache
def _nats_of(shape: str) -> float:
    return SHAPES[shape]().nats()


def waves(pairs: int, generator: np.random.Generator) -> Sample:
    """Return "Waves": x in a plane, bent by a sine of its second coordinate, and a scalar y.

    The second coordinate is independent of everything else, and the map is injective. The
    information therefore equals that of the centres' mixture.
    """
    points = wave_centres().draw(pairs, generator)
    along = generator.standard_normal(pairs)
    across = points[:, 0] + 5 * np.sin(3 * along)
    x = np.stack([0.1 * across - 0.8, 0.5 * along], axis=1)
    return of_one(x, points[:, 1:], _nats_of("waves"))


def galaxy(pairs: int, generator: np.random.Generator) -> Sample:
    """Return "Galaxy": two balls in a plane turned into spiral arms, and y, which says which."""
    points = galaxy_centres().draw(pairs, generator)
    beside = generator.standard_normal(pairs)
    x = np.stack([points[:, 0] + beside, points[:, 0] - beside], axis=1) / np.sqrt(2)
    return of_one(spiral(x, (0, 1), 0.5), points[:, 1:], _nats_of("galaxy"))


def concentric(pairs: int, generator: np.random.Generator, dim: int = 5) -> Sample:
    """Return x with standard deviation 1, 2 or 3 in `dim` dimensions, and y, which says which."""
    ring = generator.integers(1, RINGS + 1, size=(pairs, 1))
    x = ring * generator.standard_normal((pairs, dim))
    y = ring + 0.01 * generator.standard_normal((pairs, 1))
    return of_one(x, y, concentric_nats(dim))


@functools.cache
def concentric_nats(dim: int) -> float:
    """Return I(X;Y) of `concentric`, between the ring and the distance from 0, in nats.

    Rings overlap in y with a probability below exp(-1000).
    """
    radius = np.linspace(0, RINGS * (np.sqrt(dim) + TAIL), 100_001)[1:]
    ring = np.arange(1, RINGS + 1)[:, None]
    # The density of the distance, up to a factor common to all rings.
    density = radius ** (dim - 1) * np.exp(-((radius / ring) ** 2) / 2) / ring**dim
    joint = density / density.sum()
    return float(np.log(RINGS)) + entropy(joint.sum(axis=0)) - entropy(joint.ravel())


def inliers(
    pairs: int, generator: np.random.Generator, dim: int = 5, unrelated: float = 0.2
) -> Sample:
    """Return the sparse Gaussian, with x and y from different draws in a share of the pairs."""
    covariance = gaussian.sparse_covariance(dim)
    x, y = gaussian.normal_pairs(covariance, pairs, generator)
    _, other = gaussian.normal_pairs(covariance, pairs, generator)
    y = np.where(generator.random((pairs, 1)) < unrelated, other, y)
    return of_one(x, y, inliers_nats(covariance[0, dim], unrelated))


@functools.cache
def inliers_nats(correlation: float, unrelated: float) -> float:
    """Return I(X;Y) of `inliers` in nats, where two pairs of coordinates have that correlation.

    In terms of the sums and differences of each pair, the log density ratio r of the Gaussian is
    -ln(1 - rho^2) + a S - b T, where S and T are exponential with mean 1. If x and y are of one
    draw, a = b = rho. If they are of two, a = rho / (1 + rho) and b = rho / (1 - rho). So a S - b T
    has the density exp(-l / a) / (a + b) for l > 0 and exp(l / b) / (a + b) for l < 0.
    """
    from scipy.integrate import quad

    constant = -np.log1p(-(correlation**2))

    def mean(a: float, b: float) -> float:
        def value(exponential: float, scale: float) -> float:
            ratio = constant + scale * exponential
            log = np.logaddexp(np.log1p(-unrelated) + ratio, np.log(unrelated))
            return float(log * np.exp(-exponential))

        above, below = (quad(value, 0, 60, args=(scale,))[0] for scale in (a, -b))
        return float((a * above + b * below) / (a + b))

    of_one_draw = mean(correlation, correlation)
    of_two = mean(correlation / (1 + correlation), correlation / (1 - correlation))
    return (1 - unrelated) * of_one_draw + unrelated * of_two
