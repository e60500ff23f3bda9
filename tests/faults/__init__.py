"""The campaign of faults: what the workflow survives, shown by doing it harm.

    make faults                                  every draw of every fault, as a table
    PYTHONPATH=tests python -m faults --short    the few draws that `make test` has
    PYTHONPATH=tests python -m faults network    one module's

A module of this folder offers `FAULTS`. One draw of a fault does one random harm to something real
(a web server, a process, a disk, a file) in an empty folder of its own, lets the workflow meet it,
and asserts what must hold. An assertion that fails is a draw that was lost.
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
    """The fault cannot be made on this machine; the message says why."""


@dataclass(frozen=True)
class Fault:
    """One row of the table.

    Attributes:
        title: what is done, in a few words; unique.
        draw: does it once, with this source of randomness and in this empty folder; raises
            AssertionError where something is lost, and `NotHere` where it cannot be done.
        draws: how many there are in the campaign.
        short: how many of them in `make test`.
        outcome: what surviving means.
    """

    title: str
    draw: Callable[[random.Random, Path], None]
    draws: int
    short: int
    outcome: str


def all_faults(*modules: str) -> list[Fault]:
    """Return the faults of these modules, or of all."""
    names = modules or sorted(each.name for each in pkgutil.iter_modules(__path__))
    found = []
    for name in names:
        if name != "__main__":
            found += importlib.import_module(f"{__name__}.{name}").FAULTS
    return found


def run(fault: Fault, number: int, folder: Path, seed: int = SEED) -> str:
    """Do one draw; return nothing if it was survived, else what was lost."""
    folder.mkdir(parents=True)
    try:
        fault.draw(random.Random(f"{seed} {fault.title} {number}"), folder)
    except NotHere:
        raise
    except Exception:
        return f"{fault.title}, draw {number}:\n{traceback.format_exc()}"
    return ""


def alone(title: str, number: int, seed: int, modules: tuple[str, ...]) -> str:
    """Do one draw in a folder of its own, which stays only if something was lost.

    Here and not in `__main__`, which a new process does not import.
    """
    (fault,) = [each for each in all_faults(*modules) if each.title == title]
    folder = Path(tempfile.mkdtemp(prefix="leakage-fault-"))
    why = run(fault, number, folder / "draw", seed)
    if why:
        return f"{why}\n(its files: {folder})"
    shutil.rmtree(folder, ignore_errors=True)
    return ""
