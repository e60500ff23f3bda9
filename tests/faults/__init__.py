"""The fault campaign: damage a run on purpose, and check that the workflow survives.

    make faults                                  every draw of every fault, as a table
    PYTHONPATH=tests python -m faults network    the faults of one module

Each module of this folder has a list `FAULTS`. One draw of a fault does one random damage to
something real (a web server, a process, a disk, a file) in an empty folder, runs the workflow on
it, and asserts what must hold. If an assertion fails, the draw is lost. `make test` has the few
draws that take no second.
"""

import importlib
import pkgutil
import random
import shutil
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SEED = 0


class NotHere(Exception):
    """This machine cannot make the fault; the message says why."""


@dataclass(frozen=True)
class Fault:
    """One row of the table.

    Attributes:
        title: the damage, in a few words; unique.
        draw: does it once, from a source of randomness, in an empty folder. Raises AssertionError
            if something is lost, and `NotHere` if this machine cannot do it.
        outcome: what must hold.
        quick: number of draws in `make test`.
    """

    title: str
    draw: Callable[[random.Random, Path], None]
    draws: int
    outcome: str
    quick: int = 0


def all_faults(*modules: str) -> list[Fault]:
    """Return the faults of these modules, or of all."""
    names = modules or sorted({each.name for each in pkgutil.iter_modules(__path__)} - {"__main__"})
    found = [importlib.import_module(f"{__name__}.{name}").FAULTS for name in names]
    return [fault for each in found for fault in each]


def run(fault: Fault, number: int, folder: Path, seed: int = SEED) -> str:
    """Do one draw; return an empty text if it was survived, else what was lost."""
    folder.mkdir(parents=True)
    try:
        fault.draw(random.Random(f"{seed} {fault.title} {number}"), folder)
    except NotHere:
        raise
    except Exception:
        return f"{fault.title}, draw {number}:\n{traceback.format_exc()}"
    return ""


def alone(title: str, number: int, seed: int, modules: tuple[str, ...]) -> str:
    """Do one draw in a new folder, and keep the folder if something was lost.

    Not in `__main__`, because a new process does not import that.
    """
    (fault,) = [each for each in all_faults(*modules) if each.title == title]
    folder = Path(tempfile.mkdtemp(prefix="leakage-fault-"))
    if why := run(fault, number, folder / "draw", seed):
        return f"{why}\n(its files: {folder})"
    shutil.rmtree(folder, ignore_errors=True)
    return ""
