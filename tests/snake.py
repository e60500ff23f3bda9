"""Run Snakemake as a user does: from the repository, with the results elsewhere."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
TINY = Path("tests") / "tiny.yaml"
TINY_RESULTS = Path("results") / "tiny"
# Python imports this module at every start. It notes which modules each step has imported.
TRACER = """
import atexit, json, os, pathlib, sys

def note():
    if pathlib.Path(sys.argv[0]).parts[-2:] == ("leakage", "__main__.py"):
        names = [name for name in sys.modules if name.partition(".")[0] == "leakage"]
        text = json.dumps({"arguments": sys.argv[1:], "modules": ["leakage.__main__", *names]})
        pathlib.Path(os.environ["TRACE"], f"{os.getpid()}.json").write_text(text)

atexit.register(note)
"""


@dataclass
class Run:
    """Exit status and output of a run."""

    status: int
    output: str

    def outputs(self) -> set[str]:
        """Return the paths that jobs make, or would make in a dry run."""
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
    patience: float = 3600,
) -> Run:
    """Run Snakemake in `checkout` on `configfile` and `config` merged over it.

    `targets` with a dot are files below `results`; `environment` is added to this process's. A run
    that has not ended after `patience` seconds is killed; its status is that of the signal.
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
    return _run(line, checkout, environment, patience)


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


def _run(
    line: list[str],
    checkout: Path,
    environment: dict[str, str] | None = None,
    patience: float = 3600,
) -> Run:
    # A file, because a killed run's jobs would keep a pipe open.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        try:
            status = subprocess.run(
                line,
                cwd=checkout,
                env=surroundings() | (environment or {}),
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=patience,
            ).returncode
            end = ""
        except subprocess.TimeoutExpired as stopped:
            status, end = -signal.SIGKILL, f"killed: {stopped}"
        output.seek(0)
        return Run(status, output.read() + end)


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


@dataclass(frozen=True)
class TinyRun:
    """A checkout with a complete run of tests/tiny.yaml in its folder `results/tiny`.

    Attributes:
        checkout: the copy of the repository.
        trace: one JSON file per job: the arguments of its step, and the modules it imported.
        results: the results, as an absolute path. Give Snakemake `TINY_RESULTS` in `checkout`.
    """

    checkout: Path
    trace: Path

    @property
    def results(self) -> Path:
        return self.checkout / TINY_RESULTS

    @property
    def traced(self) -> dict[str, str]:
        """The environment of runs whose jobs are traced."""
        return {"PYTHONPATH": str(self.trace.with_name("tracer")), "TRACE": str(self.trace)}

    def copy(self, checkout: Path) -> Path:
        """Copy the checkout with its results and times, and return the copy."""
        subprocess.run(["cp", "--archive", str(self.checkout), str(checkout)], check=True)
        return checkout


def tiny_run(folder: Path) -> TinyRun:
    """Make the target `all` of tests/tiny.yaml in `folder`, unless it is there already."""
    done = folder / "done"
    tiny = TinyRun(folder / "checkout", folder / "trace")
    if not done.exists():
        for name in ("trace", "tracer"):
            (folder / name).mkdir()
        (folder / "tracer" / "sitecustomize.py").write_text(TRACER)
        copy_checkout(folder)
        done.write_text("another test has tried, and failed, to make this run")
        run = snakemake(
            TINY_RESULTS, targets=("all",), checkout=tiny.checkout, environment=tiny.traced
        )
        done.write_text(run.output if run.status else "")
    problem = done.read_text()
    assert not problem, problem
    return tiny


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
