"""Units, sizes of pictures, rare coordinates and few pictures do not spoil a held-out estimate."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from leakage.estimators import estimate
from leakage.protocol.bounds import Scores, Smile
from leakage.protocol.preprocessing import Variable

COUNTS = {"permutations": 199, "bootstraps": 0, "floor": False, "device": "cpu"}
FAST = COUNTS | {"epochs": 4, "hidden": 16}


pytestmark = pytest.mark.usefixtures("one_thread")


def correlated(pairs: int, rho: float, dim: int = 1, seed: int = 0):
    """Return x and y, each (pairs, dim), whose coordinates are correlated one by one."""
    x, noise = np.random.default_rng(seed).normal(size=(2, pairs, dim))
    return x, rho * x + np.sqrt(1 - rho**2) * noise


def answer(name: str, *arrays, **settings) -> pd.DataFrame:
    """Return the chosen rows of an estimate."""
    defaults = COUNTS if name == "cca" else FAST
    table = estimate(name, *arrays, **defaults | settings)
    return table[table["chosen"]]


def mean(name: str, *arrays, **settings) -> float:
    """Return the estimate of one level, in nats."""
    return answer(name, *arrays, **settings)["mean"].iloc[0]


# Inputs


def test_networks_read_the_length_of_an_item_but_not_of_bytes():
    values = np.random.default_rng(0).normal(size=(200, 1)) * correlated(200, 0.5, 30)[0]
    variable = Variable(values, np.arange(100), None, "standard")
    squares = np.square(variable.inputs).sum(axis=1)
    assert (np.argsort(variable.length[:100, 0]) == np.argsort(squares[:100])).all()
    assert np.array_equal(variable.with_length[:, -1:], variable.length)
    of_bytes = Variable(values, np.arange(100), None, "standard", lengths=False)
    assert np.array_equal(of_bytes.with_length, variable.inputs)


def test_one_pair_that_scores_higher_than_validation_does_not_outweigh_the_others():
    x, y = correlated(400, 0.9, 2)
    far = np.random.default_rng(1).choice(400, 4, replace=False)
    x[far[:2]] *= 40
    y[far[2:]] *= 40
    for marginals in ("normal", "standard"):
        assert answer("mine", x, y, marginals=marginals)["value"].min() > 0.3


@pytest.mark.parametrize("name", ["mine", "cca", "mine_training", "ksg"])
def test_units_change_no_estimate(name):
    of_one = {"mine": FAST, "cca": COUNTS, "ksg": {"permutations": 99, "bootstraps": 0}}
    settings = of_one.get(name, {"epochs": 30, "seeds": 2, "device": "cpu", "batch": 50})
    x, y = correlated(300, 0.9, dim=2)
    units = [(x, y), (1.7e9 + 1e4 * x, 5e-7 * y), (5e-7 * x, y + 1e7)]
    tables = [estimate(name, *each, **settings) for each in units]
    plain, *others = (table[table["chosen"]] for table in tables)
    assert plain["nats"].mean() > 0.3
    for other in others:
        # Trainings that start from another rounding drift apart a little.
        assert other["nats"].to_numpy() == pytest.approx(plain["nats"].to_numpy(), abs=2e-3)
        if "p_value" in other and name != "mine_training":
            assert other["p_value"].max() <= 0.02


# Pictures


@pytest.mark.parametrize(
    ("name", "lowest"),
    # exp(T) of NWJ is not a logarithm: one misjudged pair costs up to 1 nat more.
    [("mine", -0.3), ("nwj", -1.5)],
)
def test_seven_pictures_make_no_fold_far_below_0(name, lowest):
    for rho in (0, 0.9):
        for seed in range(2):
            rows = answer(name, *correlated(7, rho, 3, seed), seed=seed, permutations=0)
            assert len(rows) == 3 and rows["value"].min() >= lowest


def test_a_few_huge_values_hide_nothing():
    x, y = correlated(600, 0.98)
    groups = np.repeat(np.arange(60), 10)
    clean = mean("cca", x, y, groups)
    assert mean("cca", np.exp(10 * x), np.exp(10 * y), groups) == pytest.approx(clean, abs=0.01)
    x[[7, 300]] = y[[9, 500]] = -3.4e38
    assert mean("cca", x.astype(np.float32), y.astype(np.float32), groups) > 0.7 * clean


def test_networks_train_on_pictures_of_more_patches_than_validation_scores():
    x, y = correlated(9 * 600, 0.99)
    rows = answer("mine", x, y, np.repeat(np.arange(9), 600), bases=[], epochs=12, noise=[0.1])
    assert (rows["step"] > 0).all() and rows["mean"].iloc[0] > 0.3


@pytest.mark.parametrize(("name", "marginals"), [("mine", "normal"), ("cca", "standard")])
def test_one_rare_coordinate_cannot_ruin_a_fold(name, marginals):
    generator = np.random.default_rng(0)
    x, y = correlated(200, 0.7, dim=6)
    # A spike in few items: a training set has it at most once.
    for values in (x, y):
        values[:, 5] = 0
        values[generator.permutation(200)[:6], 5] = generator.uniform(0.5, 50, 6)
    rows = answer(name, x, y, marginals=marginals)
    assert rows["value"].min() >= -0.3 and rows["mean"].iloc[0] > 0.5


# Bounds


@pytest.mark.parametrize("far", [-1e3, 1e3])
def test_smile_clips_on_both_sides(far):
    values = torch.zeros(6, 6, dtype=torch.float64)
    values[0, 1] = far
    once = torch.ones(1, 6, dtype=torch.float64)
    (found,) = Smile(5.0).statistics(Scores(values, torch.arange(6)), once)
    assert found.values == pytest.approx([-np.log((29 + np.exp(np.sign(far) * 5)) / 30)])


def test_a_fair_bit_has_no_more_information_than_its_entropy():
    x = np.random.default_rng(0).integers(0, 2, (1000, 1)).astype(float)
    assert 0.4 < mean("cca", x, x) <= np.log(2) + 0.02


def test_almost_equal_x_and_y_in_one_dimension_have_their_information():
    truth = -0.5 * np.log(1 - 0.999**2)
    found = mean("cca", *correlated(2000, 0.999), permutations=0)
    assert found == pytest.approx(truth, abs=0.1)


@pytest.mark.parametrize("pca", ["auto", None])
def test_many_independent_coordinates_of_few_pairs_have_no_information(pca):
    x, y = np.random.default_rng(0).normal(size=(2, 200, 300))
    assert abs(mean("cca", x, y, pca=pca, permutations=0)) <= 0.03


# Memory

LARGE = """
import numpy as np
import torch
from leakage.estimators import estimate
torch.set_num_threads(1)
small = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)

