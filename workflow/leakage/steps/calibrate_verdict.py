"""Measure how often the verdict errs where nothing leaks, and how often it finds what does."""

from typing import Annotated

import numpy as np
import pandas as pd
import pyarrow as pa
import typer

from leakage import estimators, files, progress, verdicts
from leakage.settings import parse

# A family is what one verdict is about: a scheme's levels.
LEVELS = 4
FAMILIES = 10  # that share their plain items, and train as one
PATCHES, DIM = 4, 8
# Correlation of each coordinate of a view with the plain one's; 0 is the null.
STRENGTHS = (0.0, 0.1, 0.2, 0.3)


def main(
    method: Annotated[str, typer.Argument(help="the estimator's module")],
    output: Annotated[str, typer.Argument(help="table to make, .parquet")],
    draws: Annotated[
        int,
        typer.Option(help="families of levels under the null, at least; a quarter of them beyond"),
    ] = 200,
    pictures: Annotated[int, typer.Option(help="pictures in each")] = 60,
    seed: Annotated[int, typer.Option(help="of the first draw")] = 0,
    settings: Annotated[str, typer.Option(help="the estimator's settings, as JSON")] = "{}",
    label: Annotated[str, typer.Option(help="the estimator's key, for the table")] = "",
    code: Annotated[str, typer.Option(help="digest of the code, for the metadata")] = "",
) -> None:
    """Write one row per strength, family and level: p-value, corrected p-value and verdict."""
    chosen = parse(estimators.settings_of(method), settings, method)
    sets = -(-draws // FAMILIES)
    # Errors are rare, and take many draws to count; what is found is not.
    counts = {each: sets if each == 0 else max(1, sets // 4) for each in STRENGTHS}
    drawn = [(strength, each) for strength, count in counts.items() for each in range(count)]
    progress.about(label or method)
    rows = []
    for strength, each in progress.over(drawn, "sets of families"):
        x, y, groups = sample(strength, pictures, seed + each)
        levels = list(range(len(y)))
        table = estimators.run(method, x, y, groups, levels, seed + each, chosen)
        p = table[table["chosen"]].groupby("level")["p_value"].first().to_numpy()
        for family in range(FAMILIES):
            of_family = p[family * LEVELS : (family + 1) * LEVELS]
            found = verdicts.verdict(
                of_family, pictures, chosen.folds, chosen.permutations, chosen.confidence
            )
            rows.append(
                pd.DataFrame(
                    {
                        "strength": strength,
                        "family": each * FAMILIES + family,
                        "level": range(LEVELS),
                        "p_value": of_family,
                        "corrected_p": [each.corrected for each in found],
                        "verdict": [each.verdict for each in found],
                    }
                )
            )
    table = pd.concat(rows, ignore_index=True)
    table.insert(0, "estimator", label or method)
    table["nats"] = -DIM / 2 * np.log(1 - table["strength"] ** 2)
    table["pictures"] = pictures
    table["confidence"] = chosen.confidence
    metadata = {"settings": chosen.model_dump(), "seed": seed, "code": code}
    files.write_table(output, pa.Table.from_pandas(table, preserve_index=False), metadata)


def sample(strength: float, pictures: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return plain items, views of all families' levels, and the picture of each pair.

    Half of the variance of an item is its picture's, the same in all of its patches, so that pairs
    of one picture are no independent draws. x has shape (pairs, DIM), y (FAMILIES * LEVELS, pairs,
    DIM) and groups (pairs,).
    """
    generator = np.random.default_rng([seed, 10])

    def items(*shape: int) -> np.ndarray:
        own = generator.normal(size=(*shape, pictures, PATCHES, DIM))
        shared = generator.normal(size=(*shape, pictures, 1, DIM))
        return ((own + shared) / np.sqrt(2)).reshape(*shape, pictures * PATCHES, DIM)

    x = items()
    y = strength * x + np.sqrt(1 - strength**2) * items(FAMILIES * LEVELS)
    return x, y, np.repeat(np.arange(pictures), PATCHES)
