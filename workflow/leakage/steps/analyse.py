"""Make one table of the folder `analysis` from tables of estimates, tests and measures."""

from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from leakage import analysis
from leakage.analysis.tables import paths_by_role, read
from leakage.errors import LeakageError
from leakage.storage import files, provenance


def main(
    name: Annotated[str, typer.Argument(help=f"one of {', '.join(analysis.ANALYSES)}")],
    output: Annotated[Path, typer.Argument(help="output table, .parquet")],
    table: Annotated[list[str] | None, typer.Option(help="ROLE=PATH of a table to read")] = None,
    confidence: Annotated[
        float, typer.Option(min=0.5, max=0.9999, help="1 minus the chance of a false leak")
    ] = 0.95,
    code: Annotated[str, typer.Option(help="digest of the code, for the metadata")] = "",
) -> None:
    """Write verdicts, claims, consistency checks or the comparison with classic measures."""
    if name not in analysis.ANALYSES:
        raise LeakageError(f"{name}: expected one of {', '.join(analysis.ANALYSES)}")
    paths = paths_by_role(table or [])
    tables = {role: read(path) for role, path in paths.items()}
    found = analysis.named(name).table(tables, confidence)
    estimates = [each for each in tables.values() if "source" in each.metadata]
    metadata = {
        "settings": {"confidence": confidence},
        "code": code,
        "level_labels": {each.scheme: each.level_label for each in estimates},
        "untrained": sorted({each.label for each in estimates if each.untrained}),
        "behind": sorted(
            {f"analyse {name}", *provenance.jobs([each.metadata for each in tables.values()])}
        ),
        "inputs": {role: files.recorded(path) for role, path in paths.items()},
    }
    files.write_table(output, pa.Table.from_pandas(found, preserve_index=False), metadata)
