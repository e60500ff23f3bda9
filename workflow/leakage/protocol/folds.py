"""Split pairs by picture into training, validation and test sides, and mismatch pictures."""

from dataclasses import dataclass

import numpy as np

from leakage.errors import LeakageError


@dataclass(frozen=True)
class Split:
    """Indices of the pairs on each side, int (pairs of the side,); no group is on two sides."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def subsets(self) -> dict[str, np.ndarray]:
        """Return the sides by the names that the tables use."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def split_by_group(
    groups: np.ndarray, validation: float, test: float, generator: np.random.Generator
) -> Split:
    """Split pairs into three sides, with all pairs of a group on one side.

    Args:
        groups: the group of each pair (for example a picture id), shape (pairs,).
        validation, test: shares of the groups on those sides; at least one group each.
        generator: draws the groups of each side.

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
    first = min(first, second - 1)
    sides = np.split(order, [first, second])
    test_side, validation_side, train_side = (
        np.flatnonzero(np.isin(members, side)) for side in sides
    )
    return Split(train_side, validation_side, test_side)


def parts_by_group(groups: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Assign each pair to a part, keeping groups whole; int64 (pairs,), numbered from 0.

    A part needs two groups, because its pairs are mismatched within it. With fewer than two groups
    per part there are fewer parts.

    Args:
        groups: the group of each pair, shape (pairs,).
        count: number of parts of nearly equal size, at least 3.
        generator: draws the groups of each part.

    Raises:
        LeakageError: there are fewer than six groups.
    """
    names, members = np.unique(groups, return_inverse=True)
    if len(names) < 6:
        raise LeakageError(
            f"{len(names)} pictures (groups): cross-fitting needs at least 6, two each to "
            "train, to choose the step and to read the value; add pictures"
        )
    count = min(count, len(names) // 2)
    part = np.empty(len(names), np.int64)
    part[generator.permutation(len(names))] = np.arange(len(names)) * count // len(names)
    return part[members]


def cross_fit(parts: np.ndarray) -> list[Split]:
    """Return one split per part: the part tests, the next one chooses the step, the rest trains.

    Args:
        parts: the part of each pair, from `parts_by_group`, shape (pairs,).
    """
    count = parts.max() + 1
    splits = []
    for test in range(count):
        validation = (test + 1) % count
        train = (parts != test) & (parts != validation)
        splits.append(Split(*map(np.flatnonzero, (train, parts == validation, parts == test))))
    return splits


def mismatch(groups: np.ndarray, parts: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return for each pair the index of a pair of another group in the same part, int64 (pairs,).

    Whole groups change partners, and their pairs stay in order. This keeps the dependence between
    pairs of a group and removes only the dependence between x and y.

    Args:
        groups, parts: the group and the part of each pair, shape (pairs,).
        generator: draws the partners.
    """
    partner = np.empty(len(groups), np.int64)
    order = np.argsort(groups, kind="stable")
    _, first, counts = np.unique(groups[order], return_index=True, return_counts=True)
    part_of = parts[order[first]]
    for part in np.unique(part_of):
        inside = generator.permutation(np.flatnonzero(part_of == part))
        for group, other in zip(inside, np.roll(inside, 1), strict=True):
            own = order[first[group] : first[group] + counts[group]]
            partner[own] = order[first[other] + np.arange(counts[group]) % counts[other]]
    return partner
