"""One p-value from several that may depend on one another."""

import numpy as np
from numpy.typing import ArrayLike

from leakage.errors import LeakageError

SMALLEST = 1e-15
# A p-value of 1 would weigh like minus infinity. Lower bounds than this raise the error: with five
# p-values and 0.5, 5.8 % of true nulls are rejected at 5 % (measured).
LARGEST = 0.99


def cauchy(p_values: ArrayLike) -> float:
    """Return the Cauchy combination of p-values, for folds that are alike.

    Liu and Xie, JASA 115, 2020: under the null, the mean of tan((1/2 - p) pi) has the tail of a
    Cauchy variable whatever the dependence. A p-value near 1 cancels a small one beside it.

    Args:
        p_values: of any number; NaN adds 0 to the mean.

    Returns:
        The combined p-value; 1 where all are missing.
    """
    found = np.asarray(p_values, dtype=np.float64)
    if np.isnan(found).all():
        return 1.0
    terms = np.tan((0.5 - np.clip(found, SMALLEST, LARGEST)) * np.pi)
    return float(0.5 - np.arctan(np.nan_to_num(terms).mean()) / np.pi)


def bonferroni(p_values: ArrayLike, weights: ArrayLike) -> float:
    """Return the smallest p-value, each divided by its weight, at most 1.

    Valid however the p-values depend on one another, and one near 1 does no harm to a small one.

    Args:
        p_values: of any number; NaN where nothing was tested, which takes no part.
        weights: as many, positive; those of the others are scaled to sum to 1.

    Returns:
        The combined p-value; NaN where all are missing.

    Raises:
        LeakageError: not as many weights as p-values, or one that is not positive.
    """
    found = np.asarray(p_values, dtype=np.float64)
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != found.shape or not (given > 0).all():
        raise LeakageError(f"weights: expected {found.size} positive numbers, found {weights}")
    known = ~np.isnan(found)
    if not known.any():
        return np.nan
    shares = given[known] / given[known].sum()
    return float(min(1.0, (found[known] / shares).min()))
