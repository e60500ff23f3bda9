"""Join the classic measures of all levels and parts of the pictures in one table."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import pyarrow as pa
import typer

from leakage.steps.measure import NOISE_LEVEL, SCHEMA
from leakage.storage import files


def main(
    output: Annotated[Path, typer.Argument(help="the table to write, Parquet")],
    parts: Annotated[
        list[Path], typer.Argument(help="tables of one level and part each, parts in their order")
    ],
) -> None:
    """Join the measures of all levels and parts, in the order of one job that measures all.

    The rows are in the order of the manifest. Those of a picture are in the order of the levels as
    given.
    """
    tables = [files.read_table(files.check(path)) for path in parts]
    rows = pd.concat([table.to_pandas() for table, _ in tables], ignore_index=True)
    rows["place"] = rows.groupby("level").cumcount()
    rows["rank"] = rows["level"].map({each: at for at, each in enumerate(rows["level"].unique())})
    rows = rows.sort_values(["place", "rank"], ignore_index=True)
    about = next((metadata for _, metadata in tables if metadata["levels"]), tables[0][1])
    levels = [int(each) for each in rows["level"].unique() if each != NOISE_LEVEL]
    of_all = {
        "levels": levels,
        "pictures": int(rows["place"].max()) + 1,
        "inputs": {"parts": [files.recorded(path)[0] for path in parts]},
    }
    table = pa.Table.from_pandas(rows[SCHEMA.names], SCHEMA, preserve_index=False)
    files.write_table(output, table, about | of_all)
