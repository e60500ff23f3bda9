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
    (tmp_path / "sitecustomize.py").write_text(PRETEND)
    return {"PYTHONPATH": str(tmp_path)}


def most_at_once(output: str) -> int:
    """Return the largest number of jobs with a GPU that ran at the same time."""
    running, most = set(), 0
    for block in re.split(r"^\[", output, flags=re.MULTILINE):
        if ended := re.search(r"Finished jobid: (\d+)", block):
            running.discard(ended[1])
        elif "gpu=1" in block and (started := re.search(r"    jobid: (\d+)", block)):
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
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    for of, device, asked in ((with_gpu, "auto", 2), (with_gpu, "cpu", 0), (hidden, "auto", 0)):
        config = {"device": device}
        run = snakemake(tmp_path / "r", "-n", targets=TRAININGS, environment=of, config=config)
        assert run.status == 0 and run.output.count("gpu=1") == asked


def test_a_gpu_is_found_by_its_driver_and_can_be_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert not has_gpu(tmp_path)
    for driver in ("nvidiactl", "kfd", "dxg"):
        (tmp_path / driver).touch()
        assert has_gpu(tmp_path)
        (tmp_path / driver).unlink()
    (tmp_path / "dxg").touch()
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert not has_gpu(tmp_path)
