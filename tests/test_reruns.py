"""After a complete run, a change schedules exactly the jobs that depend on it.

`CHANGES` holds the rows of docs/reruns.md.
"""

import fnmatch
import json
import os
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from leakage.storage.digest import code_digest
from snake import REPOSITORY, TINY_RESULTS, Run, TinyRun, snakemake

CODE = Path("workflow") / "leakage"
# The report job makes these files. It follows any other job.
REPORT = {"report", "summary", "security", "record/configuration"}
SCORECARD = ["analysis/claims", "figures/scorecard", "scorecard"]
CONSISTENCY = ["analysis/consistency/*", "figures/consistency"]
CLASSIC = ("visual_security", "classics")
# The tests of ciphertexts at the strongest level, and their table.
TESTED = ["security/msb_xor/8", "record/throughput/msb_xor/8", "analysis/security"]
SECURITY = [f"{kind}/{name}" for kind in ("analysis", "figures") for name in CLASSIC]
VERDICTS = ["analysis/verdicts", "figures/verdict", "figures/schemes-*", *SECURITY]


def code(*names: str) -> Callable[[Path], Path]:
    """Return an edit that adds a statement to modules."""
    return lambda checkout: append(checkout, [CODE / f"{name}.py" for name in names], "\nNEW = 1\n")


def words(*paths: Path | str) -> Callable[[Path], Path]:
    """Return an edit that adds words to files."""
    return lambda checkout: append(checkout, paths, "\nMore words.\n")


def append(checkout: Path, paths: Any, text: str) -> Path:
    for path in paths:
        with open(checkout / path, "a", encoding="utf-8") as stream:
            stream.write(text)
    return checkout


def comments(checkout: Path) -> Path:
    """Add a comment to every module, and change its docstring."""
    for path in (checkout / CODE).rglob("*.py"):
        text = path.read_text()
        path.write_text(text.replace('"""', '"""Changed: ', 1) + "\n# A comment.\n")
    return checkout


def set_times(times: tuple[float, float] | None) -> Callable[[Path], Path]:
    """Return an edit that sets the times of all files of the repository; None means now."""

    def edit(checkout: Path) -> Path:
        for path in checkout.rglob("*"):
            own = path.relative_to(checkout).parts[0] not in ("results", ".snakemake")
            if own and path.is_file():
                os.utime(path, times)
        return checkout

    return edit


def clone(checkout: Path) -> Path:
    """Clone the repository, and move `results` and `.snakemake` into the clone."""
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "all"]):
        subprocess.run([*git, *command], cwd=checkout, check=True)
    new = checkout.with_name("clone")
    subprocess.run([*git, "clone", "--quiet", str(checkout), str(new)], check=True)
    for name in ("results", ".snakemake"):
        (checkout / name).rename(new / name)
    return new


@dataclass(frozen=True)
class Change:
    """A change after a complete run.

    Attributes:
        what: the change, for docs/reruns.md.
        jobs: the jobs that run again, for docs/reruns.md.
        again: patterns of what they make, among the files of the run.
        new: what they make that the run has not made.
        edit: makes the change in a checkout; returns the checkout to use.
        config: settings merged over the configuration.
        quick: whether `make test` tries it; `make slow` tries all.
    """

    what: str
    jobs: str
    again: list[str] = field(default_factory=list)
    new: set[str] = field(default_factory=set)
    edit: Callable[[Path], Path] = lambda checkout: checkout
    config: dict[str, Any] = field(default_factory=dict)
    quick: bool = False


# The attacks on msb_xor, and all figures but those of other schemes.
ATTACKED = ["attacks/*/msb_xor", "figures/[!p]*", "figures/p[!i]*", "figures/pixel_c*"]

