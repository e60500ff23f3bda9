"""Canonical correlation analysis (CCA), held out: the part of the leakage that a Gaussian shows.

Hotelling, "Relations between two sets of variates", Biometrika 28, 1936. The log density ratio of
jointly Gaussian variables, fitted on the training pictures after every coordinate was made normal
by its ranks and the covariances were shrunk (Ledoit and Wolf, 2004), is a critic like any other:
the Donsker-Varadhan bound (Belghazi et al., ICML 2018, equation 10) is read with it on held-out
pictures. Near the truth where the copula is Gaussian, a lower bound elsewhere.
"""

from typing import Any, Literal

from leakage.protocol import held_out

RESUMES = True
ESTIMAND = "Donsker-Varadhan bound with a Gaussian critic on held-out pictures, cross-fitted"


class Settings(held_out.Protocol):
    """The protocol: nothing is trained by steps."""

    method: Literal["cca"] = "cca"
    bases: tuple[Literal["gaussian"]] = ("gaussian",)
    """the one base of this estimator"""


def _bound(settings: Settings) -> Any:
    """Return the bound."""
    from leakage.protocol.bounds import Bound

    return Bound()


estimate = held_out.estimator(_bound, ESTIMAND)
