"""Canonical correlation analysis (CCA), held out: the Gaussian part of the leakage.

Hotelling, "Relations between two sets of variates", Biometrika 28, 1936. The critic is the log
density ratio of jointly Gaussian variables, fitted on the training pictures. Before that, every
coordinate is made normal by its ranks, and the covariances are shrunk (Ledoit and Wolf, 2004). The
value is the Donsker-Varadhan bound (Belghazi et al., ICML 2018, equation 10) on held-out pictures.
It is close to the truth if the copula is Gaussian, and a lower bound otherwise.
"""

from typing import Literal

from leakage.protocol.cross_fitting import CrossFitted


class Cca(CrossFitted):
    """The Gaussian part of the information on held-out pictures, without networks."""

    estimand = "Donsker-Varadhan bound with a Gaussian critic on held-out pictures, cross-fitted"

    method: Literal["cca"] = "cca"
    bases: tuple[Literal["gaussian"]] = ("gaussian",)
    """the only base of this estimator"""
