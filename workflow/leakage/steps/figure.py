"""Draw one figure from its tables (or, Figure 1, from the views)."""

from pathlib import Path
from typing import Annotated

import typer

from leakage import captions, figures
from leakage.errors import LeakageError
from leakage.figures import style
from leakage.views import View


def main(
    name: Annotated[str, typer.Argument(help="fig1 to fig8, epochs, distance, …")],
    output: Annotated[Path, typer.Argument(help="path without suffix; .png, .pdf, .csv are made")],
    table: Annotated[list[str] | None, typer.Option(help="ROLE=PATH of an estimate")] = None,
    view: Annotated[list[Path] | None, typer.Option(help="a view, one per level")] = None,
    caption: Annotated[
        str, typer.Option(help="a text for the pictures, with {named} numbers")
    ] = "",
) -> None:
    """Draw one figure as PNG, PDF and the CSV behind it."""
    module = figures.module(name)
    if getattr(module, "READS_VIEWS", False):
        drawn, behind = module.draw([View(path) for path in view or []], name)
    else:
        drawn, behind = module.draw(dict(map(_read, table or [])), name)
    numbers = module.numbers(behind) if hasattr(module, "numbers") else {}
    style.save(drawn, behind, output, captions.fill(caption, numbers, name))


def _read(option: str) -> tuple[str, style.Table]:
    role, separator, path = option.partition("=")
    if not separator:
        raise LeakageError(f"--table {option}: expected ROLE=PATH, say mine=mine.parquet")
    return role, style.read(path)
