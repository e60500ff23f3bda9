"""The exact mutual information of pixels, compared with numpy.histogram2d."""

from collections.abc import Iterator

import numpy as np
from leakage.estimators import frequencies
from leakage.estimators.histogram import Histogram
from leakage.schemes.msb_xor import scaled

from speed import Row, paired

LEVELS = list(range(9))
HEIGHT, WIDTH = 480, 640
# Both take time in proportion to the pictures, so a few of the paper's hundred are enough.
PICTURES = 8


def pictures() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return per picture x (pixels, 3) and y (levels, pixels, 3), uint8 and smooth."""
    generator = np.random.default_rng(0)
    found = []
    for _ in range(PICTURES):
        steps = generator.normal(0, 3, (HEIGHT, WIDTH, 3)).cumsum(axis=1) + 128
        x = steps.clip(0, 255).astype(np.uint8).reshape(-1, 3)
        found.append((x, np.stack([scaled(x, level) for level in LEVELS])))
    return found


def usual(given: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return the mean of numpy.histogram2d's values over pictures and channels, shape (levels,)."""
    return np.mean([list(_of_picture(x, y)) for x, y in given], axis=0)


def _of_picture(x: np.ndarray, y: np.ndarray) -> Iterator[float]:
    for seen in y:
        yield float(np.mean([information(a, b) for a, b in zip(x.T, seen.T, strict=True)]))


def information(x: np.ndarray, y: np.ndarray) -> float:
    """Return the empirical mutual information of two flat uint8 arrays, in nats."""
    counts, _, _ = np.histogram2d(x, y, bins=256, range=[[0, 256], [0, 256]])
    p = counts / counts.sum()
    alone = p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True)
    return float((p[p > 0] * np.log(p[p > 0] / alone[p > 0])).sum())


def rows() -> list[Row]:
    """Return the row of exact mutual information."""
    given, histogram = pictures(), Histogram()

    def ours() -> np.ndarray:
        # As in a new process.
        frequencies.logarithm.cache_clear()
        frequencies._entropy_of_few.cache_clear()
        return histogram.estimate_pictures(given, LEVELS)["nats"].to_numpy()

    np.testing.assert_allclose(ours(), usual(given), atol=1e-9)
    times = paired(ours, lambda: usual(given))
    return [
        Row(
            "exact pixel MI, all levels of msb_xor, in memory",
            f"numpy.histogram2d per picture, level and channel ({PICTURES} pictures)",
            30,
            True,
            [other / own for own, other in times],
        )
    ]
