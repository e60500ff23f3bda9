"""Training objectives of critics, from the scores of a batch.

Each loss takes the scores T of every view with every plain item, (networks, pairs, pairs), with the
matched pairs on the diagonal. `own` marks unmatched pairs that are not negatives (pairs of the same
picture), bool of the same shape; None if all unmatched pairs are negatives.
"""

from typing import Any

import torch
from torch.nn import functional


def infonce(scores: torch.Tensor, own: torch.Tensor | None) -> torch.Tensor:
    """Return the symmetric InfoNCE loss, (networks,): van den Oord et al., arXiv 1807.03748."""
    loss: torch.Tensor = SymmetricInfoNCE.apply(scores, own)
    return loss


def donsker_varadhan(scores: torch.Tensor, own: torch.Tensor | None) -> torch.Tensor:
    """Return minus the Donsker-Varadhan bound, (networks,): Belghazi et al. 2018, equation 10."""
    own = _with_diagonal(own, scores)
    others = torch.logsumexp(scores.masked_fill(own, -torch.inf).flatten(1), -1)
    joint = scores.diagonal(dim1=1, dim2=2).mean(-1)
    return others - torch.log((~own).sum((-1, -2))) - joint


def jensen_shannon(scores: torch.Tensor, own: torch.Tensor | None) -> torch.Tensor:
    """Return the classifier's loss, (networks,): Hjelm et al. 2019; Song and Ermon 2020."""
    own = _with_diagonal(own, scores)
    others = functional.softplus(scores).masked_fill(own, 0).sum((1, 2)) / (~own).sum((-1, -2))
    return functional.softplus(-scores.diagonal(dim1=1, dim2=2)).mean(-1) + others


LOSSES = {
    "infonce": infonce,
    "donsker_varadhan": donsker_varadhan,
    "jensen_shannon": jensen_shannon,
}


def _with_diagonal(own: torch.Tensor | None, scores: torch.Tensor) -> torch.Tensor:
    """Return the mask with the matched pairs added; it broadcasts to scores."""
    diagonal = torch.eye(scores.shape[1], dtype=torch.bool, device=scores.device)
    return diagonal[None] if own is None else own | diagonal


class SymmetricInfoNCE(torch.autograd.Function):
    """The cross-entropy of finding each view's item and each item's view, with a fast gradient.

    The gradient reuses the exponentials and overwrites them, so it can be computed only once.
    """

    @staticmethod
    def forward(context: Any, scores: torch.Tensor, own: torch.Tensor | None) -> torch.Tensor:
        """Return the loss per network, (networks,), in nats; for the arguments see the module."""
        joint = scores.diagonal(dim1=1, dim2=2)
        top = scores.amax((1, 2), keepdim=True)
        raised = (scores - top).clamp_(min=-80).exp_()
        if own is not None:
            # Multiplying by a mask is ten times as fast as filling by one.
            raised.mul_((~own).to(scores))
        rows, columns = raised.sum(2), raised.sum(1)
        context.save_for_backward(raised, rows, columns)
        mean = (torch.log(rows).mean(-1) + torch.log(columns).mean(-1)) / 2
        return mean + top.flatten() - joint.mean(-1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Return the mean of both softmaxes, minus the matched pairs."""
        raised, rows, columns = context.saved_tensors
        pairs = rows.shape[1]
        weights = (0.5 / pairs) * (1 / rows[:, :, None] + 1 / columns[:, None])
        found = raised.mul_(weights)
        found.diagonal(dim1=1, dim2=2).sub_(1 / pairs)
        return found.mul_(gradient[:, None, None]), None
