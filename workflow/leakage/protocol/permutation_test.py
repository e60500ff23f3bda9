"""Exact permutation tests of independence over whole pictures. Nothing is trained.

The share of orders with a statistic at least as large as the observed one is an exact p-value, for
any statistic. A statistic may use anything that does not depend on the pairing, such as
standardisation over all pairs.

    found = PermutationTest().run(x, y, groups)
    found.p_value          # one exact p-value per level, from all statistics together
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leakage import progress
from leakage.config.settings import shown
from leakage.errors import LeakageError
from leakage.estimators import arguments
from leakage.interfaces import Floats
from leakage.protocol.permutation import Blocks, Orders, blocks, orders
from leakage.protocol.preprocessing import resolution, unit

if TYPE_CHECKING:
    import pandas as pd

COMBINED = "combined"
# The number of distinct orders can be huge; it is cut here before it becomes a float.
MOST_ORDERS = 10**15
# Statistics lie between -1 and 1. Differences below this come from the order of summation.
ROUNDING = 1e-10
# Number of orders multiplied at once in distance covariance.
TOGETHER = 8
# A coordinate is constant if it varies by less than this many rounding errors of its dtype.
NOISE = 4


@dataclass(frozen=True)
class Independence:
    """Tests of several levels on the same orders. p-values are exact."""

    statistics: tuple[str, ...]
    values: Floats  # of the observed order, float64 (statistics, levels)
    p_values: Floats  # of each statistic, float64 (statistics, levels)
    p_value: Floats  # of all statistics together, float64 (levels,)
    orders: int  # number of compared orders, including the observed one
    possible: int  # number of distinct orders
    pictures: int  # number of pictures used
    pairs: int  # number of pairs used
    exhaustive: bool  # whether all distinct orders were compared

    @property
    def smallest_p(self) -> float:
        """The smallest p-value possible with the compared orders."""
        return 1 / self.orders

    def table(self, levels: list[int]) -> "pd.DataFrame":
        """Return one row per level and statistic, and one per level for all together (`combined`).

        Columns: level, statistic, value (missing for `combined`), p_value, orders (number of
        compared orders), pictures, pairs, exact (whether all distinct orders were compared),
        smallest_p (smallest p-value possible with the compared orders) and possible_p (with all
        distinct orders).
        """
        import pandas as pd

        names = [*self.statistics, COMBINED]
        values = np.vstack([self.values, np.full(len(levels), np.nan)])
        p_values = np.vstack([self.p_values, self.p_value])
        return pd.DataFrame(
            {
                "level": np.repeat(levels, len(names)),
                "statistic": names * len(levels),
                "value": values.T.ravel(),
                "p_value": p_values.T.ravel(),
                "orders": self.orders,
                "pictures": self.pictures,
                "pairs": self.pairs,
                "exact": self.exhaustive,
                "smallest_p": self.smallest_p,
                "possible_p": 1 / min(self.possible, MOST_ORDERS),
            }
        )


@dataclass(frozen=True)
class PermutationTest:
    """The exact test of every level, from all statistics together (`leakage.interfaces.Test`).

    Attributes:
        permutations: number of random orders. If there are fewer distinct orders, all are used.
        pairs: largest number of pairs. Larger data are thinned, patches of a picture first, because
            distance covariance needs memory for the square of this number.
    """

    permutations: int = 999
    pairs: int = 1000

    def __post_init__(self) -> None:
        """Refuse numbers of orders or pairs that leave nothing to compare."""
        for name, fewest in (("permutations", 1), ("pairs", 2)):
            found = getattr(self, name)
            if isinstance(found, bool) or not isinstance(found, int | np.integer) or found < fewest:
                raise LeakageError(
                    f"{name}: found {shown(found)}; expected a whole number from {fewest}"
                )

    def test(
        self, x: Floats, y: Floats, groups: ArrayLike | None, levels: list[int], seed: int
    ) -> "pd.DataFrame":
        """Return one row per level and statistic (`Independence.table`); see `run`."""
        return self.run(x, y, groups, seed).table(levels)

    def run(
        self, x: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None, seed: int = 0
    ) -> Independence:
        """Test every level for independence of the plain pictures.

        Args:
            x: plain items, float (pairs, dim_x).
            y: views, float (levels, pairs, dim_y) or (pairs, dim_y).
            groups: the picture of each pair, (pairs,); by default every pair is its own picture.
            seed: draws the pairs and the orders.

        Raises:
            LeakageError: the shapes do not match, a value is not finite, its square leaves
                float64's range, or the seed is not a whole number from 0.
        """
        plain, views, given, _, seed = arguments.checked(x, y, groups, None, seed)
        with progress.of_library("test"):
            return self._run(plain, views, given, seed)

    def _run(
        self, plain: Floats, views: Floats, given: NDArray[Any] | None, seed: int
    ) -> Independence:
        members = np.arange(len(plain)) if given is None else given
        used = blocks(members, seed, self.pairs)
        over = orders(used, self.permutations, seed)
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


def untested(levels: list[int], pictures: int, pairs: int) -> "pd.DataFrame":
    """Return the table of a test on too few pictures for two different orders: p is 1."""
    none = np.empty((0, len(levels)))
    one = np.ones(len(levels))
    return Independence((), none, none, one, 1, 1, pictures, pairs, exhaustive=True).table(levels)


def similarity(x: Floats, y: Floats, used: Blocks, over: Orders) -> Floats:
    """Return the mean cosine of matched standardised pairs in every order, (levels, orders).

    x is float (pairs, dim), y (levels, pairs, dim).
    """
    plain = unit(standardised(x[used.pairs]))
    views = (unit(standardised(view[used.pairs])) for view in y)
    return np.stack([_mean_product(plain, view, used, over) for view in views])


def whitened_similarity(x: Floats, y: Floats, used: Blocks, over: Orders) -> Floats:
    """Return the mean cosine of matched pairs, each variable whitened with shrinkage.

    Whitening weights all directions equally, so that the few with most variance (for example
    brightness) do not hide the others. Arguments and result are as in `similarity`.
    """
    plain = unit(whitened(standardised(x[used.pairs])))
    views = (unit(whitened(standardised(view[used.pairs]))) for view in y)
    return np.stack([_mean_product(plain, view, used, over) for view in views])


def distance_covariance(x: Floats, y: Floats, used: Blocks, over: Orders) -> Floats:
    """Return the squared distance correlation between pictures, in every order.

    Szekely, Rizzo and Bakirov, Annals of Statistics 35, 2007. The distances of standardised items
    are centred once; the plain ones are permuted picture by picture. Pairs of the same picture are
    skipped: overlapping patches look alike even in views of pure noise, and would be reported as a
    leak.

    Arguments and result are as in `similarity`; the dimensions of x and y may differ.
    """
    between = used.pictures[:, None] != used.pictures
    plain = _distances(standardised(x[used.pairs]), between)
    views = np.stack([_distances(standardised(view[used.pairs]), between).ravel() for view in y])
    found = np.empty((len(views), len(over.orders)))
    turned = np.empty_like(plain)
    permuted = np.empty((TOGETHER, *plain.shape))
    for first in progress.over(range(0, len(over.orders), TOGETHER), "blocks of orders"):
        rows = used.rows(over.orders[first : first + TOGETHER])
        for place, order in enumerate(rows):
            # Reuses memory: eight times as fast as plain[order][:, order].
            np.take(plain, order, axis=0, out=turned, mode="clip")
            np.take(turned, order, axis=1, out=permuted[place], mode="clip")
        permuted_rows = permuted[: len(rows)].reshape(-1, plain.size)
        found[:, first : first + len(rows)] = views @ permuted_rows.T
    return found


STATISTICS: dict[str, Callable[[Floats, Floats, Blocks, Orders], Floats]] = {
    "similarity": similarity,
    "whitened similarity": whitened_similarity,
    "distance covariance": distance_covariance,
}
# Statistics that compare each coordinate of x with the same coordinate of y.
SAME_SPACE = {"similarity", "whitened similarity"}


def p_values(values: Floats) -> Floats:
    """Return the share of orders (the last axis) with at least the first one's statistic.

    Values that differ only by rounding count as equal, so a constant view has p = 1.
    """
    found: Floats = (values >= values[..., :1] - ROUNDING).mean(axis=-1)
    return found


def ranks(values: Floats) -> Floats:
    """Return the p-value that each order would have if it were the observed one, (..., orders)."""
    flat = values.reshape(-1, values.shape[-1])
    below = [np.searchsorted(np.sort(each), each - ROUNDING, side="left") for each in flat]
    return ((flat.shape[1] - np.stack(below)) / flat.shape[1]).reshape(values.shape)


def combined(values: Floats) -> Floats:
    """Return one statistic (..., orders) from several (statistics, ..., orders).

    It is the mean Cauchy variable.

    Its own p-value among the same orders is exact, whatever the dependence between the statistics.
    (Liu and Xie, JASA 115, 2020; p-values above 1/2 count as 1/2.) Measured against Fisher's sum of
    logarithms, it has as much power on pictures, and far more if only one of the statistics finds
    the relation.
    """
    found: Floats = np.tan((0.5 - np.minimum(ranks(values), 0.5)) * np.pi).mean(axis=0)
    return found


def standardised(values: Floats) -> Floats:
    """Return values (rows, dim) with mean 0 and variance 1, constant coordinates as 0, float64."""
    wide = values.astype(np.float64)
    centred = wide - wide.mean(axis=0)
    scale = centred.std(axis=0)
    constant = scale <= NOISE * resolution(values.dtype, np.abs(wide).max(axis=0))
    scale[constant] = np.inf
    found: Floats = centred / scale
    return found


def whitened(values: Floats, shrinkage: float = 1.0) -> Floats:
    """Return centred rows (rows, dim) times the inverse root of their shrunk covariance.

    Every eigenvalue grows by `shrinkage` times their mean.
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
    change: Floats = values @ turned if few else turned @ values
    whitened_rows: Floats = values / np.sqrt(added) + change
    return whitened_rows


def _mean_product(plain: Floats, view: Floats, used: Blocks, over: Orders) -> Floats:
    """Return the mean product of matched rows in every order, (orders,)."""

    def products(members: np.ndarray) -> Floats:
        rows = used.starts[members][:, None] + np.arange(used.sizes[members[0]])
        # With all patches of a picture side by side, two pictures need one product.
        wide = [each[rows].reshape(len(members), -1) for each in (view, plain)]
        found: Floats = wide[0] @ wide[1].T
        return found

    return used.sums(over.orders, products) / len(plain)


def _distances(values: Floats, between: np.ndarray) -> Floats:
    """Return centred Euclidean distances of values (pairs, dim), with norm 1, (pairs, pairs).

    Distances that do not count in the symmetric mask `between` are 0.
    """
    squares = (values**2).sum(axis=1)
    products = squares[:, None] + squares - 2 * values @ values.T
    distances = np.where(between, np.sqrt(np.maximum(products, 0)), 0)
    row = distances.sum(axis=0) / np.maximum(between.sum(axis=0), 1)
    centred = np.where(between, distances - row - row[:, None] + row.mean(), 0)
    norm = np.linalg.norm(centred)
    return centred / norm if norm > ROUNDING * np.linalg.norm(distances) else 0 * centred
