"""How a critic's values become a bound on mutual information: climbed in training, read at the end.

A bound is the mean T of the matched pairs less a normaliser, the log of the mean exp(T) of pairs of
different pictures. Donsker and Varadhan take one normaliser for all pairs, InfoNCE one per view.
"""

from dataclasses import dataclass

import numpy as np
import torch

from leakage.estimators.critics import LogSumExpOfOthers, without


def counted(own: torch.Tensor, crossed: torch.Tensor) -> torch.Tensor:
    """Return how many items are of other pictures, per view, shape (networks, pairs)."""
    count = (~own).sum(-1).to(crossed)
    return count.repeat_interleave(len(crossed) // len(own), 0)


def log_mean_exp_of_others(crossed: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Return ln of the mean exp(T) over pairs of different pictures, shape (networks,)."""
    return LogSumExpOfOthers.apply(crossed, own) - torch.log(counted(own, crossed).sum(-1))


@dataclass(frozen=True)
class Scores:
    """T of every held-out view with every held-out plain item.

    Attributes:
        values: shape (pairs, pairs), row j, column i: T(x_i, y_j).
        groups: the picture of each pair as a number from 0, shape (pairs,).
    """

    values: torch.Tensor
    groups: torch.Tensor


@dataclass(frozen=True)
class Reading:
    """What is read off the scores of one critic.

    Attributes:
        statistic, unit: what the values are.
        values: shape (draws,): of the pairs themselves, then of each bootstrap draw.
        matched: shape (pairs, pairs): what each pair would bring if it were a matched one; the
            value changes by the mean of that when pictures are mismatched.
        ceiling: no value can be larger and mean anything.
        chance: what guessing would give; NaN where that is 0.
    """

    statistic: str
    unit: str
    values: np.ndarray
    matched: torch.Tensor
    ceiling: float
    chance: float = float("nan")


class Bound:
    """A lower bound: Donsker-Varadhan's, unless a subclass says otherwise."""

    # The largest |T| that enters the normaliser.
    clip: float | None = None
    per_view = False

    def loss(self, crossed: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        """Return what training makes small, shape (networks,): the bound itself, negative.

        Args:
            crossed: T of each view with every item, shape (networks, pairs, items); on its
                diagonal, that of the matched pairs.
            own: which items are of the view's own picture, shape (units, pairs, items), the
                networks of a unit one after the other.
        """
        return -self.value(crossed, own)

    def combine(self, joint: torch.Tensor, normaliser: torch.Tensor) -> torch.Tensor:
        """Return the bound from the mean T of matched pairs and the log normaliser."""
        return joint - normaliser

    def value(self, crossed: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        """Return the bound, shape (networks,), in nats; arguments as of `loss`."""
        joint = crossed.diagonal(dim1=1, dim2=2)
        crossed = self._clipped(crossed)
        if self.per_view:
            others, count = without(crossed, own), counted(own, crossed)
            summed = torch.logaddexp(torch.logsumexp(others, -1), self._clipped(joint))
            normaliser = (summed - torch.log(count + 1)).mean(-1)
        else:
            normaliser = log_mean_exp_of_others(crossed, own)
        return self.combine(joint.mean(-1), normaliser)

    def read(self, scores: Scores, weights: torch.Tensor) -> list[Reading]:
        """Return the bound on held-out pairs.

        Args:
            scores: of one critic.
            weights: how often each picture was drawn, shape (draws, pictures), float.
        """
        values, groups = scores.values, scores.groups
        joint = values.diagonal()
        own = groups[:, None] == groups
        shown = self._clipped(values)
        top = shown.max()
        raised = torch.exp(shown - top).masked_fill(own, 0)
        sizes = torch.bincount(groups, minlength=weights.shape[1]).to(values)
        columns = torch.zeros(len(values), weights.shape[1], dtype=values.dtype)
        columns.index_add_(1, groups, raised)
        sums = columns @ weights.T  # (pairs, draws)
        drawn = weights[:, groups].T  # (pairs, draws)
        pairs = drawn.sum(0)
        others = (weights @ sizes) - weights[:, groups].T * sizes[groups][:, None]
        matched = (drawn * joint[:, None]).sum(0) / pairs
        if self.per_view:
            # A draw has fewer candidates than the pairs themselves (copies of a picture are none),
            # and would be an easier choice; it stands for as many.
            candidates = others[:, :1]
            with_own = sums * candidates / others + torch.exp(self._clipped(joint) - top)[:, None]
            normaliser = torch.log(with_own.clamp_min(1e-300)) + top - torch.log(candidates + 1)
            normaliser = (drawn * normaliser).sum(0) / pairs
        else:
            # A picture is the other one of none of its copies.
            total = (drawn * others).sum(0)
            normaliser = torch.log((drawn * sums).sum(0).clamp_min(1e-300) / total) + top
        found = self.combine(matched, normaliser).numpy()
        ceiling = float(np.log(len(values)))
        return [Reading("mutual information", "nats", found, values, ceiling)]

    def _clipped(self, values: torch.Tensor) -> torch.Tensor:
        return values if self.clip is None else values.clamp(max=self.clip)
