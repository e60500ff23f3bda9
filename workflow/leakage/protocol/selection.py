"""Choose a base critic, its shrinkage and its temperature on held-out pictures.

Base critics are cheap, so all pictures outside the test fold can choose. Each of the other folds is
scored by critics that were fitted without it and without the test fold, and the values are pooled.
One fictitious picture is added, which is no more similar to its own views than to those of other
pictures. Without it, a few perfectly separated pictures would choose an infinite temperature.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from leakage import progress
from leakage.interfaces import Floats, Ints
from leakage.protocol.bases import BASES, Candidate
from leakage.protocol.bases.gaussian import Gaussian
from leakage.protocol.bounds import HIGHEST, Bound
from leakage.protocol.preprocessing import Variable
from leakage.protocol.problem import BaseKey, Problem, scored

if TYPE_CHECKING:
    from leakage.protocol.cross_fitting import CrossFitted

# Most pairs per fold for choosing a base, and numbers of pairs and pictures that are enough for the
# choice. The price of a base falls with the pictures (`Pooled.choice`).
SCORED = 500
ENOUGH = 1_000
ENOUGH_PICTURES = 100
# Numbers to compute at once: the scores of a few pairs at many temperatures, or of many at one.
AT_ONCE = 2**16
# Two density ratios count as equally good if their bounds differ by less than this share.
ALIKE = 0.03
# A smaller gain is rounding.
LEAST = 1e-6


@dataclass(frozen=True)
class Choice:
    """The choice of the held-out pictures."""

    name: str  # of the candidate; `none` for T = 0
    temperature: float  # the factor a
    value: float  # its mean value on the held-out pictures, in nats


NOTHING = Choice("none", 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class ChosenBase:
    """The base critic of one fold, variant and level, fitted on the fold's training pairs."""

    plain: Variable
    views: Variable
    choice: Choice  # candidate and temperature chosen by the other folds, and their value
    candidate: Candidate | None  # fitted; None for T = 0
    # The Gaussian candidate that gives networks their coordinates: the chosen one, or the last one.
    # None if T = 0 was chosen, or there is no Gaussian candidate.
    canonical: Gaussian | None

    def scores(self, plain: Ints, views: Ints) -> torch.Tensor:
        """Return T of every view with every plain item at these indices, float32."""
        if self.candidate is None:
            return torch.zeros(len(views), len(plain), dtype=torch.float32)
        u, v = self.candidate.vectors(plain, views)
        return torch.from_numpy((self.choice.temperature * (v @ u.T)).astype(np.float32))


