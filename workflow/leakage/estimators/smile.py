"""SMILE, held out.

Song, Ermon, "Understanding the Limitations of Variational Mutual Information Estimators", ICLR
2020, arXiv 1910.06222. The critic is trained as a classifier of matched against mismatched pairs
(the Jensen-Shannon objective). The Donsker-Varadhan value is computed with T clipped on both sides
in the normaliser (its equation 10). It has less variance, but it is not a bound: it can exceed the
truth.
"""

from typing import TYPE_CHECKING, Literal

import pydantic

from leakage.protocol.cross_fitting import CrossFittedNetworks

if TYPE_CHECKING:
    from leakage.protocol.bounds import Bound


class Smile(CrossFittedNetworks):
    """SMILE on held-out pictures."""

    estimand = "SMILE on held-out pictures, cross-fitted (can exceed the truth)"

    method: Literal["smile"] = "smile"
    loss: Literal["infonce", "donsker_varadhan", "jensen_shannon"] = "jensen_shannon"
    """objective of the training"""
    clip: float = pydantic.Field(default=5.0, gt=0)
    """critic values are cut at ± this many nats in the normaliser"""

    def bound(self) -> "Bound":
        """Return the clipped value."""
        from leakage.protocol import bounds

        return bounds.Smile(self.clip)
