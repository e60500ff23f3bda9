"""Runs and trainings that are killed by the real signal: what comes back, and what stays."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from killed_runs import (
    FEW_FIGURES,
    PATIENCE,
    RESULTS,
    STAGES,
    Campaign,
    digests,
    half_written,
    identity,
    kill_snakemake,
)
from leakage.storage import embeddings
from leakage.storage.checkpoints import Checkpoint
from snake import copy_checkout, snakemake, surroundings

VICTIMS = ("job", "snakemake")
ONE_KILL_PER_STAGE = list(zip(STAGES, ("snakemake", "job") * 3, strict=True))
EVERY_KILL = [(stage, victim) for stage in STAGES for victim in VICTIMS]

# Trainings of some seconds: MINE's curves, which keep every epoch, and a held-out estimate, which
# keeps every finished stack of networks (with so many seeds, one per fold or two).
TRAINING = {"epochs": 250, "batch": 10, "hidden": 16, "layers": 1, "seeds": 2}
HELD_OUT = {
    **{"bases": [], "batch": 32, "validated_pairs": 64, "hidden": 8},
    **{"folds": 3, "seeds": 60, "epochs": 10, "permutations": 19, "bootstraps": 20},
}


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(ONE_KILL_PER_STAGE, id="one per stage"),
        pytest.param(EVERY_KILL, id="all", marks=pytest.mark.slow),
    ],
)
def test_a_run_killed_in_every_stage_redoes_nothing_and_ends_with_an_undisturbed_one_s_files(
    tmp_path: Path, kills: list[tuple[str, str]]
) -> None:
    campaign = Campaign(copy_checkout(tmp_path), FEW_FIGURES)
    before = {}
    for stage, victim in kills:
        with campaign.start() as run:
            job = campaign.wait_for(run, stage)
            if victim == "job":
                job.kill()
                assert run.wait(PATIENCE) != 0
            else:
                kill_snakemake(run)
        campaign.assert_untouched(before)
        before = campaign.finished()
        if victim == "snakemake":
            campaign.unlock()
    campaign.finish()
    campaign.assert_untouched(before)
    undisturbed = RESULTS.with_name("undisturbed")
    run = snakemake(undisturbed, config=FEW_FIGURES, checkout=campaign.checkout)
    assert run.status == 0, run.output
    assert digests(campaign.results) == digests(campaign.checkout / undisturbed)


def test_what_a_killed_job_has_half_written_is_gone_after_recovery(tmp_path: Path) -> None:
    campaign = Campaign(copy_checkout(tmp_path), targets=("figures/fig1.png",))
    for stage, folder in ("view", "views"), ("figure", "figures"):
        # One job at a time: the one that writes is the one that is killed.
        with campaign.start("--cores", "1") as run:
            job = campaign.wait_for(run, stage)
            while job.is_running() and not half_written(campaign.results / folder):
                pass
            job.kill()
            assert run.wait(PATIENCE) != 0
        assert half_written(campaign.results / folder)
    campaign.finish()
    assert half_written(campaign.results) == []


def recover(folder: Path, *options: str) -> subprocess.CompletedProcess:
    """Run recover.py in a folder."""
    script = Path(__file__).resolve().parent.parent / "workflow" / "recover.py"
    return outcome([sys.executable, str(script), *options], folder)


def make_demo(checkout: Path) -> subprocess.CompletedProcess:
    """Run `make demo` in this environment, with a word in the place of the demo's run."""
    (checkout / ".venv").unlink(missing_ok=True)
    (checkout / ".venv").symlink_to(sys.prefix)
    line = ["make", "--no-print-directory", "--assume-old", ".venv/ready", "demo"]
    return outcome([*line, "DEMO=echo the demo"], checkout)


def outcome(line: list[str], folder: Path) -> subprocess.CompletedProcess:
    """Run a command in a folder and return its exit status and what it printed."""
    return subprocess.run(line, cwd=folder, env=surroundings(), capture_output=True, text=True)


