"""Check that the libraries know the networks of a configuration, and accept its patches."""

import json
from typing import Annotated

import typer

from leakage import encoders
from leakage.config.settings import from_json


def main(
    settings: Annotated[
        str,
        typer.Option(help="entries of `encoders` and sizes of their patches by place, as JSON"),
    ],
) -> None:
    """Check models, tags and the size of the patches; nothing is downloaded."""
    for where, given in from_json(settings, "--settings").items():
        encoders.parse(json.dumps(given["entry"]), where).check(given["size"], where)
