"""GPUs: jobs that can use one ask for one, and one such job runs at a time."""

import re
from pathlib import Path

import pytest
from leakage.devices import has_gpu
from snake import snakemake

# The machine needs no GPU: every Python process believes that there is one.
PRETEND = "from leakage import devices\ndevices.has_gpu = lambda: True\n"
TRAININGS = tuple(
    f"estimates/mine_training/{on}/msb_xor.parquet" for on in ("pixels", "statistics")
)


@pytest.fixture
def with_gpu(tmp_path: Path) -> dict[str, str]:
    """The environment of a run that believes in a GPU."""
    (tmp_path / "pretend").mkdir()
    (tmp_path / "pretend" / "sitecustomize.py").write_text(PRETEND)
    return {"PYTHONPATH": str(tmp_path / "pretend")}


def most_at_once(output: str) -> int:
    """Return the largest number of jobs with a GPU that ran at the same time."""
    running: set[str] = set()
    most = 0
    for block in re.split(r"^\[", output, flags=re.MULTILINE):
        started, ended = (
            re.search(p, block) for p in (r"    jobid: (\d+)", r"Finished jobid: (\d+)")
        )
        if ended:
            running.discard(ended[1])
        elif started and "gpu=1" in block:
            running.add(started[1])
        most = max(most, len(running))
    return most


@pytest.mark.slow
def test_one_training_at_a_time_has_the_gpu(tmp_path: Path, with_gpu: dict[str, str]) -> None:
    run = snakemake(tmp_path / "results", targets=TRAININGS, environment=with_gpu)
    assert run.status == 0, run.output
    assert most_at_once(run.output) == 1


def test_without_a_gpu_or_with_device_cpu_no_job_asks_for_one(
    tmp_path: Path, with_gpu: dict[str, str]
) -> None:
    cpu = snakemake(
        tmp_path / "r", "-n", targets=TRAININGS, environment=with_gpu, config={"device": "cpu"}
    )
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    none = snakemake(tmp_path / "r", "-n", targets=TRAININGS, environment=hidden)
    for run in (cpu, none):
        assert run.status == 0 and "gpu=1" not in run.output
    gpu = snakemake(tmp_path / "r", "-n", targets=TRAININGS, environment=with_gpu)
    assert gpu.output.count("gpu=1") == 2


@pytest.mark.parametrize("driver", ["nvidiactl", "kfd", "dxg"])
def test_a_gpu_is_found_by_its_driver_and_can_be_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driver: str
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert not has_gpu(tmp_path)
    (tmp_path / driver).touch()
    assert has_gpu(tmp_path)
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert not has_gpu(tmp_path)
