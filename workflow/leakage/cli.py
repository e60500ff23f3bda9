"""The command line `leakage STEP …`: one step per module of `leakage.steps`.

Only the module of the step that is asked for is imported, after the number of threads is set:
a library that is imported earlier would start with as many threads as the machine has cores.
"""

import ast
import importlib
import os
import pkgutil
import platform
import sys
from pathlib import Path
from typing import Annotated, Any

import click
import typer
from typer.core import TyperGroup

import leakage
from leakage import allocator, extras, progress
from leakage.errors import LeakageError

STEPS = Path(__file__).with_name("steps")
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
# The steps that run networks.
NETWORKS = {"weights", "embed", "estimate", "calibrate", "calibrate_verdict"}


class Steps(TyperGroup):
    """The steps as commands, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the modules in `leakage.steps`."""
        return sorted(module.name for module in pkgutil.iter_modules([str(STEPS)]))

    def get_command(self, ctx: click.Context, name: str) -> Any:
        """Return the command of one step, or None where there is no such step."""
        if name not in self.list_commands(ctx):
            return None
        step = typer.Typer(add_completion=False)
        step.command(name)(importlib.import_module(f"leakage.steps.{name}").main)
        return typer.main.get_command(step)

    def format_commands(self, ctx: click.Context, formatter: Any) -> None:
        """List the steps with the first line of their documentation, importing none of them."""
        rows = []
        for name in self.list_commands(ctx):
            text = ast.get_docstring(ast.parse((STEPS / f"{name}.py").read_text())) or ""
            rows.append((name, text.partition("\n")[0]))
        with formatter.section("Steps"):
            formatter.write_dl(rows)


app = typer.Typer(cls=Steps, add_completion=False, rich_markup_mode=None, no_args_is_help=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"leakage {leakage.__version__}")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    threads: Annotated[
        int | None, typer.Option(help="Threads of every library; default: the environment's.")
    ] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Measure how much of a picture leaks through selective encryption, step by step."""
    if threads is not None:
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    if context.invoked_subcommand in NETWORKS:
        allocator.keep()
    context.with_resource(progress.shown(context.invoked_subcommand or ""))
    if job := os.environ.get("SLURM_JOB_ID"):
        gpu = os.environ.get("CUDA_VISIBLE_DEVICES") or "none"
        where = f"SLURM job {job} on {platform.node()}"
        print(f"{where}: threads {threads or 'any'}, GPU {gpu}", file=sys.stderr)


def run(program: str = "leakage") -> None:
    """Run the command line; end with one line of text where the user can do something about it.

    Args:
        program: the name of the command in its own help.
    """
    try:
        with extras.named():
            app(prog_name=program)
    except LeakageError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        # For example a full disk or a folder without write permission.
        sys.exit(f"error: {error.filename or 'files'}: {error.strerror or error}")
