"""Permutations of whole pictures: what a permutation test or a null compares the data with.

Under the null (views are independent of the plain pictures) every order of the pictures is equally
likely. All patches of a picture move together. Pictures with similar numbers of pairs form a
stratum and change places with one another. Each uses as many pairs as the smallest one in it.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from leakage.errors import LeakageError
from leakage.interfaces import Floats, Ints

# Strata are enlarged until there are this many orders, if the pictures allow it.
ENOUGH_ORDERS = 1_000
# Factor by which the weight of the orders grows in the search for strata with enough orders.
WEIGHT_STEP = 1.1


@dataclass(frozen=True)
class Blocks:
    """The pairs of a test, as blocks that move together.

    Pictures of one stratum change places. Each of them has the same number of used pairs.
    """

    pairs: Ints  # indices of the used pairs, picture by picture, (used,)
    pictures: Ints  # the picture of each used pair, from 0, ascending, (used,)
    strata: Ints  # the stratum of each picture, from 0, (pictures,)
    labels: np.ndarray  # the value of each picture in `groups`, (pictures,)

    @property
    def possible(self) -> int:
        """The number of distinct orders: the product of the factorials of the strata's sizes."""
        return math.prod(math.factorial(int(size)) for size in np.bincount(self.strata))

    @cached_property
    def sizes(self) -> Ints:
        """The used pairs of each picture, int64 (pictures,)."""
        return np.bincount(self.pictures, minlength=len(self.strata))

    @cached_property
    def starts(self) -> Ints:
        """The position in `pairs` of each picture's first pair, int64 (pictures,)."""
        return np.cumsum(self.sizes) - self.sizes

    @property
    def members(self) -> list[Ints]:
        """The pictures of each stratum."""
        return [np.flatnonzero(self.strata == each) for each in range(self.strata.max() + 1)]

    def rows(self, orders: Ints) -> Ints:
        """Return orders of pictures, int (draws, pictures), as orders of pairs, (draws, used)."""
        within = np.arange(len(self.pairs)) - self.starts[self.pictures]
        return self.starts[orders[:, self.pictures]] + within

    def sums(self, orders: Ints, scores: Callable[[Ints], Floats]) -> Floats:
        """Return the sum of a score over the matched pictures of every order, float64 (orders,).

        `scores` returns the score of the views of some pictures of a stratum with their plain
        items, (pictures, pictures), summed over the pairs of a picture.
        """
        total = np.zeros(len(orders))
        for members in self.members:
            place = np.zeros(len(self.strata), np.int64)
            place[members] = np.arange(len(members))
            matched = scores(members)[np.arange(len(members)), place[orders[:, members]]]
            total += matched.sum(axis=1)
        return total


@dataclass(frozen=True)
class Orders:
    """Orders of the pictures, the observed one first."""

    # int64 (orders, pictures): the view of picture g meets the plain picture orders[:, g].
    orders: Ints
    exhaustive: bool  # whether these are all distinct orders


def blocks(
    groups: ArrayLike,
    seed: int = 0,
    most_pairs: int = 1000,
    most_pictures: int | None = None,
) -> Blocks:
    """Return the pairs to use, and strata of pictures that may change places.

    Pictures with many more pairs than others are thinned, so that the test stays within
    `most_pairs`. Then pictures are sorted by size and cut into strata. Every picture of a stratum
    uses as many pairs as the smallest one, drawn at random. Among the cuts with enough orders, the
    largest sum of (pictures - 1) x pairs per picture is taken. The squared signal-to-noise ratio of
    a sum over matched pairs is proportional to it.

    Args:
        groups: the picture of each pair, shape (pairs,).
        seed: draws the pairs.
        most_pairs: largest number of pairs in the test.
        most_pictures: largest number of pictures in the test, at most `most_pairs` (the default).

    Raises:
        LeakageError: `groups` is empty or has more than one axis.
    """
    labels = np.asarray(groups)
    if labels.ndim != 1 or not len(labels):
        raise LeakageError(f"groups: expected one per pair, found an array of shape {labels.shape}")
    generator = np.random.default_rng([seed, 20])
    labels, picture = np.unique(labels, return_inverse=True)
    kept = np.arange(len(labels))
    most_pictures = min(most_pairs, most_pictures or most_pairs)
    if len(labels) > most_pictures:
        kept = np.sort(generator.permutation(len(labels))[:most_pictures])
    sizes = np.bincount(picture)[kept]
    cap = _cap(sizes, most_pairs)
    by_size, strata = _strata(np.minimum(sizes, cap))
    # After a shuffle and a stable sort by picture, the first m pairs of a picture are random.
    shuffled = generator.permutation(len(picture))
    shuffled = shuffled[np.argsort(picture[shuffled], kind="stable")]
    first = np.searchsorted(picture[shuffled], kept)
    pairs = [np.sort(shuffled[first[g] : first[g] + size]) for g, size in enumerate(by_size)]
    return Blocks(
        np.concatenate(pairs), np.repeat(np.arange(len(kept)), by_size), strata, labels[kept]
    )


