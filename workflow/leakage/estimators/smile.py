"""SMILE, held out.

Song, Ermon, "Understanding the Limitations of Variational Mutual Information Estimators", ICLR
2020, arXiv 1910.06222. The critic is trained as a classifier of matched against mismatched pairs
(the Jensen-Shannon objective). The Donsker-Varadhan value is computed with T clipped on both sides
in the normaliser (its equation 10). It has less variance, but it is not a bound: it can exceed the
truth.
"""

from typing import Any, Literal

import pydantic

from leakage.protocol import cross_fitting

RESUMES = True
ESTIMAND = "SMILE on held-out pictures, cross-fitted (can exceed the truth)"


class Settings(cross_fitting.Settings):
    """The critics, their training, and the clip."""

    method: Literal["smile"] = "smile"
    loss: Literal["infonce", "donsker_varadhan", "jensen_shannon"] = "jensen_shannon"
    """objective of the training"""
    clip: float = pydantic.Field(default=5.0, gt=0)
    """critic values are cut at ± this many nats in the normaliser"""


def _bound(settings: Settings) -> Any:
    """Return the clipped value."""
    from leakage.protocol.bounds import Bound

    class Smile(Bound):
        clip = settings.clip

    return Smile()


estimate = cross_fitting.estimator(_bound, ESTIMAND)
