"""What runs again when: the table of docs/reruns.md, and what tests/test_reruns.py tries.

python tests/reruns.py > docs/reruns.md
"""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leakage.storage.digest import PACKAGE

CODE = Path("workflow") / PACKAGE.name

# The jobs of tests/tiny.yaml, by what they make. A second scheme is compared with the paper's.
OTHER = "pixel_permutation"
MINE = {f"estimates/mine_training/{on}/msb_xor" for on in ("pixels", "statistics")}
MINE_FIGURES = {f"figures/fig{name}" for name in ("4", "5", "6a", "6b", "7", "8")}
SCORECARD = {"analysis/claims", "figures/scorecard", "scorecard"}
CONSISTENCY = {"analysis/consistency/msb_xor", "figures/consistency"}
SECURITY = {"analysis/visual_security", "figures/visual_security"}
BEYOND = {
    f"figures/{name}-statistics" for name in ("epochs", "distance", "memorisation")
} | SCORECARD
SCHEMES = {"figures/schemes-statistics"} | SECURITY
MEASURED = {"measures/msb_xor"}
OF_OTHER = {f"estimates/{on}/{OTHER}" for on in ("mine/statistics", "histogram/pixels")}
HELD_OUT = {f"estimates/mine/statistics/{scheme}" for scheme in ("msb_xor", OTHER)}
TESTS = {f"tests/statistics/{scheme}" for scheme in ("msb_xor", OTHER)}
OF_OTHER_TESTS = {f"tests/statistics/{OTHER}"}
VERDICTS = {"analysis/verdicts"}
JUDGED = VERDICTS | {"figures/verdict"} | SCHEMES
HELD_OUT_FIGURES = (
    SCORECARD
    | VERDICTS
    | CONSISTENCY
    | SECURITY
    | {f"figures/{name}-statistics" for name in ("estimators", "memorisation", "schemes")}
    | {"figures/verdict"}
)
CCA = {f"estimates/{name}/statistics/msb_xor" for name in ("cca", "rescaled")}
KSG = {"estimates/ksg/statistics/msb_xor"}
REIDENTIFICATION = {"estimates/reidentification/statistics/msb_xor"}
HISTOGRAM = {f"estimates/histogram/pixels/{scheme}" for scheme in ("msb_xor", OTHER)}
ROUNDED = {"estimates/rounded_histogram/statistics-whole/msb_xor"}
COSINE = {"estimates/cosine/statistics-whole/msb_xor"}
ESTIMATES = MINE | HELD_OUT | CCA | KSG | REIDENTIFICATION | HISTOGRAM | ROUNDED | COSINE
FIGURES = (
    MINE_FIGURES
    | BEYOND
    | HELD_OUT_FIGURES
    | {"figures/reidentification"}
    | {f"figures/fig{name}" for name in ("1", "2", "3a", "3b")}
)
# What reads the paper's scheme alone.
OF_PAPER = ESTIMATES - OF_OTHER
# An encoder `finer` among the representations.
FINER = {f"embeddings/finer/msb_xor/{level}" for level in (0, 4, 8)}
FINER |= {f"embeddings/finer/{OTHER}/4"}
FINER_ESTIMATES = {
    f"estimates/{name}/finer/msb_xor"
    for name in ("mine", "mine", "cca", "rescaled", "ksg", "reidentification")
} | {f"estimates/mine/finer/{OTHER}"}
FINER_TESTS = {f"tests/finer/{scheme}" for scheme in ("msb_xor", OTHER)}
FINER_FIGURES = {
    f"figures/{name}-finer"
    for name in ("epochs", "distance", "estimators", "memorisation", "schemes")
}
OF_ALL_REPRESENTATIONS = (
    {
        f"figures/{name}"
        for name in (
            *("reidentification", "verdict"),
            "schemes-statistics",  # reads the verdicts, which are one table
        )
    }
    | CONSISTENCY
    | SECURITY
)


# What the job of the report makes.
REPORT = {"report", "summary", "record/configuration"}


def with_report(jobs: set[str]) -> set[str]:
    """Return what runs with the jobs of a change: if any job runs, the report follows."""
    return jobs | REPORT if jobs else jobs


@dataclass(frozen=True)
class Change:
    """A change after a complete run.

    Attributes:
        what: the change, for the table.
        jobs: those that run again, for the table.
        expected: what they make, of tests/tiny.yaml.
        edit: makes the change in a checkout; returns the checkout that then has it.
        config: settings merged over the configuration.
    """

    what: str
    jobs: str
    expected: set[str]
    edit: Callable[[Path], Path] = lambda checkout: checkout
    config: dict[str, Any] = field(default_factory=dict)


