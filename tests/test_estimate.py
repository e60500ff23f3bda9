"""Estimates from arrays: the library call and the command."""

import contextlib
import io
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_views
import torch
from leakage import estimators
from leakage.errors import LeakageError
from leakage.estimators import estimate, tables
from leakage.steps.estimate import _draw_pixels
from leakage.storage.views import View

QUICK = {"epochs": 2, "hidden": 8, "batch": 10, "seeds": 1, "device": "cpu"}
HELD_OUT = {"epochs": 2, "hidden": 8, "batch": 10, "device": "cpu"}
COUNTS = {"permutations": 19, "bootstraps": 20}
ESTIMATORS = {
    "histogram": {},
    "rounded_histogram": {"decimals": 1},
    "finite_set": {},
    "cosine": {},
    "ksg": COUNTS,
    "mine_training": QUICK,
    "mine": HELD_OUT | COUNTS,
    "infonce": HELD_OUT | COUNTS,
    "nwj": HELD_OUT | COUNTS,
    "smile": HELD_OUT | COUNTS,
    "cca": {"device": "cpu"} | COUNTS,
    "reidentification": HELD_OUT | COUNTS,
}


def shell(*arguments):
    """Run the step as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "leakage", "--threads", "1", "estimate", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_every_estimator_is_tested_here():
    modules = {each.name for each in pkgutil.iter_modules(estimators.__path__)}
    assert set(ESTIMATORS) == modules - estimators.SHARED


@pytest.mark.parametrize(
    ("name", "shape"),
    [*((name, (3, 60, 2)) for name in ESTIMATORS), ("cca", (60,)), ("histogram", (60, 2))],
    ids=str,
)
def test_every_estimator_returns_the_tidy_table_for_arrays_of_every_shape(name, shape):
    y = np.random.default_rng(0).integers(0, 9, shape)
    x = y if len(shape) < 3 else y[0]
    table = estimate(name, x, y, **ESTIMATORS[name])
    assert list(table)[: len(tables.COLUMNS)] == list(tables.COLUMNS)
    levels = shape[0] if len(shape) == 3 else 1
    chosen = table.loc[table["chosen"]]
    # Cross-fitted values have a row per fold.
    assert sorted(chosen.loc[chosen["fold"] == 0, "level"]) == list(range(levels))


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("histgram", {}, "'histgram' is not known; the nearest is 'histogram'"),
        ("mine", {"epoch": 3}, "mine.epoch: unknown key; the nearest known one is epochs"),
        ("mine", {"epochs": "x"}, "mine.epochs: found 'x'; expected a valid integer"),
        ("mine", {"pixels": {"inputs": "bits"}}, "mine.pixels.inputs: unknown key"),
        ("tables", {}, "'tables' is not known"),
    ],
)
def test_the_message_on_an_unknown_estimator_or_setting_names_the_nearest(name, settings, expected):
    with pytest.raises(LeakageError) as caught:
        estimate(name, np.zeros(5), np.zeros(5), **settings)
    assert expected in str(caught.value)


@pytest.mark.parametrize("name", [None, 3, b"mine", Path("mine.py")], ids=str)
def test_a_name_that_is_not_text_is_refused_with_the_known_ones(name):
    expected = f"estimator: found {name!r} ({type(name).__name__}); expected one of cca, "
    with pytest.raises(LeakageError, match=re.escape(expected)) as caught:
        estimate(name, [0, 1], [0, 1])
    assert "smile, or the path of a Python file, as text" in str(caught.value)


@pytest.mark.parametrize("name", ["histogram", "mine", "mine_training"])
def test_the_command_prints_the_values_of_the_library_call_as_csv(tmp_path, name):
    x = np.random.default_rng(0).integers(0, 16, 400).astype(np.uint8)
    y = x // 4
    for side, values in (("x.npy", x), ("y.npy", y)):
        np.save(tmp_path / side, values)
    settings = ESTIMATORS[name]
    files = tmp_path / "x.npy", tmp_path / "y.npy"
    done = shell(name, *files, "--settings", json.dumps(settings), "--seed", "5")
    assert done.returncode == 0, done.stderr
    table = estimate(name, x, y, seed=5, **settings)
    expected = table.loc[table["chosen"], "nats"].to_numpy()
    found = pd.read_csv(io.StringIO(done.stdout))["nats"].to_numpy()
    assert found == pytest.approx(expected, abs=1e-5)


def test_a_damaged_array_gives_one_line_without_traceback(tmp_path):
    (tmp_path / "x.npy").write_bytes(b"not an array")
    done = shell("histogram", tmp_path / "x.npy", tmp_path / "x.npy")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"error: {tmp_path}/x.npy: found text (")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("pairs", [2, 10, 300])
def test_pixel_pairs_are_drawn_evenly_from_all_pictures(tmp_path, pairs):
    paths = [small_views.write_view(tmp_path / f"{level}.parquet", level) for level in (0, 3)]
    plain, *seen = (View(path) for path in paths)
    x, y, ids = _draw_pixels(plain, [plain, *seen], pairs, seed=0)
    assert x.shape == (pairs, 1) and y.shape == (2, pairs, 1) and len(ids) == pairs
    assert np.array_equal(y[0], x) and np.array_equal(y[1], x << 3)
    _, counts = np.unique(ids, return_counts=True)
    assert len(counts) == min(pairs, 3) and np.ptp(counts) <= 1


@contextlib.contextmanager
def default_dtype():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


MODES = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "default dtype": default_dtype,
    "default device": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}
FEW = {"seeds": 1, "epochs": 2, "hidden": 8}
TRAINED = {
    "mine": {**FEW, "folds": 3, "permutations": 19, "bootstraps": 5},
    "reidentification": {**FEW, "folds": 3, "permutations": 19, "bootstraps": 5},
    "cca": {"folds": 3, "permutations": 19, "bootstraps": 5},
    "mine_training": FEW,
}


@pytest.fixture(scope="module")
def pairs():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(96, 3))
    return x, x + draw.normal(size=(96, 3)), np.arange(96) // 4


@pytest.mark.parametrize("name", TRAINED)
def test_torch_s_global_modes_change_no_estimate_and_stay_the_caller_s(name, pairs):
    expected = estimate(name, *pairs, **TRAINED[name])
    for mode, context in MODES.items():
        with context():
            before = modes_now()
            found = estimate(name, *pairs, **TRAINED[name])
            assert modes_now() == before, mode
        pd.testing.assert_frame_equal(found, expected, obj=mode)


def modes_now():
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_autocast_enabled("cpu"),
        torch.get_float32_matmul_precision(),
    )


def test_an_estimate_leaves_the_caller_s_generators_alone(pairs):
    torch.manual_seed(1)
    np.random.seed(1)
    before = torch.random.get_rng_state().clone(), np.random.get_state()[1].copy()
    estimate("mine", *pairs, **TRAINED["mine"])
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
