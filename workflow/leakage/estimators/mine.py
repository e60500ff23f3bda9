"""Mutual information neural estimation (MINE), held out: the default estimator.

Belghazi et al., "Mutual Information Neural Estimation", ICML 2018, arXiv 1801.04062. The value is
the Donsker-Varadhan bound (its equation 10), I(X;Y) >= E_joint[T] - ln E_product[exp T], on
held-out pictures. All pairs of different pictures are draws of the product. The critic T is the
best of simple bases and networks on validation pictures. Networks are trained by InfoNCE, which
finds better critics than the bound itself (see `loss`). `mine_training` draws the paper's training
curves.
"""

from typing import Any, Literal

from leakage.protocol import cross_fitting

RESUMES = True
ESTIMAND = "Donsker-Varadhan bound on held-out pictures, cross-fitted"


class Settings(cross_fitting.Settings):
    """The critics and their training."""

    method: Literal["mine"] = "mine"


def _bound(settings: Settings) -> Any:
    """Return the bound."""
    from leakage.protocol.bounds import Bound

    return Bound()


estimate = cross_fitting.estimator(_bound, ESTIMAND)
