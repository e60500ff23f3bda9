"""The command line `leakage STEP …`: one step per module of `leakage.steps`.

Only the requested step's module is imported, after the number of threads is set: a library that is
imported earlier would start as many threads as the machine has cores.
"""

import ast
import importlib
import io
import math
import os
import pkgutil
import platform
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

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
NETWORKS = {"find_weights", "embed", "estimate", "calibrate_estimator", "calibrate_verdict"}


class Step(TyperCommand):
    """A step whose options each count: none is given twice, and every number is finite."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Return what is left of the arguments after the options.

        Raises:
            LeakageError: an option with one value is given twice, or a number is not finite.
        """
        *_, order = self.make_parser(ctx).parse_args(args=list(args))
        single = [each for each in order if each.param_type_name == "option" and not each.multiple]
        for index, each in enumerate(single):
            if each in single[:index]:
                raise LeakageError(f"{each.opts[0]}: given twice; give it once")
        left = super().parse_args(ctx, args)
        for each in self.params:
            value = ctx.params.get(each.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise LeakageError(f"{each.opts[0]}: found {value}; expected a finite number")
        return left


class Steps(TyperGroup):
    """The steps as commands; each is imported when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the modules in `leakage.steps`."""
        return sorted(module.name for module in pkgutil.iter_modules([str(STEPS)]))

    def get_command(self, ctx: Any, name: str) -> Any:
        """Return the command of a step; None if there is no such step."""
        if name not in self.list_commands(ctx):
            return None
        step = typer.Typer(add_completion=False)
        step.command(name, cls=Step)(importlib.import_module(f"leakage.steps.{name}").main)
        return typer.main.get_command(step)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the steps with the first line of their docstrings, importing none of them."""
        rows = []
        for name in self.list_commands(ctx):
            text = ast.get_docstring(ast.parse((STEPS / f"{name}.py").read_bytes())) or ""
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
        int | None,
        typer.Option(min=1, help="Threads of every library; default: as the environment says."),
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
    """Run the command line; report errors that the user can fix as one line of text.

    Args:
        program: the name of the command in its help.
    """
    # Print the code of a character that the terminal cannot show. Figures go into files, so any
    # notebook or desktop backend of matplotlib is unnecessary.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    os.environ["MPLBACKEND"] = "agg"
    try:
        with extras.named():
            app(prog_name=program)
    except LeakageError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        # For example, the disk is full or the folder is not writable.
        sys.exit(f"error: {error.filename or 'files'}: {error.strerror or error}")
