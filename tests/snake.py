"""Runs of the real Snakemake, as a user starts it: from the repository, results elsewhere."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
TINY = Path("tests") / "tiny.yaml"


@dataclass
class Run:
    """What a run left: its exit status and all that it printed."""

    status: int
    output: str

    def outputs(self) -> set[str]:
        """Return the paths of the files that jobs make, or would make in a dry run."""
        lines = re.findall(r"^    output: (.*)$", self.output, re.MULTILINE)
        return {path for line in lines for path in line.split(", ")}

    def lines_with(self, words: str) -> list[str]:
        """Return the printed lines that hold `words`."""
        return [line for line in self.output.splitlines() if words in line]


def snakemake(
    results: Path,
    *options: str,
    targets: tuple[str, ...] = ("figures",),
    config: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
    configfile: Path = TINY,
    checkout: Path = REPOSITORY,
) -> Run:
    """Run Snakemake in `checkout` on `configfile` and `config` merged over it.

    `targets` with a dot are files below `results`; `environment` is added to this process's.
    """
    # Many tests run in this one repository at a time, each with results of its own.
    lock = ("--nolock",) if checkout == REPOSITORY else ()
    line = command(
        results,
        *lock,
        *options,
        targets=targets,
        config=config,
        configfile=configfile,
        checkout=checkout,
    )
    return _run(line, checkout, environment)


def plain(*options: str, checkout: Path, targets: tuple[str, ...] = ("figures",)) -> Run:
    """Run Snakemake in `checkout` on its config.yaml as it is."""
    line = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "2",
        "--nocolor",
        *options,
        "--",
        *targets,
    ]
    return _run(line, checkout)


def _run(line: list[str], checkout: Path, environment: dict[str, str] | None = None) -> Run:
    done = subprocess.run(
        line,
        cwd=checkout,
        env=surroundings() | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=3600,
    )
    return Run(done.returncode, done.stdout)


def command(
    results: Path,
    *options: str,
    targets: tuple[str, ...] = ("figures",),
    config: dict[str, Any] | None = None,
    configfile: Path = TINY,
    checkout: Path = REPOSITORY,
) -> list[str]:
    """Return the command line of a run in `checkout`, below which `results` may lie."""
    # Nested values given with --config would all arrive as text.
    overrides = checkout / results.with_name(f"{results.name}-overrides.yaml")
    overrides.parent.mkdir(parents=True, exist_ok=True)
    overrides.write_text(json.dumps(config or {}))
    line = [sys.executable, "-m", "snakemake", "--cores", "2", "--nocolor"]
    line += ["--configfile", str(configfile), str(overrides), *options]
    line += ["--config", f"results={results}", "--"]
    return line + [str(results / each) if "." in each else each for each in targets]


def surroundings() -> dict[str, str]:
    """Return the environment of a run: this one, its programs first, and no proxy."""
    return os.environ | {"NO_PROXY": "127.0.0.1", "PATH": _path()}


def _path() -> str:
    """Return PATH with this environment first: the rules call `python`."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def copy_checkout(folder: Path) -> Path:
    """Copy the files that belong to the repository, uncommitted ones too, to `folder`/checkout."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, names.stdout.split("\0")):
        target = folder / "checkout" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (REPOSITORY / name).is_file():
            shutil.copyfile(REPOSITORY / name, target)
    return folder / "checkout"
