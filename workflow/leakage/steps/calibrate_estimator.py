"""Run one estimator on draws of a joint distribution with known mutual information."""

from typing import Annotated

import pandas as pd
import pyarrow as pa
import typer

from leakage import estimators, progress, truths
from leakage.config.settings import parse
from leakage.storage import files


def main(
    task: Annotated[str, typer.Argument(help="staircase, spiral, pixels, …")],
    method: Annotated[str, typer.Argument(help="the estimator's module")],
    output: Annotated[str, typer.Argument(help="output table, .parquet")],
    pairs: Annotated[int, typer.Option(help="pairs per draw")] = 10_000,
    draws: Annotated[int, typer.Option(help="number of draws")] = 3,
    seed: Annotated[int, typer.Option(help="random seed of the first draw")] = 0,
    settings: Annotated[str, typer.Option(help="the estimator's settings, as JSON")] = "{}",
    encoder: Annotated[
        str, typer.Option(help="encoder entry as JSON, for tasks with encoded pictures")
    ] = truths.STATISTICS,
    label: Annotated[str, typer.Option(help="the estimator's key, for the table")] = "",
    code: Annotated[str, typer.Option(help="digest of the code, for the metadata")] = "",
) -> None:
    """Write the estimate of every draw and level beside the truth and its bounds, in nats."""
    chosen = parse(estimators.estimator_class(method), settings, method)
    progress.about(f"{label or method} {task}")
    tables = [
        one_draw(chosen, truths.sample(task, pairs, each, encoder), each)
        for each in progress.over(range(seed, seed + draws), "draws")
    ]
    table = pd.concat(tables, ignore_index=True)
    table.insert(0, "estimator", label or method)
    table.insert(1, "task", task)
    table.insert(2, "pairs", pairs)
    metadata = {"settings": chosen.model_dump(), "seed": seed, "code": code}
    files.write_table(output, pa.Table.from_pandas(table, preserve_index=False), metadata)


def one_draw(estimator: estimators.Estimator, sample: truths.Sample, seed: int) -> pd.DataFrame:
    """Return the answer per level of one draw: the mean of the chosen rows, in nats."""
    table = estimators.run(estimator, sample.x, sample.y, sample.groups, sample.levels, seed)
    found = table[table["chosen"]].groupby("level")["nats"].mean()
    return pd.DataFrame(
        {
            "level": sample.levels,
            "draw": seed,
            "truth": sample.nats,
            "lower": sample.nats if sample.lower is None else sample.lower,
            "upper": sample.nats if sample.upper is None else sample.upper,
            "nats": found.loc[sample.levels].to_numpy(),
        }
    )
