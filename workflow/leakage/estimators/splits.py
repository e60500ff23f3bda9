"""Who trains, who chooses the step, and who is asked at the end."""

from dataclasses import dataclass

import numpy as np

from leakage.errors import LeakageError


@dataclass(frozen=True)
class Split:
    """Indices of the pairs on each side, shape (pairs on that side,); no group is on two sides."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def sides(self) -> dict[str, np.ndarray]:
        """Return the sides by the names that the tables use."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def split_by_group(
    groups: np.ndarray, validation: float, test: float, generator: np.random.Generator
) -> Split:
    """Split pairs into three sides so that all pairs of a group lie on one side.

    Args:
        groups: shape (pairs,), the group of each pair (a picture's id, say).
        validation, test: shares of the groups for those sides; at least one group each.
        generator: draws which groups.

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
