"""InfoNCE, held out.

van den Oord, Li, Vinyals, "Representation Learning with Contrastive Predictive Coding", arXiv
1807.03748, equation 4: the matched item is to be told from those of other pictures. The bound is
the log of the number of candidates less the cross-entropy, so it cannot exceed ln(candidates):
ln(batch) in training, ln(held-out pairs) where it is read.
"""

from typing import Any, Literal

from leakage.protocol import held_out

RESUMES = True
ESTIMAND = "InfoNCE bound on held-out pictures, cross-fitted"


class Settings(held_out.Settings):
    """The critics and their training."""

    method: Literal["infonce"] = "infonce"


def _bound(settings: Settings) -> Any:
    """Return the bound."""
    from leakage.protocol.bounds import Bound

    class InfoNCE(Bound):
        per_view = True

    return InfoNCE()


estimate = held_out.estimator(_bound, ESTIMAND)
