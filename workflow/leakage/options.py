"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Groups = Annotated[
    Path | None,
    typer.Option(help="for arrays: picture of each pair, .npy; default: each its own"),
]
Rows = Annotated[str | None, typer.Option(help="for embeddings: patches (the default) or whole")]
Part = Annotated[
    str | None,
    typer.Option(help="of a scheme with a region, read only this: inside, outside or across"),
]
Parts = Annotated[
    Path | None,
    typer.Option(help="for embeddings, with --part: the table of parts, regions/{scheme}.csv"),
]
Limit = Annotated[int | None, typer.Option(help="for embeddings: most rows to read; default: all")]
