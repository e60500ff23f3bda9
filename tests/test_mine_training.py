"""MINE's training curves: known truths, honest held-out values, reproducible by seed."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from leakage.errors import LeakageError
from leakage.estimators import estimate, mine_training
from leakage.protocol import folds, networks

QUICK = {"epochs": 3, "batch": 50, "hidden": 16, "seeds": 1, "device": "cpu"}


def gaussian(pairs: int, rho: float, seed: int = 0) -> np.ndarray:
    """Return x and y, shape (2, pairs), of correlation rho."""
    x, noise = np.random.default_rng(seed).normal(size=(2, pairs))
    return np.stack([x, rho * x + np.sqrt(1 - rho**2) * noise])


def answers(table):
    """Return the chosen values by level."""
    return table[table["chosen"]].groupby("level")["nats"].mean()


def test_a_bivariate_gaussian_has_the_information_of_its_closed_form():
    rho = 0.9
    settings = {"epochs": 30, "batch": 500, "hidden": 64, "seeds": 1, "device": "cpu"}
    table = estimate("mine_training", *gaussian(10_000, rho), **settings, learning_rate=2e-3)
    assert answers(table).item() == pytest.approx(-0.5 * np.log(1 - rho**2), rel=0.05)


def test_memorisation_shows_on_training_pairs_only():
    x, y = np.random.default_rng(0).normal(size=(2, 200, 64))
    settings = QUICK | {"epochs": 60, "hidden": 64, "learning_rate": 3e-3}
    last = estimate("mine_training", x, y, **settings).groupby("split")["nats"].last()
    assert last["train"] > 0.5 and last["test"] < 0.1


def test_a_constant_view_gives_0_and_never_nan():
    x, y = gaussian(500, 0.9)
    seen = np.stack([y, np.full_like(y, 7)])[:, :, None]
    table = estimate("mine_training", x, seen, **QUICK)
    assert table["nats"].notna().all()
    assert table.loc[table["level"] == 1, "nats"].abs().max() <= 0.05


def test_more_seeds_or_levels_do_not_change_the_first():
    x, y = gaussian(300, 0.5)
    views = np.stack([x, y])[:, :, None]
    first = estimate("mine_training", x, views[:1], **QUICK)
    assert first.equals(estimate("mine_training", x, views[:1], **QUICK))
    more = estimate("mine_training", x, views, **QUICK | {"seeds": 3})
    more = more[more["level"] == 0].set_index("seed")["nats"]
    assert more[0].to_numpy() == pytest.approx(first["nats"].to_numpy(), abs=1e-4)
    assert not np.allclose(more[0], more[1])


def test_validation_chooses_the_step_of_the_test_value():
    table = estimate("mine_training", *gaussian(300, 0.8), **QUICK | {"seeds": 2, "epochs": 6})
    chosen = table[table["chosen"]]
    assert (chosen["split"] == "test").all() and len(chosen) == 2
    validation = table[table["split"] == "validation"]
    best = validation.loc[validation.groupby("seed")["nats"].idxmax()].set_index("seed")["step"]
    assert chosen.set_index("seed")["step"].to_dict() == best.to_dict()


GROUPS = st.lists(st.integers(0, 30), min_size=3, max_size=80).filter(lambda g: len(set(g)) >= 3)
SHARES = st.floats(0.01, 0.49)


@given(GROUPS, SHARES, SHARES, st.integers(0, 1000))
def test_every_pair_is_in_one_subset_and_no_group_in_two(groups, validation, test, seed):
    groups = np.array(groups)
    split = folds.split_by_group(groups, validation, test, np.random.default_rng(seed))
    sides = list(split.subsets().values())
    assert sorted(np.concatenate(sides)) == list(range(len(groups)))
    names = [set(groups[side]) for side in sides]
    assert all(names) and sum(map(len, names)) == len(set(groups))


@pytest.mark.parametrize("pca", [None, 3])
def test_standardisation_is_fitted_on_the_training_pairs_alone(pca):
    generator = np.random.default_rng(0)
    x, y = generator.normal(5, 3, (40, 6)), generator.normal(-2, 9, (2, 40, 6))
    train, held_out = np.arange(30), np.arange(30, 40)
    first_x, first_y = mine_training._standardise(x, y, train, pca)
    x[held_out], y[:, held_out] = 1e6, -1e6
    second_x, second_y = mine_training._standardise(x, y, train, pca)
    assert np.array_equal(first_x[train], second_x[train])
    assert np.array_equal(first_y[:, train], second_y[:, train])
    assert first_x[train].mean(axis=0) == pytest.approx(0, abs=1e-5)
    for level in first_y:
        assert level[train].std(axis=0) == pytest.approx(1, abs=0.05)


def test_components_without_variance_in_training_are_left_out():
    generator = np.random.default_rng(0)
    flat = generator.normal(size=(40, 2)) @ generator.normal(size=(2, 8))  # two dimensions of 8
    flat[30:] += generator.normal(size=(10, 8))
    # More components than training pairs, beside a constant level.
    wide = generator.normal(size=(12, 32))
    for x, train, pca in ((flat, 30, 5), (wide, 6, 10)):
        plain, seen = mine_training._standardise(x, np.stack([x, 0 * x]), np.arange(train), pca)
        assert plain.shape == (len(x), pca) and seen.shape == (2, len(x), pca)
        assert np.abs(plain).max() < 100


def test_only_self_pairs_give_the_value_a_ceiling():
    x = np.random.default_rng(0).normal(size=(60, 4))
    settings = QUICK | {"epochs": 60, "batch": 36, "hidden": 32, "learning_rate": 1e-2}
    table = estimate("mine_training", x, x, self_pairs=True, **settings)
    pairs = {"train": 36, "validation": 12, "test": 12}
    for split, rows in table.groupby("split"):
        assert rows["ceiling"].to_numpy() == pytest.approx(np.log(pairs[split]))
        assert (rows["nats"] <= rows["ceiling"] + 1e-4).all()
    assert estimate("mine_training", *gaussian(100, 0.5), **QUICK)["ceiling"].isna().all()


def test_a_shuffle_without_self_pairs_moves_every_item():
    items = torch.arange(7.0).reshape(1, 7, 1)
    mismatched = networks.shuffle(items, 1, False, [torch.Generator()])
    assert (mismatched != items).all()
    assert sorted(mismatched.flatten().tolist()) == items.flatten().tolist()


@pytest.mark.parametrize("how", ["scalar", "bits", "fourier"])
def test_bytes_are_read_in_every_way(how):
    x = np.random.default_rng(0).integers(0, 256, (400, 1), dtype=np.uint8)
    seen = np.stack([x, x << 8 & 0])
    pixels = {"input": how, "pairs": 400, "batch": 50}
    table = estimate("mine_training", x, seen, pixels=pixels, learning_rate=1e-2, **QUICK)
    found = answers(table)
    assert found[0] > 0.1 and found[1] == pytest.approx(0, abs=0.05)


def test_pixels_are_held_out_by_picture_or_by_pair():
    x = np.random.default_rng(0).integers(0, 256, (100, 1), dtype=np.uint8)
    given = "mine_training", x, x, np.arange(100) % 2
    with pytest.raises(LeakageError, match=r"2 pictures \(groups\): at least 3 are needed"):
        estimate(*given, **QUICK, pixels={"split": "pictures"})
    assert np.isfinite(estimate(*given, **QUICK, pixels={"split": "pairs"})["nats"]).all()


def test_huge_inputs_and_outliers_do_not_overflow():
    x, y = gaussian(300, 0.9)
    x[:3], y[5:8] = 1e30, -1e30
    settings = QUICK | {"learning_rate": 0.1, "epochs": 5}
    table = estimate("mine_training", x * 1e100, y * 1e-100, **settings)
    assert np.isfinite(table["nats"]).all()
