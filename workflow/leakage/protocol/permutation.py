"""Exact permutation tests of independence over whole pictures. Nothing is trained.

All patches of a picture move together. Under the null (views are independent of the plain
pictures) every order of the pictures is equally likely. The share of orders with a statistic at
least as large as the observed one is therefore an exact p-value, for any statistic. A statistic may
use anything that does not depend on the pairing, such as standardisation over all pairs.

    found = test(x, y, groups, draws=999, seed=0)
    found.p_value          # one exact p-value per level, from all statistics together
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from leakage.errors import LeakageError

# Larger data are thinned, patches of a picture first, because distance covariance needs memory for
# the square of this number.
MOST_PAIRS = 1000
# Strata are enlarged until there are this many orders, if the pictures allow it.
ENOUGH_ORDERS = 1_000
# Factor by which the weight of the orders grows in the search for strata with enough orders.
WEIGHT_STEP = 1.1
# Statistics lie between -1 and 1. Differences below this come from the order of summation.
ROUNDING = 1e-10
# Number of orders multiplied at once in distance covariance.
TOGETHER = 8
# A coordinate is constant if it varies by less than this many rounding errors of its dtype.
NOISE = 4


@dataclass(frozen=True)
class Blocks:
    """The pairs of a test, as blocks that move together.

    Attributes:
        pairs: indices of the used pairs, int64 (used,), picture by picture.
        pictures: the picture of each used pair, from 0, int64 (used,), ascending.
        strata: the stratum of each picture, from 0, int64 (pictures,). Pictures of one stratum
            change places; each of them has the same number of used pairs.
        labels: the value of each picture in `groups`, (pictures,).
    """

    pairs: np.ndarray
    pictures: np.ndarray
    strata: np.ndarray
    labels: np.ndarray

    @property
    def possible(self) -> int:
        """The number of distinct orders: the product of the factorials of the strata's sizes."""
        return math.prod(math.factorial(int(size)) for size in np.bincount(self.strata))

    @property
    def sizes(self) -> np.ndarray:
        """The used pairs of each picture, int64 (pictures,)."""
        return np.bincount(self.pictures, minlength=len(self.strata))

    @property
    def starts(self) -> np.ndarray:
        """The position in `pairs` of each picture's first pair, int64 (pictures,)."""
        return np.cumsum(self.sizes) - self.sizes

    def rows(self, orders: np.ndarray) -> np.ndarray:
        """Return orders of pictures, int (draws, pictures), as orders of pairs, (draws, used)."""
        within = np.arange(len(self.pairs)) - self.starts[self.pictures]
        return self.starts[orders[:, self.pictures]] + within


@dataclass(frozen=True)
class Orders:
    """Orders of the pictures, the observed one first.

    Attributes:
        orders: int64 (orders, pictures): the view of picture g meets the plain picture
            orders[:, g].
        exhaustive: whether these are all distinct orders.
    """

    orders: np.ndarray
    exhaustive: bool

    @property
    def smallest_p(self) -> float:
        """The smallest possible p-value."""
        return 1 / len(self.orders)


@dataclass(frozen=True)
class Independence:
    """Tests of several levels on the same orders.

    Attributes:
        statistics: names, in the order of the arrays' first axis.
        values: statistics of the observed order, float64 (statistics, levels).
        p_values: exact p-value of each statistic, float64 (statistics, levels).
        p_value: exact p-value of all statistics together, float64 (levels,).
        orders: number of compared orders, including the observed one.
        possible: number of distinct orders.
        pictures: number of pictures used.
        pairs: number of pairs used.
        exhaustive: whether all distinct orders were compared.
    """

    statistics: tuple[str, ...]
    values: np.ndarray
    p_values: np.ndarray
    p_value: np.ndarray
    orders: int
    possible: int
    pictures: int
    pairs: int
    exhaustive: bool

    @property
    def smallest_p(self) -> float:
        """The smallest p-value possible with the compared orders."""
        return 1 / self.orders


