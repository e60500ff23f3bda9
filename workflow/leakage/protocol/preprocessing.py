"""Preprocessing of x and y: standardised, projected and bounded, fitted on training pairs alone.

A `Variable` is x, or y at one level, with everything that is fitted on one set of training pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from leakage.interfaces import Floats, Ints

# Standardised coordinates are cut at this many standard deviations, so that one rare coordinate
# does not decide the distance between two items.
BOUND = 6.0
# Most pairs for fitting principal axes and covariances, and rows read at a time. With 2,048
# coordinates more would fill gigabytes.
FITTED_PAIRS = 8_192
BLOCK = 4_096


@dataclass(frozen=True)
class Scaler:
    """Mean and spread of each coordinate on the training pairs.

    scikit-learn's StandardScaler uses another threshold for constant coordinates, keeps them
    unchanged, and copies the whole array.
    """

    mean: Floats  # (dim,)
    spread: Floats  # standard deviations, (dim,); infinite for a constant coordinate

    def __call__(self, rows: Floats) -> Floats:
        """Return rows (pairs, dim) with mean 0 and variance 1, cut at `BOUND`, float64."""
        scaled: Floats = (rows.astype(np.float64) - self.mean) / self.spread
        return np.clip(scaled, -BOUND, BOUND)

    def varying(self, rows: Floats) -> Floats:
        """Return unscaled rows (pairs, dim), with 0 for a constant coordinate."""
        return np.where(np.isinf(self.spread), 0, rows)


def scaler(values: Floats, train: Ints) -> Scaler:
    """Fit a scaler on the training pairs.

    A coordinate of values (pairs, dim) counts as constant if its standard deviation is below half
    of the spacing of floating-point numbers at its magnitude, because the rest is rounding.
    """
    count, dim = len(train), values.shape[1]
    total, largest = np.zeros(dim), np.zeros(dim)
    for rows in _blocks(values, train):
        total += rows.sum(axis=0)
        np.maximum(largest, np.abs(rows).max(axis=0), out=largest)
    mean = total / count
    squares = np.zeros(dim)
    for rows in _blocks(values, train):
        squares += ((rows - mean) ** 2).sum(axis=0)
    spread = np.sqrt(squares / count)
    rounding = 0.5 * resolution(values.dtype, largest)
    return Scaler(mean, np.where(spread > rounding, spread, np.inf))


def resolution(dtype: np.dtype[Any], largest: Floats) -> Floats:
    """Return the spacing of a dtype's floating-point numbers at some magnitudes; else float64's."""
    spacing: Floats = np.finfo(dtype if dtype.kind == "f" else np.float64).eps * largest
    return spacing


def _blocks(values: Floats, train: Ints) -> Iterator[Floats]:
    for start in range(0, len(train), BLOCK):
        yield values[train[start : start + BLOCK]].astype(np.float64)


def projected(values: Floats, scaled: Scaler, axes: Floats | None) -> Floats:
    """Return standardised items, projected on principal axes (dim, components) if given, float32.

    A coordinate that is constant on the training pairs becomes 0.
    """
    columns = values.shape[1] if axes is None else axes.shape[1]
    found = np.empty((len(values), columns), np.float32)
    for start in range(0, len(values), BLOCK):
        rows = scaled(values[start : start + BLOCK])
        found[start : start + BLOCK] = rows if axes is None else rows @ axes
    return found


def fitted_on(train: Ints) -> Ints:
    """Return the training pairs for fitting covariances: all, or `FITTED_PAIRS` evenly spaced."""
    if len(train) <= FITTED_PAIRS:
        return train
    return train[np.linspace(0, len(train) - 1, FITTED_PAIRS).astype(np.int64)]


def normal_scores(values: Floats, train: Ints) -> Floats:
    """Return each coordinate made standard normal by the ranks of the training pairs.

    A monotone map of each coordinate does not change mutual information. It removes shift, scale
    and heavy tails. Ties share their middle rank. Between two training values the map is linear in
    the probability. Beyond the outermost ones it is constant, so every score is bounded.
    (scikit-learn's QuantileTransformer sends the outermost training values to ±5.2.)
    """
    from scipy.special import ndtri

    scores = np.empty(values.shape, np.float32)
    for column in range(values.shape[1]):
        known, counts = np.unique(values[train, column], return_counts=True)
        probability = (np.cumsum(counts) - counts / 2) / len(train)
        scores[:, column] = ndtri(np.interp(values[:, column], known, probability))
    return scores


def fourier(values: Floats, features: int, scale: float, seed: int) -> Floats:
    """Return items with random Fourier features appended, which show fine detail.

    Rahimi and Recht, NeurIPS 2007; Tancik et al., NeurIPS 2020, arXiv 2006.10739, equation 5:
    [v, sin Bv, cos Bv], where the entries of B (features, dim) are normal, with standard deviation
    scale / sqrt(dim). The values are standard normal scores (pairs, dim).
    """
    generator, dim = np.random.default_rng([seed, 30]), values.shape[1]
    angles = values @ generator.normal(0, scale / dim**0.5, (dim, features))
    return np.concatenate([values, np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


SMALLEST_EIGENVALUE = 1e-10  # relative to the largest; smaller ones are rounding


@dataclass(frozen=True)
class Whitening:
    """Principal axes of standardised training items, the last one with the largest variance.

    The fit uses the smaller of the two product matrices. scikit-learn's PCA does not do that if
    there are fewer pairs than coordinates. One fit serves whitening and components.
    """

    axes: Floats  # (dim, axes)
    variances: Floats  # along the axes, (axes,)
    mean: float  # mean variance over all `dim` directions


@dataclass(frozen=True, eq=False)
class Variable:
    """The plain items, or one level's views. Each property is fitted at its first use."""

    values: Floats  # raw items, shape (pairs, dim)
    train: Ints  # indices of the training pairs
    pca: int | None  # components of the critics' inputs; None keeps all coordinates
    marginals: str  # how the critics' inputs are scaled, `normal` or `standard`
    # Whether networks read the length of an item. Of bytes it is a detail that they memorise.
    lengths: bool = True

    @cached_property
    def scaling(self) -> Scaler:
        """Mean and spread of each coordinate on the training pairs."""
        return scaler(self.values, self.train)

    @cached_property
    def whitening(self) -> Whitening:
        """Principal axes of the standardised training items."""
        rows = self.standardised(fitted_on(self.train))
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
    def inputs(self) -> Floats:
        """The critics' inputs: standardised or normal, after principal components, float32.

        Shape (pairs, dim), or (pairs, pca) if there are more coordinates than components.
        """
        axes = self._components()
        if self.marginals == "standard":
            return projected(self.values, self.scaling, axes)
        if axes is None:
            # Rank raw values: scaled by one huge value, all others would be equal in float32.
            return normal_scores(self.scaling.varying(self.values), self.train)
        return normal_scores(projected(self.values, self.scaling, axes), self.train)

    @cached_property
    def length(self) -> Floats:
        """Squared length of the inputs, made normal by its ranks, float32 (pairs, 1 or 0).

        It shows a network what depends only on the scale of an item.
        """
        return self._length(self.inputs)

    @cached_property
    def with_length(self) -> Floats:
        """The inputs and their length, float32 (pairs, dim + 1 or 0)."""
        return np.concatenate([self.inputs, self.length], axis=1)

    def leading(self, count: int) -> Floats:
        """Return the first inputs and their length, float32 (pairs, count + 1 or 0)."""
        first = self.inputs[:, :count]
        return np.concatenate([first, self._length(first)], axis=1)

    def _length(self, rows: Floats) -> Floats:
        if not self.lengths:
            return np.empty((len(rows), 0), np.float32)
        squares = np.square(rows).sum(axis=1, keepdims=True)
        return normal_scores(squares, self.train)

    def _components(self) -> Floats | None:
        """Return the whitened axes of the first components, float64 (dim, pca); None for all."""
        if self.pca is None or self.values.shape[1] <= self.pca:
            return None
        found = self.whitening
        axes = found.axes[:, ::-1][:, : self.pca] / np.sqrt(found.variances[::-1][: self.pca])
        return np.pad(axes, ((0, 0), (0, self.pca - axes.shape[1])))

    def standardised(self, index: Ints) -> Floats:
        """Return the items at `index` with mean 0 and variance 1, cut, float64 (items, dim)."""
        return self.scaling(self.values[index])


def unit(rows: Floats) -> Floats:
    """Return rows (rows, dim) scaled to length 1; a row of length 0 stays 0."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1)
