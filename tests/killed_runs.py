"""Runs of Snakemake in a checkout of their own, which tests kill and start again."""

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
from leakage.storage import files
from snake import TINY_RESULTS, command, surroundings

PATIENCE = 300  # seconds; a run that needs them hangs

# In the order in which the last job of each starts.
STAGES = ("manifest", "view", "places", "embed", "estimate", "figure")
# A run of some ten seconds with jobs of every stage.
FEW_FIGURES = {
    "figures": ["fig2", "fig5"],
    "encryption": {"schemes": {"msb_xor": {"levels": [0, 4]}}},
}
# Every Python process of a run imports this module first. The first job of the stage HOLD stops
# itself; a job that is about to rename a finished file to KILL_AT kills itself.
SITECUSTOMIZE = """
import os, signal, sys

def hold():
    try:
        mark = os.open(os.environ["MARK"], os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        return
    os.write(mark, str(os.getpid()).encode())
    os.close(mark)
    os.kill(os.getpid(), signal.SIGSTOP)

def replace(source, target, replace=os.replace):
    if str(target).endswith(os.environ["KILL_AT"]):
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)

if "KILL_AT" in os.environ:
    os.replace = replace
words = sys.orig_argv
if words[1:3] == ["-m", "leakage"] and os.environ.get("HOLD") in words[3:6]:
    hold()
"""


@dataclass
class Campaign:
    """A run in a checkout of its own, started again after each interruption."""

    checkout: Path
    config: dict[str, Any] = field(default_factory=dict)
    targets: tuple[str, ...] = ("figures",)
    log: str = "output.txt"

    @contextlib.contextmanager
    def start(self, *options: str, hold: str = "", kill_at: str = "") -> Iterator[subprocess.Popen]:
        """Start Snakemake in a session of its own, and kill what is left of it at the end.

        Args:
            options: of Snakemake.
            hold: stage whose first job stops itself when it starts; see `held`.
            kill_at: end of the path of a file; the job that has written it kills itself before the
                file gets that name.
        """
        line = command(
            TINY_RESULTS,
            *options,
            targets=self.targets,
            config=self.config,
            checkout=self.checkout,
        )
        harm = {"HOLD": hold, "MARK": str(self._mark)} if hold else {}
        harm |= {"KILL_AT": kill_at} if kill_at else {}
        if harm:
            self._mark.parent.mkdir(exist_ok=True)
            self._mark.unlink(missing_ok=True)
            self._mark.with_name("sitecustomize.py").write_text(SITECUSTOMIZE)
            harm["PYTHONPATH"] = str(self._mark.parent)
        # Into a file: a broken pipe would kill the jobs that outlive Snakemake.
        with open(self._log, "w", encoding="utf-8") as output:
            run = subprocess.Popen(
                line,
                cwd=self.checkout,
                env=surroundings() | harm,
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

    def held(self, run: subprocess.Popen) -> psutil.Process:
        """Return the job that `hold` has stopped, as soon as it has stopped."""
        while run.poll() is None:
            if self._mark.exists() and (pid := self._mark.read_text()):
                process = psutil.Process(int(pid))
                if process.status() == psutil.STATUS_STOPPED:
                    return process
            time.sleep(0.01)
        raise AssertionError(f"no job was held:\n{self.output()}")

    def finish(self, *options: str) -> None:
        """Run to the end."""
        with self.start(*options) as run:
            assert run.wait(PATIENCE) == 0, self.output()

    def unlock(self) -> None:
        """Unlock the folder after a run was killed."""
        line = [sys.executable, "-m", "snakemake", "--unlock"]
        done = subprocess.run(
            line, cwd=self.checkout, env=surroundings(), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    def finished(self) -> dict[str, tuple[int, int]]:
        """Return the identity of each output that Snakemake has recorded as complete."""
        marks = self.checkout / ".snakemake"
        known, begun = (
            {base64.urlsafe_b64decode(mark.name).decode() for mark in (marks / each).iterdir()}
            for each in ("metadata", "incomplete")
        )
        # It has records of failed jobs too, and has deleted their outputs.
        outputs = [path for path in known - begun if (self.checkout / path).exists()]
        return {path: identity(self.checkout / path) for path in outputs}

    def assert_untouched(self, before: dict[str, tuple[int, int]]) -> None:
        """Assert that the last run repeated no finished job and changed none of their files."""
        lines = re.findall(r"^    output: (.*)$", self.output(), re.MULTILINE)
        jobs = [set(line.split(", ")) for line in lines]
        assert [job for job in jobs if job <= before.keys()] == []
        kept = before.keys() - set().union(*jobs)
        changed = [path for path in kept if identity(self.checkout / path) != before[path]]
        assert changed == []

    @property
    def results(self) -> Path:
        """The folder of the results."""
        return self.checkout / TINY_RESULTS

    def output(self) -> str:
        """Return what the last run printed."""
        return self._log.read_text()

    @property
    def _log(self) -> Path:
        return self.checkout.with_name(self.log)

    @property
    def _mark(self) -> Path:
        return self.checkout.with_name(f"{self.log}-harm") / "mark"


def as_at_a_terminal() -> None:
    """Make Ctrl-C count: a process started in the background inherits that it is ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def kill_snakemake(run: subprocess.Popen, held: psutil.Process) -> None:
    """Kill Snakemake alone, resume the held job, and wait until all its jobs have ended."""
    # A stopped Snakemake cannot start a job between the list of its jobs and its end.
    run.send_signal(signal.SIGSTOP)
    orphans = psutil.Process(run.pid).children(recursive=True)
    run.kill()
    run.wait(PATIENCE)
    held.resume()
    _, alive = psutil.wait_procs(orphans, PATIENCE)
    assert alive == []


def identity(path: Path) -> tuple[int, int]:
    """Return inode and time, which change when a file is written again with the same content."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def half_written(folder: Path) -> list[Path]:
    """Return the temporary files in a folder and below it."""
    return list(folder.rglob(".*.part"))


def digests(results: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a run except logs and timings."""
    names = (path.relative_to(results) for path in results.rglob("*") if path.is_file())
    kept = (name for name in names if name.parts[0] not in ("logs", "benchmarks"))
    return {str(name): files.sha256(results / name) for name in kept}