def peak():  # of this process alone, in kilobytes; getrusage remembers its parent's
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

common = {"epochs": 2, "permutations": 0, "bootstraps": 0, "floor": False, "device": "cpu"}
estimate("mine", small, small, **common)  # imports take memory too
generator = np.random.default_rng(0)
x = generator.standard_normal((20_000, 512), dtype=np.float32)
y = generator.standard_normal((20_000, 512), dtype=np.float32)
y += x
before = peak()
estimate("mine", x, y, **common)
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_many_large_pairs_take_little_more_memory_than_they_have():
    done = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True)
    # Half of it are the scores of 4,000 views with as many items, in double precision.
    assert int(done.stdout) / 1000 < 800


@pytest.mark.parametrize("name", ["mine", "cca"])
def test_pictures_of_unequal_sizes_show_a_strong_leak(name):
    groups = np.repeat(np.arange(40), np.arange(10, 50))
    x, y = correlated(len(groups), 0.8, dim=4)
    rows = answer(name, x, y, groups, **{"epochs": 0} if name == "mine" else {})
    assert rows["p_value"].iloc[0] <= 0.01
    assert rows["mean"].iloc[0] == pytest.approx(-2 * np.log(1 - 0.8**2), abs=0.2)


def test_more_patches_of_few_pictures_hide_no_leak():
    x, y = correlated(2_000, 0.93)
    assert mean("cca", x, y, np.repeat(np.arange(10), 200)) == pytest.approx(1.0, abs=0.1)


def test_the_order_of_the_patches_of_a_picture_does_not_matter():
    pictures, patches = 15, 400
    groups = np.repeat(np.arange(pictures), patches)
    border = (np.tile(np.arange(patches), pictures) < patches // 2)[:, None]
    x, y = (np.where(border, 0, each) for each in correlated(len(groups), 0.99, 2))
    order = np.random.default_rng(0).permutation(len(x))
    first, second = (mean("cca", x[o], y[o], groups[o]) for o in (slice(None), order))
    assert first == pytest.approx(second, abs=0.1) and first > 1
