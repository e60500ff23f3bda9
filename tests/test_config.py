"""The configuration: checked whole before any job starts, in lines that a person can act on."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from leakage import truths
from leakage.config.workflow import Workflow
from leakage.errors import LeakageError

ROOT = Path(__file__).parents[1]
PAPER = yaml.safe_load((ROOT / "config.yaml").read_text())
DEMO = yaml.safe_load((ROOT / "demo.yaml").read_text())
CHECK = """
import sys, yaml
from leakage.config.workflow import Workflow
checked = Workflow(yaml.safe_load(open("config.yaml")))
[checked.tables(drawing) for drawing in checked.figures().values()]
slow = {"torch", "torchvision", "open_clip", "sklearn", "matplotlib", "seaborn", "pandas"}
print(sorted(slow & set(sys.modules)))
"""


def merged(below: dict, above: dict) -> dict:
    """Return `below` with `above` merged over it, as Snakemake merges configuration files."""
    result = copy.deepcopy(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def edited(path: str, value: object) -> dict:
    """Return the paper's configuration with `value` at a dotted path."""
    *parents, last = path.split(".")
    change = {last: value}
    for parent in reversed(parents):
        change = {parent: change}
    return merged(PAPER, change)


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch):
    """The key file is named relative to it."""
    monkeypatch.chdir(ROOT)


def test_the_paper_s_configuration_is_valid():
    checked = Workflow(PAPER)
    assert checked.levels("msb_xor") == list(range(9))
    each = {"estimators", "memorisation", "schemes"}
    beyond = {f"{name}-{key}" for name in each for key in ("clip", "resnet50")}
    found = checked.figures()
    assert set(found) == set(PAPER["figures"]) - each | beyond
    assert checked.tables(found["fig5"]) == {"mine": ("mine_training", "clip", "msb_xor")}
    assert checked.tables(found["fig8"]) == {"mine": ("mine_training", "resnet50", "msb_xor")}


def test_the_demo_merged_over_the_paper_s_is_valid_and_needs_no_host():
    checked = Workflow(merged(PAPER, DEMO))
    assert sorted(checked.encoders) == ["lite0", "lite0-untrained", "lite1", "statistics"]
    weights = {getattr(entry, "weights", "random") for entry in checked.encoders.values()}
    assert weights == {"package", "random"}
    assert len(checked.dataset.names) >= 14 and {*range(6), 8} <= set(checked.levels("msb_xor"))
    assert {f"fig{each}" for each in (1, 2, "3a", "3b", 4, 5, "6a", "6b", 7, 8)} <= set(
        checked.figures()
    )


def test_how_grey_pictures_are_read_is_a_setting_of_views_only_where_it_changes_them():
    as_stored, as_rgb = Workflow(PAPER), Workflow(edited("dataset.grey", "rgb"))
    for scheme, level in (("plain", 0), ("msb_xor", 4)):
        assert "grey" not in as_stored.scheme_settings(scheme, [level])
        assert as_rgb.scheme_settings(scheme, [level])["grey"] == "rgb"
    assert as_rgb.dataset_settings() == as_stored.dataset_settings()


def test_the_figures_of_another_scheme_lie_in_its_folder_and_read_its_tables():
    found = Workflow(edited("figures_of", ["lsb_xor"])).figures()
    own = {name for name in found if name.startswith("lsb_xor/")}
    assert {"lsb_xor/fig1", "lsb_xor/fig8", "lsb_xor/estimators-clip"} <= own
    assert not own & {"lsb_xor/verdict", "lsb_xor/scorecard", "lsb_xor/schemes-clip"}
    checked = Workflow(PAPER)
    assert checked.tables(found["lsb_xor/fig5"]) == {"mine": ("mine_training", "clip", "lsb_xor")}
    schemes = {each.scheme for each in checked.tables(found["schemes-clip"]).values()} - {""}
    assert schemes == set(PAPER["comparisons"]["schemes"])


@pytest.mark.parametrize("key", ["comparisons.schemes", "figures_of"])
def test_a_scheme_that_is_compared_is_one_that_is_defined(key):
    with pytest.raises(LeakageError, match=rf"{key}\.0: scheme 'lsb_xro' .*nearest is 'lsb_xor'"):
        Workflow(edited(key, ["lsb_xro"]))


def test_a_number_may_come_as_text_as_from_the_command_line():
    assert Workflow(edited("patches.size", "64")).config.patches.size == 64


