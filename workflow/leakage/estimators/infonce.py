"""InfoNCE, held out.

van den Oord, Li, Vinyals, "Representation Learning with Contrastive Predictive Coding", arXiv
1807.03748, equation 4: the critic must find the matched item among items of other pictures. The
bound is the log of the number of candidates minus the cross-entropy. It cannot exceed
ln(candidates), which is ln(batch) in training and ln(held-out pairs) in the reported value.
"""

from typing import Any, Literal

from leakage.protocol import cross_fitting

RESUMES = True
ESTIMAND = "InfoNCE bound on held-out pictures, cross-fitted"


class Settings(cross_fitting.Settings):
    """The critics and their training."""

    method: Literal["infonce"] = "infonce"


def _bound(settings: Settings) -> Any:
    """Return the bound."""
    from leakage.protocol.bounds import Bound

    class InfoNCE(Bound):
        per_view = True

    return InfoNCE()


estimate = cross_fitting.estimator(_bound, ESTIMAND)
