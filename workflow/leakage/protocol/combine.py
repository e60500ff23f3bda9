"""One p-value from several that may depend on one another."""

import numpy as np
from numpy.typing import ArrayLike

# Above this a p-value counts as no evidence either way. Its Cauchy term would be negative, and one
# near 1 (critics that found nothing to learn have p = 1) would cancel any evidence beside it.
NEUTRAL = 0.5
SMALLEST = 1e-15


def cauchy(p_values: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return the truncated Cauchy combination of p-values.

    Liu and Xie, JASA 115, 2020: under the null, the mean of tan((1/2 - p) pi) has the tail of a
    Cauchy variable whatever the dependence. Fang et al., Statistica Sinica 33, 2023, truncate it:
    terms of p-values above 1/2 count as 0.

    Args:
        p_values: any number of them; NaN where nothing was tested, which takes no part.
        weights: of each, positive; equal by default.

    Returns:
        The combined p-value; a single p-value as it is; 1 where all are missing.
    """
    found = np.asarray(p_values, dtype=np.float64)
    known = ~np.isnan(found)
    given = np.ones(found.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    if not known.any():
        return 1.0
    if known.sum() == 1:
        return float(found[known][0])
    if found[known].min() > NEUTRAL:
        return 1.0
    terms = np.tan((0.5 - np.clip(found[known], SMALLEST, NEUTRAL)) * np.pi)
    mean = np.average(terms, weights=given[known])
    return float(0.5 - np.arctan(mean) / np.pi)
