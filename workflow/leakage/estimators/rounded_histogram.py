"""Empirical mutual information of rounded features: the paper's Figure 3b.

Messadi, Cervia, Itier, arXiv 2508.08832, section IV. The paper is ambiguous here. We take the
coordinates of one picture's embedding as the samples, not normalised, rounded to a number of
decimals. The estimate cannot exceed ln(dim). It comes near ln(dim) once most rounded coordinates
are distinct, even if x and y are independent.
"""

from typing import TYPE_CHECKING, Literal

import numpy as np
import pydantic

from leakage.errors import LeakageError
from leakage.estimators import Estimator, frequencies, tables
from leakage.estimators.tables import Array

if TYPE_CHECKING:
    import pandas as pd

ESTIMAND = "plug-in mutual information over the coordinates of one item, mean over items"


class RoundedHistogram(Estimator):
    """The empirical mutual information of rounded coordinates."""

    counts = True
    comparable = False

    method: Literal["rounded_histogram"] = "rounded_histogram"
    decimals: int = pydantic.Field(default=2, ge=0, le=15)
    """decimal places of the rounded coordinates"""

    def estimate(
        self, x: Array, y: Array, groups: Array | None, levels: list[int], seed: int
    ) -> "pd.DataFrame":
        """Return one row per level: the MI of the coordinates of x and y, mean over items.

        Each item counts once, whatever its group. `ceiling` is ln(dim).

        Raises:
            LeakageError: x and y differ in their last dimension.
        """
        if x.shape[1] != y.shape[2]:
            raise LeakageError(
                f"rounded_histogram: x has dim {x.shape[1]} and y {y.shape[2]}; expected the same"
            )
        x, y = rounded(x, self.decimals), rounded(y, self.decimals)
        nats = [
            [frequencies.mutual_information(*pair) for pair in zip(x, view, strict=True)]
            for view in y
        ]
        mean, standard_error = tables.mean_over_groups(np.asarray(nats).T)
        ceiling = frequencies.logarithm(x.shape[1])
        return tables.tidy(
            {
                "level": levels,
                "nats": np.minimum(mean, ceiling),  # a mean of equal values may round up
                "standard_error": standard_error,
                "ceiling": ceiling,
                "estimand": ESTIMAND,
            }
        )


def rounded(values: Array, decimals: int) -> Array:
    """Return values rounded to a number of decimals, float64; integer dtypes stay unchanged."""
    if values.dtype.kind != "f":
        return values
    # In float16 and float32 the power of ten overflows. If it overflows in float64, the number has
    # no such decimals and stays unchanged.
    wide = values.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.round(wide, decimals)
    return np.where(np.isfinite(found), found, wide)