def test_null_takes_an_entry_out():
    values = merged(PAPER, {"encoders": {"extra": {"kind": "statistics"}}})
    assert "extra" in Workflow(values).encoders
    assert "extra" not in Workflow(merged(values, {"encoders": {"extra": None}})).encoders


def test_an_entry_that_was_taken_out_and_is_used_is_refused():
    with pytest.raises(LeakageError, match=r"paper\.clip: encoder 'clip' is not defined"):
        Workflow(edited("encoders.clip", None))


BAD = {
    "results": ("resluts", "x", ["resluts: unknown key", "nearest known one is results"]),
    "a shell's home": ("results", "~/runs", ["results: found '~/runs'", "write the whole path"]),
    "one level down": (
        "patches.sise",
        3,
        ["patches.sise: unknown key", "one is size"],
    ),
    "in a dataset": ("dataset.coco.cuont", 3, ["dataset.coco.cuont", "one is count"]),
    "in a scheme": (
        "encryption.schemes.msb_xor.veiw",
        "full",
        ["encryption.schemes.msb_xor.veiw", "one is view"],
    ),
    "in an encoder": (
        "encoders.clip.batchsize",
        4,
        ["encoders.clip.batchsize", "one is batch_size"],
    ),
    "two levels down in an estimator": (
        "estimators.mine_training.pixels.par",
        4,
        [
            "estimators.mine_training.pixels.par: unknown key",
            "one is pairs",
        ],
    ),
    "wrong type": ("patches.size", "big", ["patches.size: found 'big'", "valid integer"]),
    "truth for a number": ("patches.size", True, ["patches.size: found True; expected a number"]),
    "wrong type of a list": ("figures", "fig1", ["figures: found 'fig1'", "valid list"]),
    "negative count": ("patches.per_image", 0, ["patches.per_image: found 0", "greater than"]),
    "level 9": (
        "encryption.schemes.msb_xor.levels",
        [0, 9],
        ["encryption.schemes.msb_xor.levels", "level 9 is outside 0..8; the nearest is 8"],
    ),
    "a level twice": (
        "encryption.schemes.msb_xor.levels",
        [0, 1, 1],
        ["encryption.schemes.msb_xor.levels", "each named once"],
    ),
    "unknown view": (
        "encryption.schemes.msb_xor.view",
        "scale",
        ["encryption.schemes.msb_xor.view: found 'scale'", "'scaled'"],
    ),
    "undefined encoder": (
        "paper.clip",
        "clap",
        ["paper.clip: encoder 'clap' is not defined", "nearest is 'clip'"],
    ),
    "undefined scheme": (
        "paper.scheme",
        "msb",
        ["paper.scheme: scheme 'msb' is not defined", "nearest is 'msb_xor'"],
    ),
    "undefined representation": (
        "representations",
        ["pixel"],
        ["representations.0: representation 'pixel' is not defined", "nearest is 'pixels'"],
    ),
    "undefined held-out estimator": (
        "comparisons.estimators",
        ["miine"],
        ["comparisons.estimators.0: estimator 'miine' is not defined", "nearest is 'mine'"],
    ),
    "undefined estimator of the verdict": (
        "verdict.estimator",
        "miine",
        ["verdict.estimator: estimator 'miine' is not", "nearest is 'mine'"],
    ),
    "an estimator of the verdict that tests nothing": (
        "verdict.estimator",
        "cosine",
        ["verdict.estimator: 'cosine' has no held-out test of each level", "mine"],
    ),
    "control of an undefined encoder": (
        "controls.clap",
        "clip-untrained",
        ["controls: encoder 'clap' is not defined", "nearest is 'clip'"],
    ),
    "undefined control": (
        "controls.clip",
        "clip-untraned",
        ["controls.clip: encoder 'clip-untraned' is not", "nearest is 'clip-untrained'"],
    ),
    "unknown task of the calibration": (
        "calibration.tasks.spirals",
        100,
        ["calibration.tasks: task 'spirals' is not defined", "nearest is 'spiral'"],
    ),
    "unknown task among the calibration's draws": (
        "calibration.draws",
        {"blob": 2},
        ["calibration.draws: task 'blob' is not defined", "nearest is 'blobs'"],
    ),
    "unknown task of the calibration's run": (
        "calibration.only",
        ["blob"],
        ["calibration.only: task 'blob' is not defined", "nearest is 'blobs'"],
    ),
    "unknown task in the calibration's subsets": (
        "calibration.subsets",
        {"infonce": ["blob"]},
        ["calibration.subsets.infonce: task 'blob' is not defined", "nearest is 'blobs'"],
    ),
    "unknown estimator in the calibration's subsets": (
        "calibration.subsets",
        {"infonec": ["blobs"]},
        ["calibration.subsets: estimator 'infonec' is not defined", "nearest is 'infonce'"],
    ),
    "unknown encoder of the calibration": (
        "calibration.encoder",
        {"kind": "statistic"},
        ["calibration.encoder.kind", "'statistics'"],
    ),
    "undefined estimator of the calibration": (
        "calibration.estimators",
        ["cca", "ksq"],
        ["calibration.estimators.1: estimator 'ksq' is not defined", "nearest is 'ksg'"],
    ),
    "unknown setting of the calibration": (
        "calibration.sedes",
        3,
        ["calibration.sedes: unknown key", "one is seeds"],
    ),
    "the calibration among the figures": (
        "figures",
        ["fig1", "calibration"],
        ["figures: calibration is a target, not a figure"],
    ),
    "unknown figure": ("figures", ["fig9"], ["figures: figure 'fig9' is not known", "nearest"]),
    "unknown estimator": (
        "estimators.mean",
        {},
        ["estimators.mean.method: estimator 'mean' is not known", "the nearest is 'mine'"],
    ),
    "unknown cipher": (
        "encryption.schemes.msb",
        {},
        ["encryption.schemes.msb.cipher: cipher 'msb' is not known", "'msb_xor'"],
    ),
    "unknown kind of encoder": (
        "encoders.clip.kind",
        "openclip",
        ["encoders.clip.kind", "'openclip'", "'open_clip'"],
    ),
    "encoder without kind": ("encoders.new", {"weights": "random"}, ["encoders.new.kind: missing"]),
    "unknown dataset": (
        "dataset.name",
        "cocoa",
        ["dataset.name: found 'cocoa'", "'coco'"],
    ),
    "missing weights file": (
        "encoders.clip.weights",
        "nowhere/clip.safetensors",
        ["encoders.clip.weights: nowhere/clip.safetensors: no such file"],
    ),
    "missing key file": (
        "encryption.key_file",
        "nowhere/my.key",
        ["encryption.key_file: nowhere/my.key: no such file", "openssl rand -hex 32"],
    ),
    "name that breaks paths": ("encoders.a/b", {"kind": "statistics"}, ["encoders.a/b: a name"]),
    "reserved name": ("encoders.pixels", {"kind": "statistics"}, ["encoders.pixels: a name"]),
    "a figure's estimator taken out": (
        "estimators.cosine",
        None,
        ["estimators (for fig3a): estimator 'cosine' is not defined"],
    ),
}


