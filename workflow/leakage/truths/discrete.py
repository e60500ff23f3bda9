"""Discrete tasks: pixels, quantised values, bits through a channel, repeated rows."""

import numpy as np

from leakage.estimators import plug_in
from leakage.schemes import msb_xor
from leakage.truths.samples import Sample, of_one

PHOTOGRAPHS = ("camera", "moon", "coins", "brick", "grass", "gravel")  # grey, no download


def photograph_pixels() -> np.ndarray:
    """Return all pixels of the `PHOTOGRAPHS`, uint8, shape (pixels,)."""
    import skimage.data

    return np.concatenate([getattr(skimage.data, name)().ravel() for name in PHOTOGRAPHS])


def pixels(pairs: int, generator: np.random.Generator) -> Sample:
    """y is a function of x, so that I(X;Y) = H(Y): exact, as pixels are drawn with replacement."""
    pool = photograph_pixels()
    x = generator.choice(pool, (pairs, 1))
    levels = msb_xor.Settings().levels
    y = np.stack([msb_xor.scaled(x, level) for level in levels])
    seen = (msb_xor.scaled(pool, level) for level in levels)
    nats = np.array([plug_in.entropy(np.bincount(values)) for values in seen])
    return Sample(x, y, levels, nats)


def quantised(pairs: int, generator: np.random.Generator, cells: int) -> Sample:
    """Return X uniform on [0, 1] and the cell that it falls in: I(X;Y) = H(Y) = ln `cells`."""
    x = generator.random((pairs, 1))
    return of_one(x, np.floor(x * cells), np.log(cells))


def symmetric_channel_nats(symbols: int, error: float) -> float:
    """Return the capacity of a symmetric channel, ln symbols - H(error) - error ln(symbols - 1).

    The channel puts any other symbol in place of its input with probability `error`, each alike.
    """
    kept = np.array([1 - error, *[error / (symbols - 1)] * (symbols - 1)])
    kept = kept[kept > 0]
    return float(np.log(symbols) + (kept * np.log(kept)).sum())


def bits(pairs: int, generator: np.random.Generator, count: int = 8, error: float = 0.05) -> Sample:
    """Return fair bits and the same after each was flipped with probability `error`."""
    x = generator.random((pairs, count)) < 0.5
    y = x ^ (generator.random((pairs, count)) < error)
    return of_one(x, y, count * symmetric_channel_nats(2, error))


def repeated_rows(
    pairs: int, generator: np.random.Generator, times: int = 4, correlation: float = 0.8
) -> Sample:
    """Return correlated normal pairs, each of them `times` times; copies are of one group."""
    groups = np.arange(pairs) // times
    x, noise = generator.standard_normal((2, groups[-1] + 1, 1))[:, groups]
    y = correlation * x + np.sqrt(1 - correlation**2) * noise
    return of_one(x, y, -np.log1p(-(correlation**2)) / 2, groups)