def code(*names: str) -> Callable[[Path], Path]:
    """Return what changes the code of modules."""
    return lambda checkout: _append(
        checkout, [CODE / f"{name}.py" for name in names], "\nNEW = 1\n"
    )


def words(*paths: Path) -> Callable[[Path], Path]:
    """Return what adds words to files."""
    return lambda checkout: _append(checkout, paths, "\nMore words.\n")


def comments(checkout: Path) -> Path:
    """Add a comment to every module and change its docstring."""
    for path in (checkout / CODE).rglob("*.py"):
        text = path.read_text()
        path.write_text(text.replace('"""', '"""Changed: ', 1) + "\n# A comment.\n")
    return checkout


def touch(checkout: Path) -> Path:
    """Give every file that belongs to the repository the time of now."""
    return _set_times(checkout, None)


def age(checkout: Path) -> Path:
    """Give every file that belongs to the repository an old time, as unpacking an archive does."""
    return _set_times(checkout, (1e9, 1e9))


def clone(checkout: Path) -> Path:
    """Clone the repository anew and move `results` and `.snakemake` into the clone."""
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "all"]):
        subprocess.run([*git, *command], cwd=checkout, check=True)
    new = checkout.with_name("clone")
    subprocess.run([*git, "clone", "--quiet", str(checkout), str(new)], check=True)
    for name in ("results", ".snakemake"):
        (checkout / name).rename(new / name)
    return new


CHANGES = [
    Change(
        "a hyper-parameter of one estimator",
        "that estimator's estimates, and the figures that read them",
        MINE | MINE_FIGURES | BEYOND,
        config={"estimators": {"mine": {"hidden": 9}}},
    ),
    Change(
        "a hyper-parameter of the default held-out estimator",
        "its estimates, and the figures that read them",
        HELD_OUT | HELD_OUT_FIGURES,
        config={"estimators": {"mine": {"hidden": 9}}},
    ),
    Change(
        "a setting of the exact tests (`tests`)",
        "the tests, the verdicts, and the figures that show them",
        TESTS | JUDGED,
        config={"tests": {"permutations": 500}},
    ),
    Change(
        "the code of one estimator's module",
        "that estimator's estimates, and the figures that read them",
        COSINE | {"figures/fig3a"} | SCORECARD,
        code("estimators/cosine"),
    ),
    Change(
        "the code of a module that only some estimators share",
        "those estimators' estimates, and the figures that read them",
        HISTOGRAM
        | ROUNDED
        | {"figures/fig2", "figures/fig3b", "figures/fig4", "figures/fig6a"}
        | SCHEMES
        | SCORECARD,
        code("estimators/plug_in"),
    ),
    Change(
        "the code of the held-out estimators' protocol (`protocol/held_out.py`)",
        "the held-out estimates and the figures that read them, but no training curve",
        HELD_OUT | CCA | KSG | REIDENTIFICATION | HELD_OUT_FIGURES | {"figures/reidentification"},
        code("protocol/held_out"),
    ),
    Change(
        "a level added",
        "that level's view and embeddings; estimates, tests and measures of all levels; figures",
        {"views/msb_xor/6", "embeddings/statistics/msb_xor/6"}
        | OF_PAPER
        | (TESTS - OF_OTHER_TESTS)
        | MEASURED
        | FIGURES,
        config={"encryption": {"schemes": {"msb_xor": {"levels": [0, 4, 6, 8]}}}},
    ),
    Change(
        "a setting of a scheme",
        "its views (not the plain pictures), embeddings, estimates, tests, measures, figures",
        {f"{of}/msb_xor/{level}" for of in ("views", "embeddings/statistics") for level in (4, 8)}
        | OF_PAPER
        | (TESTS - OF_OTHER_TESTS)
        | MEASURED
        | FIGURES,
        config={"encryption": {"schemes": {"msb_xor": {"view": "full"}}}},
    ),
    Change(
        "the code of a scheme's module, or of a plug-in's file",
        "its views, embeddings, estimates, tests and measures, and the figures that show it",
        {f"{of}/{OTHER}/4" for of in ("views", "embeddings/statistics")}
        | OF_OTHER
        | OF_OTHER_TESTS
        | {f"measures/{OTHER}"}
        | SCHEMES
        | JUDGED,
        code("schemes/pixel_permutation"),
    ),
    Change(
        "a scheme added to `schemes`",
        "its views, embeddings, tests, measures, compared estimates; the comparisons",
        {f"{of}/full/1" for of in ("views", "embeddings/statistics")}
        | {"estimates/mine/statistics/full", "estimates/histogram/pixels/full"}
        | {"measures/full", "tests/statistics/full"}
        | SCHEMES
        | JUDGED,
        config={"schemes": ["msb_xor", "pixel_permutation", "full"]},
    ),
    Change(
        "an encoder added",
        "that encoder's embeddings, estimates and tests, and the figures that show it",
        FINER | FINER_ESTIMATES | FINER_TESTS | FINER_FIGURES | OF_ALL_REPRESENTATIONS | VERDICTS,
        config={
            "encoders": {"finer": {"kind": "statistics", "grid": 3}},
            "representations": ["statistics", "finer"],
        },
    ),
    Change(
        "the code or the caption of a figure",
        "that figure",
        {"figures/fig3b"},
        code("figures/fig3b"),
    ),
    Change(
        "the template, the style or the script of the report",
        "the report",
        REPORT,
        words(CODE / "report" / "page.html.j2", CODE / "report" / "page.css"),
    ),
    Change("a comment or a docstring, in any module", "nothing", set(), comments),
    Change("every file of the repository touched", "nothing", set(), touch),
    Change("the times of the repository's files moved back", "nothing", set(), age),
    Change(
        "a fresh `git clone`, `results/` and `.snakemake/` moved into it", "nothing", set(), clone
    ),
    Change(
        "README, documentation, tests",
        "nothing",
        set(),
        words(Path("README.md"), Path("docs") / "reruns.md", Path("tests") / "test_views.py"),
    ),
    Change(
        "a key that no job of the run reads",
        "nothing but the report, which shows the configuration",
        REPORT,
        config={
            "calibration": {"seeds": 7},
            "dataset": {"coco": {"count": 7}},
            "encoders": {"unused": {"kind": "statistics", "grid": 5}},
        },
    ),
]


