"""Laws of the simple attacks in the benchmark."""

import importlib
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def of(monkeypatch):
    """Return a module of the benchmark by its name."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    return lambda name: importlib.import_module(f"coco_attack.{name}")


def pairs(noise: float, count: int = 100, dim: int = 40):
    """Return x and y of shape (count, dim), two pairs per picture, and their groups."""
    x, other = np.random.default_rng(0).normal(size=(2, count, dim))
    return x, x + noise * other, np.arange(count) // 2


def test_whitening_is_the_inverse_root_of_the_shrunk_covariance(of):
    x, everything = pairs(0, 300)[0], np.ones(300, bool)
    x = x @ np.random.default_rng(1).normal(size=(40, 40))
    found = of("attacks").whitened(x, everything, 0.5)
    standard = (x - x.mean(0)) / x.std(0)
    covariance = standard.T @ standard / 300
    shrunk = covariance + 0.5 * np.trace(covariance) / 40 * np.eye(40)
    assert found.T @ found / 300 == pytest.approx(np.linalg.inv(shrunk) @ covariance, abs=1e-9)
    few = np.arange(300) < 15
    assert np.isfinite(of("attacks").whitened(x, few, 0.1)).all()


def test_only_related_pairs_are_matched(of):
    attacks = of("attacks")
    x, same, groups = pairs(0)
    fold = attacks.folds(groups)
    for attack in (attacks.similarity, attacks.whitened_similarity):
        assert attack(x, same, fold).nats == pytest.approx(np.log(20), abs=0.05)
        assert attack(x, same, fold).top_1 == 1
        assert attack(x, np.roll(x, 7, axis=0), fold).nats < 0.05
        constant = attack(x, np.full_like(x, 0.1), fold)
        assert (constant.nats, constant.top_1) == (pytest.approx(0, abs=1e-9), pytest.approx(0.05))
    assert np.bincount(fold).tolist() == [20] * 5 and (fold[::2] == fold[1::2]).all()
    assert attacks.nearest_of_all(x, same) == 1
    assert attacks.nearest_of_all(x, np.ones_like(x)) == pytest.approx(0.01)


def test_the_table_marks_values_below_a_simple_attack(of, monkeypatch):
    main = of("__main__")
    x, y, groups = pairs(0.5)
    low = main.Ours(0.5, 0.4, 0.6, 0.01, 0.05)
    high = main.Ours(4.0, 3.9, 4.1, 0.01, 0.05)
    for value, missed in ((low, 2), (high, 0)):
        monkeypatch.setattr(main, "ours", lambda *_, value=value: {3: value})
        text, found = main.table(x, y[None], groups, [3])
        assert found == missed and text.count("**no**") == missed