def test_recovery_waits_for_every_process_of_a_run_and_then_unlocks(tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "first")
    locks = checkout / ".snakemake" / "locks"

    def assert_refused_because_of(pid: int) -> None:
        for recovery in (recover(checkout), make_demo(checkout)):
            assert recovery.returncode != 0 and "the demo" not in recovery.stdout
            (line,) = [each for each in recovery.stderr.splitlines() if "error: " in each]
            assert f"process {pid} (" in line and "wait until it has ended" in line
        assert list(locks.iterdir())

    campaign = Campaign(checkout, targets=("manifest.csv",))
    with campaign.start() as run:
        job = campaign.wait_for(run, "manifest")
        job.suspend()
        assert_refused_because_of(run.pid)
        run.kill()
        run.wait(PATIENCE)
        assert_refused_because_of(job.pid)
        job.resume()
        psutil.wait_procs([job], PATIENCE)
    assert list(locks.iterdir())
    copy = tmp_path / "second"
    shutil.copytree(checkout, copy, symlinks=True)
    # Who reads a file that happens to have a program's name is no run.
    (copy / "snakemake").touch()
    with subprocess.Popen(["tail", "-f", "snakemake"], cwd=copy) as reader:
        recovery = recover(copy, "--configfile", "tests/tiny.yaml")
        reader.kill()
    assert recovery.returncode == 0, recovery.stderr
    assert "unlocking" in recovery.stderr
    assert not (copy / ".snakemake" / "locks").exists()
    made = make_demo(checkout)
    assert made.returncode == 0 and "the demo" in made.stdout, made.stderr
    assert not locks.exists()


def test_recovery_where_nothing_is_locked_says_nothing_and_starts_no_snakemake(
    tmp_path: Path,
) -> None:
    for _ in range(2):
        # Without a Snakefile, Snakemake would fail.
        recovery = recover(tmp_path)
        assert (recovery.returncode, recovery.stdout, recovery.stderr) == (0, "", "")
        (tmp_path / ".snakemake" / "locks").mkdir(parents=True, exist_ok=True)


@dataclass
class Training:
    """An estimate on small embeddings, through the command line: MINE's curves by default."""

    folder: Path
    method: str = "mine_training"
    settings: dict[str, Any] = field(default_factory=lambda: dict(TRAINING))
    seed: int = 0
    code: str = "0123abcd"
    data: int = 0

    @property
    def table(self) -> Path:
        """What it makes."""
        return self.folder / "table.parquet"

    @property
    def checkpoint(self) -> Path:
        """Where it keeps its state."""
        return self.folder / "checkpoint.pt"

    def start(self) -> subprocess.Popen:
        """Start the step."""
        levels = [str(write_embeddings(self.folder, level, self.data)) for level in (0, 4)]
        line = [sys.executable, "-m", "leakage", "--threads", "1", "estimate", self.method]
        line += [
            levels[0],
            *levels,
            "--output",
            str(self.table),
            "--checkpoint",
            str(self.checkpoint),
        ]
        line += ["--checkpoint-every", "0", "--settings", json.dumps(self.settings)]
        line += ["--seed", str(self.seed), "--code", self.code]
        return subprocess.Popen(line, env=surroundings(), stderr=subprocess.PIPE, text=True)

    def finish(self) -> str:
        """Run to the end and return what was said."""
        with self.start() as step:
            said = step.communicate(timeout=PATIENCE)[1]
        assert step.returncode == 0, said
        return said

    def kill_when(self, ready: Callable[[], bool]) -> str:
        """Start the step, kill it as soon as `ready`, and return what it has said."""
        with self.start() as step:
            while step.poll() is None and not ready():
                time.sleep(0.001)
            step.kill()
            said = step.communicate(timeout=PATIENCE)[1]
        assert step.returncode == -signal.SIGKILL, said
        return said

    def epochs(self) -> int:
        """Return how many epochs the kept state has behind it."""
        return epochs_in(self.checkpoint)


def epochs_in(checkpoint: Path) -> int:
    """Return how many epochs a kept state has behind it, 0 where there is none."""
    if not checkpoint.exists():
        return 0
    return len(torch.load(checkpoint, weights_only=True)["state"]["values"]["train"])


def stacks_in(checkpoint: Path) -> int:
    """Return how many stacks of networks a held-out estimate has finished, 0 without a state."""
    return len(torch.load(checkpoint, weights_only=True)["state"]) if checkpoint.exists() else 0


