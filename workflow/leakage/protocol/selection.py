"""Held-out pictures choose a base, its shrinkage and its temperature.

Bases are cheap, so that all pictures but those of the test fold can choose: each of the other folds
is scored in turn by bases that were fitted without it and without the test fold, and the values are
pooled. One more picture is counted in, whose own views are no closer than those of others: without
it, few pictures that are told apart perfectly would choose an infinite temperature.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from leakage.protocol.bases import Candidate
from leakage.protocol.bounds import HIGHEST, Bound

# Pairs of a fold that are scored to choose a base, at most, and pairs that are enough to choose.
SCORED = 500
ENOUGH = 1_000
# Density ratios whose bounds differ by less than this share are alike.
ALIKE = 0.03
# A gain that is rounding.
LEAST = 1e-6


@dataclass(frozen=True)
class Choice:
    """What the held-out pictures chose.

    Attributes:
        name: of the candidate; `none` for T = 0.
        temperature: a.
        value: nats that it brought them.
    """

    name: str
    temperature: float
    value: float


NOTHING = Choice("none", 0.0, 0.0)


class Ballot:
    """The values of all candidates, pooled over folds.

    Args:
        bound: whose criterion is the value.
        folds: how many folds vote.
    """

    def __init__(self, bound: Bound, folds: int):
        self.bound, self.folds, self.pictures = bound, folds, 0
        self.values: dict[str, torch.Tensor] = {}
        self.temperatures: dict[str, tuple[float, ...]] = {}
        # Of candidates without a temperature, density ratios: the mean T of matched pairs.
        self.ratios: dict[str, float] = {}

    def add(
        self,
        candidates: Sequence[Candidate],
        plain: np.ndarray,
        views: np.ndarray,
        own: np.ndarray,
        pictures: int,
    ) -> None:
        """Let one fold vote.

        Args:
            candidates: fitted without its pairs.
            plain, views: indices of the pairs' items, int (pairs,).
            own: which pairs are not negatives of each other, bool (pairs, pairs).
            pictures: of the fold.
        """
        if own.all():
            return  # two pictures that were exchanged: nothing to tell a view's item from
        self.pictures += pictures
        not_others = torch.from_numpy(own)
        ceiling = float(np.log(len(plain)))
        for candidate in candidates:
            u, v = candidate.vectors(plain, views)
            scores = torch.from_numpy((v @ u.T).astype(np.float32))
            temperatures = torch.tensor(candidate.temperatures, dtype=torch.float32)
            joint = scores.diagonal()[None]
            others = scores.masked_fill(not_others, -torch.inf)[None]
            value = torch.cat(
                [self.bound.criterion(each * joint, each * others) for each in temperatures]
            )
            value = pictures * value
            if len(temperatures) > 1 and self.bound.in_nats:
                # The picture that is no closer to itself than to others.
                gap = float(scores.diagonal().mean() - scores[~not_others].mean())
                lost = (temperatures * gap).clamp(0, HIGHEST * ceiling) / self.folds
                value = value.clamp(max=pictures * ceiling) - lost
            if len(temperatures) == 1:
                ratio = self.ratios.get(candidate.name, 0.0)
                self.ratios[candidate.name] = ratio + pictures * float(joint.mean())
            self.values[candidate.name] = self.values.get(candidate.name, 0) + value
            self.temperatures[candidate.name] = candidate.temperatures

    def choice(self) -> Choice:
        """Return the candidate and temperature of the largest value, or `NOTHING`.

        A candidate must bring more than the price of two parameters, itself and its temperature, by
        the corrected criterion of Akaike (Hurvich and Tsai, Biometrika 76, 1989). Ranks have no
        price: the worst of them is a guess, as T = 0 is.
        """
        best, top = NOTHING, 2 / max(1, self.pictures - 3) if self.bound.in_nats else 0.0
        self._prefer_the_likeliest()
        for name, total in self.values.items():
            value, place = (total / self.pictures).max(0)
            if float(value) > top + LEAST:
                best = Choice(name, self.temperatures[name][int(place)], float(value))
                top = best.value
        return best

    def _prefer_the_likeliest(self) -> None:
        """Leave one of the density ratios: the likeliest, where it is as good by the bound.

        The mean log ratio of matched pairs has far less noise than the bound, and is right where
        the fitted family is; elsewhere it can be far off, and the bound decides.
        """
        if not self.ratios:
            return
        likeliest = max(self.ratios, key=lambda name: self.ratios[name])
        best = max(self.ratios, key=lambda name: float(self.values[name].max()))
        top, its = (float(self.values[name].max()) / self.pictures for name in (best, likeliest))
        kept = likeliest if its >= top - ALIKE * abs(top) else best
        for name in self.ratios:
            if name != kept:
                del self.values[name]
        self.ratios = {kept: self.ratios[kept]}
