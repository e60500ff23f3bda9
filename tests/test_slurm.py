"""The tiny configuration on a SLURM cluster of one node, which tests/slurm_cluster.sh starts.

Needs root on Debian: `make cluster` runs these tests, `make test` does not.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
from snake import REPOSITORY, TINY_RESULTS, TinyRun, command, copy_checkout, snakemake, surroundings

SCRIPT = REPOSITORY / "tests" / "slurm_cluster.sh"
LOGS = "/var/log/slurm-test"
# The node has two CPUs, fewer than what a training asks for.
PROFILE = ("--profile", "slurm", "--set-threads", "estimate=1", "--show-failed-logs")
# Of the tiny configuration, the estimators that compute with torch.
ON_GPU = {"mine_training", "mine", "cca", "rescaled", "reidentification"}

# The stages whose jobs go to the queue.
QUEUED = {"views", "attacks", "measures", "security", "embeddings", "tests", "estimates"}

# Seconds. A run takes three minutes on two cores; one that waits for a lost job never ends.
PATIENCE = 1200

# A figure that needs few jobs, with a training among them.
ONE_FIGURE = ("figures/reidentification.png",)

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A running cluster."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.skip("starting a cluster needs root on Debian")
    running = shutil.which("sinfo") and subprocess.run([SCRIPT, "status"]).returncode == 0
    subprocess.run([SCRIPT, "start"], check=True)
    yield
    if not running:
        subprocess.run([SCRIPT, "stop"], check=True)


@pytest.fixture
def local(tiny_run: TinyRun) -> Path:
    """The results of a run on the cores of this machine."""
    return tiny_run.results


@pytest.fixture(scope="module")
def through_slurm(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A checkout with a complete run through SLURM in it, and what Snakemake printed."""
    checkout = copy_checkout(tmp_path_factory.mktemp("slurm"))
    run = snakemake(TINY_RESULTS, *PROFILE, targets=("all",), checkout=checkout, patience=PATIENCE)
    assert run.status == 0, run.output + cluster_state()
    return checkout, run.output


def cluster_state() -> str:
    """Return what SLURM says of its jobs and its node, and the end of its daemons' logs."""
    commands = ["squeue --states=all", "scontrol show node", f"tail -n 50 {LOGS}/*.log"]
    return "\n".join(
        f"$ {each}\n" + subprocess.run(each, shell=True, capture_output=True, text=True).stdout
        for each in commands
    )


def assert_same_tables(found: Path, expected: Path) -> None:
    """Assert that a run's tables equal the other run's, except for the paths in their metadata."""
    names = tables(found)
    assert names
    for name in names:
        pd.testing.assert_frame_equal(
            pd.read_parquet(found / name), pd.read_parquet(expected / name)
        )


def tables(results: Path) -> list[Path]:
    """Return the paths of a run's tables, below its results."""
    return sorted(path.relative_to(results) for path in results.rglob("*.parquet"))


def jobs(log: Path) -> list[tuple[str, str]]:
    """Return SLURM's number and the GPU of each job that wrote a log."""
    return re.findall(
        r"SLURM job (\d+) on \S+: threads \d+, GPU (\S+)", log.read_text(encoding="utf-8")
    )


def test_every_figure_is_made_through_slurm_with_the_tables_of_a_local_run(
    through_slurm: tuple[Path, str], local: Path
) -> None:
    results = through_slurm[0] / TINY_RESULTS
    figures = sorted(path.name for path in (local / "figures").iterdir())
    assert sorted(path.name for path in (results / "figures").iterdir()) == figures
    assert tables(results) == tables(local)
    assert_same_tables(results, local)


def test_jobs_that_train_got_the_gpu_and_no_others_did(through_slurm: tuple[Path, str]) -> None:
    logs = through_slurm[0] / TINY_RESULTS / "logs"
    for log in logs.rglob("*.log"):
        stage, *names = log.relative_to(logs).parts
        gpus = [gpu for _, gpu in jobs(log)]
        if stage in QUEUED:
            trains = stage == "estimates" and names[0] in ON_GPU
            assert gpus == ["0" if trains else "none"], log
        else:
            assert gpus == [], log  # where Snakemake itself runs


def test_short_jobs_go_to_the_queue_together(through_slurm: tuple[Path, str]) -> None:
    logs = through_slurm[0] / TINY_RESULTS / "logs"
    # Four views and four embeddings; so many go together as the profile says.
    for stage, together in (("views", 9), ("embeddings", 3)):
        each = [number for log in (logs / stage).rglob("*.log") for number, _ in jobs(log)]
        assert len(each) == 4 and len(set(each)) == -(-len(each) // together)


def test_a_cancelled_job_is_run_again_and_the_tables_are_the_same(
    cluster: None, local: Path, tmp_path: Path
) -> None:
    checkout = copy_checkout(tmp_path)
    with open(tmp_path / "output", "w", encoding="utf-8") as output:
        run = subprocess.Popen(
            command(TINY_RESULTS, *PROFILE, checkout=checkout, targets=ONE_FIGURE),
            cwd=checkout,
            env=surroundings(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            cancelled = cancel_one("estimate")
            with suppress(subprocess.TimeoutExpired):
                run.wait(PATIENCE)
            assert run.poll() == 0, (tmp_path / "output").read_text() + cluster_state()
        finally:
            run.kill()
    assert cancelled in (tmp_path / "output").read_text()
    assert_same_tables(checkout / TINY_RESULTS, local)


def cancel_one(rule: str) -> str:
    """Cancel the first running job of a rule, by its comment in the queue; return its number."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        queue = ["squeue", "--noheader", "--states=RUNNING", "--format=%i %k"]
        lines = subprocess.run(queue, capture_output=True, text=True, check=True).stdout
        for number, comment in re.findall(r"^(\d+) (.*)$", lines, re.MULTILINE):
            if rule in comment:
                subprocess.run(["scancel", number], check=True)
                return number
        time.sleep(0.2)
    raise AssertionError(f"no job of rule {rule} ran within 180 s")
