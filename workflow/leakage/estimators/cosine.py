"""Cosine similarity of a picture's embedding and its view's: the paper's Figure 3a.

Messadi, Cervia, Itier, arXiv 2508.08832, section IV. All embeddings of an encoder share a large
common part, so even an empty view reaches a certain raw similarity. The similarity is therefore
given a second time, after subtracting the mean embedding of each level.
"""

from typing import TYPE_CHECKING, Literal

import numpy as np

from leakage.errors import LeakageError
from leakage.estimators import Estimator, tables
from leakage.estimators.tables import Array, Floats

if TYPE_CHECKING:
    import pandas as pd


class Cosine(Estimator):
    """The cosine similarity of an item and its view."""

    comparable = False

    method: Literal["cosine"] = "cosine"

    def estimate(
        self, x: Array, y: Array, groups: Array | None, levels: list[int], seed: int
    ) -> "pd.DataFrame":
        """Return two rows per level: the raw similarity (the paper's, chosen) and the centred one.

        Each item counts once, whatever its group.

        Returns:
            The tidy table. `value` and `standard_error` are the mean over items and its standard
            error (unit `cosine`). `nats` is missing, because a cosine does not measure information.
            An embedding of length 0 has similarity 0 with everything.

        Raises:
            LeakageError: x and y differ in their last dimension.
        """
        import pandas as pd

        if x.shape[1] != y.shape[2]:
            raise LeakageError(
                f"cosine: x has dim {x.shape[1]} and y {y.shape[2]}; expected the same"
            )
        y = y.astype(np.float64)
        plain = np.broadcast_to(x.astype(np.float64), y.shape)
        variants = {"raw": (plain, y), "centred": (_centred(plain), _centred(y))}
        parts = []
        for statistic, pair in variants.items():
            value, error = tables.mean_over_groups(_cosine(*pair).T)
            row = {"level": levels, "statistic": statistic, "value": value, "standard_error": error}
            parts.append(pd.DataFrame(row).assign(chosen=statistic == "raw"))
        table = pd.concat(parts, ignore_index=True)
        return tables.tidy(table.assign(unit="cosine", estimand="mean over items", nats=np.nan))


def _centred(embeddings: Floats) -> Floats:
    """Return embeddings (levels, items, dim) minus their means; exactly 0 if only rounding is left.

    The sum of n numbers is wrong by at most n rounding errors of the largest one.
    """
    centred: Floats = embeddings - embeddings.mean(axis=1, keepdims=True)
    largest = np.abs(embeddings).max(axis=1, keepdims=True)
    rounding = embeddings.shape[1] * np.finfo(np.float64).eps * np.linalg.norm(largest, axis=-1)
    return np.where((np.linalg.norm(centred, axis=-1) <= rounding)[..., None], 0, centred)


def _cosine(x: Floats, y: Floats) -> Floats:
    """Return the similarities (levels, items) of two arrays of shape (levels, items, dim)."""
    lengths = np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1)
    product: Floats = (x * y).sum(axis=-1)
    found = np.zeros_like(product)
    np.divide(product, lengths, out=found, where=lengths > 0)
    return found.clip(-1, 1)