CHANGES = [
    Change(
        "a hyper-parameter of one estimator",
        "that estimator's estimates, and the figures that read them",
        [
            "estimates/mine_training/*",
            "figures/fig[4-8]*",
            "figures/epochs-*",
            "figures/distance-*",
            "figures/memorisation-*",
            *SCORECARD,
        ],
        config={"estimators": {"mine_training": {"hidden": 9}}},
    ),
    Change(
        "a hyper-parameter of the default held-out estimator",
        "its estimates, the verdicts, and the figures that read them",
        [
            "estimates/mine/*",
            "figures/estimators-*",
            "figures/memorisation-*",
            *CONSISTENCY,
            *VERDICTS,
            *SCORECARD,
        ],
        config={"estimators": {"mine": {"hidden": 9}}},
        quick=True,
    ),
    Change(
        "a setting of the exact tests (`tests`)",
        "the tests, the verdicts, and the figures that show them",
        ["tests/*", *VERDICTS],
        config={"tests": {"permutations": 500}},
    ),
    Change(
        "the code of one estimator's module",
        "that estimator's estimates, and the figures that read them",
        ["estimates/cosine/*", "figures/fig3a", *SCORECARD],
        edit=code("estimators/cosine"),
        quick=True,
    ),
    Change(
        "the code of a module that only some estimators share",
        "those estimators' estimates, and the figures that read them",
        [
            "estimates/histogram/*",
            "estimates/rounded_histogram/*",
            "figures/fig2",
            "figures/fig3b",
            "figures/fig4",
            "figures/fig6a",
            "figures/schemes-*",
            *SECURITY,
            *SCORECARD,
        ],
        edit=code("estimators/frequencies"),
    ),
    Change(
        "the code of cross-fitting (`protocol/cross_fitting.py`)",
        "the estimates that use it and the figures that read them, but no training curve",
        [f"estimates/{name}/*" for name in ("mine", "cca", "rescaled", "reidentification")]
        + ["figures/estimators-*", "figures/memorisation-*", *CONSISTENCY]
        + ["figures/reidentification", *VERDICTS, *SCORECARD],
        edit=code("protocol/cross_fitting"),
    ),
    Change(
        "a level added",
        "that level's view, embeddings; estimates, tests, measures, attacks of all levels; figures",
        [
            "estimates/*/msb_xor",
            "tests/*/msb_xor",
            "measures/msb_xor",
            *ATTACKED,
            "scorecard",
            "analysis/[!s]*",
        ],
        new={"views/msb_xor/6", "embeddings/statistics/msb_xor/6"},
        config={"encryption": {"schemes": {"msb_xor": {"levels": [0, 4, 6, 8]}}}},
        quick=True,
    ),
    Change(
        "a setting of a scheme",
        "views (not the plain pictures), embeddings, estimates, tests, measures, attacks, figures",
        [
            "*/msb_xor/[48]",
            "estimates/*/msb_xor",
            "tests/*/msb_xor",
            "measures/msb_xor",
            "analysis/*",
            *ATTACKED,
            "scorecard",
            *TESTED,
        ],
        config={"encryption": {"schemes": {"msb_xor": {"view": "full"}}}},
    ),
    Change(
        "the code of a scheme's module, or of a plug-in's file",
        "its views, embeddings, estimates, tests and measures, and the figures that show it",
        [
            "*/pixel_permutation/4",
            "*/pixel_permutation",
            "figures/pixel_permutation/*",
            *VERDICTS,
            "analysis/security",
        ],
        edit=code("schemes/pixel_permutation"),
        quick=True,
    ),
    Change(
        "a scheme added to `comparisons.schemes`",
        "its views, embeddings, tests, measures, compared estimates; the comparisons",
        [*VERDICTS, "analysis/security"],
        new={"views/full/1", "embeddings/statistics/full/1", "tests/statistics/full"}
        | {"estimates/mine/statistics/full", "estimates/reidentification/statistics/full"}
        | {"estimates/histogram/pixels/full", "measures/full"}
        | {"security/full/1", "record/throughput/full/1", "figures/full/reconstruction"},
        config={"comparisons": {"schemes": ["msb_xor", "pixel_permutation", "full"]}},
    ),
    Change(
        "an encoder added",
        "that encoder's embeddings, estimates and tests, and the figures that show it",
        ["figures/reidentification", *CONSISTENCY, *VERDICTS],
        new={f"embeddings/finer/{view}" for view in ("plain/0", "msb_xor/4", "msb_xor/8")}
        | {"embeddings/finer/pixel_permutation/4", "estimates/mine/finer/pixel_permutation"}
        | {"estimates/reidentification/finer/pixel_permutation"}
        | {f"tests/finer/{scheme}" for scheme in ("msb_xor", "pixel_permutation")}
        | {
            f"estimates/{name}/finer/msb_xor"
            for name in ("mine_training", "mine", "cca", "rescaled", "ksg", "reidentification")
        }
        | {
            f"figures/{name}-finer"
            for name in ("epochs", "distance", "estimators", "memorisation", "schemes")
        },
        config={
            "encoders": {"finer": {"kind": "statistics", "grid": 3}},
            "representations": ["statistics", "finer"],
        },
    ),
    Change(
        "the code of a test of ciphertexts (`security/`)",
        "the tests of ciphertexts, and their table",
        ["security/*", "record/throughput/*", "analysis/security"],
        edit=code("security/damage"),
        quick=True,
    ),
    Change(
        "the code or the caption of a figure",
        "that figure",
        ["figures/visual_security"],
        edit=code("figures/visual_security"),
    ),
    Change(
        "the template, the style or the script of the report",
        "the report",
        [*REPORT],
        edit=words(CODE / "report" / "page.html.j2", CODE / "report" / "page.css"),
    ),
    Change("a comment or a docstring, in any module", "nothing", edit=comments),
    Change("every file of the repository touched", "nothing", edit=set_times(None)),
    Change("the times of the repository's files moved back", "nothing", edit=set_times((1e9, 1e9))),
    Change(
        "a fresh `git clone`, `results/` and `.snakemake/` moved into it", "nothing", edit=clone
    ),
    Change(
        "README, documentation, tests",
        "nothing",
        edit=words("README.md", "docs/reruns.md", "tests/test_views.py"),
    ),
    Change(
        "a key that no job of the run reads",
        "nothing but the report, which shows the configuration",
        [*REPORT],
        config={
            "calibration": {"seeds": 7},
            "dataset": {"coco": {"count": 7}},
            "encoders": {"unused": {"kind": "statistics", "grid": 5}},
        },
    ),
]
NOTHING = [change for change in CHANGES if change.jobs == "nothing"]


