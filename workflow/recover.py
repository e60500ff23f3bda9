"""Unlock this folder after an interrupted run, unless a live process still works in it.

    python workflow/recover.py [options of snakemake, such as --configfile demo.yaml]

It does nothing if the folder is not locked. It cannot see processes on other machines or of other
users: on a cluster, look at the queue first. Then run Snakemake again.
"""

import subprocess
import sys
from pathlib import Path

import psutil

LOCKS = Path(".snakemake") / "locks"
PROGRAMS = ("snakemake", "leakage")


def running(folder: Path) -> list[str]:
    """Return pid and command of every process of a run in `folder`, except this one's parents."""
    me = psutil.Process()
    own = {process.pid for process in (me, *me.parents())}
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid in own or Path(process.cwd()) != folder:
                continue
            command = process.cmdline()
        except psutil.Error:
            continue  # it has ended, or belongs to another user
        if is_run(command):
            found.append(f"{process.pid} ({' '.join(command)[:80]})")
    return found


def is_run(command: list[str]) -> bool:
    """Return whether a command is Python with one of `PROGRAMS`, as a script or with -m."""
    python, *words = command or [""]
    program = next((word for word in words if not word.startswith("-")), "")
    return "python" in Path(python).name and Path(program).name in PROGRAMS


def main(options: list[str]) -> None:
    """Unlock the working directory if it is locked and no run works in it."""
    if not (LOCKS.is_dir() and any(LOCKS.iterdir())):
        return
    if processes := running(Path.cwd()):
        sys.exit(
            "error: this folder is locked by a run that is still working: process "
            f"{'; '.join(processes)}; wait until it has ended, or stop it, and try again"
        )
    print("unlocking after an interrupted run", file=sys.stderr)
    sys.exit(subprocess.run([sys.executable, "-m", "snakemake", "--unlock", *options]).returncode)


if __name__ == "__main__":
    main(sys.argv[1:])
