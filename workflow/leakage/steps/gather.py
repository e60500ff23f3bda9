"""Put the embeddings of all shards of one level into one file."""

from pathlib import Path
from typing import Annotated

import typer

from leakage.storage import embeddings


def main(
    output: Annotated[Path, typer.Argument(help="the Parquet file to make")],
    shards: Annotated[list[Path], typer.Argument(help="those of the shards, in order")],
) -> None:
    """Put the embeddings of all shards of one level into one file."""
    embeddings.gather(shards, output)
