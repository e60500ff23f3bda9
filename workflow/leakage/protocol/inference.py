"""Summarise a level: mean, interval over pictures, floor, permutation null and p-value."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from leakage.estimators import tables
from leakage.interfaces import Floats, Ints
from leakage.protocol import permutation
from leakage.protocol.multiple_testing import cauchy

if TYPE_CHECKING:
    import pandas as pd

    from leakage.protocol.cross_fitting import CrossFitted
    from leakage.protocol.evaluation import FoldResult
    from leakage.protocol.problem import Problem

# Sums of the same numbers in another order differ by rounding, relative to their size.
ROUNDING = 1e-9


def bootstrap(pictures: int, draws: int, seed: int, fold: int) -> torch.Tensor:
    """Return how often each picture is drawn, float64 (1 + draws, pictures).

    In the first row each picture is drawn once. The other rows are random.
    """
    generator = np.random.default_rng([seed, fold, 8])
    drawn = generator.multinomial(pictures, np.full(pictures, 1 / pictures), draws)
    # A draw of a single picture has no negatives.
    alone = (drawn > 0).sum(axis=1) == 1
    drawn[alone] = 1
    return torch.from_numpy(np.concatenate([np.ones((1, pictures), drawn.dtype), drawn])).double()


def block_means(matched: Floats, used: permutation.Blocks, orders: Ints) -> Floats:
    """Return the mean of `matched` over the pairs of every order, float64 (orders,).

    In an order, the views of picture g meet the plain items of picture order[g], pair for pair.
    `matched` is the term of each view with each plain item, (pairs, pairs).
    """

    def of_pictures(members: Ints) -> Floats:
        found = np.zeros((len(members), len(members)))
        for turn in range(used.sizes[members[0]]):
            rows = used.pairs[used.starts[members] + turn]
            found += matched[np.ix_(rows, rows)]
        return found

    return used.sums(orders, of_pictures) / len(used.pairs)


def table(
    units: "list[FoldResult]",
    problem: "Problem",
    levels: list[int],
    settings: "CrossFitted",
    estimand: str,
) -> "pd.DataFrame":
    """Return the results of all folds and seeds as the tidy table."""
    import pandas as pd

    rows = []
    variants = list(problem.partner)
    for position, level in enumerate(levels):
        for place, statistic in enumerate(units[0].statistics):
            common = {
                "level": level,
                "split": "test",
                "statistic": statistic,
                "unit": units[0].units[place],
                "estimand": estimand,
                **summary(units, position, place, problem, settings),
            }
            for row, variant in enumerate(variants):
                for unit in units:
                    value, ceiling = unit.values[row, position, place, 0], unit.ceiling[place]
                    of_unit = {
                        "seed": unit.seed,
                        "fold": unit.fold,
                        "step": int(unit.step[row, position]),
                        "base": unit.base[row][position],
                        "temperature": unit.temperature[row, position],
                        "noise": unit.noise[row, position],
                        "members": int(unit.members[row, position]),
                        "nats": min(value, ceiling) if unit.units[place] == "nats" else np.nan,
                        "value": value,
                        "ceiling": ceiling,
                        "chance": unit.chance[place],
                        "variant": variant,
                        "chosen": row == 0 and place == 0,
                    }
                    rows.append(common | of_unit)
    curves = _curves(units, levels, estimand, variants[0])
    return tables.tidy(pd.concat([pd.DataFrame(rows), curves], ignore_index=True))


def summary(
    units: "list[FoldResult]",
    level: int,
    statistic: int,
    problem: "Problem",
    settings: "CrossFitted",
) -> dict[str, float]:
    """Return the values of a whole level: mean, interval, floor, null, p-value and pictures.

    Each unit and bootstrap draw is cut at its ceiling before the mean is taken. The draws are
    shifted so that their median is the estimate, because a draw repeats pictures and the logarithm
    of its normaliser is then too small on average.
    """
    cut = np.stack(
        [np.minimum(unit.values[0, level, statistic], unit.ceiling[statistic]) for unit in units]
    )
    means = cut.mean(axis=0)  # (1 + draws,): over seeds and folds
    tail = (1 - settings.confidence) / 2
    low, high = np.nan, np.nan
    if len(means) > 1:
        shift = means[0] - np.median(means[1:])
        ceiling = np.mean([unit.ceiling[statistic] for unit in units])
        low, high = np.minimum(np.quantile(means[1:] + shift, [tail, 1 - tail]), ceiling)
    distribution, p_value = _null(units, level, statistic, settings)
    floor = [
        min(float(unit.values[1, level, statistic, 0]), float(unit.ceiling[statistic]))
        for unit in units
        if len(unit.values) > 1 and np.isfinite(unit.values[1, level, statistic, 0])
    ]
    return {
        "mean": float(means[0]),
        "low": float(low),
        "high": float(high),
        "floor": float(np.mean(floor)) if floor else np.nan,
        "null_high": float(np.quantile(distribution, settings.confidence))
        if len(distribution)
        else np.nan,
        "p_value": p_value,
        "pictures": len(np.unique(problem.groups)),
    }


def _null(
    units: "list[FoldResult]", level: int, statistic: int, settings: "CrossFitted"
) -> tuple[Floats, float]:
    """Return the permutation distribution of a level's mean, float64 (draws,), and its p-value.

    In each fold, the scores of all seeds are averaged and the pictures are permuted. The test of a
    fold is exact given its critics. The tests of the folds are not independent, because each trains
    on the test pictures of others. The combination rule allows for that. Folds are skipped if their
    critics score every permutation alike.
    """
    if not settings.permutations:
        return np.empty(0), np.nan
    draws, p_values = [], []
    for fold in sorted({unit.fold for unit in units}):
        of_fold = [unit for unit in units if unit.fold == fold]
        found = np.mean([unit.null[level, statistic] for unit in of_fold], axis=0)
        itself = np.mean([unit.itself[level, statistic] for unit in of_fold])
        value = np.mean(
            [min(unit.values[0, level, statistic, 0], unit.ceiling[statistic]) for unit in of_fold]
        )
        rounding = ROUNDING * (1 + abs(itself))
        at_least = 1 + int((found >= itself - rounding).sum())
        silent = (np.abs(found - itself) <= rounding).all()
        p_values.append(np.nan if silent else at_least / (1 + len(found)))
        draws.append(value - itself + found)
    shortest = min(map(len, draws))
    return np.mean([each[:shortest] for each in draws], axis=0), cauchy(np.array(p_values))


def _curves(
    units: "list[FoldResult]", levels: list[int], estimand: str, variant: str
) -> "pd.DataFrame":
    """Return the validation values of the matched pairs as rows."""
    import pandas as pd

    parts = []
    for unit in units:
        level, step = np.nonzero(np.isfinite(unit.validation))
        values = unit.validation[level, step]
        of_unit = {"level": np.asarray(levels)[level], "step": step, "nats": values}
        parts.append(pd.DataFrame(of_unit).assign(value=values, seed=unit.seed, fold=unit.fold))
    table = pd.concat(parts, ignore_index=True).assign(split="validation", chosen=False)
    table = table.assign(statistic="mutual information", unit="nats")
    return table.assign(estimand=estimand, variant=variant)
