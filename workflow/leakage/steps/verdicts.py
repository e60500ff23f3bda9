"""Decide at which levels a leak is found, from the exact tests and the held-out estimates."""

from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from leakage.analysis import tables, verdicts
from leakage.errors import LeakageError
from leakage.storage import files, provenance


def main(
    output: Annotated[Path, typer.Argument(help="output table, .parquet")],
    test: Annotated[list[str] | None, typer.Option(help="SCHEME/REPRESENTATION=PATH")] = None,
    estimate: Annotated[list[str] | None, typer.Option(help="SCHEME/REPRESENTATION=PATH")] = None,
    confidence: Annotated[float, typer.Option(help="1 minus the chance of a false leak")] = 0.95,
    code: Annotated[str, typer.Option(help="digest of the code, for the metadata")] = "",
) -> None:
    """Write one row per scheme, representation and level: verdict, p-values and the estimate."""
    paths = {"tests": dict(map(_role, test or [])), "estimates": dict(map(_role, estimate or []))}
    tested, estimated = (
        {role: tables.read(path) for role, path in of_kind.items()} for of_kind in paths.values()
    )
    found = verdicts.table(tested, estimated, confidence)
    read = [*tested.values(), *estimated.values()]
    metadata = {
        "settings": {"confidence": confidence},
        "code": code,
        "level_labels": {each.scheme: each.level_label for each in read},
        "untrained": sorted({each.label for each in read if each.untrained}),
        "behind": sorted({"verdicts", *provenance.jobs([each.metadata for each in read])}),
        "inputs": {
            f"{kind} {role}": files.recorded(path)
            for kind, of_kind in paths.items()
            for role, path in of_kind.items()
        },
    }
    files.write_table(output, pa.Table.from_pandas(found, preserve_index=False), metadata)


def _role(option: str) -> tuple[str, Path]:
    role, separator, path = option.partition("=")
    if not separator or "/" not in role:
        raise LeakageError(f"{option}: expected SCHEME/REPRESENTATION=PATH")
    return role, Path(path)
