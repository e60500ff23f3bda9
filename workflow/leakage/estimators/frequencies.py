"""Entropy and mutual information from counts, in nats: empirical and bias-corrected.

The empirical estimate uses frequencies as probabilities. It is exact for a complete population, and
if one variable is a function of the other. Otherwise its mutual information is too large by about
(Kx - 1)(Ky - 1) / 2N nats.
"""

import functools
import math
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

BYTES = 256
# With fewer pixels all pairs are counted, even if the view is a function of the pixel.
FEW = 512
EULER = 0.5772156649015329
# The logarithms of NumPy and the C library differ in the last bit between processors. This one is
# computed with more digits and then rounded.
_DIGITS = Context(prec=30)


@functools.cache
def logarithm(n: int) -> float:
    """Return ln of a positive integer: the nearest float64, the same on every machine."""
    return float(_DIGITS.ln(Decimal(n)))


def entropy(counts: NDArray[Any]) -> float:
    """Return the entropy -sum p ln p in nats of non-negative integer `counts` of any shape."""
    # Cached because the entropy of a channel is needed at every level.
    if counts.size <= BYTES and counts.dtype == np.int64:
        return _entropy_of_few(counts.tobytes())
    return _entropy(counts, _logarithms)


@functools.lru_cache(maxsize=64)
def _entropy_of_few(counts: bytes) -> float:
    return _entropy(np.frombuffer(counts, np.int64), _logarithms)


def _logarithms(n: NDArray[Any]) -> NDArray[Any]:
    """Return `logarithm` of positive int64 n, with long doubles if the machine has them."""
    if np.finfo(np.longdouble).nmant < 63:
        return np.array([logarithm(each) for each in n.tolist()])
    # The error is far below the slack in every library. If the slack does not change the rounding,
    # the rounding is correct.
    wide = np.log(n.astype(np.longdouble))
    slack = np.abs(wide) * np.longdouble(2) ** -60
    found = (wide + slack).astype(np.float64)
    for unsure in np.flatnonzero(found != (wide - slack).astype(np.float64)):
        found[unsure] = logarithm(int(n[unsure]))
    return found