def blocks(
    groups: ArrayLike,
    seed: int = 0,
    most_pairs: int = MOST_PAIRS,
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
    """Return all distinct orders of the pictures, or 1 + `draws` of them if there are more.

    Args:
        used: the blocks.
        draws: number of orders in addition to the observed one.
        seed: draws random orders.
    """
    observed = np.arange(len(used.strata))
    if used.possible <= 1 + draws:
        return Orders(_all(used.strata), True)
    generator = np.random.default_rng([seed, 21])
    found = np.tile(observed, (1 + draws, 1))
    for stratum in range(used.strata.max() + 1):
        members = np.flatnonzero(used.strata == stratum)
        drawn = generator.permuted(np.tile(members, (draws, 1)), axis=1)
        found[1:, members] = drawn
    return Orders(found, False)


def similarity(x: np.ndarray, y: np.ndarray, used: Blocks, over: Orders) -> np.ndarray:
    """Return the mean cosine of matched standardised pairs in every order.

    Args:
        x: plain side, float (pairs, dim).
        y: views, float (levels, pairs, dim), of the same dimension.
        used: the pairs to use.
        over: the orders.

    Returns:
        float64 (levels, orders), from -1 to 1.
    """
    plain = _unit(standardised(x[used.pairs]))
    return np.stack(
        [_matched(plain, _unit(standardised(view[used.pairs])), used, over) for view in y]
    )


def whitened_similarity(x: np.ndarray, y: np.ndarray, used: Blocks, over: Orders) -> np.ndarray:
    """Return the mean cosine of matched pairs, each side whitened with shrinkage, in every order.

    Whitening weights all directions equally, so that the few with most variance (for example
    brightness) do not hide the others. Shrinkage adds the mean eigenvalue to each.

    Args:
        x: plain side, float (pairs, dim).
        y: views, float (levels, pairs, dim), of the same dimension.
        used: the pairs to use.
        over: the orders.

    Returns:
        float64 (levels, orders), from -1 to 1.
    """
    plain = _unit(whitened(standardised(x[used.pairs])))
    return np.stack(
        [_matched(plain, _unit(whitened(standardised(v[used.pairs]))), used, over) for v in y]
    )


def distance_covariance(x: np.ndarray, y: np.ndarray, used: Blocks, over: Orders) -> np.ndarray:
    """Return the squared distance correlation between pictures, in every order.

    Szekely, Rizzo and Bakirov, Annals of Statistics 35, 2007. The distances of standardised items
    are centred once; the plain ones are permuted picture by picture. Pairs from the same picture
    are skipped. Overlapping patches look alike on both sides even if the view is pure noise, so
    the test would report the places of the patches as a leak.

    Args:
        x: plain side, float (pairs, dim_x).
        y: views, float (levels, pairs, dim_y).
        used: the pairs to use.
        over: the orders.

    Returns:
        float64 (levels, orders), from -1 to 1.
    """
    between = used.pictures[:, None] != used.pictures
    plain = _distances(standardised(x[used.pairs]), between)
    views = np.stack([_distances(standardised(view[used.pairs]), between).ravel() for view in y])
    found = np.empty((len(views), len(over.orders)))
    turned = np.empty_like(plain)
    permuted = np.empty((TOGETHER, *plain.shape))
    for first in range(0, len(over.orders), TOGETHER):
        rows = used.rows(over.orders[first : first + TOGETHER])
        for place, order in enumerate(rows):
            # Reuses memory: eight times as fast as plain[order][:, order].
            np.take(plain, order, axis=0, out=turned, mode="clip")
            np.take(turned, order, axis=1, out=permuted[place], mode="clip")
        found[:, first : first + len(rows)] = (
            views @ permuted[: len(rows)].reshape(-1, plain.size).T
        )
    return found


STATISTICS: dict[str, Callable[[np.ndarray, np.ndarray, Blocks, Orders], np.ndarray]] = {
    "similarity": similarity,
    "whitened similarity": whitened_similarity,
    "distance covariance": distance_covariance,
}
# Statistics that compare each coordinate of x with the same coordinate of y.
SAME_SPACE = {"similarity", "whitened similarity"}


def test(
    x: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike | None = None,
    draws: int = 999,
    seed: int = 0,
    most_pairs: int = MOST_PAIRS,
) -> Independence:
    """Test every level for independence of the plain pictures, exactly.

    Args:
        x: plain side, float (pairs, dim_x).
        y: views, float (levels, pairs, dim_y) or (pairs, dim_y).
        groups: the picture of each pair, (pairs,); by default every pair is its own picture.
        draws: number of random orders. If there are fewer distinct orders, all are used.
        seed: draws the pairs and the orders.
        most_pairs: largest number of pairs in the test.

    Raises:
        LeakageError: the shapes do not match, or a value is not finite.
    """
    plain, views = np.asarray(x), np.asarray(y)
    views = views[None] if views.ndim == 2 else views
    if plain.ndim != 2 or views.ndim != 3 or views.shape[1] != len(plain):
        raise LeakageError(
            f"expected x (pairs, dim) and y (levels, pairs, dim), found {plain.shape} and "
            f"{views.shape}"
        )
    if not (np.isfinite(plain).all() and np.isfinite(views).all()):
        raise LeakageError("x and y: expected finite numbers, found NaN or infinity")
    labels = np.arange(len(plain)) if groups is None else np.asarray(groups)
    if labels.shape != (len(plain),):
        raise LeakageError(f"groups: expected {len(plain)}, found shape {labels.shape}")
    used = blocks(labels, seed, most_pairs)
    over = orders(used, draws, seed)
    same = plain.shape[1] == views.shape[2]
    names = tuple(name for name in STATISTICS if same or name not in SAME_SPACE)
    values = np.stack([STATISTICS[name](plain, views, used, over) for name in names])
    return Independence(
        statistics=names,
        values=values[:, :, 0],
        p_values=ranks(values)[:, :, 0],
        p_value=p_values(combined(values)),
        orders=len(over.orders),
        possible=used.possible,
        pictures=len(used.strata),
        pairs=len(used.pairs),
        exhaustive=over.exhaustive,
    )


def p_values(values: np.ndarray) -> np.ndarray:
    """Return the share of orders with a statistic of at least the observed one.

    Args:
        values: float (..., orders), the observed order first.

    Returns:
        float64 (...). Values that differ only by rounding count as equal, so a constant view has
        p = 1.
    """
    return (values >= values[..., :1] - ROUNDING).mean(axis=-1)


def ranks(values: np.ndarray) -> np.ndarray:
    """Return the p-value that each order would have if it were the observed one.

    Args:
        values: float (..., orders).

    Returns:
        float64 (..., orders).
    """
    flat = values.reshape(-1, values.shape[-1])
    found = np.empty(flat.shape)
    for row, each in enumerate(flat):
        # searchsorted needs finite values; statistics are finite.
        found[row] = len(each) - np.searchsorted(np.sort(each), each - ROUNDING, side="left")
    return (found / flat.shape[1]).reshape(values.shape)


def combined(values: np.ndarray) -> np.ndarray:
    """Return one statistic from several: the mean Cauchy variable of their p-values.

    Its own p-value among the same orders is exact, whatever the dependence between the statistics.
    (Liu and Xie, JASA 115, 2020; p-values above 1/2 count as 1/2.) Measured against Fisher's sum of
    logarithms, it has as much power on pictures, and far more if only one of the statistics finds
    the relation.

    Args:
        values: float (statistics, ..., orders).

    Returns:
        float64 (..., orders); larger values are stronger evidence against independence.
    """
    return np.tan((0.5 - np.minimum(ranks(values), 0.5)) * np.pi).mean(axis=0)


def standardised(values: np.ndarray) -> np.ndarray:
    """Return values (rows, dim) with mean 0 and variance 1, constant coordinates as 0, float64."""
    wide = values.astype(np.float64)
    precision = np.finfo(values.dtype if values.dtype.kind == "f" else np.float64).eps
    centred = wide - wide.mean(axis=0)
    scale = centred.std(axis=0)
    constant = scale <= NOISE * precision * np.abs(wide).max(axis=0)
    scale[constant] = np.inf
    return centred / scale


def whitened(values: np.ndarray, shrinkage: float = 1.0) -> np.ndarray:
    """Return centred rows times the inverse root of their shrunk covariance, (rows, dim).

    Args:
        values: float64 (rows, dim), columns with mean 0.
        shrinkage: every eigenvalue grows by this multiple of their mean.
    """
    rows, dim = values.shape
    added = shrinkage * (values**2).sum() / (rows * dim)
    if not added:
        return values
    # The smaller of the two product matrices is enough; other directions have eigenvalue 0.
    few = dim <= rows
    products = values.T @ values if few else values @ values.T
    found, vectors = np.linalg.eigh(products / rows)
    weights = 1 / np.sqrt(np.maximum(found, 0) + added) - 1 / np.sqrt(added)
    turned = (vectors * weights) @ vectors.T
    return values / np.sqrt(added) + (values @ turned if few else turned @ values)


def _cap(sizes: np.ndarray, most: int) -> int:
    """Return the number of pairs per picture above which pictures are thinned, at least 1."""
    cap = int(sizes.max())
    low, high = 1, cap
    while low < high:
        cap = (low + high + 1) // 2
        low, high = (cap, high) if np.minimum(sizes, cap).sum() <= most else (low, cap - 1)
    return low


def _strata(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs to use of each picture and its stratum, both int64 (pictures,)."""
    order = np.argsort(sizes, kind="stable")
    ascending = sizes[order]
    wanted = min(math.log(ENOUGH_ORDERS), math.lgamma(len(sizes) + 1)) - 1e-9
    weight = 0.0
    cuts = _cuts(ascending, weight)
    while _log_orders(cuts) < wanted:
        weight = WEIGHT_STEP * weight if weight else WEIGHT_STEP - 1
        cuts = _cuts(ascending, weight)
    used, strata = np.empty_like(sizes), np.empty_like(sizes)
    for stratum, (first, last) in enumerate(itertools.pairwise(cuts)):
        used[order[first:last]] = ascending[first]
        strata[order[first:last]] = stratum
    return used, strata


def _cuts(ascending: np.ndarray, weight: float) -> list[int]:
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


def _log_orders(cuts: list[int]) -> float:
    return sum(math.lgamma(last - first + 1) for first, last in itertools.pairwise(cuts))


def _all(strata: np.ndarray) -> np.ndarray:
    """Return every distinct order, the observed one first, int64 (orders, pictures)."""
    members = [np.flatnonzero(strata == each) for each in range(strata.max() + 1)]
    every = [np.array(list(itertools.permutations(each))) for each in members]
    chosen = itertools.product(*(range(len(each)) for each in every))
    found = np.empty((math.prod(map(len, every)), len(strata)), np.int64)
    for row, choice in enumerate(chosen):
        for of_stratum, which, permuted in zip(members, choice, every, strict=True):
            found[row, of_stratum] = permuted[which]
    return found


def _unit(values: np.ndarray) -> np.ndarray:
    """Return the rows scaled to length 1; rows of length 0 stay 0."""
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.where(length > 0, length, 1)


def _matched(plain: np.ndarray, view: np.ndarray, used: Blocks, over: Orders) -> np.ndarray:
    """Return the mean product of matched rows in every order, (orders,)."""
    total = np.zeros(len(over.orders))
    sizes, starts = used.sizes, used.starts
    for stratum in range(used.strata.max() + 1):
        members = np.flatnonzero(used.strata == stratum)
        rows = starts[members][:, None] + np.arange(sizes[members[0]])
        # With all patches of a picture side by side, two pictures need one product.
        wide = [each[rows].reshape(len(members), -1) for each in (view, plain)]
        products = wide[0] @ wide[1].T
        place = np.zeros(len(sizes), np.int64)
        place[members] = np.arange(len(members))
        of_stratum = place[over.orders[:, members]]
        total += products[np.arange(len(members)), of_stratum].sum(axis=1)
    return total / len(plain)


def _distances(values: np.ndarray, between: np.ndarray) -> np.ndarray:
    """Return centred Euclidean distances with norm 1, (pairs, pairs).

    Args:
        values: float64 (pairs, dim).
        between: which distances count, symmetric bool (pairs, pairs); the others become 0.
    """
    squares = (values**2).sum(axis=1)
    products = squares[:, None] + squares - 2 * values @ values.T
    distances = np.where(between, np.sqrt(np.maximum(products, 0)), 0)
    row = distances.sum(axis=0) / np.maximum(between.sum(axis=0), 1)
    centred = np.where(between, distances - row - row[:, None] + row.mean(), 0)
    norm = np.linalg.norm(centred)
    return centred / norm if norm > ROUNDING * np.linalg.norm(distances) else 0 * centred
