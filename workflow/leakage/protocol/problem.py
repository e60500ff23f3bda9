"""The pairs of a held-out estimate, and how they are held out."""

from dataclasses import dataclass

import numpy as np

from leakage.protocol import folds

MATCHED, MISMATCHED = "matched", "mismatched"


@dataclass(frozen=True, eq=False)
class Problem:
    """The pairs, and how they are held out.

    Attributes:
        x: plain items, (pairs, dim_x), any numeric dtype.
        y: views, (levels, pairs, dim_y).
        groups: the picture of each pair as a number from 0, int64 (pairs,).
        parts: the fold of each pair, int64 (pairs,).
        partner: per variant (matched, mismatched), the view of each pair, int64 (pairs,).
        splits: training, validation and test pairs of each fold.
        seeds: one random seed per repetition.
        pca: components of the critics' inputs; None keeps all coordinates.
        note: how bytes were read, as words to append to the estimand.
    """

    x: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    parts: np.ndarray
    partner: dict[str, np.ndarray]
    splits: list[folds.Split]
    seeds: list[int]
    pca: int | None
    note: str

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

    def own(self, variant: str, index: np.ndarray) -> np.ndarray:
        """Return which pairs are not negatives of each other, bool (views, plain items).

        These are the pairs of the same picture. In the mismatched variant they include a view and
        its true plain item.

        Args:
            variant: matched or mismatched.
            index: indices of the pairs.
        """
        plain, true = self.groups[index], self.groups[self.partner[variant][index]]
        return (plain[:, None] == plain) | (true[:, None] == plain)


def validated(problem: Problem, fold: int, seed: int, limit: int) -> np.ndarray:
    """Return at most `limit` validation pairs of a fold, int64 (pairs,).

    The draw is random but balanced over the pictures. Otherwise a large picture could take all
    places, and its pairs would have no negatives.
    """
    side = np.random.default_rng([seed, fold, 6]).permutation(problem.splits[fold].validation)
    return side[np.argsort(_turns(problem.groups[side]), kind="stable")[:limit]]


def _turns(groups: np.ndarray) -> np.ndarray:
    """Return the number of earlier pairs of the same picture for each pair, int64 (pairs,)."""
    order = np.argsort(groups, kind="stable")
    _, first, counts = np.unique(groups[order], return_index=True, return_counts=True)
    turns = np.empty(len(groups), np.int64)
    turns[order] = np.arange(len(groups)) - np.repeat(first, counts)
    return turns


def scored(problem: Problem, index: np.ndarray, limit: int, seed: list[int]) -> np.ndarray:
    """Return at most `limit` of some pairs at random, sorted, with as many of each picture as fit.

    If there are more pictures than `limit`, it takes one pair each of some of them.

    Args:
        problem: the pairs.
        index: indices of the pairs to choose from.
        limit: the largest number of pairs.
        seed: of the draw.

    Returns:
        int64 (at most limit,).
    """
    if len(index) <= limit:
        return index
    generator = np.random.default_rng(seed)
    drawn = generator.permutation(problem.groups[index].max() + 1)
    index = generator.permutation(index)
    groups = problem.groups[index]
    turns = _turns(groups)
    pictures = np.count_nonzero(turns == 0)
    alike = limit // pictures * pictures if limit >= pictures else limit
    return np.sort(index[np.lexsort((drawn[groups], turns))[:alike]])
