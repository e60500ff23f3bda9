"""Local Shannon entropy: the mean entropy of 30 blocks of 1,936 values that do not overlap.

Wu, Zhou, Saveriades, Agaian, Noonan and Natarajan, "Local Shannon entropy measure with statistical
tests for image randomness", Information Sciences 222, 2013. For random bytes the entropy of a block
has the mean and deviation below, exactly. The mean of 30 blocks is nearly normal.

Readings of ours: a block lies in one channel. Its sides are 44 x 44; where fewer than 30 such
blocks fit, the most square sides with the same product of which 30 fit. Without any the test is not
defined. The blocks are drawn at random, always the same ones for a size.
"""

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from leakage.measures.statistics import entropy
from leakage.security import UNDEFINED, Accepted, Check, Checks, Shape
from leakage.security.case import Case
from leakage.security.changes import two_sided

BLOCKS = 30
# Height and width of a block, the most square first: all products of 1,936.
SIDES = [
    sides
    for height in (44, 22, 16, 11, 8, 4, 2, 1)
    for sides in ((height, 1936 // height), (1936 // height, height))
]
# Of the entropy of one block of random bytes, in bits.
MEAN, DEVIATION = 7.902469317, 0.008694226


class LocalEntropy(Checks):
    """Mean entropy of blocks, in bits."""

    tests: ClassVar[tuple[Check, ...]] = (Check("local_entropy", "local Shannon entropy", "bits"),)

    def values(self, case: Case) -> tuple[float, ...]:
        """Return the value of the ciphertext."""
        if (sides := fitting(case.ciphertext.shape)) is None:
            return (UNDEFINED,)
        found = [entropy(np.bincount(each, minlength=256)) for each in _drawn(case, sides)]
        return (float(np.mean(found)),)

    def accepted(self, shape: Shape) -> tuple[Accepted, ...]:
        """Return the interval, two-sided."""
        if fitting(shape) is None:
            return super().accepted(shape)
        return (two_sided(MEAN, DEVIATION / math.sqrt(BLOCKS)),)


def fitting(shape: Shape) -> tuple[int, int] | None:
    """Return height and width of the blocks in a picture; None if fewer than 30 fit."""
    height, width, channels = shape
    for down, right in SIDES:
        if (height // down) * (width // right) * channels >= BLOCKS:
            return down, right
    return None


def _drawn(case: Case, sides: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """Return the values of each block, (1936,)."""
    (down, right), (height, width, channels) = sides, case.ciphertext.shape
    grid = height // down, width // right, channels
    places = np.random.default_rng(0).choice(math.prod(grid), BLOCKS, replace=False)
    blocks = []
    for row, column, channel in zip(*np.unravel_index(places, grid), strict=True):
        rows = slice(row * down, (row + 1) * down)
        columns = slice(column * right, (column + 1) * right)
        blocks.append(case.ciphertext[rows, columns, channel].ravel())
    return blocks
