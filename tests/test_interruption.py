"""Runs and trainings that are killed: the next run continues and ends with the same files."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
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
    STAGES,
    Campaign,
    digests,
    half_written,
    kill_snakemake,
)
from leakage.steps import estimate
from leakage.storage import embeddings
from leakage.storage.checkpoints import Checkpoint
from snake import TINY_RESULTS, TinyRun, copy_checkout, snakemake, surroundings

# Trainings that keep a checkpoint after every epoch, or after every stack of networks.
CURVES = {"epochs": 12, "batch": 10, "hidden": 16, "layers": 1, "seeds": 2}
HELD_OUT = {
    **{"bases": [], "batch": 32, "validated_pairs": 64, "hidden": 8},
    **{"folds": 3, "seeds": 20, "epochs": 2, "permutations": 19, "bootstraps": 20},
}
# `leakage` in a process that kills itself after a number of checkpoints.
KILLED_AFTER = """
import os, signal, sys

from leakage.cli import run
from leakage.storage.checkpoints import Checkpoint

keep, left = Checkpoint.keep, [int(sys.argv.pop(1))]

def keep_and_count(self, state):
    keep(self, state)
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

Checkpoint.keep = keep_and_count
run()
"""


def test_a_killed_run_repeats_no_finished_job_and_ends_with_the_same_files(
    tiny_run: TinyRun, tmp_path: Path
) -> None:
    campaign = Campaign(
        copy_checkout(tmp_path), targets=("embeddings/statistics/msb_xor/4.parquet",)
    )
    with campaign.start(kill_at="views/msb_xor/4.parquet") as run:
        assert run.wait(PATIENCE) != 0
    assert half_written(campaign.results / "views")
    before = campaign.finished()
    with campaign.start(hold="embed") as run:
        kill_snakemake(run, campaign.held(run))
    campaign.assert_untouched(before)
    before = campaign.finished()
    campaign.unlock()
    campaign.finish()
    campaign.assert_untouched(before)
    assert half_written(campaign.results) == []
    assert digests(campaign.results).items() <= digests(tiny_run.results).items()


@pytest.mark.slow
def test_a_run_killed_in_every_stage_ends_with_the_files_of_an_undisturbed_run(
    tmp_path: Path,
) -> None:
    campaign = Campaign(copy_checkout(tmp_path), FEW_FIGURES)
    before = {}
    for stage, victim in zip(STAGES, ("snakemake", "job") * 3, strict=True):
        with campaign.start(hold=stage) as run:
            job = campaign.held(run)
            if victim == "job":
                job.kill()
                assert run.wait(PATIENCE) != 0
            else:
                kill_snakemake(run, job)
        campaign.assert_untouched(before)
        before = campaign.finished()
        if victim == "snakemake":
            campaign.unlock()
    campaign.finish()
    campaign.assert_untouched(before)
    undisturbed = TINY_RESULTS.with_name("undisturbed")
    run = snakemake(undisturbed, config=FEW_FIGURES, checkout=campaign.checkout)
    assert run.status == 0, run.output
    assert digests(campaign.results) == digests(campaign.checkout / undisturbed)


def outcome(line: list[str], folder: Path) -> subprocess.CompletedProcess:
    """Run a command in a folder and return its exit status and output."""
    return subprocess.run(line, cwd=folder, env=surroundings(), capture_output=True, text=True)


def recover(folder: Path, *options: str) -> subprocess.CompletedProcess:
    """Run recover.py in a folder."""
    script = Path(__file__).resolve().parent.parent / "workflow" / "recover.py"
    return outcome([sys.executable, str(script), *options], folder)


def make_demo(checkout: Path) -> subprocess.CompletedProcess:
    """Run `make demo` in this environment, with `echo` in place of the demo."""
    (checkout / ".venv").unlink(missing_ok=True)
    (checkout / ".venv").symlink_to(sys.prefix)
    line = ["make", "--no-print-directory", "--assume-old", ".venv/ready", "demo"]
    return outcome([*line, "RUN_DEMO=echo the demo"], checkout)


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
    with campaign.start(hold="manifest") as run:
        job = campaign.held(run)
        assert_refused_because_of(run.pid)
        run.kill()
        run.wait(PATIENCE)
        assert_refused_because_of(job.pid)
        job.resume()
        psutil.wait_procs([job], PATIENCE)
    assert list(locks.iterdir())
    copy = tmp_path / "second"
    shutil.copytree(checkout, copy, symlinks=True)
    # A process that reads a file with the name of a program is not a run.
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


def test_recovery_without_a_lock_prints_nothing_and_starts_no_snakemake(tmp_path: Path) -> None:
    for _ in range(2):
        # Without a Snakefile, Snakemake would fail.
        recovery = recover(tmp_path)
        assert (recovery.returncode, recovery.stdout, recovery.stderr) == (0, "", "")
        (tmp_path / ".snakemake" / "locks").mkdir(parents=True, exist_ok=True)


def test_a_run_gives_each_training_a_checkpoint_that_is_not_an_output(tiny_run: TinyRun) -> None:
    # Snakemake deletes the outputs of a job that fails.
    noted = (json.loads(path.read_text())["arguments"] for path in tiny_run.trace.iterdir())
    trainings = [line for line in noted if "estimate" in line and "mine_training" in line]
    assert len(trainings) == 2
    for line in trainings:
        path = line[line.index("--checkpoint") + 1]
        assert path.startswith("results/tiny/checkpoints/mine_training/")


@dataclass
class Training:
    """An estimate on small embeddings, as the rule `estimate` starts it."""

    folder: Path
    method: str = "mine_training"
    settings: dict[str, Any] = field(default_factory=lambda: dict(CURVES))
    seed: int = 0
    code: str = "0123abcd"
    data: int = 0

    @property
    def table(self) -> Path:
        """The table that it makes."""
        return self.folder / "table.parquet"

    @property
    def checkpoint(self) -> Path:
        """The file of its checkpoint."""
        return self.folder / "checkpoint.pt"

    def options(self) -> dict[str, Any]:
        """Return the arguments of the step, by name."""
        levels = [write_embeddings(self.folder, level, self.data) for level in (0, 4)]
        return {
            **{"name": self.method, "x": levels[0], "y": levels, "output": self.table},
            **{"checkpoint": self.checkpoint, "checkpoint_every": 0.0, "seed": self.seed},
            **{"settings": json.dumps(self.settings), "code": self.code},
        }

    def finish(self) -> pd.DataFrame:
        """Run to the end, in this process, and return the table."""
        estimate.main(**self.options())
        assert not self.checkpoint.exists()
        return pd.read_parquet(self.table)

    def kill_after(self, checkpoints: int) -> None:
        """Start the step in a process that kills itself after a number of checkpoints."""
        options = self.options()
        values = [options.pop(name) for name in ("name", "x")] + options.pop("y")
        line = [sys.executable, "-c", KILLED_AFTER, str(checkpoints)]
        line += ["--threads", "1", "estimate", *map(str, values)]
        for name, value in options.items():
            line += [f"--{name.replace('_', '-')}", str(value)]
        killed = subprocess.run(line, env=surroundings(), capture_output=True, text=True)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert not self.table.exists()

    def kept(self) -> Any:
        """Return the state in the checkpoint."""
        return torch.load(self.checkpoint, weights_only=True)["state"]


def write_embeddings(folder: Path, level: int, seed: int) -> Path:
    """Write embeddings of 40 pictures, noisier at a higher level, as the step `embed` does."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{level}.parquet"
    plain, noise = np.random.default_rng(seed).normal(size=(2, 40, 6)).astype(np.float32)
    rows = [(str(picture), 0, 0, 0) for picture in range(40)]
    view = {"scheme": "msb_xor", "level": level}
    embeddings.write(path, [(rows, plain + level * noise)], 6, {**view, "view": view})
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The table of an uninterrupted training."""
    return Training(tmp_path_factory.mktemp("undisturbed")).finish()


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Training:
    """A training that was killed after five epochs."""
    training = Training(tmp_path_factory.mktemp("killed"))
    training.kill_after(5)
    assert len(training.kept()["values"]["train"]) == 5
    return training


@pytest.fixture
def interrupted(killed: Training, tmp_path: Path) -> Training:
    """A copy of it."""
    shutil.copytree(killed.folder, tmp_path / "copy")
    return Training(tmp_path / "copy")


def kept_epochs(training: Training, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Finish a training and return the number of epochs in each checkpoint that it keeps."""
    epochs = []

    def keep(self: Checkpoint, state: Any) -> None:
        epochs.append(len(state()["values"]["train"]))

    monkeypatch.setattr(Checkpoint, "keep", keep)
    training.finish()
    return epochs


