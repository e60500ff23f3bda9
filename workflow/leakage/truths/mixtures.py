"""Mixtures of Gaussians, whose mutual information is a number that an integral gives.

"X" and "AI" are tasks of Czyż et al., "On the Properties and Estimation of Pointwise Mutual
Information Profiles", arXiv 2310.10240, as benchmark-mi 0.1.3 defines them.
"""

import functools
from dataclasses import dataclass

import numpy as np

from leakage.truths.samples import Sample, of_one

CELLS_PER_DEVIATION = 8  # of the narrowest component; four give the same five digits
TAIL = 8  # standard deviations


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of Gaussians of two variables, equally likely.

    Attributes:
        means: shape (components, 2).
        covariances: shape (components, 2, 2).
    """

    means: np.ndarray
    covariances: np.ndarray

    def draw(self, pairs: int, generator: np.random.Generator) -> np.ndarray:
        """Return points, shape (pairs, 2)."""
        component = generator.integers(len(self.means), size=pairs)
        roots = np.linalg.cholesky(self.covariances)[component]
        normal = generator.standard_normal((pairs, 2))
        return self.means[component] + np.einsum("pij,pj->pi", roots, normal)

    def nats(self) -> float:
        """Return the mutual information of the two variables, by the trapezoidal rule.

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


def entropy(shares: np.ndarray) -> float:
    """Return -sum p ln p."""
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def x_shaped(correlation: float = 0.9) -> Mixture:
    """Return the mixture "X": correlated as much one way as the other."""
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


SHAPES = {"X": x_shaped, "AI": ai_shaped}


def mixture(pairs: int, generator: np.random.Generator, shape: str) -> Sample:
    """Return points of a mixture of `SHAPES` as pairs of one variable each."""
    points = SHAPES[shape]().draw(pairs, generator)
    return of_one(points[:, :1], points[:, 1:], _nats_of(shape))


@functools.cache
def _nats_of(shape: str) -> float:
    return SHAPES[shape]().nats()
