"""Mutual information of bytes and a noisy view of them, from their counts in few pixels.

Where the view of a pixel holds encrypted bits, most of the 256 x 256 cells of the joint histogram
are hit by chance once or never, and even a corrected estimate is far too large: 3.8 bits where the
truth is 0, on a picture of 32 x 32 pixels. Three steps take that off:

1. Bits of the view that are a function of the pixel (its clear bits D) are counted exactly. By the
   chain rule I(X;Y) = H(D) + I(X;Y|D), and only the second term is estimated.
2. It is Grassberger's estimate less the same estimate after the views of pixels with equal D
   changed places at random, where I(X;Y|D) is 0 and all that is left is bias.
3. Coarser readings (the k highest bits of both sides, beside D) have less bias, and show at most
   I(X;Y|D) by the data processing inequality. The largest of them is the answer; readings are tried
   until one has hardly any bias.

The bias of dependent pairs is smaller than that of independent ones: step 2 takes off too much
rather than too little. Of the sampling bias of information: Panzeri, Senatore, Montemurro and
Petersen, "Correcting for the sampling bias problem in spike train information measures", J.
Neurophysiology 98 (2007).
"""

import numpy as np

from leakage.estimators.plug_in import BYTES, Counts, count_table, entropy, grassberger_entropy

BITS = 8
VALUES = np.arange(BYTES)
BIT_OF = (VALUES[:, None] >> np.arange(BITS) & 1).astype(np.int64)
# Nats below which the bias of a reading does not matter, and no coarser one is tried.
SMALL = 0.01
# Shuffles whose mean is the bias: several where pixels are few and it varies.
SHUFFLES, FEW_PIXELS = 4, 1 << 15


def information(table: np.ndarray, generator: np.random.Generator) -> float:
    """Return I(X;Y) in nats of bytes and a noisy view.

    Args:
        table: how often each pair of bytes occurs, int64 of shape (256, 256), x by rows.
        generator: lets the views of pixels change places.
    """
    clear = clear_bits(table)
    repeats = SHUFFLES if table.sum() < FEW_PIXELS else 1
    apart = [shuffled(table, clear, generator) for _ in range(repeats)]
    best = -np.inf
    for count in range(BITS, 0, -1):
        kept = BYTES - (BYTES >> count) | clear
        chance = np.mean([_corrected(each, kept, kept) for each in apart])
        best = max(best, _corrected(table, kept, kept) - chance)
        if chance - _corrected(table, kept, clear) < SMALL:
            break
    return entropy(folded(table, BYTES - 1, clear).y) + best


def _corrected(table: np.ndarray, of_x: int, of_y: int) -> float:
    return folded(table, of_x, of_y).information(grassberger_entropy)


def clear_bits(table: np.ndarray) -> int:
    """Return the bits of the view that are a function of x, as the bits of a number.

    Args:
        table: int64 of shape (256, 256), as of `information`.

    Example:
        >>> x = np.arange(256, dtype=np.uint8).repeat(4)
        >>> view = x & 15 | np.tile(np.arange(4, dtype=np.uint8), 256) << 4
        >>> clear_bits(plug_in.byte_pairs(x, view))  # 32 and 64 vary at random, 128 is always 0
        143
    """
    ones, all_of_x = table @ BIT_OF, table.sum(axis=1)[:, None]
    function = ((ones == 0) | (ones == all_of_x)).all(axis=0)
    return int(function @ (1 << np.arange(BITS)))


def folded(table: np.ndarray, of_x: int, of_y: int) -> Counts:
    """Return the counts once both sides keep some of their bits only.

    Args:
        table: int64 of shape (256, 256), as of `information`.
        of_x, of_y: the bits that are kept, as those of a number.
    """
    if of_x == of_y == BYTES - 1:
        return count_table(table)
    cells = np.flatnonzero(table)
    pairs = cells & (of_x << BITS | of_y)
    counts = np.bincount(pairs, table.ravel()[cells], BYTES * BYTES)
    return count_table(counts.astype(np.int64).reshape(BYTES, BYTES))


def shuffled(table: np.ndarray, clear: int, generator: np.random.Generator) -> np.ndarray:
    """Return the counts after the views of pixels with equal clear bits changed places at random.

    Args:
        table: int64 of shape (256, 256), as of `information`.
        clear: bits of the view that stay with their pixel, as of `clear_bits`; 0 shuffles all.
        generator: draws the places.

    Returns:
        int64 of shape (256, 256), with the same margins.
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