def test_a_killed_training_continues_from_its_checkpoint_to_the_same_table(
    interrupted: Training, undisturbed: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kept_epochs(interrupted, monkeypatch)[0] == 6
    found = pd.read_parquet(interrupted.table)
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)


def test_a_killed_held_out_estimate_continues_after_its_finished_stacks_to_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, training = (Training(tmp_path / name, "mine", HELD_OUT) for name in ("whole", "killed"))
    expected = whole.finish()
    training.kill_after(1)
    networks = len(training.kept()["units"])
    kept = []
    monkeypatch.setattr(Checkpoint, "keep", lambda self, state: kept.append(len(state()["units"])))
    pd.testing.assert_frame_equal(training.finish(), expected, check_exact=True)
    assert networks < kept[0] < kept[-1] == HELD_OUT["folds"] * HELD_OUT["seeds"]


@pytest.mark.parametrize(
    "change",
    [{"settings": {**CURVES, "hidden": 8}}, {"seed": 1}, {"code": "4567cdef"}, {"data": 1}],
    ids=lambda change: next(iter(change)),
)
def test_the_checkpoint_of_another_training_is_ignored(
    interrupted: Training,
    change: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = Training(interrupted.folder, **change)
    assert kept_epochs(other, monkeypatch)[0] == 1
    assert "another training" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_ignored(
    interrupted: Training,
    undisturbed: pd.DataFrame,
    capsys: pytest.CaptureFixture[str],
) -> None:
    os.truncate(interrupted.checkpoint, interrupted.checkpoint.stat().st_size // 2)
    pd.testing.assert_frame_equal(interrupted.finish(), undisturbed, check_exact=True)
    said = capsys.readouterr().err
    assert f"{interrupted.checkpoint}: unreadable (" in said and "from the start" in said


def test_a_checkpoint_with_one_wrong_bit_is_ignored(interrupted: Training) -> None:
    path, content = interrupted.checkpoint, interrupted.checkpoint.read_bytes()
    checkpoint = Checkpoint(path, torch.load(path, weights_only=True)["identity"])

    def loaded(raw: bytes) -> bytes | None:
        path.write_bytes(raw)
        if (state := checkpoint.load()) is None:
            return None
        stream = io.BytesIO()
        torch.save(state, stream)
        return stream.getvalue()

    whole = loaded(content)
    assert whole is not None
    for place in range(0, len(content), 1009):
        wrong = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        # Some bits mean nothing: those between the parts of the file.
        assert loaded(wrong) in (None, whole), place
