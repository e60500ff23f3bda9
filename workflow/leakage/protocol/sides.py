"""One side of all pairs, with scaling and axes fitted on one set of training pairs."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from leakage.protocol import inputs

SMALLEST_EIGENVALUE = 1e-10  # relative to the largest; smaller ones are rounding


@dataclass(frozen=True)
class Whitening:
    """Principal axes of standardised training items, the last one with the largest variance.

    The fit uses the smaller of the two product matrices. scikit-learn's PCA does not do that if
    there are fewer pairs than coordinates. One fit serves whitening and components.

    Attributes:
        axes: float64 (dim, axes).
        variances: variances along the axes, float64 (axes,).
        mean: mean variance over all `dim` directions.
    """

    axes: np.ndarray
    variances: np.ndarray
    mean: float


@dataclass(frozen=True, eq=False)
class Side:
    """The plain items, or one level's views. Each property is fitted at its first use.

    Attributes:
        values: raw items, shape (pairs, dim).
        train: indices of the training pairs.
        pca: components of the critics' inputs; None keeps all coordinates.
        marginals: how the critics' inputs are scaled, `normal` or `standard`.
        lengths: whether networks read the length of an item. Of bytes it is a detail that they
            memorise.
    """

    values: np.ndarray
    train: np.ndarray
    pca: int | None
    marginals: str
    lengths: bool = True

    @cached_property
    def scaler(self) -> inputs.Scaler:
        """Mean and spread of each coordinate on the training pairs."""
        return inputs.scaler(self.values, self.train)

    @cached_property
    def whitening(self) -> Whitening:
        """Principal axes of the standardised training items."""
        rows = self.standardised(inputs.fitted_on(self.train))
        rows = rows - rows.mean(axis=0)
        pairs, dim = rows.shape
        # The smaller of the two product matrices has the same eigenvalues.
        few = dim <= pairs
        found, vectors = np.linalg.eigh((rows.T @ rows if few else rows @ rows.T) / pairs)
        present = found > SMALLEST_EIGENVALUE * max(found[-1], 1e-300)
        found, vectors = found[present], vectors[:, present]
        axes = vectors if few else rows.T @ vectors / np.sqrt(found * pairs)
        return Whitening(axes, found, float(found.sum() / dim))

    @cached_property
    def inputs(self) -> np.ndarray:
        """The critics' inputs: standardised or normal, after principal components, float32.

        Shape (pairs, dim), or (pairs, pca) if there are more coordinates than components.
        """
        axes = self._components()
        if self.marginals == "standard":
            return inputs.projected(self.values, self.scaler, axes)
        if axes is None:
            # Rank raw values: scaled by one huge value, all others would be equal in float32.
            return inputs.normal_scores(self.scaler.varying(self.values), self.train)
        return inputs.normal_scores(inputs.projected(self.values, self.scaler, axes), self.train)

    @cached_property
    def length(self) -> np.ndarray:
        """Squared length of the inputs, made normal by its ranks, float32 (pairs, 1 or 0).

        It shows a network what depends only on the scale of an item.
        """
        return self._length(self.inputs)

    @cached_property
    def with_length(self) -> np.ndarray:
        """The inputs and their length, float32 (pairs, dim + 1 or 0)."""
        return np.concatenate([self.inputs, self.length], axis=1)

    def leading(self, count: int) -> np.ndarray:
        """Return the first inputs and their length, float32 (pairs, count + 1 or 0)."""
        first = self.inputs[:, :count]
        return np.concatenate([first, self._length(first)], axis=1)

    def _length(self, rows: np.ndarray) -> np.ndarray:
        if not self.lengths:
            return np.empty((len(rows), 0), np.float32)
        squares = np.square(rows).sum(axis=1, keepdims=True)
        return inputs.normal_scores(squares, self.train)

    def _components(self) -> np.ndarray | None:
        """Return the whitened axes of the first components, float64 (dim, pca); None for all."""
        if self.pca is None or self.values.shape[1] <= self.pca:
            return None
        found = self.whitening
        axes = found.axes[:, ::-1][:, : self.pca] / np.sqrt(found.variances[::-1][: self.pca])
        return np.pad(axes, ((0, 0), (0, self.pca - axes.shape[1])))

    def standardised(self, index: np.ndarray) -> np.ndarray:
        """Return the items at `index` with mean 0 and variance 1, cut, float64 (items, dim)."""
        return self.scaler(self.values[index])


def unit(rows: np.ndarray) -> np.ndarray:
    """Return rows (rows, dim) scaled to length 1; a row of length 0 stays 0."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1)
