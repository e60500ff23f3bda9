"""Faults of earlier protocols: units, group sizes, rare coordinates and few pictures do no harm."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from leakage.estimators import entry, estimate
from leakage.estimators.mine import Mine
from leakage.protocol import (
    cross_fitting,
    losses,
    multiple_testing,
    networks,
    neural_critics,
    training,
)
from leakage.protocol.preprocessing import Variable
from leakage.protocol.problem import validated

COUNTS = {"permutations": 199, "bootstraps": 0, "floor": False, "device": "cpu"}
FAST = COUNTS | {"epochs": 4, "hidden": 16, "features": 8}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small networks: more threads only wait for one another."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def correlated(pairs: int, rho: float, dim: int = 1, seed: int = 0):
    """Return x and y, each (pairs, dim), whose coordinates are correlated one by one."""
    x, noise = np.random.default_rng(seed).normal(size=(2, pairs, dim))
    return x, rho * x + np.sqrt(1 - rho**2) * noise


def chosen(table):
    """Return the rows that are the answer."""
    return table[table["chosen"]]


# Inputs


def test_the_length_shows_networks_what_depends_on_the_scale_alone(monkeypatch):
    rng = np.random.default_rng(0)
    scale = rng.chisquare(3, size=(2_000, 1)) ** -0.5
    x, y = scale * rng.normal(size=(2, 2_000, 30))
    with_length = chosen(estimate("mine", x, y, **COUNTS | {"permutations": 0}))["mean"].iloc[0]
    monkeypatch.setattr(
        Variable, "length", property(lambda side: np.zeros_like(side.inputs[:, :1]))
    )
    without = chosen(estimate("mine", x, y, **COUNTS | {"permutations": 0}))["mean"].iloc[0]
    assert with_length > without + 0.05 > 0.3


def test_one_pair_beyond_those_of_validation_does_not_outweigh_the_others():
    rng = np.random.default_rng(1)
    x, y = correlated(400, 0.9, 2)
    far = rng.choice(400, 4, replace=False)
    x[far[:2]] *= 40
    y[far[2:]] *= 40
    for marginals in ("normal", "standard"):
        table = chosen(estimate("mine", x, y, **FAST | {"marginals": marginals}))
        assert table["value"].min() > 0.3


def test_a_network_of_leading_components_is_trained_only_where_there_are_more():
    settings = Mine(pca=20, floor=False)
    for dim, expected in ((20, 0), (21, 1)):
        x, y = correlated(100, 0.5, dim)
        problem = cross_fitting.prepare(x, y[None], None, 0, settings)
        assert sum(each.leading for each in neural_critics.recipes(problem, settings)) == expected
        none = settings.model_copy(update={"leading": 0})
        assert not any(each.leading for each in neural_critics.recipes(problem, none))


# Units

UNITS = {
    "an offset of ten million": lambda values: values + 1e7,
    "a scale of half a millionth": lambda values: values * 5e-7,
    "seconds since 1970": lambda values: 1.7e9 + 1e4 * values,
}
CURVES = {"epochs": 30, "seeds": 2, "device": "cpu", "batch": 50}


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("mine", FAST),
        ("cca", COUNTS),
        ("mine_training", CURVES),
        ("ksg", {"permutations": 99, "bootstraps": 0}),
    ],
)
def test_units_change_no_estimate_and_hide_no_leak(name, settings, units):
    x, y = correlated(300, 0.9, dim=2)
    plain = chosen(estimate(name, x, y, **settings))
    other = chosen(estimate(name, UNITS[units](x), UNITS[units](y), **settings))
    # Curves of a training from another starting point of rounding drift apart a little.
    found, expected = other["nats"].to_numpy(), plain["nats"].to_numpy()
    assert found == pytest.approx(expected, abs=2e-3)
    assert expected.mean() > 0.3
    if "p_value" in other and name != "mine_training":
        assert other["p_value"].max() <= 0.02


# Pictures


def test_pictures_of_unequal_sizes_show_a_strong_leak():
    groups = np.repeat(np.arange(60), np.arange(40, 100))
    x, y = correlated(len(groups), 0.8, dim=4)
    for name, settings in (("mine", FAST | {"epochs": 0}), ("cca", COUNTS)):
        rows = chosen(estimate(name, x, y, groups, **settings))
        assert rows["p_value"].iloc[0] <= 0.01
        assert rows["mean"].iloc[0] == pytest.approx(-2 * np.log(1 - 0.8**2), abs=0.2)


def lowest_of_seven_pictures(name: str) -> float:
    """Return the lowest fold of some sets of seven pictures, independent or not."""
    settings = COUNTS if name == "cca" else FAST
    lowest = []
    for rho in (0, 0.9):
        for seed in range(4):
            x, y = correlated(7, rho, dim=3, seed=seed)
            rows = chosen(estimate(name, x, y, seed=seed, **settings | {"permutations": 0}))
            assert len(rows) == 3
            lowest.append(rows["value"].min())
    return min(lowest)


@pytest.mark.parametrize("name", ["mine", "cca", "infonce"])
def test_seven_pictures_make_no_fold_far_below_0(name):
    assert lowest_of_seven_pictures(name) >= -0.3


@pytest.mark.parametrize("patches", [200, 1000])
def test_more_patches_of_few_pictures_hide_no_leak(patches):
    x, y = correlated(10 * patches, 0.93)
    table = chosen(estimate("cca", x, y, np.repeat(np.arange(10), patches), **COUNTS))
    assert table["mean"].iloc[0] == pytest.approx(1.0, abs=0.1)


def test_the_order_of_the_rows_of_a_picture_does_not_matter():
    rng = np.random.default_rng(0)
    pictures, patches = 15, 2_000
    groups = np.repeat(np.arange(pictures), patches)
    border = (np.tile(np.arange(patches), pictures) < 1_000)[:, None]
    x, y = (np.where(border, 0, each) for each in correlated(pictures * patches, 0.99, 2))
    order = rng.permutation(len(x))
    values = [
        chosen(estimate("cca", *rows, **COUNTS))["mean"].iloc[0]
        for rows in ((x, y, groups), (x[order], y[order], groups[order]))
    ]
    assert values[0] == pytest.approx(values[1], abs=0.1) and values[0] > 1


def test_validation_pairs_are_spread_over_the_pictures():
    groups = np.concatenate([np.zeros(3_000, int), 1 + np.arange(30)])
    x, y = correlated(len(groups), 0.9)
    problem = cross_fitting.prepare(x, y[None], groups, 0, Mine())
    for fold, split in enumerate(problem.splits):
        pictures = len(np.unique(problem.groups[split.validation]))
        index = validated(problem, fold, 0, pictures)
        assert len(np.unique(problem.groups[index])) == len(index) == pictures


def test_a_few_huge_values_hide_nothing():
    z, w = correlated(600, 0.98)
    groups = np.repeat(np.arange(60), 10)
    clean = chosen(estimate("cca", z, w, groups, **COUNTS))["mean"].iloc[0]
    far = estimate("cca", np.exp(10 * z), np.exp(10 * w), groups, **COUNTS)
    assert chosen(far)["mean"].iloc[0] == pytest.approx(clean, abs=0.01)
    z[[7, 300]] = w[[9, 500]] = -3.4e38
    table = estimate("cca", z.astype(np.float32), w.astype(np.float32), groups, **COUNTS)
    assert chosen(table)["mean"].iloc[0] > 0.7 * clean


def test_networks_train_on_pictures_of_more_patches_than_validation_scores():
    x, y = correlated(9 * 700, 0.99)
    groups = np.repeat(np.arange(9), 700)
    table = chosen(estimate("mine", x, y, groups, **FAST | {"bases": [], "epochs": 12}))
    assert (table["step"] > 0).all() and table["mean"].iloc[0] > 0.5


def test_seven_pictures_do_not_make_nwj_explode():
    # Its exp(T) is not a logarithm: one misjudged pair costs up to 1 nat more than elsewhere.
    assert lowest_of_seven_pictures("nwj") >= -1.5


@pytest.mark.parametrize("marginals", ["normal", "standard"])
@pytest.mark.parametrize("name", ["mine", "cca", "smile"])
def test_one_rare_coordinate_cannot_ruin_a_fold(name, marginals):
    generator = np.random.default_rng(0)
    x, y = correlated(200, 0.7, dim=6)
    # A spike in few items: in training 0 but once.
    for values in (x, y):
        rare = np.zeros(200)
        rare[generator.permutation(200)[:6]] = generator.uniform(0.5, 50, 6)
        values[:, 5] = rare
    settings = COUNTS if name == "cca" else FAST
    rows = chosen(estimate(name, x, y, marginals=marginals, **settings))
    assert rows["value"].min() >= -0.3
    assert rows["mean"].iloc[0] > 0.5


# Bounds


def a_bound(name):
    """Return the bound of an estimator with its default settings."""
    return entry(name, {}).bound()


@pytest.mark.parametrize("far", [-1e3, -5.0, 5.0, 1e3])
def test_smile_clips_on_both_sides(far):
    import torch
    from leakage.protocol.bounds import Scores

    values = torch.zeros(6, 6, dtype=torch.float64)
    values[0, 1] = far
    once = torch.ones(1, 6, dtype=torch.float64)
    (found,) = a_bound("smile").statistics(Scores(values, torch.arange(6)), once)
    clipped = np.sign(far) * 5
    assert found.values == pytest.approx([-np.log((29 + np.exp(clipped)) / 30)])


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_of_infonce_contains_its_mean_on_bytes(seed):
    x = np.random.default_rng(seed).integers(0, 256, (2000, 1), dtype=np.uint8)
    settings = FAST | {"epochs": 8, "bootstraps": 100, "permutations": 0, "folds": 3}
    table = estimate("infonce", x, x & 0xF0, seed=seed, **settings, pixels={"split": "pairs"})
    row = chosen(table).iloc[0]
    assert row["mean"] > 1
    assert row["low"] < row["mean"] < row["high"]


def test_a_fair_bit_tells_no_more_than_its_entropy():
    x = np.random.default_rng(0).integers(0, 2, (1000, 1)).astype(float)
    mean = chosen(estimate("cca", x, x, **COUNTS))["mean"].iloc[0]
    assert 0.4 < mean <= np.log(2) + 0.02


@pytest.mark.parametrize("name", ["cca", "mine"])
def test_almost_equal_sides_in_one_dimension_have_their_information(name):
    x, y = correlated(2000, 0.999)
    settings = COUNTS if name == "cca" else FAST
    truth = -0.5 * np.log(1 - 0.999**2)
    mean = chosen(estimate(name, x, y, **settings | {"permutations": 0}))["mean"].iloc[0]
    assert mean == pytest.approx(truth, abs=0.1)


@pytest.mark.parametrize("pca", ["auto", None])
@pytest.mark.parametrize("seed", range(3))
def test_many_independent_coordinates_of_few_pairs_tell_nothing(pca, seed):
    x, y = np.random.default_rng(seed).normal(size=(2, 200, 300))
    table = estimate("cca", x, y, pca=pca, **COUNTS | {"permutations": 0})
    assert abs(chosen(table)["mean"].iloc[0]) <= 0.03


# Combination of folds


@given(st.floats(1e-6, 0.98), st.integers(1, 10))
def test_equal_p_values_of_any_number_of_folds_combine_to_themselves(p_value, folds):
    assert multiple_testing.cauchy(np.full(folds, p_value)) == pytest.approx(p_value, rel=1e-6)


def test_a_p_value_of_1_counts_as_the_largest():
    assert multiple_testing.cauchy(np.ones(5)) == pytest.approx(multiple_testing.LARGEST)
    assert 0.5 < multiple_testing.cauchy([1, 1, 1, 0.5]) < 1
    assert multiple_testing.cauchy([0.001, 0.99, 0.5, 0.5, 0.5]) < 0.05


@given(st.lists(st.floats(1e-6, 0.98), min_size=1, max_size=5), st.integers(1, 4))
def test_a_fold_that_tells_no_order_apart_weighs_like_a_p_value_of_one_half(p_values, silent):
    # tan((1/2 - p) pi) is 0 at p = 1/2.
    combined = multiple_testing.cauchy(p_values + [np.nan] * silent)
    assert combined == pytest.approx(multiple_testing.cauchy(p_values + [0.5] * silent))


# Training


def trained(drop: bool):
    """Train three networks for ten steps and drop the second after five; return all parameters."""
    import torch

    generator = torch.Generator().manual_seed(0)
    # In double precision: Adam's steps for tiny gradients would follow their rounding.
    x = torch.randn(3, 40, 2, generator=generator, dtype=torch.float64)
    y = x + 0.3 * torch.randn(3, 40, 2, generator=generator, dtype=torch.float64)
    own = torch.zeros(3, 40, 40, dtype=torch.bool)
    module = networks.SeparableCritics([0, 1, 2], (2, 2), 8, 2, 4).double()
    optimiser = torch.optim.AdamW(module.parameters(), 1e-2, weight_decay=0.1, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=20)
    kept = torch.arange(3)
    for step in range(10):
        if drop and step == 5:
            kept = torch.tensor([0, 2])
            training.keep_networks(module, torch.tensor([True, False, True]), optimiser)
        optimiser.zero_grad(set_to_none=True)
        scores = networks.crossed(*module.halves(x[kept], y[kept]))
        losses.SymmetricInfoNCE.apply(scores, own[kept]).sum().backward()
        optimiser.step()
        schedule.step()
    return [each.detach() for each in module.parameters()]


def test_a_network_that_stops_changes_nothing_for_the_others():
    import torch

    for alone, beside in zip(trained(drop=True), trained(drop=False), strict=True):
        torch.testing.assert_close(alone, beside[[0, 2]], rtol=0, atol=1e-6)
        assert not torch.allclose(beside[0], beside[2])


@pytest.mark.parametrize("shift", [0.0, 500.0, -500.0])
def test_symmetric_infonce_and_its_gradient_are_torch_s_cross_entropy_both_ways(shift):
    import torch
    from torch.nn.functional import cross_entropy

    generator = torch.Generator().manual_seed(0)
    groups = torch.tensor([[0, 0, 1, 2, 2, 3], [0, 1, 1, 1, 2, 2]])
    own = groups[:, :, None] == groups[:, None]
    own.diagonal(dim1=1, dim2=2).fill_(False)
    scores = shift + 3 * torch.randn(2, 6, 6, generator=generator, dtype=torch.float64)
    weights = torch.rand(2, generator=generator, dtype=torch.float64)
    found, plain = (scores.clone().requires_grad_() for _ in range(2))
    ours = losses.SymmetricInfoNCE.apply(found, own)
    masked, target = plain.masked_fill(own, -torch.inf), torch.arange(6)
    theirs = torch.stack(
        [(cross_entropy(each, target) + cross_entropy(each.T, target)) / 2 for each in masked]
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    (ours @ weights).backward()
    (theirs @ weights).backward()
    torch.testing.assert_close(found.grad, plain.grad, rtol=1e-12, atol=1e-12)


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
