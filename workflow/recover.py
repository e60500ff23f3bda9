"""Unlock this folder after an interrupted run, unless a live process still works in it.

    python workflow/recover.py [options of snakemake, such as --configfile demo.yaml]

Does nothing where nothing is locked. What runs on another machine, or as another user, cannot be
seen from here: on a cluster, look at the queue first. Then run Snakemake again.
"""

import subprocess
import sys
from pathlib import Path

import psutil

LOCKS = Path(".snakemake") / "locks"
PROGRAMS = ("snakemake", "leakage")


def at_work(folder: Path) -> list[str]:
    """Return pid and command of every process of a run in `folder`, this one's own line apart."""
    me = psutil.Process()
    own = {process.pid for process in (me, *me.parents())}
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid in own or Path(process.cwd()) != folder:
                continue
            command = process.cmdline()
        except psutil.Error:
            continue  # it has ended, or is another user's
        if is_run(command):
            found.append(f"{process.pid} ({' '.join(command)[:80]})")
    return found


def is_run(command: list[str]) -> bool:
    """Tell whether a command is Python with one of `PROGRAMS`, as a script or with -m."""
    python, *words = command or [""]
    program = next((word for word in words if not word.startswith("-")), "")
    return "python" in Path(python).name and Path(program).name in PROGRAMS


def main(options: list[str]) -> None:
    """Unlock the working directory if it is locked and nothing lives in it."""
    if not (LOCKS.is_dir() and any(LOCKS.iterdir())):
        return
    if processes := at_work(Path.cwd()):
        sys.exit(
            "error: this folder is locked by a run that is still at work: process "
            f"{'; '.join(processes)}; wait until it has ended, or end it, and try again"
        )
    print("unlocking after an interrupted run", file=sys.stderr)
    sys.exit(subprocess.run([sys.executable, "-m", "snakemake", "--unlock", *options]).returncode)


if __name__ == "__main__":
    main(sys.argv[1:])
