"""Draw one figure from its tables (or, Figure 1, from the views)."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from leakage import captions, figures, plugins
from leakage.analysis.tables import paths_by_role, read
from leakage.config.settings import from_json
from leakage.figures import style
from leakage.storage import provenance
from leakage.storage.views import View


def main(
    name: Annotated[str, typer.Argument(help="a name, say fig5, or the path of a Python file")],
    output: Annotated[Path, typer.Argument(help="path of the figure, without suffix")],
    table: Annotated[list[str] | None, typer.Option(help="ROLE=PATH of an estimate")] = None,
    view: Annotated[list[Path] | None, typer.Option(help="a view, one per level")] = None,
    code: Annotated[str, typer.Option(help="digest of the code, to be recorded")] = "",
    recorded: Annotated[
        str, typer.Option(envvar=provenance.VARIABLE, help="what else is recorded, as JSON")
    ] = "{}",
) -> None:
    """Draw one figure as PNG, PDF and the CSV behind it, and record what it was made of."""
    figure = figures.named(name)
    paths = paths_by_role(table or [])
    tables = {role: read(path) for role, path in paths.items()}
    views = [View(path) for path in view or []]
    argument: Any = views if figure.reads_views else tables
    if figure.adds_views:
        argument = {**tables, "views": views}
    drawn, behind = _call(figure, figure.draw, argument)
    numbers = _call(figure, figure.numbers, behind)
    caption = captions.fill(figure.template, numbers, figure.name)
    style.save(drawn, behind, output, caption)
    shown = {role: (paths[role], each.metadata) for role, each in tables.items()}
    shown |= {f"view {each.metadata['level']}": (each.path, each.metadata) for each in views}
    provenance.write(output, name, code, shown, from_json(recorded, "--recorded"))


def _call(figure: figures.Figure, method: Callable[[Any], Any], argument: Any) -> Any:
    """Return what a method returns; an exception in a user's file becomes one line."""
    if not plugins.is_file(figure.reference):
        return method(argument)
    return plugins.call(f"figure {figure.reference}", method, argument)
