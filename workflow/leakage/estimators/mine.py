"""Mutual information neural estimation (MINE), held out: the default estimator.

Belghazi et al., "Mutual Information Neural Estimation", ICML 2018, arXiv 1801.04062. The value is
the Donsker-Varadhan bound (its equation 10), I(X;Y) >= E_joint[T] - ln E_product[exp T], on
held-out pictures. All pairs of different pictures are draws of the product. The critic T is the
best of simple bases and networks on validation pictures. Networks are trained by InfoNCE, which
finds better critics than the bound itself (see `loss`). `mine_training` draws the paper's training
curves.
"""

from typing import Literal

from leakage.protocol.cross_fitting import CrossFittedNetworks


class Mine(CrossFittedNetworks):
    """MINE on held-out pictures."""

    estimand = "Donsker-Varadhan bound on held-out pictures, cross-fitted"

    method: Literal["mine"] = "mine"
