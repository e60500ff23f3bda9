"""Discrete and mixed tasks: pixels, quantised values, channels, erasure, repeated rows.

`mixed_uniform` and `zero_inflated` come from Gao, Kannan, Oh and Viswanath, "Estimating Mutual
Information for Discrete-Continuous Mixtures", NeurIPS 2017.
"""

import numpy as np

from leakage.estimators import frequencies
from leakage.schemes.msb_xor import MsbXor, scaled
from leakage.truths.samples import Sample, of_levels, of_one

PHOTOGRAPHS = ("camera", "moon", "coins", "brick", "grass", "gravel")  # grey, no download


def photograph_pixels() -> np.ndarray:
    """Return all pixels of the `PHOTOGRAPHS`, uint8, shape (pixels,)."""
    import skimage.data

    return np.concatenate([getattr(skimage.data, name)().ravel() for name in PHOTOGRAPHS])


def pixels(pairs: int, generator: np.random.Generator) -> Sample:
    """Return pixels of photographs and their `msb_xor` views, uint8.

    y is a function of x, so I(X;Y) = H(Y). This is exact because pixels are drawn with replacement.
    """
    pool = photograph_pixels()
    x = generator.choice(pool, (pairs, 1))
    levels = MsbXor().levels
    y = np.stack([scaled(x, level) for level in levels])
    views = (scaled(pool, level) for level in levels)
    nats = np.array([frequencies.entropy(np.bincount(values)) for values in views])
    return Sample(x, y, levels, nats)


def quantised(pairs: int, generator: np.random.Generator, cells: int) -> Sample:
    """Return X uniform on [0, 1] and the cell it falls in: I(X;Y) = H(Y) = ln `cells`."""
    x = generator.random((pairs, 1))
    return of_one(x, np.floor(x * cells), np.log(cells))


def symmetric_channel_nats(symbols: int, error: float) -> float:
    """Return the capacity in nats of a symmetric channel.

    It is ln symbols - H(error) - error ln(symbols - 1). With probability `error` the channel
    replaces its input by another symbol, each equally likely.
    """
    kept = np.array([1 - error, *[error / (symbols - 1)] * (symbols - 1)])
    kept = kept[kept > 0]
    return max(0.0, float(np.log(symbols) + (kept * np.log(kept)).sum()))


def bits(pairs: int, generator: np.random.Generator, count: int = 8, error: float = 0.05) -> Sample:
    """Return fair bits, and the same bits flipped with probability `error`."""
    x = generator.random((pairs, count)) < 0.5
    y = x ^ (generator.random((pairs, count)) < error)
    return of_one(x, y, count * symmetric_channel_nats(2, error))


def repeated_rows(
    pairs: int, generator: np.random.Generator, times: int = 4, correlation: float = 0.8
) -> Sample:
    """Return correlated normal pairs, each repeated `times` times; copies form one group."""
    groups = np.arange(pairs) // times
    x, noise = generator.standard_normal((2, groups[-1] + 1, 1))[:, groups]
    y = correlation * x + np.sqrt(1 - correlation**2) * noise
    return of_one(x, y, -np.log1p(-(correlation**2)) / 2, groups)


def erasure(
    pairs: int,
    generator: np.random.Generator,
    items: int = 64,
    dim: int = 16,
    erased: tuple[float, ...] = (0.0, 0.3, 0.7),
) -> Sample:
    """Return X uniform over fixed vectors, and Y = X or, with probability e, a fixed blank.

    I(X;Y) = (1 - e) ln `items`, with a level per e. The vectors are the same for every seed.
    """
    vectors = np.random.default_rng(0).standard_normal((items, dim))
    x = vectors[generator.integers(items, size=pairs)]
    lost = generator.random((len(erased), pairs, 1)) < np.reshape(erased, (-1, 1, 1))
    return of_levels(x, np.where(lost, 0.0, x), (1 - np.array(erased)) * np.log(items))


def mixed_uniform(pairs: int, generator: np.random.Generator, values: int = 5) -> Sample:
    """Return X uniform on 0 … m - 1 and Y uniform on [X, X + 2]; I = ln m - (m - 1)/m ln 2."""
    x = generator.integers(values, size=(pairs, 1))
    y = x + 2 * generator.random((pairs, 1))
    return of_one(x, y, np.log(values) - (values - 1) / values * np.log(2))


def zero_inflated(pairs: int, generator: np.random.Generator, zeros: float = 0.15) -> Sample:
    """Return X exponential and Y Poisson with mean X, or 0 with probability `zeros`."""
    x = generator.standard_exponential((pairs, 1))
    y = generator.poisson(x) * (generator.random((pairs, 1)) >= zeros)
    return of_one(x, y, zero_inflated_nats(zeros))


def zero_inflated_nats(zeros: float) -> float:
    """Return I(X;Y) of `zero_inflated` in nats.

    Before zeros are added, Y is k with probability 2^-(k + 1). The published value,
    (1 - zeros) (2 ln 2 - gamma - sum of ln k 2^-k), is too large. It is right for a Y that also
    says which zeros were added. Ours changes the term of Y = 0 to

        E[q ln(q / E q)],  q = zeros + (1 - zeros) exp(-X).

    Here u = exp(-X) is uniform on [0, 1], so the integral has a closed form.
    """
    from scipy.special import xlogy

    kept = 1 - zeros
    k = np.arange(2, 200)
    poisson = 2 * np.log(2) - np.euler_gamma - (np.log(k) * np.exp2(-k)).sum()
    of_zero = np.log(2) / 2 - 1 / 4  # E[u ln(u / (1/2))]: the term of 0 without added zeros
    mean = zeros + kept / 2
    integral = (zeros**2 / 4 - xlogy(zeros**2, zeros) / 2 - 1 / 4) / kept
    return float(kept * (poisson - of_zero) + integral - mean * np.log(mean))
