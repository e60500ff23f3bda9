"""What a critic is given: items standardised, turned and scaled by the training pairs alone."""

import numpy as np


def read_bytes(values: np.ndarray, how: str) -> np.ndarray:
    """Return bytes (…, dim) as floats: themselves, their 8 bits, or 8 octaves of sine and cosine.

    Fourier features: Tancik et al., NeurIPS 2020, arXiv 2006.10739, with the octaves of a byte.
    """
    if how == "scalar":
        return values.astype(np.float32)
    octaves = np.arange(8)
    if how == "bits":
        features = values[..., None] >> octaves & 1
    else:
        angles = 2 * np.pi / 256 * values[..., None].astype(np.float32) * 2.0**octaves
        features = np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)
    return features.reshape(*values.shape[:-1], -1).astype(np.float32)


def standardise(values: np.ndarray, train: np.ndarray, pca: int | None) -> np.ndarray:
    """Return values with mean 0 and variance 1, fitted on the training pairs alone.

    With `pca`, items of more dimensions are then turned to at most so many principal components,
    of variance 1 each. A coordinate that is constant on the training pairs becomes 0, and so does a
    component that they lack: where they vary by rounding alone, dividing by that variation would
    make held-out pairs huge.

    Args:
        values: shape (pairs, dim).
        train: indices of the training pairs.
        pca: components that are kept; None keeps all coordinates.

    Returns:
        float32 of shape (pairs, dim) or (pairs, pca).
    """
    values = values.astype(np.float64)
    mean, spread = values[train].mean(axis=0), values[train].std(axis=0)
    varies = spread > 1e-6 * (1 + np.abs(mean))
    values = np.where(varies, (values - mean) / np.where(varies, spread, 1), 0)
    if pca is None or values.shape[1] <= pca:
        return values.astype(np.float32)
    turned = np.zeros((len(values), pca), np.float32)
    if varies.any():
        components = _components(values[train], pca)
        turned[:, : components.shape[1]] = (values - values[train].mean(axis=0)) @ components
    return turned


def _components(values: np.ndarray, count: int) -> np.ndarray:
    """Return at most `count` principal axes (dim, axes) of values (pairs, dim), whitened."""
    # Imported here: it takes two seconds, and only PCA needs it.
    from sklearn.decomposition import PCA

    fitted = PCA(min(count, *values.shape), svd_solver="full").fit(values)
    variance = fitted.explained_variance_
    present = variance > 1e-10 * variance[0]
    return fitted.components_[present].T / np.sqrt(variance[present])


def normal_scores(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return each coordinate turned into a standard normal one, by the ranks of the training pairs.

    A monotone map of each coordinate changes no mutual information; it takes away shift, scale and
    heavy tails. Ties share their middle rank; between two training values the map is linear in the
    probability; beyond the outermost ones it is constant.

    Args:
        values: shape (pairs, dim).
        train: indices of the training pairs.

    Returns:
        float32 of the same shape.
    """
    from scipy.special import ndtri

    scores = np.empty(values.shape, np.float32)
    for column in range(values.shape[1]):
        known, counts = np.unique(values[train, column], return_counts=True)
        probability = (np.cumsum(counts) - counts / 2) / len(train)
        scores[:, column] = ndtri(np.interp(values[:, column], known, probability))
    return scores
