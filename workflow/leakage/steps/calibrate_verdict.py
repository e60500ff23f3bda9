"""Measure how often the verdict errs if nothing leaks, and how often it finds a leak."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
import pyarrow as pa
import typer

from leakage import estimators, progress
from leakage.analysis import calibration, verdicts
from leakage.config.settings import parse
from leakage.errors import LeakageError
from leakage.interfaces import Floats, Ints
from leakage.protocol import multiple_testing
from leakage.protocol.cross_fitting import CrossFitted
from leakage.protocol.permutation_test import Independence, PermutationTest
from leakage.storage import files

# A family is a set of levels tested together, like the levels of a scheme.
LEVELS = 4
FAMILIES = 10  # families that share their plain items and are trained together
PATCHES, DIM = 4, 8
# Correlation of each coordinate of a view with that of the plain item; 0 is the null.
STRENGTHS = (0.0, 0.1, 0.2, 0.3)
EQUAL, UNEQUAL = "equal", "unequal"
# The error of an exact test does not depend on the number of orders.
DRAWS = 199


@dataclass(frozen=True)
class Design:
    """The design of a family's data."""

    pictures: int
    patches: str  # `EQUAL` (`PATCHES` per picture) or `UNEQUAL` (1 to 2 x PATCHES - 1)
    strength: float  # correlation of each coordinate of a view with that of the plain item

    def sizes(self, seed: int) -> Ints:
        """Return the number of patches of each picture, int64 (pictures,)."""
        if self.patches == EQUAL:
            return np.full(self.pictures, PATCHES)
        return np.random.default_rng([seed, 11]).integers(1, 2 * PATCHES, self.pictures)


def main(
    method: Annotated[str, typer.Argument(help="the estimator's module")],
    output: Annotated[str, typer.Argument(help="output table, .parquet")],
    draws: Annotated[
        int,
        typer.Option(help="fewest families of levels without a leak; a quarter per strength of it"),
    ] = 1000,
    trained: Annotated[int, typer.Option(help="families of these that critics train on")] = 20,
    pictures: Annotated[list[int] | None, typer.Option(help="pictures per family")] = None,
    seed: Annotated[int, typer.Option(help="random seed of the first draw")] = 0,
    settings: Annotated[str, typer.Option(help="the estimator's settings, as JSON")] = "{}",
    label: Annotated[str, typer.Option(help="the estimator's key, for the table")] = "",
    code: Annotated[str, typer.Option(help="digest of the code, for the metadata")] = "",
) -> None:
    """Write one row per design, family and level: p-values, and the verdict by each rule."""
    chosen = parse(estimators.estimator_class(method), settings, method)
    if not isinstance(chosen, CrossFitted):
        raise LeakageError(f"{method}: expected an estimator with held-out critics, such as mine")
    progress.about(label or method)
    drawn = list(_drawn(pictures or [60], draws, trained))
    rows = []
    for design, each, trains in progress.over(drawn, "sets of families"):
        x, y, groups = sample(design, seed + each)
        exact = PermutationTest(DRAWS).run(x, y, groups, seed + each)
        p_critics = np.full(len(y), np.nan)
        if trains:
            levels = list(range(len(y)))
            table = estimators.run(chosen, x, y, groups, levels, seed + each)
            p_critics = table[table["chosen"]].groupby("level")["p_value"].first().to_numpy()
        for family in range(FAMILIES):
            part = slice(family * LEVELS, (family + 1) * LEVELS)
            judged = _judged(exact, p_critics, part, design.pictures, chosen)
            number = each * FAMILIES + family
            rows.append(judged.assign(**vars(design), family=number))
    found = pd.concat(rows, ignore_index=True)
    found.insert(0, "estimator", label or method)
    found["nats"] = -DIM / 2 * np.log(1 - found["strength"] ** 2)
    found["confidence"] = chosen.confidence
    metadata = {"settings": chosen.model_dump(), "seed": seed, "code": code}
    files.write_table(output, pa.Table.from_pandas(found, preserve_index=False), metadata)


def sample(design: Design, seed: int) -> tuple[Floats, Floats, Ints]:
    """Return x (pairs, DIM), y (FAMILIES * LEVELS, pairs, DIM) and the picture of each pair.

    Half of the variance of an item is common to all patches of its picture, so pairs of one picture
    are not independent.
    """
    generator = np.random.default_rng([seed, 10])
    groups = np.repeat(np.arange(design.pictures), design.sizes(seed))

    def items(*shape: int) -> Floats:
        own = generator.normal(size=(*shape, len(groups), DIM))
        shared = generator.normal(size=(*shape, design.pictures, DIM))
        half: Floats = (own + shared[..., groups, :]) / np.sqrt(2)
        return half

    x = items()
    noise = items(FAMILIES * LEVELS)
    return x, design.strength * x + np.sqrt(1 - design.strength**2) * noise, groups


def _drawn(pictures: list[int], draws: int, trained: int) -> Iterator[tuple[Design, int, bool]]:
    """Yield every set of families: its design, its number, and whether critics train on it.

    Errors are rare, so the null needs more draws than the power.
    """
    for count in pictures:
        for patches in (EQUAL, UNEQUAL):
            for strength in STRENGTHS:
                few = 1 if strength == 0 else 4
                sets = -(-draws // (few * FAMILIES))
                critics = -(-trained // (few * FAMILIES))
                for each in range(max(sets, critics)):
                    able = count >= verdicts.ESTIMATED_FROM and each < critics
                    yield Design(count, patches, strength), each, able


def _judged(
    exact: Independence, p_critics: Floats, part: slice, pictures: int, chosen: CrossFitted
) -> pd.DataFrame:
    """Return one row per level of a family. Rules with critics are missing without critics."""
    p_exact, p_critics = exact.p_value[part], p_critics[part]
    table = pd.DataFrame({"level": range(LEVELS), "p_exact": p_exact, "p_critics": p_critics})
    pairs = zip(p_exact, p_critics, strict=True)
    table["p_value"] = [multiple_testing.bonferroni(both, verdicts.WEIGHTS) for both in pairs]
    smallest = exact.smallest_p, 1 / exact.possible
    # Critics alone permute pictures within folds.
    needed = verdicts.needed_in_folds(verdicts.HOLM, LEVELS, chosen.confidence, chosen.folds)
    in_folds = 1 / (1 + chosen.permutations), float(pictures < needed)
    rules = {
        calibration.EXACT_SEQUENCE: (verdicts.FIXED_SEQUENCE, smallest),
        calibration.EXACT_HOLM: (verdicts.HOLM, smallest),
        calibration.BOTH_SEQUENCE: (verdicts.FIXED_SEQUENCE, smallest),
        calibration.BOTH_HOLM: (verdicts.HOLM, smallest),
        calibration.CRITICS_ALONE: (verdicts.HOLM, in_folds),
    }
    trained = not np.isnan(p_critics).all()
    for rule, (correction, limits) in rules.items():
        column = calibration.RULES[rule]
        found = verdicts.verdict(table[column], correction, chosen.confidence, *limits)
        known = trained or column == "p_exact"
        table[rule] = [each.verdict for each in found] if known else None
    return table
