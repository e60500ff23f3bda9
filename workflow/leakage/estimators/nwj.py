"""The bound of Nguyen, Wainwright and Jordan (NWJ), held out.

Nguyen, Wainwright, Jordan, "Estimating divergence functionals and the likelihood ratio by convex
risk minimization", IEEE Transactions on Information Theory 56(11), 2010; in the form of Poole et
al., ICML 2019, arXiv 1905.06922, equation 6 with T moved by 1: I(X;Y) >= 1 + E_joint[T] -
E_product[exp T]. Unbiased in the batch, and of a variance that grows with exp I.
"""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from leakage.estimators import held_out

if TYPE_CHECKING:
    import pandas as pd

    from leakage.checkpoints import Checkpoint

RESUMES = True
ESTIMAND = "NWJ bound on held-out pictures, cross-fitted"


class Settings(held_out.Settings):
    """The critics and their training."""

    method: Literal["nwj"] = "nwj"


def estimate(
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None,
    levels: list[int],
    seed: int,
    settings: Settings,
    checkpoint: "Checkpoint | None" = None,
) -> "pd.DataFrame":
    """Return the held-out NWJ bound.

    Arguments, table and errors as of `held_out.estimate`.
    """
    return held_out.estimate(
        lambda: _bound(settings), x, y, groups, levels, seed, settings, ESTIMAND, checkpoint
    )


def _bound(settings: Settings) -> Any:
    """Return the bound: it has no state."""
    import torch

    from leakage.estimators.bounds import Bound

    class NWJ(Bound):
        def loss(
            self, joint: torch.Tensor, others: torch.Tensor, count: torch.Tensor
        ) -> torch.Tensor:
            return -self.value(joint, others, count)

        def combine(self, joint: torch.Tensor, normaliser: torch.Tensor) -> torch.Tensor:
            return 1 + joint - torch.exp(normaliser)

    return NWJ()