@pytest.mark.parametrize(("path", "value", "expected"), BAD.values(), ids=BAD)
def test_a_bad_edit_is_one_line_that_names_the_key_and_the_nearest(path, value, expected):
    with pytest.raises(LeakageError) as caught:
        Workflow(edited(path, value))
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(expected[0]), message
    assert all(part in message for part in expected), message


@pytest.mark.parametrize(
    ("figure", "key", "nothing"),
    [
        ("pretraining", "controls", {"clip": None, "resnet50": None}),
        ("estimators", "comparisons.estimators", []),
        ("consistency", "representations", []),
        ("reidentification", "representations", ["pixels"]),
    ],
)
def test_a_figure_with_nothing_to_show_is_refused_with_the_key_that_says_what(figure, key, nothing):
    values = merged(edited(key, nothing), {"figures": ["fig1", figure]})
    with pytest.raises(LeakageError, match=rf"^{key}: found nothing .* remove {figure} from"):
        Workflow(values)
    assert Workflow(merged(values, {"figures": ["fig1"]})).figures().keys() == {"fig1"}


def test_the_calibration_s_settings_go_over_those_of_the_estimators_that_have_them():
    values = edited("calibration.settings", {"epochs": 3, "permutations": 0})
    values = merged(values, {"estimators": {"infonce": {"seeds": 4, "hidden": 7}}})
    checked = Workflow(values)
    own = checked.estimators["infonce"].model_dump()
    given = {"seeds": 1, "epochs": 3, "permutations": 0}
    over = PAPER["calibration"]["settings"] | given
    assert own["seeds"] == 4 and own["epochs"] != 3
    assert checked.calibration_settings("infonce") == own | over
    cca = checked.estimators["cca"].model_dump()
    kept = {key: value for key, value in over.items() if key in cca}
    assert "epochs" not in kept and kept
    assert checked.calibration_settings("cca") == cca | kept
    with pytest.raises(LeakageError, match=r"^calibration\.settings \(for mine\).*permutations"):
        wrong = edited("calibration.settings.permutations", "many")
        Workflow(wrong).calibration_settings("cca")


