"""The workflow as a whole, run by Snakemake on a tiny configuration."""

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
from leakage.config import networks
from leakage.config.jobs import Jobs
from leakage.config.workflow import Workflow
from leakage.errors import LeakageError
from leakage.figures import style
from leakage.report.record import run_times
from leakage.storage.views import View
from snake import REPOSITORY, TINY_RESULTS, Run, TinyRun, snakemake

FIGURE_FILES = ("png", "pdf", "csv", "json")
FIGURES = [
    *("fig1", "fig2", "fig3a", "fig3b", "fig4", "fig5", "fig6a", "fig6b", "fig7", "fig8"),
    *("epochs-statistics", "distance-statistics", "estimators-statistics"),
    *("memorisation-statistics", "reidentification", "consistency", "schemes-statistics"),
    *("visual_security", "classics", "verdict", "scorecard"),
    *("reconstruction", "pixel_permutation/reconstruction"),
]


@pytest.fixture
def results(tiny_run: TinyRun) -> Path:
    """The results of the tiny run."""
    return tiny_run.results


def has_no_traceback(run: Run) -> bool:
    return "Traceback (most recent call last)" not in run.output


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.endswith(".part")]


def test_a_run_makes_every_figure_as_png_pdf_csv_and_json(results: Path) -> None:
    starts = {"png": b"\x89PNG", "pdf": b"%PDF"}
    for name in FIGURES:
        for suffix, start in starts.items():
            content = (results / "figures" / f"{name}.{suffix}").read_bytes()
            assert content.startswith(start) and len(content) > 1000
        assert len(pd.read_csv(results / "figures" / f"{name}.csv")) > 0
    found = (path for path in (results / "figures").rglob("*") if path.is_file())
    made = {path.relative_to(results / "figures").as_posix() for path in found}
    assert made == {f"{name}.{suffix}" for name in FIGURES for suffix in FIGURE_FILES}
    assert leftovers(results) == []


def test_the_scorecard_is_copied_to_the_top_of_the_results(results: Path) -> None:
    content = (results / "scorecard.csv").read_bytes()
    assert content == (results / "figures" / "scorecard.csv").read_bytes()
    assert len(content.splitlines()) > 8


def test_figure_2_shows_the_exact_entropy_below_its_bound(results: Path) -> None:
    table = pd.read_csv(results / "figures" / "fig2.csv").set_index("level")
    assert list(table.index) == [0, 4, 8]
    assert (table["mi_bits"] - table["entropy_bits"]).abs().max() < 1e-9
    assert (table["mi_bits"] <= table["bound_bits"] + 1e-9).all()
    assert table.loc[8, "mi_bits"] == 0


def test_grey_and_colour_pictures_have_embeddings_at_every_level(results: Path) -> None:
    channels = pd.read_csv(results / "manifest.csv").set_index("image_id")["channels"]
    assert channels["astronaut"] == 3 and channels["camera"] == 1
    for level in ("plain/0", "msb_xor/4", "msb_xor/8"):
        path = results / "embeddings" / "statistics" / f"{level}.parquet"
        assert set(pd.read_parquet(path)["image_id"]) == set(channels.index)


def test_the_report_has_every_figure_and_caption_and_no_key(results: Path) -> None:
    report = (results / "report.html").read_text(encoding="utf-8")
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", "", report)).replace("\u00a0", " ").split())
    for name in FIGURES:
        assert f'<figure id="figure-{name}">' in report
        caption = captions.inside(results / "figures" / f"{name}.png").replace("\u00a0", " ")
        assert " ".join(caption.split()) in text
    assert (REPOSITORY / "workflow" / "keys" / "test.key").read_text().strip() not in report
    assert "warning" not in (results / "logs" / "report.log").read_text()