class Pooled:
    """The values of all candidates and temperatures by the bound's criterion, over folds."""

    def __init__(self, bound: Bound, folds: int) -> None:
        self.bound, self.folds, self.pictures = bound, folds, 0
        self.values: dict[str, torch.Tensor] = {}
        self.temperatures: dict[str, tuple[float, ...]] = {}
        # The mean T of matched pairs, for density ratios (candidates without a temperature).
        self.ratios: dict[str, float] = {}

    def add(
        self,
        candidates: Sequence[Candidate],
        plain: Ints,
        views: Ints,
        own: np.ndarray,
        pictures: int,
    ) -> None:
        """Add one fold of candidates that were fitted without it.

        `plain` and `views` are the indices of the pairs' items, (pairs,). `own` says which pairs
        are not negatives of each other, (pairs, pairs).
        """
        if own.all():
            return  # two exchanged pictures have no negatives
        self.pictures += pictures
        masked = torch.from_numpy(own)
        for candidate in candidates:
            name = candidate.name
            u, v = candidate.vectors(plain, views)
            scores = torch.from_numpy((v @ u.T).astype(np.float32))
            temperatures = torch.tensor(candidate.temperatures, dtype=torch.float32)
            value = pictures * self._criterion(scores, masked, temperatures)
            if len(temperatures) == 1:
                ratio = self.ratios.get(name, 0.0)
                self.ratios[name] = ratio + pictures * float(scores.diagonal().mean())
            elif self.bound.in_nats:
                # The fictitious picture.
                ceiling = float(np.log(len(plain)))
                gap = float(scores.diagonal().mean() - scores[~masked].mean())
                lost = (temperatures * gap).clamp(0, HIGHEST * ceiling) / self.folds
                value = value.clamp(max=pictures * ceiling) - lost
            self.values[name] = self.values.get(name, 0) + value
            self.temperatures[name] = candidate.temperatures

    def _criterion(
        self, scores: torch.Tensor, masked: torch.Tensor, temperatures: torch.Tensor
    ) -> torch.Tensor:
        """Return the criterion at every temperature, float32 (temperatures,)."""
        joint, others = scores.diagonal(), scores.masked_fill(masked, -torch.inf)
        some = torch.split(temperatures, max(1, AT_ONCE // others.numel()))
        return torch.cat(
            [self.bound.criterion(a[:, None] * joint, a[:, None, None] * others) for a in some]
        )

    def choice(self) -> Choice:
        """Return the candidate and temperature with the largest value, or `NOTHING`.

        A candidate must gain more than the price of two parameters, itself and its temperature, by
        the corrected criterion of Akaike (Hurvich and Tsai, Biometrika 76, 1989). Ranks have no
        price, because even the worst critic guesses no worse than T = 0.
        """
        best, top = NOTHING, 2 / max(1, self.pictures - 3) if self.bound.in_nats else 0.0
        self._keep_one_density_ratio()
        for name, total in self.values.items():
            value, place = (total / self.pictures).max(0)
            if float(value) > top + LEAST:
                best = Choice(name, self.temperatures[name][int(place)], float(value))
                top = best.value
        return best

    def _keep_one_density_ratio(self) -> None:
        """Keep the likeliest density ratio if its bound is about as good, else the best.

        The mean log ratio of matched pairs has far less noise than the bound. It is right if the
        fitted family is right. Otherwise it can be far off, and the bound decides.
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


def choose_bases(
    bound: Bound, problem: Problem, settings: "CrossFitted"
) -> dict[BaseKey, ChosenBase]:
    """Return the base critic of every fold, variant and level, chosen by the other folds."""
    same_space = problem.x.shape[1] == problem.y.shape[2]
    bases = [BASES[name] for name in settings.bases if same_space or not BASES[name].same_space]
    choosing = _choosing_folds(problem)
    # Critics are fitted without two folds: the one they are used on, and one that chooses.
    left_out = sorted({_pair(fold, other) for fold, folds in choosing.items() for other in folds})
    train = {pair: np.flatnonzero(~np.isin(problem.folds, pair)) for pair in left_out}

    def variables(values: Floats) -> dict[tuple[int, int], Variable]:
        args = problem.pca, settings.marginals, not problem.of_bytes
        return {pair: Variable(values, train[pair], *args) for pair in left_out}

    plain = variables(problem.x)
    found = {}
    tasks = [
        (level, variant, fold)
        for level in range(len(problem.y))
        for variant in problem.partner
        for fold in choosing
    ]
    of_level, fitted_on = -1, (-1, "")
    for level, variant, fold in progress.over(tasks, "choices of a base"):
        others, partner = choosing[fold], problem.partner[variant]
        if level != of_level:
            of_level, views = level, variables(problem.y[level])
        if (level, variant) != fitted_on:
            fitted_on = level, variant
            fitted = {
                pair: [one for base in bases for one in base.fit(plain[pair], views[pair], partner)]
                for pair in left_out
            }
        pooled = Pooled(bound, len(others))
        for other in sorted(others):
            of_fold = np.flatnonzero(problem.folds == other)
            index = scored(problem, of_fold, SCORED, [problem.seeds[0], other, 12])
            own = problem.own(variant, index)
            pictures = len(np.unique(problem.groups[index]))
            pooled.add(fitted[_pair(fold, other)], index, partner[index], own, pictures)
        used = _pair(fold, (fold + 1) % len(problem.splits))
        choice = pooled.choice() if bases else NOTHING
        candidates = {each.name: each for each in fitted[used]}
        chosen = candidates.get(choice.name)
        gaussian = [each for each in (*fitted[used], chosen) if isinstance(each, Gaussian)]
        canonical = gaussian[-1] if chosen is not None and gaussian else None
        parts = plain[used], views[used], choice, chosen, canonical
        found[BaseKey(fold, variant, level)] = ChosenBase(*parts)
    return found


def _pair(fold: int, other: int) -> tuple[int, int]:
    return (fold, other) if fold < other else (other, fold)


def _choosing_folds(problem: Problem) -> dict[int, list[int]]:
    """Return the folds that choose the base of each fold: the next ones, as many as needed."""
    count, sizes = len(problem.splits), np.bincount(problem.folds)
    _, one_per_picture = np.unique(problem.groups, return_index=True)
    pictures = np.bincount(problem.folds[one_per_picture])
    found: dict[int, list[int]] = {}
    for fold in range(count):
        others = found[fold] = []
        for step in range(1, count):
            others.append((fold + step) % count)
            pairs = np.minimum(sizes[others], SCORED).sum()
            if pairs >= ENOUGH and pictures[others].sum() >= ENOUGH_PICTURES:
                break
    return found
