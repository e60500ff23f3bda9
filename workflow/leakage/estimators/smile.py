"""SMILE, held out.

Song, Ermon, "Understanding the Limitations of Variational Mutual Information Estimators", ICLR
2020, arXiv 1910.06222: the critic is trained as a classifier of matched against mismatched pairs
(the Jensen-Shannon objective), and the Donsker-Varadhan value is read with T clipped in the
normaliser (its equation 10). Less variance, no longer a bound: it can exceed the truth.
"""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pydantic

from leakage.estimators import held_out

if TYPE_CHECKING:
    import pandas as pd

    from leakage.checkpoints import Checkpoint

RESUMES = True
ESTIMAND = "SMILE on held-out pictures, cross-fitted (can exceed the truth)"


class Settings(held_out.Settings):
    """The critics, their training, and the clip."""

    method: Literal["smile"] = "smile"
    clip: float = pydantic.Field(default=5.0, gt=0)


def estimate(
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None,
    levels: list[int],
    seed: int,
    settings: Settings,
    checkpoint: "Checkpoint | None" = None,
) -> "pd.DataFrame":
    """Return the held-out SMILE value.

    Arguments, table and errors as of `held_out.estimate`.
    """
    return held_out.estimate(
        lambda: _bound(settings), x, y, groups, levels, seed, settings, ESTIMAND, checkpoint
    )


def _bound(settings: Settings) -> Any:
    """Return the clipped value: it has no state."""
    import torch

    from leakage.estimators.bounds import Bound

    class Smile(Bound):
        clip = settings.clip

        def loss(
            self, joint: torch.Tensor, others: torch.Tensor, count: torch.Tensor
        ) -> torch.Tensor:
            softplus = torch.nn.functional.softplus
            mismatched = softplus(others).sum((-1, -2)) / count.sum(-1)
            return softplus(-joint).mean(-1) + mismatched

    return Smile()
