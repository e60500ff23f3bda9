"""The configuration is checked as a whole before any job starts."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from leakage import truths
from leakage.config import sources
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


def test_the_default_configuration_is_valid():
    checked = Workflow(PAPER)
    assert checked.levels("msb_xor") == list(range(9))
    each = {"estimators", "memorisation", "schemes"}
    beyond = {f"{name}-{key}" for name in each for key in ("clip", "resnet50")}
    found = checked.figures()
    others = {f"{scheme}/reconstruction" for scheme in PAPER["comparisons"]["schemes"]}
    others.remove("msb_xor/reconstruction")
    assert set(found) == set(PAPER["figures"]) - each | beyond | others
    assert checked.tables(found["fig5"]) == {"mine": ("mine_training", "clip", "msb_xor")}
    assert checked.tables(found["fig8"]) == {"mine": ("mine_training", "resnet50", "msb_xor")}


def test_the_demo_is_valid_and_needs_no_network():
    checked = Workflow(merged(PAPER, DEMO))
    assert sorted(checked.encoders) == ["lite0", "lite0-untrained", "lite1", "statistics"]
    weights = {getattr(entry, "weights", "random") for entry in checked.encoders.values()}
    assert weights == {"package", "random"}
    assert len(checked.dataset.names) >= 14 and {*range(6), 8} <= set(checked.levels("msb_xor"))
    assert {f"fig{each}" for each in (1, 2, "3a", "3b", 4, 5, "6a", "6b", 7, 8)} <= set(
        checked.figures()
    )


def test_views_depend_on_dataset_grey_only_if_it_changes_them():
    as_stored, as_rgb = Workflow(PAPER), Workflow(edited("dataset.grey", "rgb"))
    for scheme, level in (("plain", 0), ("msb_xor", 4)):
        assert "grey" not in as_stored.scheme_settings(scheme, [level])
        assert as_rgb.scheme_settings(scheme, [level])["grey"] == "rgb"
    assert as_rgb.dataset_settings() == as_stored.dataset_settings()


def test_figures_of_another_scheme_are_in_its_folder_and_read_its_tables():
    found = Workflow(edited("figures_of", ["lsb_xor"])).figures()
    own = {name for name in found if name.startswith("lsb_xor/")}
    assert {"lsb_xor/fig1", "lsb_xor/fig8", "lsb_xor/estimators-clip"} <= own
    assert not own & {"lsb_xor/verdict", "lsb_xor/scorecard", "lsb_xor/schemes-clip"}
    checked = Workflow(PAPER)
    assert checked.tables(found["lsb_xor/fig5"]) == {"mine": ("mine_training", "clip", "lsb_xor")}
    schemes = {each.scheme for each in checked.tables(found["schemes-clip"]).values()} - {""}
    assert schemes == set(PAPER["comparisons"]["schemes"])


@pytest.mark.parametrize("key", ["comparisons.schemes", "figures_of"])
def test_a_compared_scheme_must_be_defined(key):
    with pytest.raises(LeakageError, match=rf"{key}\.0: scheme 'lsb_xro' .*nearest is 'lsb_xor'"):
        Workflow(edited(key, ["lsb_xro"]))


def test_a_number_may_be_given_as_text():
    assert Workflow(edited("patches.size", "64")).config.patches.size == 64


def test_null_removes_an_entry():
    values = merged(PAPER, {"encoders": {"extra": {"kind": "statistics"}}})
    assert "extra" in Workflow(values).encoders
    assert "extra" not in Workflow(merged(values, {"encoders": {"extra": None}})).encoders


def test_a_removed_entry_must_not_be_used():
    with pytest.raises(LeakageError, match=r"paper\.clip: encoder 'clip' is not defined"):
        Workflow(edited("encoders.clip", None))


# Key = value (JSON) -> the words of the message, in this order; @ stands for the key.
BAD = """
resluts = "x" -> @: unknown key … nearest known one is results
results = "~/runs" -> @: found '~/runs' … write the whole path
patches.sise = 3 -> @: unknown key … one is size
dataset.coco.cuont = 3 -> @ … one is count
encryption.schemes.msb_xor.veiw = "full" -> @ … one is view
encoders.clip.batchsize = 4 -> @ … one is batch_size
estimators.mine_training.pixels.par = 4 -> @: unknown key … one is pairs
estimators.rescaled.rescale = [0, 1] -> @: found [0.0, 1.0]; expected (a, b), a from 1e-06
patches.size = "big" -> @: found 'big' … valid integer
patches.size = true -> @: found True; expected a number
figures = "fig1" -> @: found 'fig1' … valid list
patches.per_image = 0 -> @: found 0 … greater than
encryption.schemes.msb_xor.levels = [0, 9] -> @ … level 9 is outside 0..8; the nearest is 8
encryption.schemes.msb_xor.levels = [0, 1, 1] -> @ … each named once
encryption.schemes.msb_xor.view = "scale" -> @: found 'scale' … 'scaled'
paper.clip = "clap" -> @: encoder 'clap' is not … nearest is 'clip'
paper.scheme = "msb" -> @: scheme 'msb' is not … nearest is 'msb_xor'
representations = ["pixel"] -> @.0: representation 'pixel' is not … nearest is 'pixels'
comparisons.estimators = ["miine"] -> @.0: estimator 'miine' is not … nearest is 'mine'
verdict.estimator = "miine" -> @: estimator 'miine' is not … nearest is 'mine'
verdict.estimator = "cosine" -> @: 'cosine' has no held-out test of each level … mine
controls.clap = "clip-untrained" -> controls: encoder 'clap' is not … nearest is 'clip'
controls.clip = "clip-untraned" -> @: encoder 'clip-untraned' is not … nearest is 'clip-untrained'
calibration.tasks.spirals = 100 -> calibration.tasks: task 'spirals' is not … nearest is 'spiral'
calibration.draws = {"blob": 2} -> @: task 'blob' is not … nearest is 'blobs'
calibration.only = ["blob"] -> @: task 'blob' is not … nearest is 'blobs'
calibration.subsets = {"infonce": ["blob"]} -> @.infonce: task 'blob' is not … nearest is 'blobs'
calibration.subsets = {"infonec": ["blobs"]} -> @: estimator 'infonec' is not … nearest is 'infonce'
calibration.encoder = {"kind": "statistic"} -> @.kind … 'statistics'
calibration.estimators = ["cca", "ksq"] -> @.1: estimator 'ksq' is not … nearest is 'ksg'
calibration.sedes = 3 -> @: unknown key … one is seeds
figures = ["fig1", "calibration"] -> @: calibration is a target, not a figure
figures = ["fig9"] -> @: figure 'fig9' is not known … nearest
estimators.mean = {} -> @.method: estimator 'mean' is not known … the nearest is 'mine'
encryption.schemes.msb = {} -> @.cipher: cipher 'msb' is not known … 'msb_xor'
encoders.clip.kind = "openclip" -> @ … 'openclip' … 'open_clip'
encoders.new = {"weights": "random"} -> @.kind: missing
dataset.name = "cocoa" -> @: found 'cocoa' … 'coco'
encoders.clip.weights = "nowhere/clip.safetensors" -> @: nowhere/clip.safetensors: no such file
encryption.key_file = "nowhere/my.key" -> @: nowhere/my.key: no such file … openssl rand -hex 32
encoders.a/b = {"kind": "statistics"} -> @: a name
encoders.pixels = {"kind": "statistics"} -> @: a name
calibration.verdict_pictures = [] -> @: found []
estimators.tests = {"method": "cca"} -> @: a name
estimators.security = {"method": "cca"} -> @: a name
encryption.schemes.noise = {"cipher": "lsb_xor"} -> @: a name
results = "s3://bucket/runs" -> @: found 's3://bucket/runs', an address; expected the path
encryption.key_file = "tests" -> @: tests: a folder or device; expected a file
controls.clip = "clip" -> @: found the encoder itself … weights: random
comparisons.estimators = ["mine", "cosine"] -> @.1: 'cosine' does not estimate … mine, infonce
comparisons.estimators = ["mine_training"] -> @.0: 'mine_training' does not estimate held-out
comparisons.reidentification = "mine" -> @: the method of 'mine' is mine … method reidentification
paper.training = "mine" -> @: the method of 'mine' is mine … the method mine_training
paper.histogram = "cosine" -> @: the method of 'cosine' is cosine … the method histogram
comparisons.rescaled = {"plain": "cca", "rescaled": "cca"} -> @: found 'cca' (cca, rescale (1
comparisons.rescaled = {"plain": "ksg", "rescaled": "rescaled"} -> @: found 'ksg' (ksg, rescale None
attacks.unwrapping = {"levels": [99]} -> @.levels: found [99] … unwrapping applies to
estimators.mine.pca = "Auto" -> @: found 'Auto'; expected … integer, or expected 'auto'
dataset.coco.count = 0 -> @: found 0; expected … greater than or equal to 1, or expected 'all'
estimators.mine.bases = ["gaussian", "gaussian"] -> @: found 'gaussian' twice
estimators.cosine = null -> estimators (for fig3a): estimator 'cosine' is not defined
"""


@pytest.mark.parametrize("case", BAD.strip().splitlines())
def test_a_bad_value_is_one_line_with_the_key_and_the_nearest_name(case):
    path, value, expected = re.fullmatch(r"(\S+) = (.+) -> (.+)", case).groups()
    first, *others = expected.replace("@", path).split(" … ")
    with pytest.raises(LeakageError) as caught:
        Workflow(edited(path, json.loads(value)))
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(first), message
    assert all(part in message for part in others), message


@pytest.mark.parametrize(
    ("figure", "key", "nothing"),
    [
        ("pretraining", "controls", {"clip": None, "resnet50": None}),
        ("estimators", "comparisons.estimators", []),
        ("consistency", "representations", []),
        ("reidentification", "representations", ["pixels"]),
    ],
)
def test_a_figure_with_nothing_to_show_is_refused(figure, key, nothing):
    values = merged(edited(key, nothing), {"figures": ["fig1", figure]})
    with pytest.raises(LeakageError, match=rf"^{key}: found nothing .* remove {figure} from"):
        Workflow(values)
    assert Workflow(merged(values, {"figures": ["fig1"]})).figures().keys() == {"fig1"}


def test_the_calibration_s_settings_replace_the_estimators_own():
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


def test_estimators_of_bytes_are_calibrated_on_pairs_of_bytes_only():
    found = Workflow(PAPER).calibrations()
    bytes_, others = (
        {name for name, task in found if (task == "pixels") == of_bytes}
        for of_bytes in (True, False)
    )
    assert bytes_ == {"histogram", "mine-scalar", "mine-bits", "mine-fourier"}
    assert others == set(PAPER["calibration"]["estimators"]) - bytes_
    tasks = set(PAPER["calibration"]["tasks"]) - {"pixels"}
    assert {task for name, task in found if name == "cca"} == tasks


def test_the_calibration_draws_the_tasks_that_only_names_as_often_as_configured():
    change = {"tasks": {"blobs": 700, "digits": None}, "seeds": 4, "draws": {"blobs": 2}}
    checked = Workflow(merged(PAPER, {"calibration": change}))
    tasks = checked.tasks()
    assert set(tasks) == set(PAPER["calibration"]["tasks"]) - {"digits"} and tasks["blobs"] == 700
    assert [checked.draws(task) for task in ("blobs", "waves")] == [2, 4]
    few = merged(PAPER, {"calibration": change | {"only": ["waves", "blobs", "digits"]}})
    assert set(Workflow(few).tasks()) == {"blobs", "waves"}


def test_the_default_calibration_draws_every_task():
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


def test_a_view_does_not_depend_on_the_list_of_levels_or_on_the_key():
    few = edited("encryption.schemes.msb_xor.levels", [0, 8])
    settings = Workflow(few).scheme_settings("msb_xor", [8])
    assert settings == Workflow(PAPER).scheme_settings("msb_xor", [8])
    assert (ROOT / PAPER["encryption"]["key_file"]).read_text().strip() not in str(settings)


def test_the_plain_picture_does_not_depend_on_the_scheme_or_on_the_key():
    other = Workflow(edited("encryption.schemes.msb_xor.view", "full"))
    assert other.scheme_settings("plain", [0]) == {"scheme": "plain"}
    assert other.scheme_settings("msb_xor", [1]) != Workflow(PAPER).scheme_settings("msb_xor", [1])


def test_checking_the_configuration_imports_no_slow_library():
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(("key", "value"), [("timeout", 5), ("retries", 9), ("connections", 2)])
def test_the_manifest_does_not_depend_on_download_options(key, value):
    before, after = Workflow(PAPER), Workflow(edited(f"dataset.coco.{key}", value))
    options = before.download_options()
    assert after.dataset_settings() == before.dataset_settings()
    assert after.download_options() == {**options, key: value} != options


def test_the_manifest_depends_on_names_and_sizes_of_a_folder_s_pictures(tmp_path):
    (tmp_path / "a.png").write_bytes(b"1")
    config = merged(PAPER, {"dataset": {"name": "folder", "folder": {"path": str(tmp_path)}}})
    found = [Workflow(config).dataset_settings()]
    for name, content in (("b.png", b"1"), ("a.png", b"12"), ("notes.txt", b"1")):
        (tmp_path / name).write_bytes(content)
        found.append(Workflow(config).dataset_settings())
    assert found[0] != found[1] != found[2] == found[3]


def test_the_number_of_shards_is_known_before_any_download():
    assert Workflow(PAPER).shards == 1
    every = edited("dataset.coco", {"split": "train2017", "count": "all", "too_small": "skip"})
    assert Workflow(every).shards == 119
    with pytest.raises(LeakageError, match="the number of pictures in 'val2099' is unknown"):
        Workflow(edited("dataset.coco", {"split": "val2099", "count": "all"}))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("seed: 1\nresults: a\nseed: 2\n", "seed: found twice, in lines 1 and 3"),
        ("a:\n  b: 1\nc: 3\na:\n  d: 1\n", "a: found twice, in lines 1 and 4"),
        ("a: {b: 1, b: 1}\n", "a.b: found twice, in lines 1 and 1"),
        ("a:\n  - {c: 1}\n  - {c: 1, 'c': 2}\n", "a.1.c: found twice, in lines 3 and 3"),
        ('{"a": {"b": 1,\n"b": 2}}', "a.b: found twice, in lines 1 and 2"),
        ("a: {<<: {b: 1, b: 2}}\n", "a.b: found twice, in lines 1 and 1"),
        ("a: &x {b: 1}\nc: {<<: *x, <<: *x}\n", "c.<<: found twice, in lines 2 and 2"),
        ("seed: 010\n", "seed: found 010 in line 1, which YAML reads as 8"),
        ("a:\n  b: 1:30\n", "a.b: found 1:30 in line 2, which YAML reads as 90"),
        ("a: [1, 0x1F]\n", "a.1: found 0x1F in line 1, which YAML reads as 31"),
        ("a: 1\n---\na: 2\n", "found 2 documents, expected one"),
        ("a: [1\n", "not valid YAML"),
        ("a: b: c\n", "not valid YAML"),
    ],
)
def test_what_yaml_loses_or_changes_is_refused_with_its_lines(tmp_path, text, found):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(LeakageError) as error:
        sources.check([file])
    assert str(error.value).startswith(f"{file}: {found}")


def test_every_problem_of_every_configuration_file_is_a_line(tmp_path):
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text("a: 1\na: 1\nb: 07\n")
    other.write_bytes("a: Zürich".encode("latin-1"))
    with pytest.raises(LeakageError) as error:
        sources.check([one, other])
    starts = [f"{one}: a: found twice", f"{one}: b: found 07", f"{other}: byte 4 is not UTF-8"]
    lines = str(error.value).splitlines()
    assert all(map(str.startswith, lines, starts)) and len(lines) == len(starts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\ufeffa: 1\n",
        "a: 0\nb: 0.5\nc: '010'\nd: -1.0e-3\n",
        "a: &x {b: 1}\nc: {<<: *x, b: 2}\n",
    ],
)
def test_yaml_that_is_read_as_it_is_written_passes(tmp_path, text):
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    sources.check([file])
    sources.check([Path("config.yaml"), Path("demo.yaml")])


@pytest.mark.parametrize("text", ["$SCRATCH/x", "${SCRATCH}/x", "a/$SCRATCH", "%TEMP%\\x"])
@pytest.mark.parametrize("key", ["results", "encryption.key_file", "encoders.clip.weights"])
def test_an_environment_variable_in_a_path_is_refused_by_name(key, text):
    name = "TEMP" if "TEMP" in text else "SCRATCH"
    with pytest.raises(LeakageError, match=rf"{key}: .*environment variable {name} is not"):
        Workflow(edited(key, text))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("--config seed=1 --config results=x", "--config: found twice"),
        ("-C seed=1 -n --config=results=x", "--config: found twice"),
        ("--configfile a.yaml --configfile b.yaml", "--configfile: found twice"),
        ("--config seed=1 results=x seed=2 -- figures", "--config: found seed twice"),
    ],
)
def test_an_option_that_snakemake_would_lose_is_refused(line, found):
    with pytest.raises(LeakageError, match=found):
        sources.check_command_line(line.split())


def test_options_that_snakemake_keeps_pass():
    sources.check_command_line(
        ["--configfile", "a.yaml", "b.yaml", "--config", "a=1", "b=1", "--", "figures"]
    )


def test_a_calibration_s_setting_that_no_estimator_has_is_refused():
    with pytest.raises(LeakageError, match=r"calibration\.settings: setting 'epoks' is not"):
        Workflow(edited("calibration.settings", {"epoks": 3}))


def test_a_null_that_removes_nothing_is_refused(tmp_path):
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text("encoders: {clip: {kind: statistics}}\nverdict: {pixels: null}\n")
    other.write_text("encoders: {clip: null}\n")
    sources.check([one, other])
    other.write_text("encoders: {clipp: null}\n")
    with pytest.raises(LeakageError, match=r"other.yaml: encoders\.clipp: .* nearest is clip$"):
        sources.check([one, other])
    sources.check([ROOT / "config.yaml", ROOT / "demo.yaml"])


@pytest.mark.parametrize("key", ["figures", "representations", "comparisons.schemes"])
def test_a_name_that_a_list_has_twice_is_refused(key):
    branch = PAPER
    for part in key.split("."):
        branch = branch[part]
    with pytest.raises(LeakageError, match=f"^{key}: found '{branch[0]}' twice"):
        Workflow(edited(key, [branch[0], *branch]))


def test_encrypted_pictures_among_the_plain_ones_are_refused(tmp_path):
    encrypted = tmp_path / "encrypted" / "1"
    encrypted.mkdir(parents=True)
    for folder in (tmp_path, encrypted):
        (folder / "a.png").touch()
    values = edited("dataset", {"name": "folder", "folder": {"path": str(tmp_path)}})
    own = {"cipher": "folder", "path": str(encrypted.parent)}
    values["encryption"]["schemes"]["own"] = own
    with pytest.raises(LeakageError, match=r"schemes\.own\.path: its pictures are inside"):
        Workflow(values)
