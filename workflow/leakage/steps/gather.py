"""Join the embeddings of all shards of one level in one file."""

from pathlib import Path
from typing import Annotated

import typer

from leakage.storage import embeddings


def main(
    output: Annotated[Path, typer.Argument(help="the Parquet file to make")],
    shards: Annotated[list[Path], typer.Argument(help="the embeddings of the shards, in order")],
) -> None:
    """Join the embeddings of all shards of one level in one file."""
    embeddings.gather(shards, output)
