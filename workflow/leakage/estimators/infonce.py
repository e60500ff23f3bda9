"""InfoNCE, held out.

van den Oord, Li, Vinyals, "Representation Learning with Contrastive Predictive Coding", arXiv
1807.03748, equation 4: the critic must find the matched item among items of other pictures. The
bound is the log of the number of candidates minus the cross-entropy. It cannot exceed
ln(candidates), which is ln(batch) in training and ln(held-out pairs) in the reported value.
"""

from typing import TYPE_CHECKING, Literal

from leakage.protocol.cross_fitting import CrossFittedNetworks

if TYPE_CHECKING:
    from leakage.protocol.bounds import Bound


class InfoNce(CrossFittedNetworks):
    """InfoNCE on held-out pictures."""

    estimand = "InfoNCE bound on held-out pictures, cross-fitted"

    method: Literal["infonce"] = "infonce"

    def bound(self) -> "Bound":
        """Return the bound."""
        from leakage.protocol import bounds

        return bounds.InfoNce()
