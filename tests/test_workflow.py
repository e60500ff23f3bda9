"""The laws of the whole workflow, seen through real runs of Snakemake on a tiny configuration."""

import base64
import html
import json
import re
import subprocess
import sys
from pathlib import Path

import figure_texts
import pandas as pd
import pytest
import yaml
from leakage import captions
from leakage.config.workflow import ANALYSIS, MEASURES, Workflow
from leakage.figures import style
from leakage.report.record import run_times
from leakage.storage.views import View
from snake import REPOSITORY, Run, snakemake

FIGURE_FILES = ("png", "pdf", "csv", "json")
FIGURES = [
    *("fig1", "fig2", "fig3a", "fig3b", "fig4", "fig5", "fig6a", "fig6b", "fig7", "fig8"),
    *(
        "epochs-statistics",
        "distance-statistics",
        "estimators-statistics",
        "memorisation-statistics",
    ),
    *("reidentification", "consistency", "schemes-statistics", "visual_security", "verdict"),
    "scorecard",
]
MINE_FIGURES = [
    *("fig4", "fig5", "fig6a", "fig6b", "fig7", "fig8"),
    *("epochs-statistics", "distance-statistics", "memorisation-statistics", "scorecard"),
]
HELD_OUT_FIGURES = [
    *("estimators-statistics", "memorisation-statistics", "consistency", "schemes-statistics"),
    *("visual_security", "verdict", "scorecard"),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of one tiny run, made once and read by many tests."""
    folder = tmp_path_factory.mktemp("workflow") / "results"
    run = snakemake(folder, targets=("all",))
    assert run.status == 0, run.output
    return folder


def has_no_traceback(run: Run) -> bool:
    return "Traceback (most recent call last)" not in run.output


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.endswith(".part")]


def test_tiny_run_makes_every_figure_as_png_pdf_and_csv_with_its_provenance(results: Path) -> None:
    starts = {"png": b"\x89PNG", "pdf": b"%PDF"}
    for name in FIGURES:
        for suffix, start in starts.items():
            content = (results / "figures" / f"{name}.{suffix}").read_bytes()
            assert content.startswith(start) and len(content) > 1000
        assert len(pd.read_csv(results / "figures" / f"{name}.csv")) > 0
    made = {path.name for path in (results / "figures").iterdir()}
    assert made == {f"{name}.{suffix}" for name in FIGURES for suffix in FIGURE_FILES}
    assert leftovers(results) == []


def test_the_scorecard_lies_beside_the_figures_and_has_a_row_per_claim(results: Path) -> None:
    content = (results / "scorecard.csv").read_bytes()
    assert content == (results / "figures" / "scorecard.csv").read_bytes()
    assert len(content.splitlines()) > 8


def test_figure_2_of_photographs_is_the_exact_entropy_under_its_bound(results: Path) -> None:
    table = pd.read_csv(results / "figures" / "fig2.csv").set_index("level")
    assert list(table.index) == [0, 4, 8]
    assert (table["mi_bits"] - table["entropy_bits"]).abs().max() < 1e-9
    assert (table["mi_bits"] <= table["bound_bits"] + 1e-9).all()
    assert table.loc[8, "mi_bits"] == 0


def test_grey_and_colour_photographs_both_pass(results: Path) -> None:
    channels = pd.read_csv(results / "manifest.csv").set_index("image_id")["channels"]
    assert channels["astronaut"] == 3 and channels["camera"] == 1
    for level in (0, 4, 8):
        path = results / "embeddings" / "statistics" / "msb_xor" / f"{level}.parquet"
        assert set(pd.read_parquet(path)["image_id"]) == set(channels.index)


def test_the_report_holds_every_figure_with_its_caption_and_no_key(results: Path) -> None:
    report = (results / "report.html").read_text(encoding="utf-8")
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", "", report)).replace("\u00a0", " ").split())
    for name in FIGURES:
        assert f'<figure id="figure-{name}">' in report
        caption = captions.inside(results / "figures" / f"{name}.png").replace("\u00a0", " ")
        assert " ".join(caption.split()) in text
    assert (REPOSITORY / "workflow" / "keys" / "test.key").read_text().strip() not in report
    assert "warning" not in (results / "logs" / "report.log").read_text()


@pytest.mark.slow
def test_snakemake_s_own_report_holds_every_figure_with_its_caption(results: Path) -> None:
    own = results.with_name("own.html")
    run = snakemake(results, "--report", str(own))
    assert run.status == 0, run.output
    report = own.read_text(encoding="utf-8")
    held = json.loads(re.search(r"^    var results = (.*);$", report, re.MULTILINE)[1])
    for name in FIGURES:
        path = results / "figures" / f"{name}.png"
        found = held[str(path)]
        assert found["data_uri"].endswith(base64.b64encode(path.read_bytes()).decode())
        words = html.unescape(re.sub(r"<[^>]+>", "", found["caption"])).split()
        assert words == captions.inside(path).split()
        assert found["labels"]["figure"] == name and found["labels"]["shows"]


def test_the_record_s_configuration_is_the_run_s(results: Path) -> None:
    merged = yaml.safe_load((results / "record" / "configuration.yaml").read_text())
    assert merged["results"] == str(results)
    assert merged["encryption"]["schemes"]["msb_xor"]["levels"] == [0, 4, 8]
    assert Workflow(merged).key_fingerprint in (results / "report.html").read_text()


def test_the_run_times_are_those_of_all_timed_jobs(results: Path) -> None:
    found = {each["jobs"]: each for each in run_times(results / "benchmarks")}
    assert found["figures"]["count"] == len(FIGURES)
    assert found["estimates/mine"]["count"] == 2 and found["estimates/mine"]["total"] > 0
    assert "estimates/mine" in (results / "report.html").read_text()


def test_the_summary_says_what_the_verdict_and_the_scorecard_say(results: Path) -> None:
    text = (results / "summary.md").read_text()
    found = pd.read_parquet(results / "analysis" / "verdicts.parquet")
    for verdict in set(found["verdict"]):
        assert verdict in text
    for claim in set(pd.read_csv(results / "scorecard.csv")["claim"]):
        assert claim in text
    assert "**Test key**" in text


def test_six_pictures_are_enough_for_a_verdict(results: Path) -> None:
    found = pd.read_parquet(results / "analysis" / "verdicts.parquet")
    rows = found[found["scheme"] == "msb_xor"].set_index("level")
    assert (rows["pictures"] == 6).all() and (rows["correction"] == "fixed sequence").all()
    assert rows.loc[0, "verdict"] == "leak" and rows.loc[8, "verdict"] == "no evidence of a leak"
    drawn = pd.read_csv(results / "figures" / "verdict.csv")
    assert drawn["verdict"].tolist() == found["verdict"].tolist()


def test_five_pictures_have_a_verdict_without_an_estimate(tmp_path: Path) -> None:
    results = tmp_path / "results"
    names = ["astronaut", "chelsea", "coffee", "camera", "coins"]
    config = {"dataset": {"photographs": {"names": names}}, "figures": ["verdict"]}
    run = snakemake(results, config=config)
    assert run.status == 0, run.output
    assert not (results / "estimates").exists()
    found = pd.read_csv(results / "figures" / "verdict.csv")
    first = found[(found["scheme"] == "msb_xor") & (found["level"] == 0)].iloc[0]
    assert first["verdict"] == "leak" and first["p_value"] == pytest.approx(1 / 120)
    assert found["nats"].isna().all()


@pytest.mark.parametrize(
    ("config", "scheduled"),
    [
        ({"figures": ["fig2"]}, False),
        ({"report": {"calibration": True}}, True),
    ],
)
def test_a_report_can_go_without_verdicts_and_calibrates_if_asked(
    tmp_path: Path, config: dict, scheduled: bool
) -> None:
    run = snakemake(tmp_path / "results", "-n", targets=("report",), config=config)
    assert run.status == 0, run.output
    made = {str(Path(path).relative_to(tmp_path / "results")) for path in run.outputs()}
    assert {"report.html", "summary.md", "record/configuration.yaml"} <= made
    assert ("calibration/calibration.png" in made) == scheduled


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_of_a_figure_is_cut_and_no_label_runs_into_another(
    results: Path, name: str
) -> None:
    checked = Workflow(yaml.safe_load((results / "record" / "configuration.yaml").read_text()))
    drawing = checked.figures()[name]
    if hasattr(drawing.module, "READS_VIEWS"):
        folder = results / "views" / drawing.scheme
        read = [View(folder / f"{level}.parquet") for level in checked.levels(drawing.scheme)]
    else:
        read = {
            role: style.read(results / path_of(*wanted))
            for role, wanted in checked.tables(drawing).items()
        }
    figure, _ = drawing.module.draw(read, name)
    assert figure_texts.shown(figure)
    assert figure_texts.cut(figure) == [] and figure_texts.overlapping(figure) == []


def path_of(estimator: str, representation: str, scheme: str) -> Path:
    if estimator == MEASURES:
        return Path(f"measures/{scheme}.parquet")
    if estimator == ANALYSIS:
        return Path(f"analysis/{representation}.parquet")
    return Path(f"estimates/{estimator}/{representation}/{scheme}.parquet")


def test_second_run_has_nothing_to_do(results: Path) -> None:
    run = snakemake(results, targets=("all",))
    assert run.status == 0
    assert "Nothing to be done" in run.output


@pytest.mark.parametrize(
    ("estimator", "settings", "tables", "figures"),
    [
        ("histogram", {"method": "histogram"}, [], []),
        ("rounded_histogram", {"decimals": 1}, ["statistics-whole"], ["fig3b", "scorecard"]),
        ("mine", {"hidden": 9}, ["pixels", "statistics"], MINE_FIGURES),
        ("mine", {"hidden": 9}, ["statistics"], HELD_OUT_FIGURES),
    ],
)
def test_changed_setting_schedules_only_its_estimator_and_the_figures_that_read_it(
    results: Path, estimator: str, settings: dict, tables: list[str], figures: list[str]
) -> None:
    run = snakemake(results, "-n", config={"estimators": {estimator: settings}})
    assert run.status == 0, run.output
    outputs = {path.relative_to(results) for path in map(Path, run.outputs())}
    # The default estimator compares two schemes.
    schemes = ["msb_xor", "pixel_permutation"] if estimator == "mine" else ["msb_xor"]
    estimates = {
        Path(f"estimates/{estimator}/{table}/{scheme}.parquet")
        for table in tables
        for scheme in schemes
    }
    drawn = {Path(f"figures/{name}.{end}") for name in figures for end in FIGURE_FILES}
    if "verdict" in figures:
        drawn.add(Path("analysis/verdicts.parquet"))
    assert {path for path in outputs if path.suffix != ".sha256"} == estimates | drawn


def test_dry_run_imports_no_torch(tmp_path: Path) -> None:
    """Another torch stands before the real one, and leaves a mark when it is imported."""
    mark = tmp_path / "imported"
    code = f"import pathlib\npathlib.Path({str(mark)!r}).touch()\nraise ImportError('refused')\n"
    (tmp_path / "torch.py").write_text(code)
    environment = {"PYTHONPATH": str(tmp_path)}
    run = snakemake(
        tmp_path / "results", "-n", environment=environment, configfile=Path("demo.yaml")
    )
    assert run.status == 0, run.output
    assert "figures/fig8.pdf" in run.output
    assert not mark.exists()
    subprocess.run(
        [sys.executable, "-c", "import torch"], env=environment, stderr=subprocess.DEVNULL
    )
    assert mark.exists()


@pytest.mark.parametrize(
    ("config", "key", "nearest"),
    [
        ({"patches": {"sise": 64}}, "patches.sise", "patches.size"),
        ({"paper": {"clip": "statistic"}}, "paper.clip", "'statistics'"),
        ({"figures": ["fig22"]}, "figures", "'fig2'"),
        ({"figures": ["pretraining"]}, "controls", "take pretraining out of figures"),
        ({"encryption": {"schemes": {"msb_xor": {"levels": [0, 9]}}}}, "msb_xor.levels", "9"),
    ],
)
def test_mistake_in_the_configuration_is_one_line_before_any_job(
    tmp_path: Path, config: dict, key: str, nearest: str
) -> None:
    results = tmp_path / "results"
    run = snakemake(results, config=config)
    assert run.status != 0
    (line,) = run.lines_with("configuration (")
    assert key in line and nearest in line
    assert has_no_traceback(run)
    assert "Job stats" not in run.output
    assert not results.exists()


def test_missing_picture_is_named_and_leaves_no_half_written_view(tmp_path: Path) -> None:
    results = tmp_path / "results"
    config = {"dataset": {"photographs": {"names": ["chelsea", "coins"]}}}
    assert snakemake(results, targets=("manifest.csv",), config=config).status == 0
    picture = results / "pictures" / "coins.png"
    picture.unlink()
    view = "views/msb_xor/4.parquet"
    run = snakemake(results, targets=(view,), config=config)
    assert run.status != 0
    (line,) = run.lines_with("error: ")
    assert str(picture) in line and "--forcerun manifest" in line
    assert has_no_traceback(run)
    assert not (results / view).exists()
    assert leftovers(results) == []


def test_weights_that_cannot_be_had_are_one_message_with_the_ways_out(tmp_path: Path) -> None:
    results = tmp_path / "results"
    tag = {"kind": "open_clip", "model": "ViT-B-32-quickgelu", "weights": "openai"}
    run = snakemake(
        results,
        targets=("weights/clip.safetensors",),
        config={"encoders": {"clip": tag}, "patches": {"size": 224}},
        environment={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")},
    )
    assert run.status != 0
    (line,) = run.lines_with("error: ")
    assert "encoders.clip" in line and "four ways out" in line
    message = run.output[run.output.index(line) :].partition("RuleException")[0]
    ways = message.splitlines()[1:]
    assert len(ways) == 4, message
    assert ".safetensors" in message and "weights: random" in message
    assert has_no_traceback(run)
    assert list(results.rglob("*.safetensors*")) == []
    assert leftovers(results) == []
