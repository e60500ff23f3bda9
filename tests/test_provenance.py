"""The step verify: whether a figure on disk matches the present code and data."""

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from leakage import cli
from leakage.steps.verify import Present
from leakage.storage import digest, files
from snake import REPOSITORY, TINY_RESULTS, TinyRun, snakemake
from typer.testing import CliRunner

FIGURES = ["fig1", "fig2", "fig5", "visual_security"]
TABLE = "estimates/mine_training/statistics/msb_xor.parquet"
EMBEDDING = "embeddings/statistics/msb_xor/4.parquet"
VIEW = "views/msb_xor/4.parquet"


@pytest.fixture
def results(tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a run's folder, elsewhere."""
    monkeypatch.chdir(REPOSITORY)
    return Path(shutil.copytree(tiny_run.results, tmp_path / "moved"))


def problems(results: Path) -> dict[str, str]:
    """Return the figures that do not match, and why."""
    present = Present(results)
    found = {name: present.problems(results / f"figures/{name}.json") for name in FIGURES}
    return {name: "; ".join(why) for name, why in found.items() if why}


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


def rewrite(path: Path) -> None:
    """Replace a table by another complete one, as another run would."""
    table, metadata = files.read_table(path)
    files.write_table(path, table.slice(1), metadata)


# The changed file and the change; then the problem, and the figures that have it.
CHANGES: dict[str, tuple[str, Callable[[Path], None], str, set[str]]] = {
    "picture": ("figures/fig5.png", append, "fig5.png has changed", {"fig5"}),
    "sidecar": ("figures/fig2.json", lambda p: p.write_text("{"), "fig2.json is", {"fig2"}),
    "new estimate": (TABLE, rewrite, f"{TABLE}: the version that was read", {"fig5"}),
    "embedding": (EMBEDDING, Path.unlink, f"{EMBEDDING} is damaged", {"fig5", "visual_security"}),
    "new view": (VIEW, rewrite, "the version that was read no longer exists", set(FIGURES)),
    "places": ("patches.csv", append, "patches.csv", {"fig5", "visual_security"}),
    "photograph": ("pictures/coffee.png", append, "coffee.png: the picture", set(FIGURES)),
}


@pytest.mark.parametrize(("name", "change", "problem", "affected"), CHANGES.values(), ids=CHANGES)
def test_a_changed_file_is_reported_for_the_figures_made_from_it_and_no_other(
    results: Path, name: str, change: Callable[[Path], None], problem: str, affected: set[str]
) -> None:
    change(results / name)
    found = problems(results)
    assert found.keys() == affected
    assert all(problem in why for why in found.values()), found


@pytest.mark.parametrize(
    ("module", "job", "affected"),
    [
        ("estimators.mine_training", "estimate mine_training", {"fig5"}),
        ("schemes.msb_xor", "view msb_xor", set(FIGURES)),
        ("steps.find_weights", "find_weights statistics", {"fig5", "visual_security"}),
    ],
)
def test_changed_code_is_reported_by_job(
    results: Path, monkeypatch: pytest.MonkeyPatch, module: str, job: str, affected: set[str]
) -> None:
    module_of = digest._module

    def changed(name: str) -> tuple[str, tuple[str, ...]]:
        found, imports = module_of(name)
        return ("changed" if name == f"leakage.{module}" else found), imports

    monkeypatch.setattr(digest, "_module", changed)
    found = problems(results)
    assert found.keys() == affected
    assert all(job in why.partition("the code has changed: ")[2] for why in found.values()), found


def test_the_command_prints_a_line_per_figure_and_fails_if_one_does_not_match(
    results: Path, tmp_path: Path
) -> None:
    def verify(*arguments: object) -> tuple[int, list[str]]:
        done = CliRunner().invoke(cli.app, ["verify", *map(str, arguments)])
        lines = [line for line in done.stdout.splitlines() if not line.startswith("error: ")]
        return done.exit_code, lines

    status, lines = verify(results)
    assert status == 0 and set(FIGURES) < {line.removesuffix(": matches") for line in lines}
    append(results / "figures/fig2.png")
    assert verify(results, "fig1") == (0, ["fig1: matches"])
    wrong = "fig2: does not match: fig2.png has changed since it was drawn"
    assert verify(results, "fig1", "fig2") == (1, ["fig1: matches", wrong])
    assert verify(results, "fig99") == verify(tmp_path / "empty") == (1, [])


def test_the_provenance_holds_configuration_versions_seeds_inputs_and_the_code_of_every_job(
    tiny_run: TinyRun,
) -> None:
    results = tiny_run.results
    record = json.loads((results / "figures/fig5.json").read_text())
    (table,) = record["inputs"].values()
    path = results / "figures" / table["file"]
    assert table["sha256"] == [files.sha256(path)]
    assert table["metadata"] == files.read_metadata(path)
    assert table["metadata"]["seed"] == record["configuration"]["seed"] == 0
    assert record["configuration"]["estimators"]["mine_training"]["epochs"] == 4
    assert record["versions"].keys() >= {"python", "numpy", "torch", "matplotlib"}
    assert record["files"][".png"] == files.sha256(results / "figures/fig5.png")
    jobs = {"estimate mine_training": TABLE, "embed statistics": EMBEDDING, "view msb_xor": VIEW}
    for job, name in jobs.items():
        assert files.read_metadata(results / name)["code"] == record["code"][job]
    sidecars = {path.stem: json.loads(path.read_text()) for path in results.glob("*/*.json")}
    assert {"fig5", "verdict", "scorecard"} <= sidecars.keys()
    assert all(None not in each["code"].values() for each in sidecars.values())


def test_the_remedy_for_a_damaged_file_makes_its_figure_match_again(
    tiny_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    run = functools.partial(snakemake, checkout=tiny_copy, config={"figures": ["fig5"]})
    damaged = TINY_RESULTS / EMBEDDING
    append(tiny_copy / damaged)
    refused = run(TINY_RESULTS, "--forcerun", "estimate")
    assert refused.status != 0
    (told,) = {line for line in refused.output.splitlines() if line.startswith("error: ")}
    assert f"-- {damaged} figures" in told
    (tiny_copy / damaged).unlink()
    again = run(TINY_RESULTS, targets=(EMBEDDING, "figures"))
    assert again.status == 0, again.output
    assert "fig5" not in problems(tiny_copy / TINY_RESULTS)
