"""Canonical correlation analysis: the Gaussian density ratio that a critic can start from.

Hotelling, "Relations between two sets of variates", Biometrika 28, 1936.
"""

import numpy as np

# A correlation of 1 has an infinite density ratio.
LARGEST = 0.99
SHRINKAGE = (1.0, 0.97, 0.9, 0.8, 0.6)


def fit(
    x: np.ndarray, y: np.ndarray, train: np.ndarray, validation: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return canonical axes and correlations, as many as the validation pairs bear out.

    Axes and correlations are fitted on the training pairs. How many of them are kept, and by how
    much the correlations are shrunk, is what makes the mean log density ratio of the validation
    pairs largest; the rest have correlation 0.

    Args:
        x: shape (pairs, dim_x), of mean about 0.
        y: shape (pairs, dim_y), of mean about 0.
        train, validation: indices of the pairs.

    Returns:
        Axes of x (dim_x, dim_x) and of y (dim_y, dim_y), float32, the canonical ones first and then
        what is left, and the correlations (the smaller of the two dimensions,).
    """
    components = min(x.shape[1], y.shape[1])
    of_x, of_y = _whitening(x[train]), _whitening(y[train])
    covariance = (x[train] @ of_x).T @ (y[train] @ of_y) / len(train)
    left, rho, right = np.linalg.svd(covariance, full_matrices=True)
    x_axes, y_axes = (np.zeros((values.shape[1],) * 2) for values in (x, y))
    found = np.zeros(components)
    x_axes[:, : len(left)], y_axes[:, : len(right)] = of_x @ left, of_y @ right.T
    found[: len(rho)] = np.minimum(rho, LARGEST)
    u, v = x[validation] @ x_axes[:, :components], y[validation] @ y_axes[:, :components]
    best, chosen = 0.0, np.zeros(components)
    for shrinkage in SHRINKAGE:
        shrunk = shrinkage * found
        left_over = 1 - shrunk**2
        ratio = (shrunk * u * v - shrunk**2 * (u**2 + v**2) / 2) / left_over
        value = np.cumsum(ratio.mean(axis=0) - 0.5 * np.log(left_over))
        kept = int(value.argmax())
        if value[kept] > best:
            best, chosen = value[kept], np.where(np.arange(components) <= kept, shrunk, 0)
    return x_axes.astype(np.float32), y_axes.astype(np.float32), chosen.astype(np.float32)


def _whitening(values: np.ndarray) -> np.ndarray:
    """Return axes (dim, axes) along which values (pairs, dim) have variance 1 and no covariance."""
    covariance = values.T.astype(np.float64) @ values / len(values)
    variance, axes = np.linalg.eigh(covariance)
    present = variance > 1e-4 * max(variance[-1], 1e-12)
    return axes[:, present] / np.sqrt(variance[present])
