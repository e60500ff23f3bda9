"""Planning: how many pictures a verdict needs to find a leak of a given size.

`power.csv` beside this file holds the power of the exact tests on two kinds of data:

- simulated: Gaussian plain items and views. Half of the variance is common to all patches of a
  picture. The power depends on the leak in nats and hardly on the dimension: the matched similarity
  of N pairs is about sqrt(2 N nats) standard deviations above its mean.
- COCO: random subsets of photographs in the representation of EfficientNet-Lite0, two patches of
  each, at levels of `msb_xor`. The leak of a level is the value of a critic with whitened
  similarity on all 128 photographs.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from leakage.analysis import verdicts
from leakage.errors import LeakageError
from leakage.interfaces import Floats, Ints
from leakage.protocol.permutation_test import PermutationTest

if TYPE_CHECKING:
    import pandas as pd

POWER = Path(__file__).with_name("power.csv")
SIMULATED, COCO = "simulated", "COCO"
# Levels of a single test: for a fixed sequence at 95 % confidence, and for Holm's first step over
# two, five and ten levels.
ALPHAS = (0.05, 0.025, 0.01, 0.005)
DIM = 32
PATCHES = (1, 2, 4, 9)
LEAKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
PICTURES = (4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 125, 150, 200, 250, 300)
# Six or seven pictures have so few orders that random ones repeat the observed one, so more are
# drawn, or all are used. With more pictures, few draws cost some power at the strictest level.
DRAWS, DRAWS_OF_FEW, FEW = 199, 999, 7
# A measurement stops once this share of families is found at the strictest level.
CERTAIN = 0.9


class NotReached(LeakageError):
    """Raised for a power that no measured number of pictures reaches; `pictures` is the largest."""

    def __init__(self, message: str, pictures: int):
        super().__init__(message)
        self.pictures = pictures


@dataclass(frozen=True)
class Plan:
    """How many pictures a verdict needs."""

    pictures: int  # for the requested power
    fewest: int  # with fewer pictures, no answer is possible
    # What was measured: rounded down from the question.
    alpha: float  # level of the single test
    nats: float  # size of the leak, per pair of patches
    patches: int  # patches per picture


def simulate(
    pictures: int, patches: int, nats: float, families: int, seed: int = 0, draws: int = DRAWS
) -> Floats:
    """Return the exact p-values of independent simulated data sets, float64 (families,).

    A pair has mutual information `nats` = -DIM / 2 ln(1 - rho^2), with the same correlation rho in
    every coordinate. `draws` is the number of orders per test.
    """
    rho = math.sqrt(-math.expm1(-2 * nats / DIM))
    groups = np.repeat(np.arange(pictures), patches)
    found = np.empty(families)
    for family in range(families):
        generator = np.random.default_rng([seed, 22, family])
        x, noise = (_items(generator, pictures, patches) for _ in range(2))
        y = rho * x + math.sqrt(1 - rho**2) * noise
        found[family] = PermutationTest(draws).run(x, y, groups, family).p_value[0]
    return found


def subsets(
    x: Floats,
    y: Floats,
    groups: Ints,
    pictures: int,
    families: int,
    seed: int = 0,
    draws: int = DRAWS,
) -> Floats:
    """Return the exact p-values of random subsets of pictures, float64 (families, levels).

    A subset is drawn without replacement from x (pairs, dim), y (levels, pairs, dim) and the
    picture of each pair.

    Raises:
        LeakageError: the data have fewer pictures.
    """
    names = np.unique(groups)
    if pictures > len(names):
        raise LeakageError(f"pictures: found {pictures}, expected at most {len(names)}")
    found = np.empty((families, len(y)))
    for family in range(families):
        generator = np.random.default_rng([seed, 23, family])
        drawn = np.isin(groups, generator.permutation(names)[:pictures])
        part = x[drawn], y[:, drawn], groups[drawn]
        found[family] = PermutationTest(draws).run(*part, family).p_value
    return found


def measure(families: int, seed: int = 0) -> "Iterator[pd.DataFrame]":
    """Yield the simulated power, one table per number of patches and leak.

    The columns are source, patches, nats, pictures, families (data sets per measured power), and
    the power at each of `ALPHAS` (`power_0.05` and so on).
    """
    import pandas as pd

    for patches in PATCHES:
        for nats in LEAKS:
            rows = []
            for pictures in PICTURES:
                p = simulate(pictures, patches, nats, families, seed, draws_for(pictures))
                rows.append(_measured(SIMULATED, patches, nats, pictures, p))
                if _power(p, ALPHAS[-1]) >= CERTAIN:
                    break
            yield pd.DataFrame(rows)


def measure_on(
    source: str,
    data: tuple[Floats, Floats, Ints],
    nats: dict[int, float],
    families: int,
    most: int,
    seed: int = 0,
) -> "pd.DataFrame":
    """Return the power on subsets of real pictures, with the columns of `measure`.

    Args:
        source: name of the data.
        data: x (pairs, dim), y (levels, pairs, dim) and groups (pairs,).
        nats: the leak by index of the level; other levels are left out.
        families: subsets of each size.
        most: pictures of the largest subset, for example half of all, so that subsets differ.
        seed: draws the subsets.
    """
    import pandas as pd

    x, y, groups = data
    patches = round(len(x) / len(np.unique(groups)))
    chosen = list(nats)
    rows = []
    for pictures in (each for each in PICTURES if each <= most):
        p = subsets(x, y[chosen], groups, pictures, families, seed, draws_for(pictures))
        rows += [
            _measured(source, patches, leak, pictures, p[:, place])
            for place, leak in enumerate(nats.values())
        ]
    return pd.DataFrame(rows).sort_values(["nats", "pictures"], ignore_index=True)


def draws_for(pictures: int) -> int:
    """Return the number of orders per test in a measurement."""
    return DRAWS_OF_FEW if pictures <= FEW else DRAWS


def read(path: Path = POWER) -> "pd.DataFrame":
    """Return the measured power, with the columns of `measure`."""
    import pandas as pd

    return pd.read_csv(path)


def pictures_for(
    table: "pd.DataFrame",
    nats: float,
    patches: int,
    power: float = 0.8,
    confidence: float = 0.95,
    levels: int = 1,
    source: str = SIMULATED,
) -> Plan:
    """Return how many pictures a verdict needs.

    The power is interpolated between measured numbers of pictures. Leak, patches and the level of
    the test are rounded down to measured ones.

    Args:
        table: from `read`.
        nats: size of the leak, per pair of patches.
        patches: patches per picture.
        power: the chance that the leak is found.
        confidence: 1 minus the chance of a false leak.
        levels: number of levels tested together by Holm's correction; 1: in fixed sequence.
        source: the data on which the power was measured.

    Raises:
        NotReached: no measured number of pictures has that power.
        LeakageError: the leak or the number of patches is below all measured ones, or the level of
            the test is.
    """
    alpha = alpha_for(levels, confidence)
    rows = table[table["source"] == source]
    measured_patches = _below(rows["patches"], patches, "patches")
    rows = rows[rows["patches"] == measured_patches]
    measured_nats = _below(rows["nats"], nats, "nats")
    rows = rows[rows["nats"] == measured_nats].sort_values("pictures")
    fewest = verdicts.needed_pictures(_correction(levels), levels, confidence)
    counts = rows["pictures"].to_numpy(np.float64)
    reached = np.maximum.accumulate(rows[f"power_{alpha:g}"].to_numpy(np.float64))
    if reached[-1] < power:
        raise NotReached(
            f"nats {nats}: a power of {power} is not reached with {counts[-1]:.0f} pictures "
            f"(measured: {reached[-1]:.2f}); ask for a larger leak or a lower power",
            int(counts[-1]),
        )
    place = int(np.argmax(reached >= power))
    if place == 0:
        needed = counts[0]
    else:
        (low, high), (few, many) = reached[place - 1 : place + 1], counts[place - 1 : place + 1]
        needed = few + (many - few) * (power - low) / (high - low)
    pictures = max(fewest, math.ceil(needed - 1e-9))
    return Plan(pictures, fewest, alpha, measured_nats, int(measured_patches))


def alpha_for(levels: int, confidence: float) -> float:
    """Return the level of the single test: the largest in `ALPHAS` that the question allows.

    Raises:
        LeakageError: it is below all measured ones.
    """
    most = verdicts.threshold(_correction(levels), levels, confidence)
    if found := [each for each in ALPHAS if each <= most]:
        return max(found)
    together = "" if levels == 1 else f" over {levels} levels"
    fewer = "" if levels == 1 else ", or test fewer levels together"
    raise LeakageError(
        f"confidence: found {confidence:g}{together}, which needs p-values of at most {most:.2g}; "
        f"the power is measured down to {ALPHAS[-1]:g}; lower the confidence{fewer}"
    )


def _correction(levels: int) -> str:
    return verdicts.FIXED_SEQUENCE if levels == 1 else verdicts.HOLM


def _below(known: "pd.Series", wanted: float, what: str) -> float:
    """Return the largest measured value that is at most the wanted one."""
    fitting = known[known <= wanted * (1 + 1e-9)]
    if not len(fitting):
        raise LeakageError(f"{what}: found {wanted:g}, expected at least {known.min():g}")
    return float(fitting.max())


def _measured(
    source: str, patches: int, nats: float, pictures: int, p_values: Floats
) -> dict[str, Any]:
    """Return a row of the table of power."""
    power = {f"power_{alpha:g}": _power(p_values, alpha) for alpha in ALPHAS}
    row = {"source": source, "patches": patches, "nats": nats, "pictures": pictures}
    return row | {"families": len(p_values)} | power


def _power(p_values: Floats, alpha: float) -> float:
    # A p-value may equal the level up to rounding.
    return float((p_values <= alpha * (1 + 1e-9)).mean())


def _items(generator: np.random.Generator, pictures: int, patches: int) -> Floats:
    own = generator.normal(size=(pictures, patches, DIM))
    shared = generator.normal(size=(pictures, 1, DIM))
    return ((own + shared) / math.sqrt(2)).reshape(pictures * patches, DIM)