@pytest.mark.slow
def test_snakemake_s_own_report_has_every_figure_and_caption(
    tiny_copy: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.html"
    results = tiny_copy / TINY_RESULTS
    run = snakemake(TINY_RESULTS, "--report", str(own), checkout=tiny_copy)
    assert run.status == 0, run.output
    report = own.read_text(encoding="utf-8")
    held = json.loads(re.search(r"^    var results = (.*);$", report, re.MULTILINE)[1])
    for name in FIGURES:
        path = results / "figures" / f"{name}.png"
        found = held[str(path.relative_to(tiny_copy))]
        assert found["data_uri"].endswith(base64.b64encode(path.read_bytes()).decode())
        words = html.unescape(re.sub(r"<[^>]+>", "", found["caption"])).split()
        assert words == captions.inside(path).split()
        assert found["labels"]["figure"] == Path(name).name and found["labels"]["shows"]


def test_the_recorded_configuration_is_the_merged_one(results: Path) -> None:
    merged = yaml.safe_load((results / "record" / "configuration.yaml").read_text())
    assert merged["results"] == str(TINY_RESULTS)
    assert merged["encryption"]["schemes"]["msb_xor"]["levels"] == [0, 4, 8]
    assert Workflow(merged).key_fingerprint in (results / "report.html").read_text()


def test_the_report_has_the_run_times_of_all_jobs(results: Path) -> None:
    found = run_times(results / "benchmarks").set_index("jobs")
    assert found["number"]["figures"] == len([name for name in FIGURES if "/" not in name])
    assert found["number"]["estimates/mine"] == 2 and found["total"]["estimates/mine"] > 0
    assert "estimates/mine" in (results / "report.html").read_text()


def test_the_summary_has_every_verdict_and_claim(results: Path) -> None:
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


@pytest.mark.parametrize(
    ("config", "scheduled"),
    [
        ({"figures": ["fig2"]}, False),
        ({"report": {"calibration": True}}, True),
    ],
)
def test_the_report_needs_no_verdict_and_calibrates_on_request(
    tmp_path: Path, config: dict, scheduled: bool
) -> None:
    run = snakemake(tmp_path / "results", "-n", targets=("report",), config=config)
    assert run.status == 0, run.output
    made = {str(Path(path).relative_to(tmp_path / "results")) for path in run.outputs()}
    assert {"report.html", "summary.md", "record/configuration.yaml"} <= made
    assert ("calibration/calibration.png" in made) == scheduled


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_in_a_figure_is_cut_or_overlaps(tiny_run: TinyRun, name: str) -> None:
    record = tiny_run.results / "record" / "configuration.yaml"
    jobs = Jobs(Workflow(yaml.safe_load(record.read_text())))
    drawing = jobs.workflow.figures()[name]
    if drawing.figure.reads_views:
        read = [View(tiny_run.checkout / path) for path in jobs.figure_views(drawing)]
    else:
        tables = jobs.figure_tables(drawing).items()
        read = {role: style.read(tiny_run.checkout / path) for role, path in tables}
    if drawing.figure.adds_views:
        read["views"] = [View(tiny_run.checkout / path) for path in jobs.figure_views(drawing)]
    figure, _ = drawing.figure.draw(read)
    assert figure_texts.shown(figure)
    assert figure_texts.cut(figure) == [] and figure_texts.overlapping(figure) == []


def test_a_second_run_has_nothing_to_do(tiny_run: TinyRun) -> None:
    run = snakemake(TINY_RESULTS, "--nolock", targets=("all",), checkout=tiny_run.checkout)
    assert run.status == 0
    assert "Nothing to be done" in run.output


def test_a_dry_run_imports_no_torch(tmp_path: Path) -> None:
    """A false torch is found first, and leaves a file when it is imported.

    The check of networks, which this configuration does not have, is a process of its own.
    """
    mark = tmp_path / "imported"
    code = f"import pathlib\npathlib.Path({str(mark)!r}).touch()\nraise ImportError('refused')\n"
    (tmp_path / "torch.py").write_text(code)
    environment = {"PYTHONPATH": str(tmp_path)}
    run = snakemake(tmp_path / "results", "-n", environment=environment)
    assert run.status == 0, run.output
    assert "figures/fig8.pdf" in run.output
    assert not mark.exists()
    subprocess.run(
        [sys.executable, "-c", "import torch"], env=environment, stderr=subprocess.DEVNULL
    )
    assert mark.exists()


def test_a_configuration_error_is_one_line_before_any_job(tmp_path: Path) -> None:
    results = tmp_path / "results"
    run = snakemake(results, config={"patches": {"sise": 64}})
    assert run.status != 0
    (line,) = run.lines_with("configuration (")
    assert "patches.sise: unknown key; the nearest known one is size" in line
    assert has_no_traceback(run)
    assert "Job stats" not in run.output
    assert not results.exists()


def test_a_missing_picture_is_named_and_leaves_no_partial_view(tmp_path: Path) -> None:
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


def test_missing_weights_are_one_message_with_four_solutions(tmp_path: Path) -> None:
    results = tmp_path / "results"
    tag = {"kind": "open_clip", "model": "ViT-B-32-quickgelu", "weights": "openai"}
    run = snakemake(
        results,
        targets=("record/weights/clip.safetensors",),
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


@pytest.mark.parametrize("options", [[], ["--configfile", str(REPOSITORY / "demo.yaml")]])
def test_a_run_in_another_folder_names_the_folder_to_run_in(tmp_path, options):
    line = [sys.executable, "-m", "snakemake", "-n", "--snakefile", str(REPOSITORY / "Snakefile")]
    done = subprocess.run([*line, *options], cwd=tmp_path, capture_output=True, text=True)
    error = (
        f"error: found no config.yaml in {tmp_path}, where snakemake runs; run it in {REPOSITORY}"
    )
    assert done.returncode == 1 and error in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("entry", "size", "found"),
    [
        ({"kind": "open_clip", "model": "ViT-B/32"}, 224, "model: open_clip has no 'ViT-B/32'"),
        ({"kind": "timm", "model": "resnet5O"}, 224, "model: timm has no 'resnet5O'"),
        ({"kind": "torchvision", "model": "resnet_50"}, 224, "model: torchvision has no"),
        ({"kind": "torchvision", "model": "resnet50", "weights": "V9"}, 224, "weights: resnet50"),
        ({"kind": "timm", "model": "vit_small_patch16_224"}, 200, "patches.size: found 200"),
    ],
)
def test_networks_and_patch_sizes_are_checked_before_any_job(tmp_path, entry, size, found):
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    config["encoders"]["clip"] = {"weights": "random", **entry}
    config["patches"]["size"] = size
    config["encoders"]["resnet50"] = {"kind": "statistics"}
    config |= {"controls": {}, "figures": ["fig5"]}
    jobs = Jobs(Workflow(config))
    with pytest.raises(LeakageError, match=re.escape(found)):
        networks.check(jobs, tmp_path / "passed")
    assert not (tmp_path / "passed").exists()


def test_the_network_of_the_calibration_is_checked_before_any_job(tmp_path):
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    config["encoders"] = {key: {"kind": "statistics"} for key in ("clip", "resnet50")}
    entry = {"kind": "torchvision", "model": "resnet5", "weights": "random"}
    config |= {"controls": {}, "figures": ["fig5"], "calibration": {"encoder": entry}}
    with pytest.raises(LeakageError, match=r"^calibration\.encoder\.model: torchvision has no"):
        networks.check(Jobs(Workflow(config)), tmp_path)


def test_a_network_that_passed_is_not_checked_again(tmp_path, monkeypatch):
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    config["encoders"]["clip"] = {"kind": "torchvision", "model": "resnet18", "weights": "random"}
    config["encoders"]["resnet50"] = {"kind": "statistics"}
    config |= {"controls": {}, "figures": ["fig5"]}
    jobs = Jobs(Workflow(config))
    networks.check(jobs, tmp_path)
    monkeypatch.setattr(sys, "executable", "/missing")
    networks.check(jobs, tmp_path)