def expected(change: Change, results: Path) -> set[str]:
    """Return what the jobs of a change make, without suffixes."""
    files = (path.relative_to(results) for path in results.rglob("*.*") if path.is_file())
    kept = {
        str(path.with_suffix(""))
        for path in files
        if path.parts[0] not in ("logs", "benchmarks") and path.suffix != ".sha256"
    }
    found = {each for pattern in change.again for each in fnmatch.filter(kept, pattern)}
    found |= change.new
    return found | REPORT if found else found


def made(run: Run) -> set[str]:
    """Return what the jobs of a run make, below the results and without suffixes."""
    outputs = {Path(path).relative_to(TINY_RESULTS) for path in run.outputs()}
    return {str(path.with_suffix("")) for path in outputs if path.suffix != ".sha256"}


def run_all(checkout: Path, *options: str, config: dict[str, Any] | None = None) -> Run:
    """Run the target `all` in a checkout."""
    run = snakemake(TINY_RESULTS, *options, targets=("all",), checkout=checkout, config=config)
    assert run.status == 0, run.output
    return run


def check(checkout: Path, change: Change) -> None:
    """Assert that a change schedules exactly its jobs."""
    jobs = expected(change, checkout / TINY_RESULTS)
    run = run_all(change.edit(checkout), "-n", config=change.config)
    assert made(run) == jobs, run.output


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(each, id=each.what, marks=[] if each.quick else pytest.mark.slow)
        for each in CHANGES
    ],
)
def test_a_change_schedules_exactly_its_jobs(tiny_copy: Path, change: Change) -> None:
    check(tiny_copy, change)


def test_changes_that_schedule_nothing_schedule_nothing_together(tiny_copy: Path) -> None:
    checkout = tiny_copy
    for change in NOTHING:
        checkout = change.edit(checkout)
    assert made(run_all(checkout, "-n")) == set()


@pytest.mark.slow
def test_only_the_scheduled_jobs_run_and_change_files(tiny_copy: Path) -> None:
    change = next(each for each in CHANGES if "figures/fig3a" in each.again)
    results = tiny_copy / TINY_RESULTS
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*.*") if path.is_file()}
    jobs = expected(change, results)
    assert made(run_all(change.edit(tiny_copy))) == jobs
    changed = {path for path, time in before.items() if path.stat().st_mtime_ns != time}
    stems = {str(path.relative_to(results)).partition(".")[0] for path in changed}
    # One job makes the report's three files. It and the copy of the scorecard are not timed.
    logs = {f"logs/{stem}" for stem in jobs - REPORT | {"report"}}
    assert stems == jobs | logs | {f"benchmarks/{stem}" for stem in jobs - REPORT - {"scorecard"}}


def check_imports(checkout: Path, trace: Path) -> set[str]:
    """Assert that every traced step imported only what its digest covers; return the steps."""
    metadata = (checkout / ".snakemake" / "metadata").iterdir()
    records = [json.loads(path.read_text()) for path in metadata]
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
    return steps


STEPS = {"manifest", "places", "view", "measure", "embed", "estimate", "test", "analyse"}
STEPS |= {"attack", "security", "figure", "report"}


def test_every_step_imports_only_what_its_digest_covers(tiny_run: TinyRun) -> None:
    assert check_imports(tiny_run.checkout, tiny_run.trace) == STEPS


@pytest.mark.slow
def test_the_steps_of_calibration_and_networks_import_only_what_their_digests_cover(
    tiny_run: TinyRun, tmp_path: Path
) -> None:
    copy = TinyRun(tiny_run.copy(tmp_path / "checkout"), tmp_path / "trace")
    copy.trace.mkdir()
    network = {"kind": "torchvision", "model": "squeezenet1_0", "weights": "random"}
    for targets, config in (
        (("calibration",), {"calibration": {"estimators": ["histogram"]}}),
        (("calibration/cca/staircase.parquet",), {"calibration": {"estimators": ["cca"]}}),
        (("embeddings/network/msb_xor/8.parquet",), {"encoders": {"network": network}}),
    ):
        environment = tiny_run.traced | {"TRACE": str(copy.trace)}
        run = snakemake(
            TINY_RESULTS,
            targets=targets,
            config=config,
            checkout=copy.checkout,
            environment=environment,
        )
        assert run.status == 0, run.output
    steps = {"calibrate_estimator", "calibrate_verdict", "calibration_table", "figure"}
    assert check_imports(copy.checkout, copy.trace) >= steps | {"find_weights", "embed"}


def test_the_page_on_reruns_has_the_rows_of_this_test() -> None:
    page = (REPOSITORY / "docs" / "reruns.md").read_text()
    rows = [f"| {change.what} | {change.jobs} |" for change in CHANGES]
    assert rows == [line for line in page.splitlines() if line.startswith("| ")][2:]
