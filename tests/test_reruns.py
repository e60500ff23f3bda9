"""After a complete run, a change schedules exactly the jobs that it concerns."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest
import reruns
from leakage.storage.digest import code_digest
from snake import REPOSITORY, Run, copy_checkout, snakemake

RESULTS = Path("results") / "tiny"
# Every process of Python reads this module first; those of the steps say what they have imported.
TRACER = """
import atexit, json, os, pathlib, sys

def note():
    if pathlib.Path(sys.argv[0]).parts[-2:] == ("leakage", "__main__.py"):
        names = [name for name in sys.modules if name.partition(".")[0] == "leakage"]
        text = json.dumps({"arguments": sys.argv[1:], "modules": ["leakage.__main__", *names]})
        pathlib.Path(os.environ["TRACE"], f"{os.getpid()}.json").write_text(text)

atexit.register(note)
"""


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A checkout with a complete run in it, and the notes of what each step imported."""
    folder = tmp_path_factory.mktemp("reruns")
    checkout = copy_checkout(folder)
    for name in ("tracer", "trace"):
        (folder / name).mkdir()
    (folder / "tracer" / "sitecustomize.py").write_text(TRACER)
    traced = {"PYTHONPATH": str(folder / "tracer"), "TRACE": str(folder / "trace")}
    network = {"kind": "torchvision", "model": "squeezenet1_0", "weights": "random"}
    for targets, config in (
        (("all",), {}),
        (("calibration",), {"calibration": {"estimators": ["histogram"]}}),
        (("calibration/cca/staircase.parquet",), {"calibration": {"estimators": ["cca"]}}),
        (("embeddings/network/msb_xor/8.parquet",), {"encoders": {"network": network}}),
    ):
        run = snakemake(
            RESULTS, targets=targets, config=config, checkout=checkout, environment=traced
        )
        assert run.status == 0, run.output
    return checkout, folder / "trace"


@pytest.fixture
def checkout(complete: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of that checkout, times and all, which a test may change."""
    copy = tmp_path / "checkout"
    subprocess.run(["cp", "--archive", str(complete[0]), str(copy)], check=True)
    return copy


def made(run: Run) -> set[str]:
    """Return what the jobs of a run make, below the results and without suffixes."""
    outputs = {Path(path).relative_to(RESULTS) for path in run.outputs()}
    return {str(path.with_suffix("")) for path in outputs if path.suffix != ".sha256"}


@pytest.mark.parametrize("change", reruns.CHANGES, ids=lambda change: change.what)
def test_a_change_schedules_exactly_its_jobs(checkout: Path, change: reruns.Change) -> None:
    checkout, config = change.edit(checkout), change.config
    run = snakemake(RESULTS, "-n", targets=("all",), checkout=checkout, config=config)
    assert run.status == 0, run.output
    assert made(run) == reruns.with_report(change.expected), run.output


def test_what_is_scheduled_is_what_runs_and_all_else_stays_as_it_is(checkout: Path) -> None:
    change = next(each for each in reruns.CHANGES if "figures/fig3a" in each.expected)
    kept = [path for path in (checkout / RESULTS).rglob("*.*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in kept}
    checkout, config = change.edit(checkout), change.config
    run = snakemake(RESULTS, targets=("all",), checkout=checkout, config=config)
    assert run.status == 0, run.output
    expected = reruns.with_report(change.expected)
    assert made(run) == expected
    changed = {path for path, time in before.items() if path.stat().st_mtime_ns != time}
    stems = {str(path.relative_to(checkout / RESULTS)).partition(".")[0] for path in changed}
    # One job makes the report and what is beside it. It and the scorecard's copy are not timed.
    untimed = reruns.REPORT | {"scorecard"}
    logs = {f"logs/{stem}" for stem in expected - reruns.REPORT | {"report"}}
    assert stems == expected | logs | {f"benchmarks/{stem}" for stem in expected - untimed}


def test_every_step_imports_only_what_its_digest_covers(complete: tuple[Path, Path]) -> None:
    checkout, trace = complete
    records = [
        json.loads(path.read_text()) for path in (checkout / ".snakemake" / "metadata").iterdir()
    ]
    steps = set()
    for path in trace.iterdir():
        noted = json.loads(path.read_text())
        command = ["python", "-m", "leakage", *noted["arguments"]]
        (params,) = {
            tuple(each["params"])
            for each in records
            if shlex.split(each["shellcmd"] or "")[: len(command)] == command
        }
        assert repr(code_digest(*noted["modules"])) in params, noted
        assert repr(code_digest(*noted["modules"], "leakage.datasets.folder")) not in params
        steps.add(noted["arguments"][2])
    stages = {"manifest", "places", "view", "measure", "weights", "embed", "estimate", "figure"}
    stages |= {"test", "analyse", "report"}
    assert steps == stages | {"calibrate", "calibrate_verdict", "calibration"}


def test_the_page_on_reruns_is_made_from_this_test_s_data() -> None:
    assert (REPOSITORY / "docs" / "reruns.md").read_text() == reruns.page()