def table() -> str:
    """Return the rows of `CHANGES` as a Markdown table."""
    rows = [("after a complete run, a change of", "runs again")]
    rows += [("---", "---")]
    rows += [(change.what, change.jobs) for change in CHANGES]
    return "\n".join(f"| {what} | {jobs} |" for what, jobs in rows)


def page() -> str:
    """Return docs/reruns.md."""
    return f"""# What runs again when

`snakemake -n` with your options shows what would run.

A job runs again if one of these has changed: its own branch of the configuration, the code that its
step imports, or a file that it reads. Nothing else starts it. The code includes all modules that
are imported, directly or indirectly. Comments, docstrings, layout and time stamps do not count.

{table()}

`tests/test_reruns.py` tests each row on a real run. This page is generated from the same data by
`python tests/reruns.py > docs/reruns.md`.

More rules:

- With the targets `report` and `all`, the report is made again after any other job (seconds).
- The download options (`connections`, `retries`, `timeout` of `dataset.coco`) do not fetch pictures
  again. A picture that is added to a `folder`, removed from it or changed in size does.
- A figure keeps the configuration that it was drawn with. A change that it does not depend on does
  not draw it again. `verify` says whether a figure still belongs to the present code and data:
  [what it survives](faults.md#does-this-figure-still-belong).
- Only the fingerprint of the key counts. With another key all views are made again.
- Threads, memory, run time and the number of cores do not count. Versions of libraries do not count
  either, but every file records them. After an upgrade, run `snakemake --forceall`.
- If a job runs again and makes the same bytes, all jobs that read them still run, because Snakemake
  decides before the job runs.
- Without `.snakemake/` Snakemake does not know the settings of a file and accepts it unchanged.
  Keep that folder with the results.
- The times of *result* files count. Copy them with `cp -a`, `rsync -a` or `mv`, not `cp -r`.
- Intermediate files are kept, so a changed estimator reads the existing embeddings.
"""


def _append(checkout: Path, paths: Any, text: str) -> Path:
    for path in paths:
        with open(checkout / path, "a") as stream:
            stream.write(text)
    return checkout


def _set_times(checkout: Path, times: tuple[float, float] | None) -> Path:
    for path in checkout.rglob("*"):
        if path.relative_to(checkout).parts[0] not in ("results", ".snakemake") and path.is_file():
            os.utime(path, times)
    return checkout


if __name__ == "__main__":
    print(page(), end="")