def grassberger_entropy(counts: NDArray[Any]) -> float:
    """Return Grassberger's estimate of the entropy in nats from non-negative integer `counts`.

    Grassberger, "Entropy Estimates from Insufficient Samplings", arXiv physics/0307138:
    H = ln N - 1/N sum n G(n), with G(n) = psi(n) + (-1)^n / 2 [psi((n + 1) / 2) - psi(n / 2)]. The
    bias falls exponentially with the expected counts. A single symbol has entropy 0.
    """
    return _entropy(counts, lambda n: _grassberger(int(n.max()).bit_length())[n // 2])


def _entropy(counts: NDArray[Any], term: Callable[[NDArray[Any]], NDArray[Any]]) -> float:
    """Return ln N - 1/N sum n term(n), with the sum rounded once; 0 for a single symbol."""
    # Few counts are distinct, so the term is computed once for each distinct count.
    n, times = _distinct(counts[counts > 0])
    if times.sum() < 2:
        return 0.0  # exact; the sum would leave a rounding error
    total = int((times * n).sum())
    return logarithm(total) - math.fsum((times * n * term(n)).tolist()) / total


def _distinct(counts: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the distinct positive counts, ascending, and how often each occurs."""
    if counts.size and counts.max() < counts.size:
        times = np.bincount(counts)
        n = np.flatnonzero(times)
        return n, times[n]
    return np.unique(counts, return_counts=True)


@functools.cache
def _grassberger(bits: int) -> NDArray[Any]:
    """Return G(n) at n // 2, for all n below 2^bits.

    G(1) = -gamma - ln 2, G(2k + 1) = G(2k) and G(2k) = G(1) + sum over j < k of 2 / (2j + 1).
    """
    odd = 2.0 * np.arange(1 << max(0, bits - 1)) + 1
    sums = np.concatenate([[0.0], np.cumsum(2 / odd)])
    return sums - EULER - logarithm(2)


class Counts(NamedTuple):
    """How often every symbol of x, every symbol of y and every pair occurs: flat, positive.

    For bytes, `table` may hold the counts of all pairs, int64 (256, 256).
    """

    x: NDArray[Any]
    y: NDArray[Any]
    joint: NDArray[Any]
    table: NDArray[Any] | None = None

    @property
    def is_function(self) -> bool:
        """Whether every symbol of x occurs with only one symbol of y, so H(X,Y) = H(X)."""
        return len(self.joint) == len(self.x)

    @property
    def repeats(self) -> int:
        """Number of pairs that repeat a symbol of x. Each could have shown that y is noisy."""
        return int(self.x.sum()) - len(self.x)

    @property
    def ceiling(self) -> float:
        """The ln of the smaller number of symbols, the largest possible empirical MI."""
        return logarithm(min(len(self.x), len(self.y)))

    def information(self, of: Callable[[NDArray[Any]], float] = entropy) -> float:
        """Return H(X) + H(Y) - H(X,Y) in nats, each entropy by `of`; exactly 0 for a constant side.

        Empirical values lie between 0 and the ceiling. Corrected values can lie outside.
        """
        if min(len(self.x), len(self.y)) < 2:
            return 0.0
        found = of(self.x) + of(self.y) - of(self.joint)
        # Rounding errors are up to 1e-15.
        return min(max(found, 0.0), self.ceiling) if of is entropy else found


def count(x: NDArray[Any], y: NDArray[Any]) -> Counts:
    """Return the counts of x and y, shape (pairs,); each distinct value is a symbol."""
    if _are_bytes(x) and _are_bytes(y):
        return count_table(byte_pairs(x.astype(np.uint8), y.astype(np.uint8)))
    (rows, of_x), (columns, of_y) = _symbols(x), _symbols(y)
    _, joint = np.unique(rows * len(of_y) + columns, return_counts=True)
    return Counts(of_x, of_y, joint)


def count_table(joint: NDArray[Any]) -> Counts:
    """Return the counts of a table of bytes from `byte_pairs`, int64 (256, 256)."""
    x, y, pairs = (c[c > 0] for c in (joint.sum(axis=1), joint.sum(axis=0), joint.ravel()))
    return Counts(x, y, pairs, joint)


def shuffled(counts: Counts, generator: np.random.Generator) -> Counts:
    """Return the counts after shuffling y, for symbols that are not bytes."""
    x, y = (np.repeat(np.arange(len(side)), side) for side in (counts.x, counts.y))
    _, joint = np.unique(x * len(counts.y) + generator.permutation(y), return_counts=True)
    return Counts(counts.x, counts.y, joint)


def _are_bytes(values: NDArray[Any]) -> bool:
    """Return whether values of any dtype are whole numbers from 0 to 255."""
    if values.dtype in (np.uint8, np.bool_):
        return True
    inside = values.min() >= 0 and values.max() <= BYTES - 1
    return bool(inside and (values.dtype.kind in "iu" or (values == np.rint(values)).all()))


def byte_pairs(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """Return how often each pair of bytes occurs, int64 (256, 256), for flat uint8 x and y."""
    flat = x.astype(np.uint16) * BYTES + y
    return np.bincount(flat, minlength=BYTES * BYTES).reshape(BYTES, BYTES)


class LookUp:
    """Tests whether a view is a function of the byte. x is flat uint8, with `present` values."""

    # Bytes that are looked up first. If they show that y is not a function, the rest is skipped.
    FEW = 4096

    def __init__(self, x: NDArray[Any], present: NDArray[Any]):
        flat = x.tobytes()
        self._present = present
        self._place = [flat.index(byte) for byte in present.tolist()]
        self._parts = [(part, flat[part]) for part in (slice(self.FEW), slice(self.FEW, None))]

    def table(self, y: NDArray[Any]) -> NDArray[Any] | None:
        """Return flat uint8 y as a function of the byte, uint8 (256,), or None if it is not one."""
        table = np.zeros(BYTES, np.uint8)
        table[self._present] = y[self._place]
        for part, of_x in self._parts:
            looked_up = of_x.translate(table.tobytes())
            if not np.array_equal(np.frombuffer(looked_up, np.uint8), y[part]):
                return None
        return table


class Picture:
    """The bytes of a picture's channels, counted together with the views of many levels.

    Every view that shows clear bits is a function of the byte. A look-up table detects this, and
    the counts of the bytes alone then give the counts of all pairs.

    Args:
        x: uint8 of shape (pixels, channels).
    """

    def __init__(self, x: NDArray[Any]):
        self._x = x
        self._counts = [np.bincount(channel, minlength=BYTES) for channel in x.T]
        self._present = [np.flatnonzero(counts) for counts in self._counts]

    @functools.cached_property
    def _whole(self) -> LookUp:
        return LookUp(self._x.ravel(), np.flatnonzero(np.sum(self._counts, axis=0)))

    @functools.cached_property
    def _channels(self) -> list[LookUp]:
        return [LookUp(x, present) for x, present in zip(self._x.T, self._present, strict=True)]

    def count(self, y: NDArray[Any], pool: NDArray[Any]) -> list[Counts]:
        """Return the counts of each channel with a view.

        Args:
            y: the view of the picture, uint8 (pixels, channels).
            pool: the counts of all pairs are added to it, int64 (256, 256).

        Raises:
            ValueError: y has another shape than the picture.
        """
        if y.shape != self._x.shape:
            raise ValueError(f"view has shape {y.shape}; expected the picture's, {self._x.shape}")
        # Most views apply one function to the bytes of all channels.
        table = self._whole.table(y.ravel())
        found = []
        for channel, view in enumerate(y.T):
            own = self._channels[channel].table(view) if table is None else table
            found.append(self._count(channel, view, own, pool))
        return found

    def _count(
        self, channel: int, y: NDArray[Any], table: NDArray[Any] | None, pool: NDArray[Any]
    ) -> Counts:
        if table is None or self._counts[channel].sum() < FEW:
            joint = byte_pairs(self._x[:, channel], y)
            pool += joint
            return count_table(joint)
        present = self._present[channel]
        counts, of_view = self._counts[channel][present], table[present]
        pool[present, of_view] += counts
        # Exact, because the sums are whole numbers far below 2^53.
        of_y = np.bincount(of_view, counts, BYTES).astype(np.int64)
        return Counts(counts, of_y[of_y > 0], counts)


def mutual_information(
    x: NDArray[Any], y: NDArray[Any], of: Callable[[NDArray[Any]], float] = entropy
) -> float:
    """Return I(X;Y) in nats of x and y, shape (pairs,); each distinct value is a symbol."""
    return count(x, y).information(of)


def _symbols(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    return index.astype(np.int64), counts
