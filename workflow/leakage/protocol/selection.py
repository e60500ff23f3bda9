"""Let held-out pictures choose a base, its shrinkage and its temperature.

Bases are cheap, so all pictures outside the test fold can choose. Each of the other folds is scored
by bases that were fitted without it and without the test fold, and the values are pooled. One
made-up picture is added that looks no more like its own views than like any other picture's. A few
perfectly separated pictures would otherwise choose an infinite temperature.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from leakage.protocol.bases import MODULES, Candidate
from leakage.protocol.bases.gaussian import Gaussian
from leakage.protocol.bounds import HIGHEST, Bound
from leakage.protocol.cross_fitting import CrossFitted
from leakage.protocol.preprocessing import Variable
from leakage.protocol.problem import Problem, scored

# Most pairs per fold for choosing a base, and numbers of pairs and pictures that are enough for the
# choice. The price of a base falls with the pictures (`Ballot.choice`).
SCORED = 500
ENOUGH = 1_000
ENOUGH_PICTURES = 100
# Scores that are read together: many temperatures of few pairs, or one of many.
AT_ONCE = 2**16
# Two density ratios count as equally good if their bounds differ by less than this share.
ALIKE = 0.03
# A smaller gain is rounding.
LEAST = 1e-6


@dataclass(frozen=True)
class Choice:
    """The choice of the held-out pictures.

    Attributes:
        name: name of the candidate; `none` for T = 0.
        temperature: the factor a.
        value: its mean value on the held-out pictures, in nats.
    """

    name: str
    temperature: float
    value: float


NOTHING = Choice("none", 0.0, 0.0)


class Ballot:
    """The values of all candidates, pooled over folds.

    Args:
        bound: its criterion is the value.
        folds: number of voting folds.
    """

    def __init__(self, bound: Bound, folds: int):
        self.bound, self.folds, self.pictures = bound, folds, 0
        self.values: dict[str, torch.Tensor] = {}
        self.temperatures: dict[str, tuple[float, ...]] = {}
        # The mean T of matched pairs, for density ratios (candidates without a temperature).
        self.ratios: dict[str, float] = {}

    def add(
        self,
        candidates: Sequence[Candidate],
        plain: np.ndarray,
        views: np.ndarray,
        own: np.ndarray,
        pictures: int,
    ) -> None:
        """Add the vote of one fold.

        Args:
            candidates: the candidates, fitted without the pairs of this fold.
            plain, views: indices of the pairs' items, int (pairs,).
            own: which pairs are not negatives of each other, bool (pairs, pairs).
            pictures: number of pictures of the fold.
        """
        if own.all():
            return  # two exchanged pictures have no negatives
        self.pictures += pictures
        not_others = torch.from_numpy(own)
        ceiling = float(np.log(len(plain)))
        for candidate in candidates:
            u, v = candidate.vectors(plain, views)
            scores = torch.from_numpy((v @ u.T).astype(np.float32))
            temperatures = torch.tensor(candidate.temperatures, dtype=torch.float32)
            joint = scores.diagonal()
            others = scores.masked_fill(not_others, -torch.inf)
            value = torch.cat(
                [
                    self.bound.criterion(some[:, None] * joint, some[:, None, None] * others)
                    for some in temperatures.split(max(1, AT_ONCE // others.numel()))
                ]
            )
            value = pictures * value
            if len(temperatures) > 1 and self.bound.in_nats:
                # The fictitious picture.
                gap = float(scores.diagonal().mean() - scores[~not_others].mean())
                lost = (temperatures * gap).clamp(0, HIGHEST * ceiling) / self.folds
                value = value.clamp(max=pictures * ceiling) - lost
            if len(temperatures) == 1:
                ratio = self.ratios.get(candidate.name, 0.0)
                self.ratios[candidate.name] = ratio + pictures * float(joint.mean())
            self.values[candidate.name] = self.values.get(candidate.name, 0) + value
            self.temperatures[candidate.name] = candidate.temperatures

    def choice(self) -> Choice:
        """Return the candidate and temperature with the largest value, or `NOTHING`.

        A candidate must gain more than the price of two parameters, itself and its temperature, by
        the corrected criterion of Akaike (Hurvich and Tsai, Biometrika 76, 1989). Ranks have no
        price, because even the worst critic guesses no worse than T = 0.
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
        """Keep only one density ratio: the likeliest, if it is about as good by the bound.

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


@dataclass(frozen=True, eq=False)
class Based:
    """The base of one fold, variant and level, fitted on the fold's training pairs.

    Attributes:
        plain, views: the sides.
        choice: base and temperature chosen by the other folds, and their value.
        candidate: the fitted base; None for T = 0.
        turned: the Gaussian candidate that gives networks on this base their coordinates, or None.
    """

    plain: Variable
    views: Variable
    choice: Choice
    candidate: Candidate | None
    turned: Gaussian | None

    def scores(self, plain: np.ndarray, views: np.ndarray) -> torch.Tensor:
        """Return T of every view with every plain item at these indices, float32."""
        if self.candidate is None:
            return torch.zeros(len(views), len(plain), dtype=torch.float32)
        u, v = self.candidate.vectors(plain, views)
        return torch.from_numpy((self.choice.temperature * (v @ u.T)).astype(np.float32))


def choose_bases(
    bound: Bound, problem: Problem, settings: CrossFitted
) -> dict[tuple[int, str, int], Based]:
    """Return the base of every (fold, variant, level), chosen by the other folds.

    Args:
        bound: its criterion is the value of a candidate.
        problem: the pairs.
        settings: the names of the bases, and the marginals.
    """
    modules = [
        MODULES[name]
        for name in settings.bases
        if not MODULES[name].SAME_SPACE or problem.x.shape[1] == problem.y.shape[2]
    ]
    voters = _voters(problem)
    sets = sorted({tuple(sorted((fold, each))) for fold, of in voters.items() for each in of})
    train = {each: np.flatnonzero(~np.isin(problem.parts, each)) for each in sets}

    def side(values: np.ndarray, out: tuple[int, int]) -> Variable:
        return Variable(values, train[out], problem.pca, settings.marginals, not problem.of_bytes)

    plain = {out: side(problem.x, out) for out in sets}
    found = {}
    for level, values in enumerate(problem.y):
        views = {out: side(values, out) for out in sets}
        for variant, partner in problem.partner.items():
            ballots = {fold: Ballot(bound, len(of)) for fold, of in voters.items()}
            fitted: dict[tuple[int, int], list[Candidate]] = {}
            for out in sets:
                args = plain[out], views[out], partner
                fitted[out] = [each for module in modules for each in module.fit(*args)]
                for fold, voter in (out, out[::-1]):
                    if voter in voters[fold]:
                        index = np.flatnonzero(problem.parts == voter)
                        index = scored(problem, index, SCORED, [problem.seeds[0], voter, 12])
                        own = problem.own(variant, index)
                        pictures = len(np.unique(problem.groups[index]))
                        ballots[fold].add(fitted[out], index, partner[index], own, pictures)
            for fold, ballot in ballots.items():
                out = _trained_without(fold, len(problem.splits))
                choice = ballot.choice() if modules else NOTHING
                names = {each.name: each for each in fitted[out]}
                gaussian = [each for each in fitted[out] if isinstance(each, Gaussian)]
                found[fold, variant, level] = Based(
                    plain[out],
                    views[out],
                    choice,
                    names.get(choice.name),
                    _turning(choice, names, gaussian),
                )
    return found


def _turning(
    choice: Choice, names: dict[str, Candidate], gaussian: list[Gaussian]
) -> Gaussian | None:
    """Return the Gaussian candidate that turns the inputs: the chosen one, or the last one."""
    chosen = names.get(choice.name)
    if isinstance(chosen, Gaussian):
        return chosen
    return gaussian[-1] if chosen is not None and gaussian else None


def _voters(problem: Problem) -> dict[int, list[int]]:
    """Return the folds that choose the base of each fold: the next ones, as many as needed."""
    count, sizes = len(problem.splits), np.bincount(problem.parts)
    _, one_per_picture = np.unique(problem.groups, return_index=True)
    pictures = np.bincount(problem.parts[one_per_picture])
    found = {}
    for fold in range(count):
        found[fold] = []
        for step in range(1, count):
            found[fold].append((fold + step) % count)
            pairs = np.minimum(sizes[found[fold]], SCORED).sum()
            if pairs >= ENOUGH and pictures[found[fold]].sum() >= ENOUGH_PICTURES:
                break
    return found


def _trained_without(fold: int, count: int) -> tuple[int, int]:
    """Return the folds that a fold's critics are trained without: itself and the next, sorted."""
    first, second = sorted((fold, (fold + 1) % count))
    return first, second
