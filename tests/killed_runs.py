"""Runs of Snakemake in a checkout of their own, to be killed and started again."""

import base64
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from leakage.storage import files
from snake import command, surroundings

RESULTS = Path("results") / "tiny"
PATIENCE = 120  # seconds

# In the order in which the last job of each starts.
STAGES = ("manifest", "view", "places", "embed", "estimate", "figure")
# A run of some ten seconds with jobs of every stage.
FEW_FIGURES = {
    "figures": ["fig2", "fig5"],
    "encryption": {"schemes": {"msb_xor": {"levels": [0, 4]}}},
}


@dataclass
class Campaign:
    """One run in a checkout of its own, started again after each interruption."""

    checkout: Path
    config: dict[str, Any] = field(default_factory=dict)
    targets: tuple[str, ...] = ("figures",)
    log: str = "output.txt"

    @contextlib.contextmanager
    def start(self, *options: str) -> Iterator[subprocess.Popen]:
        """Start Snakemake in a session of its own; nothing of it lives after the block."""
        line = command(
            RESULTS,
            *options,
            targets=self.targets,
            config=self.config,
            checkout=self.checkout,
        )
        # Into a file: the words of an orphan into a broken pipe would kill it.
        with open(self._log, "w") as output:
            run = subprocess.Popen(
                line,
                cwd=self.checkout,
                env=surroundings(),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=as_at_a_terminal,
            )
        try:
            yield run
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
            run.wait(PATIENCE)

    def wait_for(self, run: subprocess.Popen, stage: str) -> psutil.Process:
        """Return the process of a job of a stage as soon as there is one."""
        while run.poll() is None:
            for process in psutil.Process(run.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    words = process.cmdline()
                    if words[1:3] == ["-m", "leakage"] and stage in words[3:6]:
                        return process
            time.sleep(0.01)
        pytest.fail(f"no job of the stage {stage} was seen:\n{self.output()}")

    def finish(self, *options: str) -> None:
        """Run to the end."""
        with self.start(*options) as run:
            assert run.wait(PATIENCE) == 0, self.output()

    def unlock(self) -> None:
        """Do what the README says after a run that was killed."""
        line = [sys.executable, "-m", "snakemake", "--unlock"]
        done = subprocess.run(
            line, cwd=self.checkout, env=surroundings(), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    def finished(self) -> dict[str, tuple[int, int]]:
        """Return the outputs that Snakemake knows to be complete, and what writing changes."""
        marks = self.checkout / ".snakemake"
        known, begun = (
            {base64.urlsafe_b64decode(mark.name).decode() for mark in (marks / each).iterdir()}
            for each in ("metadata", "incomplete")
        )
        # It has notes of failed jobs too, and has deleted what those made.
        outputs = [path for path in known - begun if (self.checkout / path).exists()]
        return {path: identity(self.checkout / path) for path in outputs}

    def assert_untouched(self, before: dict[str, tuple[int, int]]) -> None:
        """Assert that the last run began no job that had finished, and left all its files alone."""
        lines = re.findall(r"^    output: (.*)$", self.output(), re.MULTILINE)
        jobs = [set(line.split(", ")) for line in lines]
        assert [job for job in jobs if job <= before.keys()] == []
        kept = before.keys() - set().union(*jobs)
        changed = [path for path in kept if identity(self.checkout / path) != before[path]]
        assert changed == []

    @property
    def results(self) -> Path:
        """The folder of the results."""
        return self.checkout / RESULTS

    def output(self) -> str:
        """Return what the last run printed."""
        return self._log.read_text()

    @property
    def _log(self) -> Path:
        return self.checkout.with_name(self.log)


def as_at_a_terminal() -> None:
    """Let Ctrl-C count: who was started in the background hands on that it is ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def kill_snakemake(run: subprocess.Popen) -> None:
    """Kill Snakemake alone, and return when the jobs that it leaves have ended."""
    # Stopped first, it cannot start a job between the list of its jobs and its end.
    run.send_signal(signal.SIGSTOP)
    orphans = psutil.Process(run.pid).children(recursive=True)
    run.kill()
    run.wait(PATIENCE)
    _, alive = psutil.wait_procs(orphans, PATIENCE)
    assert alive == []


def identity(path: Path) -> tuple[int, int]:
    """Return what changes when a file is written anew, though with the same content."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def half_written(folder: Path) -> list[Path]:
    """Return the temporary files in a folder and below it."""
    return list(folder.rglob(".*.part"))


def digests(results: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a run but its logs and timings."""
    names = (path.relative_to(results) for path in results.rglob("*") if path.is_file())
    kept = (name for name in names if name.parts[0] not in ("logs", "benchmarks"))
    return {str(name): files.sha256(results / name) for name in kept}
