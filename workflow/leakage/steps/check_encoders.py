"""Check that the libraries know the networks of a configuration, and accept its patches."""

import json
from typing import Annotated

import typer

from leakage import encoders
from leakage.config.settings import from_json


def main(
    settings: Annotated[str, typer.Option(help="entries of `encoders` by key, as JSON")],
    size: Annotated[int, typer.Option(min=1, help="side of a patch in pixels")],
) -> None:
    """Check models, tags and the size of the patches; nothing is downloaded."""
    for key, entry in from_json(settings, "--settings").items():
        where = f"encoders.{key}"
        encoders.parse(json.dumps(entry), where).check(size, where)
