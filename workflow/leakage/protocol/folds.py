"""Split pairs by picture into training, validation and test sets or folds; mismatch pictures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leakage.errors import LeakageError
from leakage.interfaces import Ints

# Cross-fitting needs two pictures each to train, to choose the step and to read the value.
FEWEST_PICTURES = 6


@dataclass(frozen=True)
class Split:
    """Indices of the pairs of each set, int (pairs of the set,); no picture is in two sets."""

    train: Ints
    validation: Ints
    test: Ints

    def subsets(self) -> dict[str, Ints]:
        """Return the sets by the names that the tables use."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def split_by_group(
    groups: NDArray[np.generic], validation: float, test: float, generator: np.random.Generator
) -> Split:
    """Split pairs into three sets by shares of the groups, with all pairs of a group in one set.

    Raises:
        LeakageError: there are fewer than three groups.
    """
    names, members = np.unique(groups, return_inverse=True)
    if len(names) < 3:
        raise LeakageError(
            f"{len(names)} pictures (groups): at least 3 are needed, one each to train, to choose "
            "the step and to read the value; add pictures or split pairs within them"
        )
    order = generator.permutation(len(names))
    first = max(1, round(test * len(names)))
    second = min(first + max(1, round(validation * len(names))), len(names) - 1)
    drawn = np.split(order, [min(first, second - 1), second])
    tested, validated, trained = (np.flatnonzero(np.isin(members, each)) for each in drawn)
    return Split(trained, validated, tested)


def assign_folds(groups: NDArray[np.generic], count: int, generator: np.random.Generator) -> Ints:
    """Assign each pair to a fold, keeping groups whole; int64 (pairs,), numbered from 0.

    A fold needs two groups, because its pairs are mismatched within it. With fewer than two groups
    per fold there are fewer folds than `count`.

    Raises:
        LeakageError: there are fewer than six groups.
    """
    names, members = np.unique(groups, return_inverse=True)
    if len(names) < FEWEST_PICTURES:
        raise LeakageError(
            f"{len(names)} pictures (groups): cross-fitting needs at least {FEWEST_PICTURES}, two "
            "each to train, to choose the step and to read the value; add pictures"
        )
    count = min(count, len(names) // 2)
    fold = np.empty(len(names), np.int64)
    fold[generator.permutation(len(names))] = np.arange(len(names)) * count // len(names)
    return fold[members]


def cross_fit(folds: Ints) -> list[Split]:
    """Return one split per fold: the fold tests, the next one validates, the rest trains."""
    count = folds.max() + 1
    splits = []
    for test in range(count):
        validation = (test + 1) % count
        train = (folds != test) & (folds != validation)
        splits.append(Split(*map(np.flatnonzero, (train, folds == validation, folds == test))))
    return splits


def mismatch(groups: Ints, folds: Ints, generator: np.random.Generator) -> Ints:
    """Return for each pair the index of a pair of another group in the same fold, int64 (pairs,).

    Whole groups change partners, and their pairs stay in order. This keeps the dependence between
    pairs of a group and removes only the dependence between x and y.
    """
    partner = np.empty(len(groups), np.int64)
    order = np.argsort(groups, kind="stable")
    _, first, counts = np.unique(groups[order], return_index=True, return_counts=True)
    fold_of = folds[order[first]]
    for fold in np.unique(fold_of):
        inside = generator.permutation(np.flatnonzero(fold_of == fold))
        for group, other in zip(inside, np.roll(inside, 1), strict=True):
            own = order[first[group] : first[group] + counts[group]]
            partner[own] = order[first[other] + np.arange(counts[group]) % counts[other]]
    return partner
