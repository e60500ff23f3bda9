"""Mutual information of bytes and a noisy view of them, from their counts in few pixels.

If a view holds encrypted bits, most of the 256 x 256 cells of the joint histogram are hit once or
never. Even a corrected estimate is then far too large: 3.8 bits on a picture of 32 x 32 pixels,
where the truth is 0. Three steps remove this bias:

1. Bits of the view that are a function of the pixel (its clear bits D) are counted exactly. By the
   chain rule I(X;Y) = H(D) + I(X;Y|D), and only the second term is estimated.
2. It is Grassberger's estimate minus the same estimate with the views shuffled among pixels with
   equal D. After the shuffle I(X;Y|D) is 0 and only bias is left.
3. Coarser readings (the k highest bits of both sides, beside D) have less bias. By the data
   processing inequality they show at most I(X;Y|D). Readings are tried until one has hardly any
   bias, and the largest is the answer.

The bias of dependent pairs is smaller than that of independent ones, so step 2 removes too much
rather than too little. On the sampling bias of information: Panzeri, Senatore, Montemurro and
Petersen, "Correcting for the sampling bias problem in spike train information measures", J.
Neurophysiology 98 (2007).
"""

import math

import numpy as np
from numpy.typing import NDArray

from leakage.estimators.frequencies import BYTES, Counts, count_table, entropy, grassberger_entropy

BITS = 8
VALUES = np.arange(BYTES)
BIT_OF = (VALUES[:, None] >> np.arange(BITS) & 1).astype(np.int64)
# In nats. With a smaller bias, no coarser reading is tried.
SMALL = 0.01
# The bias is the mean of this many shuffles if there are few pixels, otherwise of one.
SHUFFLES, FEW_PIXELS = 4, 1 << 15


def information(table: NDArray[np.int64], generator: np.random.Generator) -> float:
    """Return I(X;Y) in nats of bytes and a noisy view, from the counts of pairs, one row per x."""
    clear = clear_bits(table)
    repeats = SHUFFLES if table.sum() < FEW_PIXELS else 1
    apart = [shuffled(table, clear, generator) for _ in range(repeats)]
    best = -math.inf
    for count in range(BITS, 0, -1):
        kept = BYTES - (BYTES >> count) | clear
        chance = float(np.mean([_corrected(each, kept, kept) for each in apart]))
        best = max(best, _corrected(table, kept, kept) - chance)
        if chance - _corrected(table, kept, clear) < SMALL:
            break
    return entropy(folded(table, BYTES - 1, clear).y) + best


def _corrected(table: NDArray[np.int64], of_x: int, of_y: int) -> float:
    return folded(table, of_x, of_y).information(grassberger_entropy)


def clear_bits(table: NDArray[np.int64]) -> int:
    """Return the bits of the view that are a function of x, as a bit mask.

    Example:
        >>> x = np.arange(256, dtype=np.uint8).repeat(4)
        >>> view = x & 15 | np.tile(np.arange(4, dtype=np.uint8), 256) << 4
        >>> clear_bits(byte_pairs(x, view))  # 32 and 64 vary at random, 128 is always 0
        143
    """
    ones, all_of_x = table @ BIT_OF, table.sum(axis=1)[:, None]
    function = ((ones == 0) | (ones == all_of_x)).all(axis=0)
    return int(function @ (1 << np.arange(BITS)))


def folded(table: NDArray[np.int64], of_x: int, of_y: int) -> Counts:
    """Return the counts after keeping only some bits of x and of y, given as bit masks."""
    if of_x == of_y == BYTES - 1:
        return count_table(table)
    cells = np.flatnonzero(table)
    pairs = cells & (of_x << BITS | of_y)
    counts = np.bincount(pairs, table.ravel()[cells], BYTES * BYTES)
    return count_table(counts.astype(np.int64).reshape(BYTES, BYTES))


def shuffled(
    table: NDArray[np.int64], clear: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Return the counts after shuffling the views among pixels with equal clear bits.

    `clear` are the bits of the view that stay with their pixel; 0 shuffles all.
    """
    classes = VALUES & clear
    total = np.zeros(BYTES * BYTES, np.int64)
    for each in np.flatnonzero(np.bincount(classes, table.sum(axis=0), BYTES)):
        columns = np.flatnonzero(classes == each)
        part = table[:, columns]
        x = np.repeat(VALUES.astype(np.uint16), part.sum(axis=1))
        y = np.repeat(columns.astype(np.uint8), part.sum(axis=0))
        generator.shuffle(y)
        total += np.bincount(x * BYTES + y, minlength=BYTES * BYTES)
    return total.reshape(BYTES, BYTES)
