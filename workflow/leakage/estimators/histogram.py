"""Mutual information of pixels and their view, by counting: the paper's Figure 2.

Messadi, Cervia, Itier, arXiv 2508.08832, section IV: I(X;Y) from the joint histogram of a picture
and its view, averaged over the pictures. If the view is a function of the pixel, the empirical
(plug-in) value equals the entropy of the view exactly; that entropy is also computed from the view
alone. Otherwise (for example for the whole ciphertext, with its encrypted bits) the empirical value
is too large by about (Kx - 1)(Ky - 1) / 2N nats, and `noisy` corrects it. The floor is the same
estimate with the pixels of the view shuffled. A value near the floor shows nothing.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from leakage.errors import LeakageError
from leakage.estimators import Estimator, frequencies, noisy, tables
from leakage.estimators.tables import Array

if TYPE_CHECKING:
    import pandas as pd

ESTIMANDS = {
    "none": "plug-in mutual information per picture and channel, mean over pictures",
    "exact": "plug-in mutual information per picture and channel, mean over pictures; "
    "exact: the view is a function of the pixel",
    "grassberger": "mutual information per picture and channel with Grassberger's correction, "
    "mean over pictures",
    "noisy": "mutual information per picture and channel, mean over pictures; clear bits counted "
    "exactly, the rest with Grassberger's correction, less what shuffled pixels show",
    "both": "mutual information per picture and channel, mean over pictures; plug-in where the "
    "view is a function of the pixel, elsewhere with Grassberger's correction, less what shuffled "
    "pixels show",
}
TOO_FEW = "; cannot be estimated from so few pixels: the floor is above 10 % of H(view)"
HIGHEST_FLOOR = 0.1  # of H(view)
# Pixels that repeat a value. If the view had one random bit, the chance that this many repeats do
# not show it is 2^-32.
EVIDENT = 32
CHANNELS = 4
STREAM = 8  # of the seed


class Histogram(Estimator):
    """Mutual information of pixels by counting. Every distinct value is its own bin."""

    reads = frozenset({"pixels", "embeddings"})
    reads_whole_pictures = True
    counts = True
    comparable = False

    method: Literal["histogram"] = "histogram"
    correction: Literal["auto", "none", "grassberger"] = "auto"
    """correction of the bias, for each picture and channel. auto: none if the view is a function
    of the pixel, because counting is then exact; otherwise clear bits are counted, and the rest is
    Grassberger's estimate minus the same for shuffled pixels. grassberger: Grassberger's estimate
    alone, which is far too large below about 480 x 480 pixels. none: the empirical values"""

    def estimate(
        self, x: Array, y: Array, groups: Array | None, levels: list[int], seed: int
    ) -> "pd.DataFrame":
        """Return one row per level: the MI of each channel, averaged over channels and groups.

        Each distinct value of x (pairs, channels) and y (levels, pairs, channels) is a symbol.
        Continuous values are all distinct, and the answer is then ln(pairs), whatever the truth;
        `floor` shows this. Without groups all pairs are pooled. The seed shuffles noisy views.

        Raises:
            LeakageError: x and y differ in the number of channels, or have more than 4 channels of
                bytes, which look like the columns of a picture.
        """
        if x.shape[1] != y.shape[2]:
            raise LeakageError(
                f"histogram: x has {x.shape[1]} channels and y {y.shape[2]}; expected the same"
            )
        if x.shape[1] > CHANNELS and x.dtype == y.dtype == np.uint8:
            raise LeakageError(
                f"histogram: found {x.shape[1]} columns of bytes; expected channels, at most "
                f"{CHANNELS}; give a picture as x.reshape(-1, channels), and its views as "
                "y.reshape(levels, -1, channels)"
            )
        generator = np.random.default_rng([seed, STREAM])
        groups = np.zeros(len(x), int) if groups is None else groups
        found = tables.Groups()
        for chosen in [groups == group for group in np.unique(groups)]:
            counts = [
                [frequencies.count(*pair) for pair in zip(x[chosen].T, view[chosen].T, strict=True)]
                for view in y
            ]
            found.add(self._means(counts, generator))
        pooled = [frequencies.count(x.ravel(), view.ravel()) for view in y]
        return self._table(levels, found, pooled, generator)

    def estimate_pictures(
        self, pictures: Iterable[tuple[Array, Array]], levels: list[int], seed: int = 0
    ) -> "pd.DataFrame":
        """Return the same table as `estimate`, from pictures of bytes read one after the other."""
        generator = np.random.default_rng([seed, STREAM])
        pools = np.zeros((len(levels), frequencies.BYTES, frequencies.BYTES), np.int64)
        found = tables.Groups()
        for x, y in pictures:
            picture = frequencies.Picture(x)
            counts = [picture.count(view, pool) for view, pool in zip(y, pools, strict=True)]
            found.add(self._means(counts, generator))
            del x, y, picture  # before the next picture is read
        pooled = [frequencies.count_table(pool) for pool in pools]
        return self._table(levels, found, pooled, generator)

    def _means(
        self, counts: list[list[frequencies.Counts]], generator: np.random.Generator
    ) -> NDArray[np.float64]:
        """Return the values of `_values` per level, averaged over the channels, (levels, 6)."""
        values = [[self._values(each, generator) for each in channels] for channels in counts]
        return np.array([np.mean(each, axis=0) for each in values])

    def _values(self, counts: frequencies.Counts, generator: np.random.Generator) -> list[float]:
        """Return MI, H(view), ceiling, empirical MI, floor (nats), whether y depends on x alone."""
        return [
            self._information(counts, generator),
            frequencies.entropy(counts.y),
            counts.ceiling,
            counts.information(),
            self._floor(counts, generator),
            float(counts.is_function),
        ]

    def _information(self, counts: frequencies.Counts, generator: np.random.Generator) -> float:
        """Return the MI in nats with the chosen correction, at most the ceiling."""
        if self.correction == "none" or (self.correction == "auto" and counts.is_function):
            found = counts.information()
        elif self.correction == "auto" and counts.table is not None:
            found = noisy.information(counts.table, generator)
        else:
            found = counts.information(frequencies.grassberger_entropy)
        return min(found, counts.ceiling)

    def _floor(self, counts: frequencies.Counts, generator: np.random.Generator) -> float:
        """Return `_information` after shuffling the pixels of the view."""
        if counts.is_function and (counts.repeats >= EVIDENT or len(counts.y) < 2):
            return 0.0
        if counts.table is None:
            return self._information(frequencies.shuffled(counts, generator), generator)
        apart = frequencies.count_table(noisy.shuffled(counts.table, 0, generator))
        return self._information(apart, generator)

    def _table(
        self,
        levels: list[int],
        groups: tables.Groups,
        pooled: list[frequencies.Counts],
        generator: np.random.Generator,
    ) -> "pd.DataFrame":
        """Return the tidy table of groups with the values of `_values`, shape (levels, 6).

        Additional columns in nats:

        - `entropy`: the empirical H(view), mean over groups
        - `plug_in`: the MI without correction, mean over groups
        - `pooled`: the corrected MI of all groups and channels together
        - `floor`: the same estimate with the view's pixels shuffled; 0 if the view is clearly a
          function of the pixel

        `pictures` is the number of groups. `estimable` says whether the floor is low enough for a
        meaningful value.
        """
        nats, entropy, ceiling, raw, floor, functions = groups.mean.T
        estimable = floor <= HIGHEST_FLOOR * entropy
        estimands = [
            ESTIMANDS[self._estimand(share)] + ("" if enough else TOO_FEW)
            for share, enough in zip(functions, estimable, strict=True)
        ]
        return tables.tidy(
            {
                "level": levels,
                "nats": np.minimum(nats, ceiling),
                "standard_error": groups.standard_error()[:, 0],
                "ceiling": ceiling,
                "estimand": estimands,
                "entropy": entropy,
                "pooled": [self._information(each, generator) for each in pooled],
                "plug_in": raw,
                "pictures": groups.count,
                "floor": floor,
                "estimable": estimable,
            }
        )

    def _estimand(self, functions: float) -> str:
        """Return the key in `ESTIMANDS` for a share of channels whose view is a function of x."""
        if self.correction != "auto":
            return self.correction
        return {0.0: "noisy", 1.0: "exact"}.get(float(functions), "both")
