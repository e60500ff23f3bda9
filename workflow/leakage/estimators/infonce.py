"""InfoNCE, held out.

van den Oord, Li, Vinyals, "Representation Learning with Contrastive Predictive Coding", arXiv
1807.03748, equation 4: the matched item is to be told from those of other pictures. The bound is
the log of the number of candidates less the cross-entropy, so it cannot exceed ln(candidates):
ln(batch) in training, ln(held-out pairs) where it is read.
"""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from leakage.estimators import held_out

if TYPE_CHECKING:
    import pandas as pd

    from leakage.checkpoints import Checkpoint

RESUMES = True
ESTIMAND = "InfoNCE bound on held-out pictures, cross-fitted"


class Settings(held_out.Settings):
    """The critics and their training."""

    method: Literal["infonce"] = "infonce"


def estimate(
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None,
    levels: list[int],
    seed: int,
    settings: Settings,
    checkpoint: "Checkpoint | None" = None,
) -> "pd.DataFrame":
    """Return the held-out InfoNCE bound.

    Arguments, table and errors as of `held_out.estimate`.
    """
    return held_out.estimate(
        lambda: _bound(settings), x, y, groups, levels, seed, settings, ESTIMAND, checkpoint
    )


def _bound(settings: Settings) -> Any:
    """Return the bound: it has no state."""
    import torch

    from leakage.estimators.bounds import Bound

    class InfoNCE(Bound):
        per_view = True

        def loss(
            self, joint: torch.Tensor, others: torch.Tensor, count: torch.Tensor
        ) -> torch.Tensor:
            return -self.value(joint, others, count)

    return InfoNCE()
