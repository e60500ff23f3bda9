"""Test at every level whether views are independent of the plain pictures, by exact tests.

python -m leakage test x.npy y.npy --groups groups.npy
"""

import importlib.metadata
import sys
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer

from leakage import progress, seeds
from leakage.config.paths import title
from leakage.errors import LeakageError
from leakage.estimators import arguments
from leakage.options import Groups, Limit, Part, Parts, Rows
from leakage.protocol.permutation_test import COMBINED, PermutationTest, untested
from leakage.storage import files, kinds, levels
from leakage.storage.kinds import Kind
from leakage.storage.parts import chosen

DEFAULTS = PermutationTest()


def main(
    x: Annotated[Path, typer.Argument(help="plain items: .npy, or the embedding of level 0")],
    y: Annotated[list[Path], typer.Argument(help="views: one .npy, or an embedding per level")],
    output: Annotated[
        Path | None, typer.Option(help="output table, .parquet; default: print it")
    ] = None,
    groups: Groups = None,
    rows: Rows = None,
    limit: Limit = None,
    part: Part = None,
    parts: Parts = None,
    permutations: Annotated[
        int,
        typer.Option(min=1, help="random orders of the pictures; all orders, if there are fewer"),
    ] = DEFAULTS.permutations,
    pairs: Annotated[
        int, typer.Option(min=2, help="largest number of pairs (patches) in a test")
    ] = DEFAULTS.pairs,
    seed: Annotated[int, typer.Option(help="random seed")] = 0,
    representation: Annotated[str, typer.Option(help="representation, for the table")] = "",
    code: Annotated[str, typer.Option(help="digest of the code, for the metadata")] = "",
) -> None:
    """Test at every level whether views are independent of the plain pictures.

    Read the rows with the statistic `combined`: their p-values are exact.
    The column `exact` is True if all orders of the pictures were compared.
    If it is False, the orders were random, and the p-values are still exact.
    """
    seed = seeds.checked(seed, "--seed")
    files.refuse_output(output, (".parquet",), [x, *y, *([groups] if groups else [])])
    files.refuse_without_output(output, {"--representation": representation, "--code": code})
    kind = kinds.of_pair(x, y)
    of_run = kind is Kind.EMBEDDINGS
    given = {"--groups": groups, "--rows": rows, "--limit": limit}
    kinds.refuse_options(kind, given | {"--part": part, "--parts": parts})
    progress.about(representation)
    test, source = PermutationTest(permutations, pairs), {}
    if of_run:
        only = chosen(part, parts, rows)
        read = levels.read(x, y, rows or "patches", limit, seed, part, only)
        pictures = len(set(read.image_ids))
        if only is not None and pictures < 2:
            table = untested(read.levels, pictures, len(read.plain))
        else:
            table = test.test(read.plain, read.views, read.image_ids, read.levels, seed)
        source = read.source
    elif kind is Kind.VIEWS:
        raise LeakageError(f"{x}: a view; the tests read embeddings, or arrays of your own")
    else:
        members = None if groups is None else files.read_array(groups)
        if members is None:
            print(arguments.NO_GROUPS, file=sys.stderr)
        arrays = files.read_array(x), files.read_array(y[0])
        table = test.test(*arguments.checked(*arrays, members, None, seed))
    if output is None:
        table.to_csv(sys.stdout, index=False)
        return
    table.insert(0, "scheme", title(source.get("scheme", ""), part or ""))
    table.insert(1, "representation", representation)
    metadata: dict[str, Any] = {
        "representation": representation,
        "settings": {"permutations": permutations, "pairs": pairs},
        "tests": [name for name in table["statistic"].unique() if name != COMBINED],
        "seed": seed,
        "code": code,
        "versions": {"numpy": importlib.metadata.version("numpy")},
        "source": source,
    }
    if of_run:
        metadata["inputs"] = levels.checksums(x, y, parts)
    files.write_table(output, pa.Table.from_pandas(table, preserve_index=False), metadata)