def orders(used: Blocks, draws: int = 999, seed: int = 0) -> Orders:
    """Return all distinct orders of the pictures, or the observed and `draws` random ones."""
    if used.possible <= 1 + draws:
        return Orders(_all(used.members), True)
    generator = np.random.default_rng([seed, 21])
    found = np.tile(np.arange(len(used.strata)), (1 + draws, 1))
    for members in used.members:
        found[1:, members] = generator.permuted(np.tile(members, (draws, 1)), axis=1)
    return Orders(found, False)


def _cap(sizes: Ints, most: int) -> int:
    """Return the number of pairs per picture above which pictures are thinned, at least 1."""
    cap = int(sizes.max())
    low, high = 1, cap
    while low < high:
        cap = (low + high + 1) // 2
        low, high = (cap, high) if np.minimum(sizes, cap).sum() <= most else (low, cap - 1)
    return low


def _strata(sizes: Ints) -> tuple[Ints, Ints]:
    """Return the pairs to use of each picture and its stratum, both int64 (pictures,)."""
    order = np.argsort(sizes, kind="stable")
    ascending = sizes[order]
    wanted = min(math.log(ENOUGH_ORDERS), math.lgamma(len(sizes) + 1)) - 1e-9
    weight = 0.0
    cuts = _cuts(ascending, weight)
    while sum(math.lgamma(last - first + 1) for first, last in itertools.pairwise(cuts)) < wanted:
        weight = WEIGHT_STEP * weight if weight else WEIGHT_STEP - 1
        cuts = _cuts(ascending, weight)
    used, strata = np.empty_like(sizes), np.empty_like(sizes)
    for stratum, (first, last) in enumerate(itertools.pairwise(cuts)):
        used[order[first:last]] = ascending[first]
        strata[order[first:last]] = stratum
    return used, strata


def _cuts(ascending: Ints, weight: float) -> list[int]:
    """Return the cuts of sorted sizes with the best sum, both ends included.

    A stratum of s pictures with m pairs each contributes (s - 1) m + weight log s! to the sum. The
    search is by dynamic programming.
    """
    count = len(ascending)
    logs = np.array([math.lgamma(size + 1) for size in range(count + 1)])
    best = np.zeros(count + 1)
    start = np.zeros(count + 1, np.int64)
    for last in range(1, count + 1):
        size = last - np.arange(last)
        gain = best[:last] + (size - 1) * ascending[:last] + weight * logs[size]
        start[last] = np.argmax(gain)
        best[last] = gain[start[last]]
    cuts = [count]
    while cuts[-1]:
        cuts.append(int(start[cuts[-1]]))
    return cuts[::-1]


def _all(strata: list[Ints]) -> Ints:
    """Return every distinct order, the observed one first, int64 (orders, pictures)."""
    permuted = [np.array(list(itertools.permutations(members))) for members in strata]
    found = np.empty((math.prod(map(len, permuted)), sum(map(len, strata))), np.int64)
    for row, choice in enumerate(itertools.product(*permuted)):
        for members, order in zip(strata, choice, strict=True):
            found[row, members] = order
    return found