def test_pairs_of_bytes_are_calibrated_with_who_reads_bytes_and_all_else_with_the_others():
    found = Workflow(PAPER).calibrations()
    bytes_, others = (
        {name for name, task in found if (task == "pixels") == of_bytes}
        for of_bytes in (True, False)
    )
    assert bytes_ == {"histogram", "mine-scalar", "mine-bits", "mine-fourier"}
    assert others == set(PAPER["calibration"]["estimators"]) - bytes_
    tasks = set(PAPER["calibration"]["tasks"]) - {"pixels"}
    assert {task for name, task in found if name == "cca"} == tasks


def test_a_run_calibrates_the_tasks_that_are_left_and_named_as_often_as_asked():
    change = {"tasks": {"blobs": 700, "digits": None}, "seeds": 4, "draws": {"blobs": 2}}
    checked = Workflow(merged(PAPER, {"calibration": change}))
    tasks = checked.tasks()
    assert set(tasks) == set(PAPER["calibration"]["tasks"]) - {"digits"} and tasks["blobs"] == 700
    assert [checked.draws(task) for task in ("blobs", "waves")] == [2, 4]
    few = merged(PAPER, {"calibration": change | {"only": ["waves", "blobs", "digits"]}})
    assert set(Workflow(few).tasks()) == {"blobs", "waves"}


def test_the_calibration_of_the_paper_draws_every_task_that_there_is():
    assert set(Workflow(PAPER).tasks()) == set(truths.names())


@pytest.mark.parametrize("branch", ["dataset", "encryption", "encoders", "paper", "estimators"])
def test_a_missing_branch_is_named(branch):
    values = {key: value for key, value in PAPER.items() if key != branch}
    with pytest.raises(LeakageError, match=f"^{branch}: missing"):
        Workflow(values)


def test_two_problems_are_two_lines():
    with pytest.raises(LeakageError) as caught:
        Workflow(merged(PAPER, {"sede": 1, "patches": {"size": 1}}))
    assert len(str(caught.value).splitlines()) == 2


def test_what_a_view_depends_on_leaves_out_which_other_levels_there_are_and_the_key():
    few = edited("encryption.schemes.msb_xor.levels", [0, 8])
    settings = Workflow(few).scheme_settings("msb_xor", [8])
    assert settings == Workflow(PAPER).scheme_settings("msb_xor", [8])
    assert (ROOT / PAPER["encryption"]["key_file"]).read_text().strip() not in str(settings)


def test_the_plain_picture_depends_on_no_setting_of_a_scheme_and_on_no_key():
    other = Workflow(edited("encryption.schemes.msb_xor.view", "full"))
    assert other.scheme_settings("plain", [0]) == {"scheme": "plain"}
    assert other.scheme_settings("msb_xor", [1]) != Workflow(PAPER).scheme_settings("msb_xor", [1])


def test_checking_the_configuration_imports_no_slow_library():
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(("key", "value"), [("timeout", 5), ("retries", 9), ("connections", 2)])
def test_how_pictures_are_fetched_is_not_what_the_manifest_depends_on(key, value):
    before, after = Workflow(PAPER), Workflow(edited(f"dataset.coco.{key}", value))
    options = before.download_options()
    assert after.dataset_settings() == before.dataset_settings()
    assert after.download_options() == {**options, key: value} != options


def test_the_manifest_depends_on_which_pictures_lie_in_a_folder(tmp_path):
    (tmp_path / "a.png").write_bytes(b"1")
    config = merged(PAPER, {"dataset": {"name": "folder", "folder": {"path": str(tmp_path)}}})
    found = [Workflow(config).dataset_settings()]
    for name, content in (("b.png", b"1"), ("a.png", b"12"), ("notes.txt", b"1")):
        (tmp_path / name).write_bytes(content)
        found.append(Workflow(config).dataset_settings())
    assert found[0] != found[1] != found[2] == found[3]


def test_the_number_of_shards_is_known_before_any_picture_is_fetched():
    assert Workflow(PAPER).shards == 1
    every = edited("dataset.coco", {"split": "train2017", "count": "all", "too_small": "skip"})
    assert Workflow(every).shards == 119
    with pytest.raises(LeakageError, match="the number of pictures in 'val2099' is unknown"):
        Workflow(edited("dataset.coco", {"split": "val2099", "count": "all"}))
