"""Runs of the real Snakemake, as a user starts it: from the repository, results elsewhere."""

import json
import os
import re
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
) -> Run:
    """Run Snakemake on `configfile` and `config` merged over it.

    `targets` with a dot are files below `results`; `environment` is added to this process's.
    """
    # Nested values given with --config would all arrive as text.
    overrides = results.parent / f"{results.name}-overrides.yaml"
    overrides.write_text(json.dumps(config or {}))
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--nolock", "--nocolor"]
    command += ["--configfile", str(configfile), str(overrides), *options]
    command += ["--config", f"results={results}", "--"]
    command += [str(results / each) if "." in each else each for each in targets]
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=os.environ | {"NO_PROXY": "127.0.0.1", "PATH": _path()} | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return Run(done.returncode, done.stdout)


def _path() -> str:
    """Return PATH with this environment first: the rules call `python`."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
