"""Progress: lines in a log, a bar on a terminal, nothing from a short library call."""

import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from leakage import cli, measures, progress
from leakage.estimators import estimate
from leakage.schemes import keystream
from leakage.steps import calibrate_verdict
from typer.testing import CliRunner

KEY_FILE = Path(__file__).parents[1] / "workflow" / "keys" / "test.key"
NAMES = ["astronaut", "camera", "coins"]
FEW = {"folds": 3, "permutations": 9, "bootstraps": 9, "device": "cpu"}
TRAINED = FEW | {"epochs": 2, "hidden": 8}
LINE = re.compile(
    r"(?P<title>.+): (?P<done>\d+) of (?P<total>\d+) (?P<unit>[a-z ]+), \d+ s, "
    r"\d+\.\d ((?P=unit)/s|s each)"
)


class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    def isatty(self):
        return True


def step(*arguments: object) -> str:
    """Run a step as the command line does and return its standard error."""
    done = CliRunner().invoke(cli.app, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stderr


def encryption() -> str:
    key = keystream.fingerprint(keystream.read_key(KEY_FILE))
    given = {"scheme": "msb", "key_file": str(KEY_FILE), "key_fingerprint": key}
    return json.dumps(given | {"definition": {"cipher": "msb_xor", "levels": [0, 4]}})


def steps(folder: Path) -> dict[str, list[object]]:
    """Return the commands of a small run, in their order; the last one depends on all others."""
    manifest, places = folder / "m.csv", folder / "p.csv"
    view, embedding, table = (folder / each for each in ("4.parquet", "e.parquet", "t.parquet"))
    pictures = ["--pictures", folder / "pictures"]
    photographs = {"name": "photographs", "settings": {"names": NAMES}, "patch_size": 48}
    own = {"name": "folder", "settings": {"path": str(folder / "pictures")}, "patch_size": 48}
    skipped, of_view = ["--skipped", folder / "s.csv", "--settings"], ["--settings", encryption()]
    few, trained = json.dumps(FEW), json.dumps(TRAINED)
    pairs = ["--pairs", 200, "--draws", 2, "--settings", few]
    families = ["--draws", 10, "--trained", 10, "--pictures", 12, "--settings", few]
    encoder = ["--encoder", "st", "--settings", '{"kind": "statistics"}', "--size", "48"]
    drawn = {"seed": 0, "size": 48, "per_image": 2}
    curves = json.dumps({"epochs": 3, "seeds": 1, "batch": 10, "device": "cpu"})
    np.save(folder / "x.npy", np.random.default_rng(0).normal(size=(60, 2)))
    arrays = [folder / "x.npy", folder / "x.npy", "--settings"]
    return {
        "manifest": ["manifest", manifest, *pictures, *skipped, json.dumps(photographs)],
        "own": ["manifest", folder / "own.csv", *pictures, *skipped, json.dumps(own)],
        "places": ["places", manifest, places, "--settings", json.dumps(drawn)],
        "view": ["view", manifest, view, *pictures, "--level", 4, *of_view],
        "measure": ["measure", manifest, table, *pictures, "--levels", "0,4,noise", *of_view],
        "embed": ["embed", view, places, embedding, *encoder, "--code", ""],
        "mine": ["estimate", "mine", *arrays, trained],
        "mine_training": ["estimate", "mine_training", *arrays, curves],
        "calibrate_estimator": ["calibrate_estimator", "staircase", "cca", folder / "c", *pairs],
        "calibrate_verdict": ["calibrate_verdict", "cca", folder / "v.parquet", *families],
    }


# Per command: the title of its lines, and the total of each loop.
LOOPS = {
    "own": ("manifest folder", {"pictures": 3}),
    "view": ("view msb 4", {"pictures": 3}),
    "measure": ("measure msb", {"pictures": 3}),
    "embed": ("embed st msb 4", {"pictures": 3}),
    "mine": ("estimate mine", {"epochs": 2, "stacks of networks": 1, "choices of a base": 6}),
    "mine_training": ("estimate mine_training", {"epochs": 3}),
    "calibrate_estimator": (
        "calibrate_estimator cca staircase",
        {"draws": 2, "stacks of networks": 1, "choices of a base": 30},
    ),
    "calibrate_verdict": (
        "calibrate_verdict cca",
        {
            "sets of families": 4,
            "stacks of networks": 3,
            "choices of a base": 240,
            "blocks of orders": 25,
        },
    ),
}


@pytest.fixture
def always(monkeypatch):
    """Write a line after every item, as if each took ten seconds."""
    monkeypatch.setattr(progress, "EVERY", 0.0)


@pytest.fixture(scope="module")
def logs(tmp_path_factory) -> dict[str, str]:
    """The log of each step if every item takes long."""
    folder = tmp_path_factory.mktemp("progress")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(progress, "EVERY", 0.0)
        patched.setattr(calibrate_verdict, "STRENGTHS", (0.0, 0.9))
        return {name: step(*arguments) for name, arguments in steps(folder).items()}


@pytest.mark.parametrize("name", LOOPS)
def test_the_log_of_a_long_step_has_a_line_per_item(logs, name):
    assert "\r" not in logs[name]
    found = [match for each in logs[name].splitlines() if (match := LINE.fullmatch(each))]
    title, loops = LOOPS[name]
    assert {match["title"] for match in found} == {title}
    assert {match["unit"]: int(match["total"]) for match in found} == loops
    for unit, total in loops.items():
        counts = [int(match["done"]) for match in found if match["unit"] == unit]
        assert counts[:total] == list(range(1, total + 1))


def test_a_short_step_writes_no_line(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", float("inf"))
    commands = steps(tmp_path)
    assert step(*commands["manifest"]).count("\n") == 1
    assert step(*commands["view"]) == ""


def test_a_loop_on_a_terminal_draws_a_bar_and_no_lines(monkeypatch, always):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress.shown("view"):
        progress.about("msb 4")
        assert list(progress.over([1, 2], "pictures")) == [1, 2]
    drawn = terminal.getvalue()
    assert "\rview msb 4: 100%|" in drawn and " 0/2 [" in drawn
    assert not any(map(LINE.fullmatch, re.split(r"[\r\n]", drawn)))


def test_python_callers_see_no_progress_also_after_a_step(monkeypatch, always):
    written = Terminal()
    with progress.shown("step"):
        pass
    monkeypatch.setattr(sys, "stderr", written)
    x = np.random.default_rng(0).normal(size=(60, 2))
    estimate("cca", x, x, **FEW)
    assert written.getvalue() == ""


def test_lines_are_ten_seconds_apart_and_the_pace_is_that_of_this_run(monkeypatch, capsys):
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with progress.shown("view"):
        for _ in progress.over(range(30, 39), "pictures", done=30):
            now += 4.0
    assert capsys.readouterr().err.splitlines() == [
        "view: 33 of 39 pictures, 12 s, 4.0 s each",
        "view: 36 of 39 pictures, 24 s, 4.0 s each",
        "view: 39 of 39 pictures, 36 s, 4.0 s each",
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_long_estimate_from_python_shows_a_bar_on_a_terminal_only(monkeypatch, terminal):
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "LATER", 0.0)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    x = np.random.default_rng(0).normal(size=(60, 2))
    estimate("cca", x, x, folds=3, permutations=19, bootstraps=5)
    assert ("cca" in stream.getvalue()) == terminal
    before = stream.getvalue()
    list(progress.over(range(3), "things"))
    assert stream.getvalue() == before


@pytest.mark.parametrize("large", [True, False])
def test_the_measures_of_a_large_picture_show_a_bar_from_the_start(monkeypatch, large):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    picture = np.random.default_rng(0).integers(0, 256, (60, 50, 3), dtype=np.uint8)
    monkeypatch.setattr(measures, "LARGE", picture.size if large else picture.size + 1)
    found = measures.measure(picture, 255 - picture, picture)
    assert (f"measures:   0%|          | 0/{len(found)}" in terminal.getvalue()) == large
    assert large or terminal.getvalue() == ""
