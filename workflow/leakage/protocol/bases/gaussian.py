"""Gaussian: the log density ratio of jointly normal items, in their canonical coordinates.

Hotelling, "Relations between two sets of variates", Biometrika 28, 1936. For canonical variates
(u_k, v_k) of correlation rho_k,

    T = sum_k [rho_k u_k v_k - rho_k^2 (u_k^2 + v_k^2) / 2] / (1 - rho_k^2) - ln(1 - rho_k^2) / 2,

This is the true ratio if the copula is Gaussian. Otherwise it is a critic like any other.
"""

from dataclasses import dataclass

import numpy as np

from leakage.interfaces import Floats, Ints
from leakage.protocol.preprocessing import Variable

# A correlation of 1 has an infinite density ratio.
LARGEST = 0.99999
SHRINKAGES = (1.0, 0.97, 0.9, 0.8, 0.6)
# With fewer pairs per coordinate, covariances are shrunk.
FEW_PAIRS = 10
# Added to each covariance, times its mean eigenvalue. Without it, a coordinate that hardly varies
# in training would be blown up.
RIDGE = 1e-4
# Canonical variates are cut at this many standard deviations.
BOUND = 5.0
# Smallest weight of a coordinate in the inputs of a perceptron.
LEAST = 0.1


@dataclass(frozen=True)
class Canonical:
    """Canonical axes of x and y, and the correlations along the first axes."""

    x_axes: Floats  # (dim_x, dim_x), canonical axes first
    y_axes: Floats  # (dim_y, dim_y)
    rho: Floats  # (components,), falling, at most `LARGEST`


@dataclass(frozen=True)
class Gaussian:
    """The log density ratio of the first few canonical variates, with shrunk correlations."""

    plain: Variable
    views: Variable
    axes: Canonical
    components: int
    shrinkage: float
    temperatures: tuple[float, ...] = (1.0,)

    @property
    def name(self) -> str:
        """The base, its number of components and their shrinkage."""
        return f"gaussian {self.components} {self.shrinkage:g}"

    def vectors(self, plain: Ints, views: Ints) -> tuple[Floats, Floats]:
        """Return u and v with their squares, float64 (items, components + 2)."""
        kept = self.components
        u = bounded(self.plain.inputs[plain] @ self.axes.x_axes[:, :kept])
        v = bounded(self.views.inputs[views] @ self.axes.y_axes[:, :kept])
        return log_ratio(u, v, self.shrinkage * self.axes.rho[:kept])

    def canonical_inputs(self) -> tuple[Floats, Floats]:
        """Return all items in canonical coordinates, weighted by their correlation, float32.

        A weight is relative to the largest correlation and at least `LEAST`. A perceptron then
        finds the coordinates that matter with few pairs.
        """
        rho = np.where(np.arange(len(self.axes.rho)) < self.components, self.axes.rho, 0)
        found = []
        for variable, axes in ((self.plain, self.axes.x_axes), (self.views, self.axes.y_axes)):
            weights = np.full(axes.shape[1], LEAST)
            weights[: len(rho)] = np.maximum(rho / max(rho.max(), 1e-12), LEAST)
            found.append((bounded(variable.inputs @ axes) * weights).astype(np.float32))
        return found[0], found[1]


def fit(plain: Variable, views: Variable, partner: Ints) -> list[Gaussian]:
    """Return candidates over components and shrinkage. See `bases.Base` for the arguments."""
    axes = canonical(plain.inputs[plain.train], views.inputs[partner[plain.train]])
    most = len(axes.rho)
    counts = sorted({min(most, 2**power) for power in range(most.bit_length() + 1)})
    return [
        Gaussian(plain, views, axes, count, shrinkage)
        for count in counts
        for shrinkage in SHRINKAGES
    ]


def canonical(x: Floats, y: Floats) -> Canonical:
    """Return the canonical axes and correlations of matched items with mean about 0."""
    of_x, of_y = _whitening(x), _whitening(y)
    covariance = of_x.T @ (x.T.astype(np.float64) @ y) @ of_y / len(x)
    left, rho, right = np.linalg.svd(covariance, full_matrices=True)
    return Canonical(of_x @ left, of_y @ right.T, np.minimum(rho, LARGEST))


def log_ratio(u: Floats, v: Floats, rho: Floats) -> tuple[Floats, Floats]:
    """Return vectors with the log density ratio of normal variates as their product.

    u (plain items, variates) and v (views, variates) have mean 0 and variance 1. `rho` correlates
    each variate of x with the same one of y.
    """
    left = 1 - rho**2
    square, constant = rho**2 / left / 2, -0.5 * np.log(left).sum()
    of_x, of_y = constant - u**2 @ square, -(v**2) @ square
    return (
        np.column_stack([u * (rho / left), of_x, np.ones(len(u))]),
        np.column_stack([v, np.ones(len(v)), of_y]),
    )


def bounded(values: Floats) -> Floats:
    """Return canonical variates, cut at ± `BOUND`."""
    return np.clip(values, -BOUND, BOUND)


def _whitening(values: Floats) -> Floats:
    """Return axes (dim, dim) along which values (pairs, dim) have variance 1, ridge included.

    With few pairs per coordinate the covariance is shrunk (Ledoit and Wolf, Journal of Multivariate
    Analysis 88, 2004). Otherwise every correlation would be 1. With many pairs it is not shrunk,
    because that costs a few hundredths of a nat.
    """
    pairs, dim = values.shape
    if pairs < FEW_PAIRS * dim:
        # Imported here because it takes a second.
        from sklearn.covariance import ledoit_wolf

        covariance, _ = ledoit_wolf(values.astype(np.float64), assume_centered=True)
    else:
        covariance = values.T.astype(np.float64) @ values / pairs
    variance, axes = np.linalg.eigh(covariance)
    ridge = RIDGE * max(float(variance.mean()), 1e-12)
    whitening: Floats = axes / np.sqrt(np.maximum(variance, 0) + ridge)
    return whitening
