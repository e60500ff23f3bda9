"""Joint distributions whose mutual information is known: what estimators are calibrated on.

The Gaussian staircase is that of Poole et al., arXiv 1905.06922, with its steps in bits as in
kyungeun-lee/mibenchmark. `multinormal_dense`, `multinormal_sparse`, `spiral` and `student_t` are
tasks of Czyż et al., "Beyond Normal", arXiv 2306.11078, as their package benchmark-mi 0.1.3
defines them; their benchmark then rescales each coordinate, which changes no mutual information.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from leakage import seeds
from leakage.errors import LeakageError
from leakage.estimators import plug_in
from leakage.schemes import msb_xor
from leakage.settings import nearest

STREAM = 5  # of the seed; the steps and estimators draw from others
STAIRCASE_BITS = (2, 4, 6, 8, 10)
STAIRCASE_DIM = 20
INDEPENDENT_LEVELS = 2
PAIRS_PER_GROUP = 9  # the places that a picture is cut at by default
SHARED_BY_GROUP = 0.5  # of the variance
STUDENT_DIM, STUDENT_FREEDOM = 5, 2
PHOTOGRAPHS = ("camera", "moon", "coins", "brick", "grass", "gravel")  # grey, no download


@dataclass(frozen=True, eq=False)
class Sample:
    """Pairs drawn from a task, and what is true of the distribution they come from.

    Attributes:
        x: shape (pairs, dim_x), float32 (`pixels`: uint8), the same for all levels.
        y: shape (levels, pairs, dim_y), float32 (`pixels`: uint8).
        levels: names of the levels, 0 to levels - 1.
        nats: shape (levels,), float64, the mutual information of x and y at each level.
        groups: shape (pairs,), int64: pairs of one group are not independent of each other. None
            where all pairs are.
    """

    x: np.ndarray
    y: np.ndarray
    levels: list[int]
    nats: np.ndarray
    groups: np.ndarray | None = None


Task = Callable[[int, np.random.Generator], Sample]


def names() -> list[str]:
    """Return the names of the tasks."""
    return list(TASKS)


def sample(name: str, pairs: int, seed: int) -> Sample:
    """Draw `pairs` pairs of a task; the same arguments give the same arrays.

    Raises:
        LeakageError: there is no such task (the message names the nearest one), or the seed is not
            a whole number from 0.
    """
    if name not in TASKS:
        raise LeakageError(
            f"task {name!r} is not known; the nearest is {nearest(name, TASKS)!r} "
            f"(known: {', '.join(TASKS)})"
        )
    return TASKS[name](pairs, np.random.default_rng([seeds.checked(seed), STREAM]))


def gaussian_nats(covariance: np.ndarray, dim_x: int) -> float:
    """Return I(X;Y) = 1/2 ln(det S_xx det S_yy / det S), X being the first `dim_x` variables.

    Args:
        covariance: S, shape (dim_x + dim_y, dim_x + dim_y).
        dim_x: number of variables that are X.
    """
    blocks = (covariance[:dim_x, :dim_x], covariance[dim_x:, dim_x:], covariance)
    of_x, of_y, of_both = (np.linalg.slogdet(block).logabsdet for block in blocks)
    return float(of_x + of_y - of_both) / 2


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


def staircase_correlations() -> np.ndarray:
    """Return rho of each level, shape (5,): -dim/2 ln(1 - rho^2) is `STAIRCASE_BITS`, in nats."""
    return np.sqrt(1 - np.exp2(-2 * np.array(STAIRCASE_BITS) / STAIRCASE_DIM))


def dense_covariance(dim: int = 25, correlation: float = 0.5) -> np.ndarray:
    """Return the covariance, shape (2 dim, 2 dim), in which any two variables correlate alike."""
    return np.eye(2 * dim) * (1 - correlation) + correlation


def sparse_covariance(dim: int = 25, interacting: int = 2, strength: float = 2.0) -> np.ndarray:
    """Return the covariance, shape (2 dim, 2 dim), in which X_i and Y_i interact, i < interacting.

    X_i = strength Z_i + E_i and Y_i = strength Z_i + F_i, scaled to variance 1: their correlation
    is strength^2 / (strength^2 + 1). All else is independent.
    """
    covariance = np.eye(2 * dim)
    i = np.arange(interacting)
    covariance[i, dim + i] = covariance[dim + i, i] = strength**2 / (strength**2 + 1)
    return covariance


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


def photograph_pixels() -> np.ndarray:
    """Return all pixels of the `PHOTOGRAPHS`, uint8, shape (pixels,)."""
    import skimage.data

    return np.concatenate([getattr(skimage.data, name)().ravel() for name in PHOTOGRAPHS])


def _staircase(pairs: int, generator: np.random.Generator) -> Sample:
    rho = staircase_correlations()
    x, *noise = generator.standard_normal((1 + len(rho), pairs, STAIRCASE_DIM))
    y = [r * x + np.sqrt(1 - r**2) * e for r, e in zip(rho, noise, strict=True)]
    return _sample(x, y, -STAIRCASE_DIM / 2 * np.log(1 - rho**2))


def _staircase_cubed(pairs: int, generator: np.random.Generator) -> Sample:
    plain = _staircase(pairs, generator)
    return _sample(plain.x, plain.y**3, plain.nats)


def _multinormal(covariance: np.ndarray, pairs: int, generator: np.random.Generator) -> Sample:
    both = generator.standard_normal((pairs, len(covariance))) @ np.linalg.cholesky(covariance).T
    x, y = np.split(both, 2, axis=1)
    return _sample(x, [y], [gaussian_nats(covariance, x.shape[1])])


def _multinormal_dense(pairs: int, generator: np.random.Generator) -> Sample:
    return _multinormal(dense_covariance(), pairs, generator)


def _multinormal_sparse(pairs: int, generator: np.random.Generator) -> Sample:
    return _multinormal(sparse_covariance(), pairs, generator)


def _spiral(pairs: int, generator: np.random.Generator) -> Sample:
    """The speed is 1 / dim, so that a typical point, |p|^2 = dim, turns by one radian."""
    straight = _multinormal_sparse(pairs, generator)
    x, y = straight.x, straight.y[0]
    x, y = spiral(x, (0, 1), 1 / x.shape[1]), spiral(y, (1, 2), 1 / y.shape[1])
    return _sample(x, [y], straight.nats)


def _student_t(pairs: int, generator: np.random.Generator) -> Sample:
    normal = generator.standard_normal((pairs, 2 * STUDENT_DIM))
    scale = np.sqrt(STUDENT_FREEDOM / generator.chisquare(STUDENT_FREEDOM, (pairs, 1)))
    x, y = np.split(normal * scale, 2, axis=1)
    return _sample(x, [y], [student_t_nats(STUDENT_DIM, STUDENT_DIM, STUDENT_FREEDOM)])


def _pixels(pairs: int, generator: np.random.Generator) -> Sample:
    """y is a function of x, so that I(X;Y) = H(Y): exact, as pixels are drawn with replacement."""
    pool = photograph_pixels()
    x = generator.choice(pool, (pairs, 1))
    levels = msb_xor.Settings().levels
    y = np.stack([msb_xor.scaled(x, level) for level in levels])
    seen = (msb_xor.scaled(pool, level) for level in levels)
    nats = np.array([plug_in.entropy(np.bincount(values)) for values in seen])
    return Sample(x, y, levels, nats)


def _independence(pairs: int, generator: np.random.Generator) -> Sample:
    x, *y = generator.standard_normal((1 + INDEPENDENT_LEVELS, pairs, STAIRCASE_DIM))
    return _sample(x, y, np.zeros(INDEPENDENT_LEVELS))


def _independence_grouped(pairs: int, generator: np.random.Generator) -> Sample:
    """Pairs of a group share a part of x and another of y: split apart, they show a false leak."""
    groups = np.arange(pairs) // PAIRS_PER_GROUP
    of_group, own = (
        generator.standard_normal((1 + INDEPENDENT_LEVELS, rows, STAIRCASE_DIM))
        for rows in (groups[-1] + 1, pairs)
    )
    shared = np.sqrt(SHARED_BY_GROUP) * of_group[:, groups]
    x, *y = shared + np.sqrt(1 - SHARED_BY_GROUP) * own
    return _sample(x, y, np.zeros(INDEPENDENT_LEVELS), groups)


def _sample(
    x: np.ndarray,
    y: np.ndarray | list[np.ndarray],
    nats: np.ndarray | list[float],
    groups: np.ndarray | None = None,
) -> Sample:
    levels = list(range(len(y)))
    y = np.asarray(y, dtype=np.float32)
    return Sample(x.astype(np.float32), y, levels, np.asarray(nats, dtype=np.float64), groups)


TASKS: dict[str, Task] = {
    "staircase": _staircase,
    "staircase_cubed": _staircase_cubed,
    "multinormal_dense": _multinormal_dense,
    "multinormal_sparse": _multinormal_sparse,
    "spiral": _spiral,
    "student_t": _student_t,
    "pixels": _pixels,
    "independence": _independence,
    "independence_grouped": _independence_grouped,
}
