"""Whether a figure on disk still belongs to the code and the data that are present."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from leakage.storage import files
from snake import REPOSITORY, copy_checkout, snakemake, surroundings

FIGURES = ["fig1", "fig2", "fig5", "visual_security"]
TABLE = "estimates/mine_training/statistics/msb_xor.parquet"
EMBEDDING = "embeddings/statistics/msb_xor/4.parquet"
VIEW = "views/msb_xor/4.parquet"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with four figures."""
    results = tmp_path_factory.mktemp("run") / "tiny"
    run = snakemake(results, config={"figures": FIGURES})
    assert run.status == 0, run.output
    return results


@pytest.fixture
def results(drawn: Path, tmp_path: Path) -> Path:
    """A copy of it, for one test: a run's folder can be moved."""
    return Path(shutil.copytree(drawn, tmp_path / "moved"))


def verify(results: Path, *figures: str, checkout: Path = REPOSITORY) -> tuple[int, dict[str, str]]:
    """Return the exit status and what is said of each figure."""
    done = subprocess.run(
        [sys.executable, "-m", "leakage", "verify", str(results), *figures],
        cwd=checkout,
        env=surroundings() | {"PYTHONPATH": str(checkout / "workflow")},
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, dict(line.split(": ", 1) for line in done.stdout.splitlines())


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


def rewrite(path: Path) -> None:
    """Put another whole file in the place of one, as another run would."""
    table, metadata = files.read_table(path)
    files.write_table(path, table.slice(1), metadata)


# What is done to which file; what is then said, and of which figures.
CHANGES: dict[str, tuple[str, Callable[[Path], None], str, set[str]]] = {
    "picture altered": ("figures/fig5.png", append, "fig5.png is not the file", {"fig5"}),
    "table altered": ("figures/fig2.csv", append, "fig2.csv is not the file", {"fig2"}),
    "sidecar cut": ("figures/fig2.json", lambda p: p.write_text("{"), "fig2.json is", {"fig2"}),
    "estimate made anew": (TABLE, rewrite, f"{TABLE}: what was read is not there", {"fig5"}),
    "estimate gone": (TABLE, Path.unlink, "mine/statistics/msb_xor.parquet is damaged", {"fig5"}),
    "embedding damaged": (
        EMBEDDING,
        append,
        f"{EMBEDDING} is damaged",
        {"fig5", "visual_security"},
    ),
    "view made anew": (VIEW, rewrite, "what was read is not there any more", set(FIGURES)),
    "places changed": ("patches.csv", append, "patches.csv", {"fig5", "visual_security"}),
    "photograph changed": ("pictures/coffee.png", append, "coffee.png: the picture", set(FIGURES)),
}


def test_all_figures_of_a_complete_run_belong_wherever_it_lies(results: Path) -> None:
    assert verify(results) == (0, dict.fromkeys(FIGURES, "belongs"))
    assert verify(results, "fig2") == (0, {"fig2": "belongs"})


@pytest.mark.parametrize(("name", "change", "words", "whose"), CHANGES.values(), ids=CHANGES)
def test_a_change_of_what_a_figure_was_made_of_is_told_of_that_figure_and_of_no_other(
    results: Path, name: str, change: Callable[[Path], None], words: str, whose: set[str]
) -> None:
    change(results / name)
    status, said = verify(results)
    assert status == 1
    assert {figure for figure, line in said.items() if line != "belongs"} == whose
    assert all("does not belong" in said[each] and words in said[each] for each in whose), said


@pytest.mark.parametrize(
    ("module", "job", "whose"),
    [
        ("estimators/mine_training.py", "estimate mine", {"fig5"}),
        ("figures/fig1.py", "figure fig1", {"fig1"}),
        ("schemes/msb_xor.py", "view msb_xor", set(FIGURES)),
        ("steps/manifest.py", "manifest", set(FIGURES)),
    ],
)
def test_a_change_of_the_code_behind_a_figure_is_told_by_job(
    results: Path, tmp_path: Path, module: str, job: str, whose: set[str]
) -> None:
    checkout = copy_checkout(tmp_path)
    with open(checkout / "workflow" / "leakage" / module, "a") as source:
        source.write("\nCHANGED = True\n")
    status, said = verify(results, checkout=checkout)
    assert status == 1
    assert {figure for figure, line in said.items() if line != "belongs"} == whose
    assert all(job in said[each].partition("the code has changed of: ")[2] for each in whose)


def test_the_provenance_names_configuration_code_versions_seeds_and_inputs(results: Path) -> None:
    said = json.loads((results / "figures" / "fig5.json").read_text())
    (table,) = said["inputs"].values()
    path = results / "figures" / table["file"]
    assert table["sha256"] == [files.sha256(path)]
    assert table["metadata"] == files.read_metadata(path)
    assert table["metadata"]["seed"] == said["configuration"]["seed"] == 0
    assert said["configuration"]["estimators"]["mine_training"]["epochs"] == 4
    assert said["versions"].keys() >= {"python", "numpy", "torch", "matplotlib"}
    assert said["files"][".png"] == files.sha256(results / "figures" / "fig5.png")


def test_the_code_that_is_recorded_with_a_figure_is_that_of_the_jobs_that_ran(
    results: Path,
) -> None:
    code = json.loads((results / "figures" / "fig5.json").read_text())["code"]
    ran = {"estimate mine": TABLE, "embed statistics": EMBEDDING, "view msb_xor": VIEW}
    ran["view plain"] = VIEW.replace("4", "0")
    for job, path in ran.items():
        assert files.read_metadata(results / path)["code"] == code[job]


def test_a_folder_without_figures_or_a_figure_of_another_name_is_one_line(
    results: Path, tmp_path: Path
) -> None:
    assert verify(tmp_path) == (1, {})
    assert verify(results, "fig2", "fig99") == (1, {})


def test_the_remedy_for_a_damaged_file_lets_all_figures_belong_again(results: Path) -> None:
    append(results / EMBEDDING)
    refused = snakemake(results, "--forcerun", "estimate", config={"figures": FIGURES})
    assert refused.status != 0
    (told,) = {line for line in refused.output.splitlines() if line.startswith("error: ")}
    assert f"-- {results / EMBEDDING} figures" in told
    (results / EMBEDDING).unlink()
    again = snakemake(results, targets=(EMBEDDING, "figures"), config={"figures": FIGURES})
    assert again.status == 0, again.output
    assert verify(results) == (0, dict.fromkeys(FIGURES, "belongs"))
