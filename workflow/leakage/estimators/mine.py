"""Mutual information neural estimation (MINE), held out: the default estimator.

Belghazi et al., "Mutual Information Neural Estimation", ICML 2018, arXiv 1801.04062. The
Donsker-Varadhan bound (its equation 10), I(X;Y) >= E_joint[T] - ln E_product[exp T], is climbed
with the gradient whose denominator is an exponential moving average (its equation 12 and section
3.2), with all pairs of a batch as draws of the product, and read on held-out pictures. The paper's
training curves are `mine_curves`.
"""

from typing import Any, Literal

import pydantic

from leakage.estimators import held_out

RESUMES = True
ESTIMAND = "Donsker-Varadhan bound on held-out pictures, cross-fitted"


class Settings(held_out.Settings):
    """The critics, their training, and the moving average."""

    method: Literal["mine"] = "mine"
    ema_rate: float = pydantic.Field(default=0.01, gt=0, le=1)
    """weight of a new batch in the moving average that is the gradient's denominator"""


def _bound(settings: Settings) -> Any:
    """Return the bound with the state of one training."""
    import torch

    from leakage.estimators.bounds import Bound, log_mean_exp_of_others
    from leakage.estimators.critics import moving_average

    class DonskerVaradhan(Bound):
        average: torch.Tensor | None = None  # ln of the moving average of E_product[exp T]

        def loss(self, crossed: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
            joint = crossed.diagonal(dim1=1, dim2=2)
            product = log_mean_exp_of_others(crossed, own)
            self.average = moving_average(self.average, product.detach(), settings.ema_rate)
            return torch.exp(product - self.average) - joint.mean(-1)

    return DonskerVaradhan()


estimate = held_out.estimator(_bound, ESTIMAND)