def write_embeddings(folder: Path, level: int, seed: int) -> Path:
    """Write embeddings of 40 pictures, weaker at a higher level, as the step `embed` does."""
    path = folder / f"{level}.parquet"
    plain, noise = np.random.default_rng(seed).normal(size=(2, 40, 6)).astype(np.float32)
    rows = [(str(picture), 0, 0, 0) for picture in range(40)]
    view = {"scheme": "msb_xor", "level": level}
    metadata = {**view, "view": view}
    embeddings.write(path, [(rows, plain + level * noise)], 6, metadata)
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The table of a training that nothing interrupts."""
    training = Training(tmp_path_factory.mktemp("undisturbed"))
    training.finish()
    return pd.read_parquet(training.table)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Training:
    """A training that was killed and has left its state."""
    training = Training(tmp_path_factory.mktemp("killed"))
    training.kill_when(lambda: training.epochs() >= 25)
    return training


@pytest.fixture
def interrupted(killed: Training, tmp_path: Path) -> Training:
    """A copy of it, for one test."""
    shutil.copytree(killed.folder, tmp_path / "copy")
    return Training(tmp_path / "copy")


def test_a_killed_training_goes_on_from_its_checkpoint_to_an_undisturbed_one_s_table(
    interrupted: Training, undisturbed: pd.DataFrame
) -> None:
    kept, first = interrupted.epochs(), identity(interrupted.checkpoint)
    assert 25 <= kept < TRAINING["epochs"] and not interrupted.table.exists()
    # What a training from the start keeps first has one epoch.
    interrupted.kill_when(lambda: identity(interrupted.checkpoint) != first)
    assert kept < interrupted.epochs() < TRAINING["epochs"]
    assert interrupted.finish() == ""
    pd.testing.assert_frame_equal(pd.read_parquet(interrupted.table), undisturbed, check_exact=True)
    assert not interrupted.checkpoint.exists()


def test_a_killed_held_out_estimate_goes_on_after_its_finished_stacks_to_the_same_table(
    tmp_path: Path,
) -> None:
    whole, training = (Training(tmp_path / name, "mine", HELD_OUT) for name in ("whole", "killed"))
    whole.finish()
    training.kill_when(lambda: stacks_in(training.checkpoint) >= 2)
    kept, first = stacks_in(training.checkpoint), identity(training.checkpoint)
    assert 2 <= kept < HELD_OUT["folds"] * HELD_OUT["seeds"] and not training.table.exists()
    # What an estimate from the start keeps first is one stack.
    training.kill_when(lambda: identity(training.checkpoint) != first)
    assert kept < stacks_in(training.checkpoint)
    assert training.finish() == ""
    found, expected = (pd.read_parquet(each.table) for each in (training, whole))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert not training.checkpoint.exists()


@pytest.mark.slow
def test_a_training_killed_in_a_run_goes_on_in_the_next_one(tmp_path: Path) -> None:
    endless = {"estimators": {"mine": {"epochs": 10**6, "seeds": 1}}}
    table = "estimates/mine_training/statistics/msb_xor.parquet"
    campaign = Campaign(copy_checkout(tmp_path), endless, (table,))
    checkpoint = campaign.results / "checkpoints" / "mine" / "statistics" / "msb_xor.pt"
    kept = [0]
    for _ in range(2):
        with campaign.start() as run:
            job = campaign.wait_for(run, "estimate")
            before = checkpoint.exists() and identity(checkpoint)
            # A state is kept after a minute.
            while job.is_running() and (not checkpoint.exists() or identity(checkpoint) == before):
                time.sleep(0.1)
            job.kill()
            assert run.wait(PATIENCE) != 0
        kept.append(epochs_in(checkpoint))
        assert "training from the start" not in campaign.output()
    assert kept[2] > kept[1] > 0


@pytest.mark.parametrize(
    "change",
    [{"settings": {**TRAINING, "hidden": 8}}, {"seed": 1}, {"code": "4567cdef"}, {"data": 1}],
    ids=lambda change: next(iter(change)),
)
def test_a_checkpoint_of_another_training_is_not_taken_up(
    interrupted: Training, change: dict[str, Any]
) -> None:
    kept, first = interrupted.epochs(), identity(interrupted.checkpoint)
    other = Training(interrupted.folder, **change)
    said = other.kill_when(lambda: identity(other.checkpoint) != first)
    assert f"{other.checkpoint}: of another training; training from the start" in said
    assert 1 <= other.epochs() < kept


def test_a_damaged_checkpoint_is_not_taken_up_and_the_table_is_an_undisturbed_one_s(
    interrupted: Training, undisturbed: pd.DataFrame
) -> None:
    os.truncate(interrupted.checkpoint, interrupted.checkpoint.stat().st_size // 2)
    said = interrupted.finish()
    assert f"{interrupted.checkpoint}: unreadable (" in said and "from the start" in said
    pd.testing.assert_frame_equal(pd.read_parquet(interrupted.table), undisturbed, check_exact=True)
    assert not interrupted.checkpoint.exists()


def test_a_checkpoint_with_one_wrong_bit_is_not_taken_up(interrupted: Training) -> None:
    path, content = interrupted.checkpoint, interrupted.checkpoint.read_bytes()
    checkpoint = Checkpoint(path, torch.load(path, weights_only=True)["identity"])

    def loaded(raw: bytes) -> bytes | None:
        path.write_bytes(raw)
        state = checkpoint.load()
        return state and as_bytes(state)

    whole = loaded(content)
    assert whole is not None
    for place in range(0, len(content), 101):
        wrong = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        # Some bits mean nothing: those between the parts of the file.
        assert loaded(wrong) in (None, whole), place


def as_bytes(state: dict[str, Any]) -> bytes:
    """Return the same bytes for the same state."""
    stream = io.BytesIO()
    torch.save(state, stream)
    return stream.getvalue()
