"""Test at every level whether views are independent of the plain pictures, by exact tests.

python -m leakage test x.npy y.npy --groups groups.npy
"""

import importlib.metadata
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import typer

from leakage import progress
from leakage.errors import LeakageError
from leakage.protocol import permutation
from leakage.storage import files, levels

COMBINED = "combined"
# The number of distinct orders can be huge; it is cut here before it becomes a float.
MOST_ORDERS = 10**15


def main(
    x: Annotated[Path, typer.Argument(help="plain items: .npy, or the embedding of level 0")],
    y: Annotated[list[Path], typer.Argument(help="views: one .npy, or an embedding per level")],
    output: Annotated[
        Path | None, typer.Option(help="output table, .parquet; default: print it")
    ] = None,
    groups: Annotated[Path | None, typer.Option(help="picture ids, .npy of shape (pairs,)")] = None,
    rows: Annotated[str, typer.Option(help="embeddings to read: patches or whole")] = "patches",
    limit: Annotated[int | None, typer.Option(help="largest number of embeddings to read")] = None,
    permutations: Annotated[int, typer.Option(help="random orders of the pictures")] = 999,
    pairs: Annotated[
        int, typer.Option(help="largest number of pairs in a test")
    ] = permutation.MOST_PAIRS,
    seed: Annotated[int, typer.Option(help="random seed")] = 0,
    representation: Annotated[str, typer.Option(help="representation, for the table")] = "",
    code: Annotated[str, typer.Option(help="digest of the code, for the metadata")] = "",
) -> None:
    """Test at every level whether views are independent of the plain pictures."""
    progress.about(representation)
    if x.suffix == ".npy":
        plain, views, members = _arrays(x, y, groups)
        numbers, source = list(range(len(views))), {}
    else:
        read = levels.read(x, y, _rows(rows), limit, seed)
        plain, views, members = read.plain, read.views, read.image_ids
        numbers, source = read.levels, read.source
    found = permutation.test(plain, views, members, permutations, seed, pairs)
    table = as_table(found, numbers)
    if output is None:
        table.to_csv(sys.stdout, index=False)
        return
    table.insert(0, "scheme", source.get("scheme", ""))
    table.insert(1, "representation", representation)
    metadata: dict[str, Any] = {
        "representation": representation,
        "settings": {"permutations": permutations, "pairs": pairs},
        "tests": list(found.statistics),
        "seed": seed,
        "code": code,
        "versions": {"numpy": importlib.metadata.version("numpy")},
        "source": source,
    }
    if x.suffix != ".npy":
        inputs = {"plain": [x], "levels": y}
        metadata["inputs"] = {
            role: [digest for path in paths for digest in files.recorded(path)]
            for role, paths in inputs.items()
        }
    files.write_table(output, pa.Table.from_pandas(table, preserve_index=False), metadata)


def as_table(found: permutation.Independence, numbers: list[int]) -> pd.DataFrame:
    """Return one row per level and statistic, and one per level for all statistics together.

    The columns are level, statistic, value (missing for `combined`), p_value, orders (number of
    compared orders), pictures, pairs, exact (whether all distinct orders were compared), smallest_p
    (smallest p-value possible with the compared orders) and possible_p (with all distinct orders).

    Args:
        found: the tests.
        numbers: the levels, in the order of the tests.
    """
    rows: list[dict[str, Any]] = []
    for place, level in enumerate(numbers):
        values = [*found.values[:, place], np.nan]
        p_values = [*found.p_values[:, place], found.p_value[place]]
        names = [*found.statistics, COMBINED]
        for name, value, p_value in zip(names, values, p_values, strict=True):
            rows.append({"level": level, "statistic": name, "value": value, "p_value": p_value})
    return pd.DataFrame(rows).assign(
        orders=found.orders,
        pictures=found.pictures,
        pairs=found.pairs,
        exact=found.exhaustive,
        smallest_p=found.smallest_p,
        possible_p=1 / min(found.possible, MOST_ORDERS),
    )


def _rows(name: str) -> Any:
    if name not in ("patches", "whole"):
        raise LeakageError(f"--rows {name}: expected patches or whole")
    return name


def _arrays(
    x: Path, y: list[Path], groups: Path | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    if len(y) != 1:
        raise LeakageError(f"{len(y)} arrays for y; expected one, of shape (levels, pairs, dim)")
    plain, views = files.read_array(x), files.read_array(y[0])
    members = None if groups is None else files.read_array(groups)
    return plain, views[None] if views.ndim == 2 else views, members
