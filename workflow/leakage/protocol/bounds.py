"""Bounds on mutual information from a critic's scores.

Each value combines the mean T of the matched pairs with a normaliser: the log of the mean exp(T) of
pairs of different pictures. Donsker and Varadhan subtract one normaliser for all pairs, InfoNCE one
per view that includes the own pair, and NWJ subtracts its exponential. Not all are lower bounds:
SMILE can exceed the truth, and `reidentification` derives its ranks from the same class.
"""

from dataclasses import dataclass

import numpy as np
import torch

from leakage.interfaces import Floats

# Scores minus their normaliser are cut at these multiples of ln(pairs). No more can be certified,
# and the cut limits the cost of one misjudged pair.
LOWEST, HIGHEST = -1.0, 2.0


@dataclass(frozen=True)
class Scores:
    """T of every held-out view with every plain item; -inf for items that are no negatives."""

    values: torch.Tensor  # float64 (pairs, pairs); row j, column i is T(x_i, y_j)
    groups: torch.Tensor  # the picture of each pair, from 0, (pairs,)


@dataclass(frozen=True)
class Statistic:
    """A value computed from the scores of one critic."""

    name: str
    unit: str
    values: Floats  # float64 (draws,): on the pairs themselves, then on each bootstrap draw
    # The term that each pair would contribute if it were matched, float64 (pairs, pairs). The
    # permutation test averages these terms over mismatched pictures.
    matched: torch.Tensor
    ceiling: float  # the largest meaningful value
    chance: float = float("nan")  # the value of guessing; NaN if that is 0


class Bound:
    """The value of a critic on held-out pairs; by default Donsker and Varadhan's lower bound.

    MINE reports it: Belghazi et al., ICML 2018, arXiv 1801.04062, equation 10.
    """

    # The largest |T| in the normaliser of the reported value; None for no limit.
    clip: float | None = None
    # Whether there is one normaliser per view, or one for all pairs.
    per_view = False
    # Whether scores are in nats and must be cut; ranks are not.
    in_nats = True
    # Upper cut of the scores minus their normaliser, times ln(pairs).
    highest = HIGHEST

    def value(self, joint: torch.Tensor, normaliser: torch.Tensor) -> torch.Tensor:
        """Return the bound from the mean T of matched pairs and the log normaliser."""
        return joint - normaliser

    def criterion(self, joint: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """Return the value by which held-out pictures choose a critic, shape (networks,), in nats.

        This is the reported bound at its best offset. For bounds with one normaliser it is Donsker
        and Varadhan's, because a clip in the normaliser would favour ever larger scores.

        Args:
            joint: T of the matched pairs, shape (networks, pairs).
            others: T of each view with every item, -inf for items of the same picture, shape
                (networks, pairs, pairs).
        """
        count = torch.isfinite(others).sum(-1)
        if not self.per_view:
            normaliser = torch.logsumexp(others.flatten(1), -1) - torch.log(count.sum(-1))
            return joint.mean(-1) - normaliser
        summed = torch.logaddexp(torch.logsumexp(others, -1), joint)
        return (joint - summed + torch.log(count + 1)).mean(-1)

    def statistics(self, scores: Scores, weights: torch.Tensor) -> list[Statistic]:
        """Return the bound on held-out pairs; weights (draws, pictures) count a picture's draws."""
        values, groups = scores.values, scores.groups
        joint = values.diagonal()
        own = (groups[:, None] == groups) | torch.isinf(values)
        clipped = self._clipped(values)
        top = clipped.max()
        raised = torch.exp(clipped - top).masked_fill(own, 0)
        sums = _by_picture(raised, groups, weights.shape[1]) @ weights.T  # (pairs, draws)
        drawn = weights[:, groups].T  # (pairs, draws)
        pairs = drawn.sum(0)
        # Bootstrap copies of a picture are not its negatives.
        others = _drawn_others(own, groups, weights)
        if self.per_view:
            # A draw has fewer candidates than the pairs themselves, which makes the choice easier.
            # Scale the sums up to the full number of candidates.
            candidates = others[:, :1]
            with_own = sums * candidates / others + torch.exp(self._clipped(joint) - top)[:, None]
            normaliser = torch.log(with_own.clamp_min(1e-300)) + top - torch.log(candidates + 1)
            normaliser = (drawn * normaliser).sum(0) / pairs
        else:
            total = (drawn * others).sum(0)
            normaliser = torch.log((drawn * sums).sum(0).clamp_min(1e-300) / total) + top
        matched = (drawn * joint[:, None]).sum(0) / pairs
        found = self.value(matched, normaliser).numpy()
        ceiling = float(np.log(len(values)))
        return [Statistic("mutual information", "nats", found, values, ceiling)]

    def _clipped(self, values: torch.Tensor) -> torch.Tensor:
        return values if self.clip is None else values.clamp(-self.clip, self.clip)


class InfoNce(Bound):
    """InfoNCE: van den Oord et al., arXiv 1807.03748, equation 4."""

    per_view = True


class Nwj(Bound):
    """The bound of Nguyen, Wainwright and Jordan: 1 + E[T] - E[exp T]."""

    # Lower than for the other bounds, because a misjudged pair counts as exp(T).
    highest = 1.0

    def value(self, joint: torch.Tensor, normaliser: torch.Tensor) -> torch.Tensor:
        """Return the bound from the mean T of matched pairs and the log normaliser."""
        return 1 + joint - torch.exp(normaliser)


class Smile(Bound):
    """SMILE: Donsker and Varadhan's with T clipped in the normaliser, arXiv 1910.06222, eq. 10."""

    def __init__(self, clip: float) -> None:
        self.clip = clip


def _drawn_others(own: torch.Tensor, groups: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return how many negatives each view has in each draw, float64 (pairs, draws)."""
    sizes = torch.bincount(groups, minlength=weights.shape[1]).double()
    if int(own.sum()) == int((sizes**2).sum()):  # only pairs of the same picture are left out
        return (weights @ sizes) - weights[:, groups].T * sizes[groups][:, None]
    return _by_picture((~own).double(), groups, weights.shape[1]) @ weights.T


def _by_picture(values: torch.Tensor, groups: torch.Tensor, pictures: int) -> torch.Tensor:
    """Return the sums of values (pairs, pairs) over the plain items of each picture."""
    found = torch.zeros(len(values), pictures, dtype=values.dtype)
    return found.index_add_(1, groups, values)


def bounded(
    scores: torch.Tensor, offset: float, pairs: int, highest: float = HIGHEST
) -> torch.Tensor:
    """Return scores minus their log normaliser, cut at `LOWEST` and `highest` times ln(pairs)."""
    limit = float(np.log(max(pairs, 2)))
    return (scores - offset).clamp(LOWEST * limit, highest * limit)
