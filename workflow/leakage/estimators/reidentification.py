"""Re-identification: given the view, is the right picture found?

Leakage as an attacker would use it. A critic is trained by InfoNCE (van den Oord et al., arXiv
1807.03748) to tell the matched item from others; then every held-out view is given, and all
held-out plain items are ranked by the critic: the share of views whose own item is the first, and
among the first five. Guessing finds it once in as many items as there are. Ties count as a guess
among the tied.
"""

from typing import TYPE_CHECKING, Any, Literal

from leakage.protocol import held_out

if TYPE_CHECKING:
    import torch

RESUMES = True
ESTIMAND = "share of held-out views whose own item the critic ranks first (top 1) or among five"


class Settings(held_out.Settings):
    """The critics and their training."""

    method: Literal["reidentification"] = "reidentification"


def _bound(settings: Settings) -> Any:
    """Return what trains by InfoNCE and is read by ranks."""
    import torch

    from leakage.estimators.bounds import Bound, Reading, Scores

    class Ranks(Bound):
        per_view = True

        def read(self, scores: Scores, weights: torch.Tensor) -> list[Reading]:
            drawn = weights[:, scores.groups].T
            readings = []
            for first in (1, 5):
                found = hits(scores.values, first)
                share = (drawn * found.diagonal()[:, None]).sum(0) / drawn.sum(0)
                chance = min(1.0, first / len(found))
                name = f"top {first}"
                readings.append(Reading(name, "share", share.numpy(), found, 1.0, chance))
            return readings

    return Ranks()


estimate = held_out.estimator(_bound, ESTIMAND)


def hits(scores: "torch.Tensor", first: int) -> "torch.Tensor":
    """Return whether each item is among the first few of each view, shape (views, items).

    Of items that tie for the last of these places, each gets its share of them.

    Args:
        scores: shape (views, items).
        first: how many places there are.
    """
    import torch

    ordered = scores.sort(dim=1).values
    not_above = torch.searchsorted(ordered, scores.contiguous(), right=True)
    below = torch.searchsorted(ordered, scores.contiguous())
    above, tied = scores.shape[1] - not_above, not_above - below
    return ((first - above).double() / tied).clamp(0, 1)
