"""The pairs of a held-out estimate, and how they are held out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from leakage.interfaces import Floats, Ints
from leakage.protocol.folds import Split

MATCHED, MISMATCHED = "matched", "mismatched"


class BaseKey(NamedTuple):
    """Names a base critic: all seeds of a fold share it."""

    fold: int
    variant: str
    level: int


class NetworkKey(NamedTuple):
    """Names a network."""

    seed: int
    fold: int
    variant: str
    level: int

    @property
    def base(self) -> BaseKey:
        """The base critic that the network may start from."""
        return BaseKey(*self[1:])

    @property
    def unit(self) -> tuple[int, int]:
        """Seed and fold."""
        return self.seed, self.fold


@dataclass(frozen=True, eq=False)
class Problem:
    """The pairs, and how they are held out."""

    x: Floats  # plain items, (pairs, dim_x)
    y: Floats  # views, (levels, pairs, dim_y)
    groups: Ints  # the picture of each pair as a number from 0, (pairs,)
    folds: Ints  # the fold of each pair, (pairs,)
    partner: Mapping[str, Ints]  # per variant (matched, mismatched), the view of each pair
    splits: list[Split]  # training, validation and test pairs of each fold
    seeds: list[int]  # one random seed per repetition
    pca: int | None  # components of the critics' inputs; None keeps all coordinates
    note: str  # how bytes were read, as words to append to the estimand

    @property
    def of_bytes(self) -> bool:
        """Whether the pairs are bytes."""
        return bool(self.note)

    @property
    def units(self) -> list[tuple[int, int]]:
        """Every (seed, fold)."""
        return [(seed, fold) for fold in range(len(self.splits)) for seed in self.seeds]

    @property
    def networks(self) -> list[tuple[str, int]]:
        """Every (variant, level) of a unit."""
        return [(variant, level) for variant in self.partner for level in range(len(self.y))]

    def own(self, variant: str, index: Ints) -> np.ndarray:
        """Return which pairs at `index` are not negatives of each other, bool (views, plain items).

        These are the pairs of the same picture. In the mismatched variant they include a view and
        its true plain item.
        """
        plain, true = self.groups[index], self.groups[self.partner[variant][index]]
        own: np.ndarray = (plain[:, None] == plain) | (true[:, None] == plain)
        return own


def validated(problem: Problem, fold: int, seed: int, limit: int) -> Ints:
    """Return at most `limit` validation pairs of a fold, int64 (pairs,).

    The draw is random but balanced over the pictures. Otherwise a large picture could take all
    places, and its pairs would have no negatives.
    """
    pairs = np.random.default_rng([seed, fold, 6]).permutation(problem.splits[fold].validation)
    return pairs[np.argsort(_turns(problem.groups[pairs]), kind="stable")[:limit]]


def scored(problem: Problem, index: Ints, limit: int, seed: list[int]) -> Ints:
    """Return at most `limit` of the pairs `index` at random, sorted, equally many of each picture.

    If there are more pictures than `limit`, it takes one pair each of some of them.
    """
    if len(index) <= limit:
        return index
    generator = np.random.default_rng(seed)
    drawn = generator.permutation(problem.groups[index].max() + 1)
    index = generator.permutation(index)
    groups = problem.groups[index]
    turns = _turns(groups)
    pictures = np.count_nonzero(turns == 0)
    equal = limit // pictures * pictures if limit >= pictures else limit
    return np.sort(index[np.lexsort((drawn[groups], turns))[:equal]])


def _turns(groups: Ints) -> Ints:
    """Return the number of earlier pairs of the same picture for each pair, int64 (pairs,)."""
    order = np.argsort(groups, kind="stable")
    _, first, counts = np.unique(groups[order], return_index=True, return_counts=True)
    turns = np.empty(len(groups), np.int64)
    turns[order] = np.arange(len(groups)) - np.repeat(first, counts)
    return turns
