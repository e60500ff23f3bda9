"""Paths and arguments of the jobs, built without Snakemake."""

import json
from pathlib import Path

import pytest
from leakage.config.jobs import Jobs, code, options
from leakage.config.paths import Paths
from leakage.config.workflow import Workflow
from test_config import PAPER, edited, merged


@pytest.fixture
def jobs(monkeypatch):
    """The jobs of the paper's configuration."""
    monkeypatch.chdir(Path(__file__).parents[1])
    return Jobs(Workflow(merged(PAPER, {"results": "r"})))


def texts(paths):
    return [str(path) for path in paths]


def test_all_schemes_share_the_plain_pictures(jobs):
    for scheme in ("msb_xor", "full"):
        assert texts(jobs.represented("pixels", scheme, [0])) == ["r/views/plain/0.parquet"]
        assert texts(jobs.represented("clip", scheme, [0])) == ["r/embeddings/clip/plain/0.parquet"]
    assert jobs.view_settings("plain", 0) == '{"scheme": "plain"}'


def test_whole_pictures_are_rows_of_the_same_embedding(jobs):
    assert jobs.represented("clip-whole", "full", [1]) == jobs.represented("clip", "full", [1])
    assert jobs.rows("clip") == "--rows patches --limit 10000"
    assert jobs.rows("clip-whole") == "--rows whole --limit 10000"
    assert jobs.rows("pixels") == ""


def test_a_view_in_shards_is_a_folder_of_files():
    paths = Paths(Path("r"), shards=2)
    assert str(paths.view("full", 1)) == "r/views/full/1"
    files = ["r/views/full/1/0.parquet", "r/views/full/1/1.parquet"]
    assert texts(paths.represented_files("pixels", "full", 1)) == files
    assert texts(paths.represented_files("clip", "full", 1)) == ["r/embeddings/clip/full/1.parquet"]
    assert paths.part == "{level}/{shard}"


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        (("cca", "clip", "full"), "r/estimates/cca/clip/full.parquet"),
        (("measures", "pixels", "full"), "r/measures/full.parquet"),
        (("security", "1", "full"), "r/security/full/1.parquet"),
        (("tests", "clip", "full"), "r/tests/clip/full.parquet"),
        (("analysis", "verdicts", ""), "r/analysis/verdicts.parquet"),
        (("analysis", "consistency", "full"), "r/analysis/consistency/full.parquet"),
    ],
)
def test_every_kind_of_table_has_its_folder(jobs, wanted, path):
    assert str(jobs.paths.table(*wanted)) == path


def test_options_are_quoted_for_the_shell():
    assert options([("table", "a b=c'd"), ("seed", 0)]) == """--table 'a b=c'"'"'d' --seed 0"""


def test_only_estimators_that_resume_get_a_checkpoint(jobs):
    assert jobs.checkpoint("cca", "clip", "full") == "--checkpoint r/checkpoints/cca/clip/full.pt"
    assert jobs.checkpoint("histogram", "pixels", "full") == ""


def test_only_untrained_networks_get_plain_patches(jobs):
    assert jobs.plain_patches("clip") == {}
    assert texts(jobs.plain_patches("clip-untrained").values()) == [
        "r/views/plain/0.parquet",
        "r/patches.csv",
    ]


def test_weights_are_found_for_the_encoders_that_figures_read():
    found = texts(Jobs(Workflow(edited("figures", ["fig5"]))).weights_records())
    assert found == ["results/paper/record/weights/clip.safetensors"]


def test_a_figure_reads_through_its_analyses(jobs):
    assert jobs.shows_verdicts()
    assert not Jobs(Workflow(edited("figures", ["fig2"]))).shows_verdicts()
    read = {(each.estimator, each.representation) for each in jobs.estimates()}
    assert {("histogram", "pixels"), ("mine", "clip"), ("mine_training", "resnet50")} <= read


@pytest.mark.parametrize(
    ("change", "concerned"),
    [
        (("estimators.cca.seeds", 2), {"estimate cca"}),
        (("encryption.schemes.full.levels", [0, 1]), set()),
        (("patches.size", 100), {"places"}),
    ],
)
def test_a_change_of_the_configuration_concerns_the_settings_of_its_own_jobs(change, concerned):
    before, after = (_settings(Jobs(Workflow(each))) for each in (PAPER, edited(*change)))
    changed = {name for name in before if before[name] != after[name]}
    assert concerned <= changed and not {name for name in changed if "cca" not in name} - concerned


def _settings(jobs):
    """Return the settings of each job of places, views and estimates."""
    workflow = jobs.workflow
    found = {"places": json.dumps(workflow.place_settings())}
    for scheme in workflow.schemes:
        found[f"view {scheme} 1"] = jobs.view_settings(scheme, 1)
    for name, entry in workflow.estimators.items():
        found[f"estimate {name}"] = entry.model_dump_json()
    return found


def test_the_code_of_a_step_depends_on_the_module_of_its_entry(jobs):
    entries = jobs.workflow.estimators
    assert code("estimate", entries["cca"]) != code("estimate", entries["ksg"])
    assert code("estimate", entries["cca"]) == jobs.digests()["estimate cca"]


def test_every_key_of_schemes_encoders_and_estimators_may_be_renamed(jobs):
    config = jobs.workflow.config
    keys = {*config.encryption.schemes, *config.encoders, *config.estimators}

    def renamed(value, is_by_name=False):
        if isinstance(value, dict):
            return {
                f"my-{key}" if is_by_name else key: renamed(each, key in BY_NAME)
                for key, each in value.items()
            }
        if isinstance(value, list):
            return [renamed(each) for each in value]
        return f"my-{value}" if isinstance(value, str) and value in keys else value

    values = renamed(PAPER) | {"figures": PAPER["figures"]}
    for kind, above in (("cipher", values["encryption"]), ("method", values)):
        for name, entry in above["schemes" if kind == "cipher" else "estimators"].items():
            entry[kind] = entry.get(kind, name).removeprefix("my-")
    values["calibration"]["tasks"] = PAPER["calibration"]["tasks"]
    read = {name for table in Jobs(Workflow(values)).estimates() for name in table}
    before = {name for table in jobs.estimates() for name in table}
    assert not read & keys and {name.removeprefix("my-") for name in read} == before


BY_NAME = {"schemes", "encoders", "estimators", "controls", "subsets"}
