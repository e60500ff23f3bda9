"""Held-out estimates: no picture on two sides, right where the truth is known, silent where not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from leakage import checkpoints, truths
from leakage.errors import LeakageError
from leakage.estimators import canonical, estimate, held_out, inputs, splits

COUNTS = {"permutations": 199, "bootstraps": 40, "device": "cpu"}
QUICK = COUNTS | {"epochs": 3, "hidden": 8, "features": 4}
BOUNDS = ("mine", "infonce", "nwj", "smile")
JOINT = {"critic": "joint", "base": "none", "batch": 128, "validated_pairs": 256}
SETTINGS = dict.fromkeys(BOUNDS, QUICK) | {"cca": COUNTS, "reidentification": QUICK}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small networks: more threads only wait for one another."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def noisy(pairs: int, noise: float, seed: int = 0, dim: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y = x + noise, each (pairs, dim)."""
    x, other = np.random.default_rng(seed).normal(size=(2, pairs, dim))
    return x, x + noise * other


def chosen(table, level=0):
    """Return a level's rows that are the answer."""
    return table[table["chosen"] & (table["level"] == level)]


def sample_of(name: str, pairs: int, level: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return x, y of one level, and the truth in nats."""
    drawn = truths.sample(name, pairs, 0)
    return drawn.x, drawn.y[level], drawn.nats[level]


# Who is held out, and who is mismatched with whom

GROUPS = st.lists(st.integers(0, 20), min_size=6, max_size=80).filter(lambda g: len(set(g)) >= 6)


@given(GROUPS, st.integers(3, 8), st.integers(0, 1000))
def test_every_pair_is_read_in_one_fold_and_no_picture_is_on_two_sides(groups, count, seed):
    groups = np.array(groups)
    parts = splits.parts_by_group(groups, count, np.random.default_rng(seed))
    folds = splits.cross_fit(parts)
    assert len(folds) == min(count, len(set(groups)) // 2)
    for side in ("test", "validation"):
        read = np.concatenate([getattr(fold, side) for fold in folds])
        assert sorted(read) == list(range(len(groups)))
    for fold in folds:
        sides = list(fold.sides().values())
        assert sorted(np.concatenate(sides)) == list(range(len(groups)))
        names = [set(groups[side]) for side in sides]
        assert sum(map(len, names)) == len(set(groups))
        assert min(map(len, names)) >= 2


@given(GROUPS, st.integers(0, 1000))
def test_a_mismatch_gives_whole_pictures_another_of_their_part_in_order(groups, seed):
    groups, generator = np.array(groups), np.random.default_rng(seed)
    parts = splits.parts_by_group(groups, 5, generator)
    partner = splits.mismatch(groups, parts, generator)
    assert (parts[partner] == parts).all()
    given_to = {}
    for group in set(groups):
        own = np.flatnonzero(groups == group)
        (other,) = set(groups[partner[own]])
        assert other != group
        theirs = np.flatnonzero(groups == other)
        assert partner[own].tolist() == np.resize(theirs, len(own)).tolist()
        given_to[group] = other
    assert len(set(given_to.values())) == len(given_to)


def test_fewer_than_six_pictures_are_refused():
    x, y = noisy(20, 0.5)
    with pytest.raises(
        LeakageError, match=r"5 pictures \(groups\): cross-fitting needs at least 6"
    ):
        estimate("mine", x, y, np.arange(20) % 5, **QUICK)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"epoch": 3}, "mine.epoch: unknown key; the nearest known one is mine.epochs"),
        ({"critic": "joint"}, "a joint critic has none; give base: none"),
        ({"pca": 0}, "mine.pca"),
        ({"folds": 2}, "mine.folds: found 2"),
        (JOINT | {"batch": 256}, r"expected batch at most 128 \(found 256\)"),
        (JOINT | {"validated_pairs": 257}, r"validated_pairs at most 256 \(found 257\)"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, expected):
    with pytest.raises(LeakageError, match=expected):
        estimate("mine", *noisy(20, 0.5), **settings)


# What the critics read


@pytest.mark.parametrize("marginals", ["normal", "standard"])
@pytest.mark.parametrize("pca", ["auto", 2, None])
def test_inputs_and_base_are_fitted_on_the_training_pairs_alone(pca, marginals):
    x, y = noisy(120, 0.5, dim=6)
    settings = held_out.Settings(pca=pca, marginals=marginals)
    before = held_out._prepare(x, y[None], None, 0, settings)
    test = before.splits[0].test
    x[test], y[test] = 1e6, np.random.default_rng(1).normal(size=y[test].shape) - 1e6
    after = held_out._prepare(x, y[None], None, 0, settings)
    kept = np.setdiff1d(np.arange(120), test)
    assert np.array_equal(before.x[0][kept], after.x[0][kept])
    assert np.array_equal(before.y[0][0, kept], after.y[0][0, kept])
    bases = [held_out._base(data, [(0, 0)]) for data in (before, after)]
    for name, values in bases[0].named_buffers():
        matched = values[0], bases[1].get_buffer(name)[0]
        assert (matched[0] == matched[1]).all(), name


def test_the_validation_pairs_change_the_base_s_shrinkage_and_nothing_else():
    x, y = noisy(120, 0.5)
    train, validation = np.arange(80), np.arange(80, 100)
    before = canonical.fit(x, y, train, validation)
    y[validation] = np.random.default_rng(1).normal(size=(20, 3))
    after = canonical.fit(x, y, train, validation)
    assert np.array_equal(before[0], after[0]) and np.array_equal(before[1], after[1])
    assert (before[2] > 0.5).all() and (after[2] < before[2]).all()


@given(arrays.arrays(np.int64, (30, 2), elements=st.integers(-20, 20)), st.integers(2, 30))
def test_normal_scores_of_the_training_pairs_ignore_monotone_maps(values, count):
    train = np.arange(count)
    plain = inputs.normal_scores(values, train)
    for mapped in (values**3, np.exp(values / 4), 1e4 + 7.0 * values):
        scores = inputs.normal_scores(mapped, train)
        assert np.array_equal(scores[train], plain[train])
        # Held-out values lie between the same training values, or beyond the same end.
        assert (scores.max(0) == plain[train].max(0)).all()
        assert (scores.min(0) == plain[train].min(0)).all()
    turned = inputs.normal_scores(-values, train)
    assert turned[train] == pytest.approx(-plain[train], abs=1e-6)


def test_normal_scores_of_a_long_column_are_standard_normal():
    values = np.random.default_rng(0).exponential(size=(5000, 1)) ** 3
    scores = inputs.normal_scores(values, np.arange(4000))
    assert (scores.mean(), scores.std()) == pytest.approx((0, 1), abs=0.03)


# Truths


@pytest.mark.parametrize("name", [*BOUNDS, "cca"])
def test_independent_pictures_tell_nothing_though_their_patches_are_alike(name):
    drawn = truths.sample("independence_grouped", 540, 0)
    settings = SETTINGS[name] if name == "cca" else SETTINGS[name] | {"epochs": 10}
    table = estimate(name, drawn.x, drawn.y, drawn.groups, **settings)
    assert table.loc[table["chosen"], "mean"].abs().max() <= 0.05
    assert table.loc[table["chosen"], "p_value"].min() > 0.01


@pytest.mark.parametrize("name", [*BOUNDS, "cca"])
@pytest.mark.parametrize(("task", "level"), [("multinormal_dense", 0), ("staircase", 1)])
def test_a_gaussian_has_the_information_of_its_closed_form(name, task, level):
    x, y, truth = sample_of(task, 3000, level)
    table = estimate(name, x, y, **SETTINGS[name], folds=3, floor=False)
    assert chosen(table)["mean"].iloc[0] == pytest.approx(truth, rel=0.1)


@pytest.mark.parametrize("critic", ["separable", "joint"])
@pytest.mark.parametrize("name", BOUNDS)
def test_a_critic_without_a_base_learns_the_same(name, critic):
    generator = np.random.default_rng(0)
    x, noise = generator.normal(size=(2, 1500, 1))
    y, truth = 0.9 * x + np.sqrt(1 - 0.81) * noise, -0.5 * np.log(1 - 0.81)
    settings = QUICK | {"epochs": 40, "hidden": 32, "features": 16, "batch": 64}
    settings |= {"noise": 0, "learning_rate": 1e-2, "critic": critic}
    settings |= {"validated_pairs": 150, "scored_pairs": 300, "weight_decay": 0}
    table = estimate(name, x, y, base="none", folds=3, floor=False, **settings)
    assert chosen(table)["mean"].iloc[0] == pytest.approx(truth, rel=0.15)


def test_bits_of_pixels_carry_the_entropy_of_the_view():
    drawn = truths.sample("pixels", 6000, 0)
    levels = [4, 6, 7, 8]
    settings = QUICK | {"epochs": 25, "hidden": 32, "features": 16, "learning_rate": 1e-2}
    settings |= {"folds": 3, "base": "none", "noise": 0, "pixels": {"split": "pairs"}}
    settings |= {"scored_pairs": 600, "floor": False, "permutations": 0}
    groups = np.arange(6000) % 2
    table = estimate("mine", drawn.x, drawn.y[levels], groups, **settings, levels=levels)
    found = table[table["chosen"]].groupby("level")["mean"].first()
    assert found.to_numpy() == pytest.approx(drawn.nats[levels], abs=0.15)


@pytest.mark.parametrize("how", ["scalar", "bits", "fourier"])
def test_pixels_of_pictures_with_many_pairs_each_are_read_in_every_way(how):
    x = np.random.default_rng(0).integers(0, 256, (600, 1), dtype=np.uint8)
    groups = np.repeat(np.arange(12), 50)
    table = estimate("mine", x, x[None] >> 7 << 7, groups, pixels={"input": how}, **QUICK)
    numbers = table.loc[table["chosen"], ["nats", "mean", "low", "high", "floor", "p_value"]]
    assert np.isfinite(numbers.to_numpy()).all()


def test_pictures_of_more_pairs_than_are_scored_still_meet_others():
    x = np.random.default_rng(0).integers(0, 256, (600, 1), dtype=np.uint8)
    groups = np.repeat(np.arange(12), 50)
    table = estimate("mine", x, x, groups, **QUICK, scored_pairs=40)
    assert np.isfinite(table.loc[table["chosen"], ["nats", "mean", "low", "floor"]]).all(axis=None)


# Ceiling, floor, null, interval


@pytest.mark.parametrize("name", BOUNDS)
def test_no_value_exceeds_the_log_of_the_held_out_pairs(name):
    x = np.random.default_rng(0).normal(size=(200, 6))
    table = estimate(name, x, x, **QUICK)
    rows = chosen(table)
    assert rows["ceiling"].to_numpy() == pytest.approx(np.log(40))
    for column in ("nats", "mean", "low", "high"):
        assert (rows[column] <= rows["ceiling"] + 1e-9).all()
    assert rows["mean"].iloc[0] > 2
    if name in ("mine", "smile"):
        assert rows["value"].max() > np.log(40)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_constant_view_tells_nothing_and_every_order_ties(name):
    x, y = noisy(120, 0.1)
    table = estimate(name, x, np.stack([y, np.full_like(y, 7)]), **SETTINGS[name])
    rows = chosen(table, 1)
    assert (rows["p_value"] == 1).all()
    if name == "reidentification":
        # Views that are all alike rank the items alike: each fold finds one of 24, or a share.
        assert rows["value"].to_numpy() == pytest.approx(1 / 24)
    else:
        assert (rows[["nats", "mean", "low", "high", "floor"]] == 0).all(axis=None)


@pytest.mark.parametrize("name", SETTINGS)
def test_strong_dependence_stands_out_from_its_floor_and_its_null(name):
    groups = np.repeat(np.arange(60), 2)
    x, y = noisy(120, 0.2)
    rows = chosen(estimate(name, x, y, groups, **SETTINGS[name]))
    assert rows["p_value"].iloc[0] <= 0.01
    assert rows["mean"].iloc[0] > rows["null_high"].iloc[0]
    if name == "reidentification":
        assert rows["mean"].iloc[0] > 0.2 and rows["floor"].iloc[0] < 0.1
    else:
        assert rows["mean"].iloc[0] > 1 and abs(rows["floor"].iloc[0]) < 0.1
    assert (rows["pictures"] == 60).all()


@pytest.mark.parametrize("scored_pairs", [4000, 12])
@pytest.mark.parametrize("name", ["cca", "mine"])
def test_under_independence_at_most_one_p_value_in_twenty_is_below_that(name, scored_pairs):
    groups, generator = np.repeat(np.arange(60), 2), np.random.default_rng(0)
    x = generator.normal(size=(60, 3))[groups] + generator.normal(size=(120, 3))
    y = generator.normal(size=(40, 60, 3))[:, groups] + generator.normal(size=(40, 120, 3))
    settings = SETTINGS[name] | {"bootstraps": 0, "floor": False, "scored_pairs": scored_pairs}
    table = estimate(name, x, y, groups, **settings)
    p_values = table[table["chosen"]].groupby("level")["p_value"].first()
    assert len(p_values) == 40
    # 99.9 % of Binomial(40, 0.05) lies at or below 8. Where a critic found nothing, all orders
    # tie and p is 1, so that there may be far fewer than one in twenty.
    assert (p_values <= 0.05).sum() <= 8


@given(st.floats(1e-6, 0.98), st.integers(1, 10))
def test_equal_p_values_combine_to_themselves(p_value, folds):
    assert held_out.cauchy(np.full(folds, p_value)) == pytest.approx(p_value, rel=1e-6)


def test_p_values_combine_to_a_p_value():
    drawn = np.random.default_rng(0).uniform(size=(4000, 5))
    combined = np.array([held_out.cauchy(each) for each in drawn])
    for level in (0.01, 0.05, 0.5):
        error = 4 * np.sqrt(level * (1 - level) / len(drawn))
        assert (combined <= level).mean() == pytest.approx(level, abs=error)
    # A p-value of 1 is kept finite, at 0.99.
    assert held_out.cauchy(np.ones(5)) == pytest.approx(0.99)
    assert 0.5 < held_out.cauchy(np.array([1, 1, 1, 0.5])) < 1
    assert held_out.cauchy(np.array([0.001, 0.99, 0.5, 0.5, 0.5])) < 0.05


@given(st.lists(st.floats(1e-6, 0.98), min_size=1, max_size=5), st.integers(1, 4))
def test_a_fold_that_tells_no_order_apart_weighs_like_a_p_value_of_one_half(p_values, silent):
    # tan((1/2 - p) pi) is 0 at p = 1/2.
    combined = held_out.cauchy(np.array(p_values + [np.nan] * silent))
    assert combined == pytest.approx(held_out.cauchy(np.array(p_values + [0.5] * silent)))
    assert held_out.cauchy(np.full(silent, np.nan)) == 1


@pytest.mark.parametrize("name", [*BOUNDS, "cca"])
def test_the_mean_is_that_of_seeds_and_folds_and_lies_in_its_interval(name):
    groups = np.repeat(np.arange(60), 3)
    x, y = noisy(180, 1)
    # At x = y every value is near its ceiling.
    table = estimate(name, x, np.stack([y, y[::-1], x]), groups, **SETTINGS[name], seeds=2)
    for level in (0, 1, 2):
        rows = chosen(table, level)
        assert len(rows) == 10 and rows[["seed", "fold"]].drop_duplicates().shape == (10, 2)
        assert rows["mean"].to_numpy() == pytest.approx(rows["nats"].mean())
        assert (rows["low"] <= rows["mean"]).all() and (rows["mean"] <= rows["high"]).all()
        floor = table[(table["variant"] == "mismatched") & (table["level"] == level)]
        assert not floor["chosen"].any()
        assert rows["floor"].to_numpy() == pytest.approx(floor["nats"].mean())


def test_the_step_is_chosen_on_validation_and_read_on_test():
    x, y = noisy(200, 0.7)
    settings = QUICK | {"epochs": 6, "base": "none", "learning_rate": 1e-1}
    table = estimate("mine", x, np.stack([y, x]), **settings, seeds=2)
    keys = ["level", "seed", "fold"]
    rows = table[table["chosen"]]
    assert (rows["split"] == "test").all() and len(rows) == 2 * 2 * 5
    validation = table[table["split"] == "validation"]
    assert sorted(validation["step"].unique()) == list(range(7))
    best = validation.loc[validation.groupby(keys)["nats"].idxmax()].set_index(keys)["step"]
    assert rows.set_index(keys)["step"].to_dict() == best.to_dict()
    assert best.nunique() > 1
    assert validation["value"].tolist() == validation["nats"].tolist()
    assert set(validation["statistic"]) == {"mutual information"}
    assert set(validation["unit"]) == {"nats"}


def test_patience_stops_a_stack_once_none_of_its_networks_has_risen_for_so_long():
    x, y = noisy(200, 1)
    settings = QUICK | {"epochs": 40, "patience": 2, "base": "none", "learning_rate": 0.3}
    settings |= {"noise": 0, "weight_decay": 0}
    table = estimate("mine", x, y, **settings)
    last = table.loc[table["split"] == "validation", "step"].max()
    # The mismatched doubles train in the same stack, and have a say.
    assert last == table.loc[table["split"] == "test", "step"].max() + 2 < 40


@pytest.mark.parametrize(("steps", "epochs"), [(4, 1), (5, 2), (8, 2), (800, 5)])
def test_the_number_of_steps_caps_the_number_of_epochs(steps, epochs):
    # 72 of 120 pairs train, 16 at a time: 4 steps per epoch.
    table = estimate("mine", *noisy(120, 0.5), **QUICK | {"epochs": 5, "steps": steps})
    assert table.loc[table["split"] == "validation", "step"].max() == epochs


# What must not matter


@pytest.mark.parametrize("name", SETTINGS)
def test_the_same_seed_gives_the_same_table(name):
    groups = np.repeat(np.arange(20), 3)
    tables = [
        estimate(name, *noisy(60, 0.5), groups, seed=seed, **SETTINGS[name]) for seed in (3, 3, 4)
    ]
    assert tables[0].equals(tables[1])
    assert not np.allclose(tables[0]["value"], tables[2]["value"], equal_nan=True)


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize(("pictures", "each"), [(6, 2), (6, 9), (8, 3), (11, 1), (12, 9), (31, 3)])
def test_few_pictures_that_make_no_even_folds_are_read(name, pictures, each):
    groups = np.repeat(np.arange(pictures), each)
    x, y = noisy(len(groups), 0.3, dim=9)
    table = estimate(name, x, y, groups, **QUICK | {"base": "none"})
    assert np.isfinite(table["nats"]).all()


@pytest.mark.parametrize("critic", ["separable", "joint"])
def test_adding_a_level_or_a_seed_does_not_change_the_others(monkeypatch, critic):
    # 43 pictures: the folds differ in size. Few networks to a stack: so do the stacks.
    monkeypatch.setattr(held_out, "STACK", 8)
    x, y = noisy(43, 0.3)
    seen = np.stack([y, y[:, ::-1], y + x.mean(0), -y])
    settings = QUICK | JOINT | {"learning_rate": 2e-2, "critic": critic}
    one = estimate("mine", x, seen[:1], **settings)
    more = estimate("mine", x, seen, **settings)
    seeds = estimate("mine", x, seen[:1], **settings, seeds=3)
    keys = ["split", "variant", "fold", "step"]
    first = one.sort_values(keys)
    for other in (more[more["level"] == 0], seeds[seeds["seed"] == 0]):
        other = other.sort_values(keys)
        assert other["nats"].to_numpy() == pytest.approx(first["nats"].to_numpy(), abs=1e-4)


@pytest.mark.parametrize("name", [*BOUNDS, "cca"])
@pytest.mark.parametrize("marginals", ["normal", "standard"])
def test_a_shift_or_scale_of_the_view_changes_nothing(name, marginals):
    groups = np.repeat(np.arange(30), 3)
    x, y = noisy(90, 0.5)
    settings = SETTINGS[name] | {"marginals": marginals}
    plain = estimate(name, x, y, groups, **settings)
    rescaled = estimate(name, x, y, groups, **settings, rescale=(0.25, 3.0))
    directly = estimate(name, x, 0.25 * y + 3, groups, **settings)
    columns = ["nats", "mean", "low", "high", "floor", "p_value"]
    for other in (rescaled, directly):
        difference = chosen(other)[columns].to_numpy() - chosen(plain)[columns].to_numpy()
        assert np.abs(difference).max() < 1e-3


@pytest.mark.parametrize("name", [*BOUNDS, "cca"])
@pytest.mark.parametrize("marginals", ["normal", "standard"])
def test_huge_inputs_and_outliers_do_not_overflow(name, marginals):
    x, y = noisy(120, 0.3)
    x[:3], y[5:8] = 1e30, -1e30
    table = estimate(name, x * 1e100, y * 1e-100, **SETTINGS[name], marginals=marginals)
    numbers = ["nats", "mean", "low", "high", "floor", "null_high", "p_value"]
    assert np.isfinite(table.loc[table["chosen"], numbers]).all(axis=None)


# How scores are read


def a_bound(name):
    """Return the bound of an estimator with its default settings."""
    from leakage.estimators import module

    return module(name)._bound(module(name).Settings())


def scores_of(sizes, seed=0):
    """Return random scores of pictures of these sizes, clear of ties, some beyond SMILE's clip."""
    import torch
    from leakage.estimators.bounds import Scores

    groups = torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes))
    values = np.random.default_rng(seed).normal(scale=4, size=(len(groups), len(groups)))
    return Scores(torch.from_numpy(values), groups)


def value_of(bound, values, groups, candidates=None):
    """Return the bound as training computes it, of scores (pairs, pairs).

    With `candidates`, shape (pairs,), the other pictures' pairs stand for so many of their kind.
    """
    import torch

    own = groups[:, None] == groups
    if candidates is None:
        return bound.value(values[None], own[None]).item()
    count = (~own).sum(-1).double()
    alike = torch.where(own, values, values + torch.log(candidates / count)[:, None])
    offset = (torch.log(candidates + 1) - torch.log(count + 1)).mean()
    return (bound.value(alike[None], own[None]) + offset).item()


def test_the_sum_over_other_pictures_and_its_gradient_are_those_of_torch():
    import torch
    from leakage.estimators.critics import LogSumExpOfOthers

    generator = torch.Generator().manual_seed(0)
    groups = torch.tensor([[0, 0, 1, 2, 2], [0, 1, 1, 1, 2]])
    own = groups[:, :, None] == groups[:, None]
    scores = 5 * torch.randn(6, 5, 5, generator=generator, dtype=torch.float64)
    # Pairs within a picture that are far above all others, as at level 0.
    scores[:3] += torch.where(own[0], 900.0, 0.0)
    weights = torch.rand(6, generator=generator, dtype=torch.float64)
    found, expected = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    ours = LogSumExpOfOthers.apply(found, own)
    left = expected.masked_fill(own.repeat_interleave(3, 0), -torch.inf)
    theirs = torch.logsumexp(left.flatten(1), -1)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    (ours @ weights).backward()
    (theirs @ weights).backward()
    torch.testing.assert_close(found.grad, expected.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", BOUNDS)
def test_what_is_read_is_what_training_computes(name):
    import torch

    scores = scores_of([3, 1, 2, 2])
    (reading,) = a_bound(name).read(scores, torch.ones(1, 4, dtype=torch.float64))
    expected = value_of(a_bound(name), scores.values, scores.groups)
    assert reading.values == pytest.approx([expected], rel=1e-12)
    assert reading.ceiling == pytest.approx(np.log(8))


@pytest.mark.parametrize("name", BOUNDS)
@given(weights=st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_a_picture_drawn_twice_counts_twice_and_is_no_negative_of_its_copy(name, weights):
    import torch

    if sum(weight > 0 for weight in weights) < 2:
        return
    scores, drawn = scores_of([3, 1, 2, 2]), torch.tensor([[1.0] * 4, weights], dtype=torch.float64)
    (reading,) = a_bound(name).read(scores, drawn)
    again = torch.arange(8).repeat_interleave(torch.tensor(weights)[scores.groups])
    # One normaliser per view: a draw's candidates stand for as many as there are without it.
    undrawn = (scores.groups[:, None] != scores.groups).sum(-1).double()[again]
    candidates = undrawn if a_bound(name).per_view else None
    values = scores.values[again][:, again]
    expected = value_of(a_bound(name), values, scores.groups[again], candidates)
    assert reading.values[1] == pytest.approx(expected, rel=1e-9)


def test_infonce_of_scores_that_are_all_alike_is_0_in_every_draw():
    import torch
    from leakage.estimators.bounds import Scores

    scores = Scores(torch.full((8, 8), 3.0, dtype=torch.float64), scores_of([3, 1, 2, 2]).groups)
    drawn = torch.tensor([[1.0, 1, 1, 1], [2, 2, 0, 0], [3, 0, 1, 0]], dtype=torch.float64)
    (reading,) = a_bound("infonce").read(scores, drawn)
    assert reading.values == pytest.approx([0, 0, 0], abs=1e-12)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=12), st.integers(0, 1000))
def test_pictures_meet_pair_for_pair_in_the_permutation_null(groups, seed):
    import torch
    from leakage.estimators.bounds import Reading

    groups = torch.from_numpy(np.unique(groups, return_inverse=True)[1])
    matched = torch.arange(float(len(groups) ** 2), dtype=torch.float64).view(len(groups), -1)
    blocks = held_out._blocks(matched, groups).numpy()
    for row, column in np.ndindex(*blocks.shape):
        views, items = (np.flatnonzero(groups == each) for each in (row, column))
        met = matched[views, np.resize(items, len(views))]
        assert blocks[row, column] == met.sum()
    orders = held_out._orders(np.bincount(groups), 5, np.random.default_rng(seed))
    reading = Reading("any", "nats", np.zeros(1), matched, 1.0)
    kept = held_out._kept(reading, groups, orders)
    assert kept["itself"] == pytest.approx(matched.diagonal().mean())
    for found, order in zip(kept["null"].tolist(), orders, strict=True):
        assert np.bincount(groups)[order].tolist() == np.bincount(groups).tolist()
        assert sorted(order) == list(range(len(order)))
        brought = [blocks[picture, other] for picture, other in enumerate(order)]
        assert found == pytest.approx(sum(brought) / len(groups))
    assert held_out._kept(reading, groups, None).keys() == kept.keys() - {"itself", "null"}


def scored(groups, limit):
    """Return the groups of the pairs that are read of a fold that has them all."""
    everything = np.arange(len(groups))
    side = splits.Split(everything, everything, everything)
    read = held_out._scored(held_out.Data([], [], groups, {}, [side], [0]), 0, limit)
    assert len(read) == len(set(read)) <= limit and (np.diff(read) > 0).all()
    return groups[read]


@given(st.lists(st.integers(1, 9), min_size=2, max_size=8), st.integers(1, 80), st.randoms())
def test_every_picture_is_read_and_pairs_are_taken_turn_by_turn(sizes, limit, random):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    random.shuffle(groups)
    read = np.bincount(scored(groups, limit), minlength=len(sizes))
    if limit < len(sizes):
        assert read.sum() == limit and read.max() == 1
    else:
        assert read.min() >= 1
        # One has fewer than another only if it has no more, or by the last turn.
        assert (read >= np.minimum(sizes, min(read.max(), max(sizes)) - 1)).all()


@given(st.lists(st.integers(4, 9), min_size=2, max_size=8), st.integers(0, 3))
def test_pictures_of_many_pairs_are_read_alike_and_may_all_change_places(sizes, left_over):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    read = np.bincount(scored(groups, 4 * len(sizes) + min(left_over, len(sizes) - 1)))
    if sum(sizes) > 4 * len(sizes) + left_over:
        assert (read == 4).all()
        orders = held_out._orders(read, 200, np.random.default_rng(0))
        assert all(len(set(column)) == len(sizes) for column in orders.T)


def test_the_permutation_null_of_pictures_read_alike_is_exact():
    low, draws = 0, 400
    for seed in range(draws):
        scores = scores_of([2] * 6, seed)
        orders = held_out._orders(np.full(6, 2), 99, np.random.default_rng([seed, 1]))
        (reading,) = a_bound("mine").read(scores, scores.values.new_ones(1, 6))
        kept = held_out._kept(reading, scores.groups, orders)
        rank = 1 + int((kept["null"] >= kept["itself"] - 1e-9).sum())
        low += rank / 100 <= 0.05
    assert low / draws == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / draws))


def test_the_first_places_are_shared_by_ties():
    import torch
    from leakage.estimators.reidentification import hits

    scores = torch.tensor([[3.0, 3, 1, 0], [1, 5, 1, 1], [2, 2, 2, 2]])
    first = torch.tensor([[0.5, 0.5, 0, 0], [0, 1, 0, 0], [0.25] * 4])
    assert torch.equal(hits(scores, 1), first.double())
    assert hits(scores, 3)[1].tolist() == pytest.approx([2 / 3, 1, 2 / 3, 2 / 3])
    assert torch.equal(hits(scores, 4), torch.ones(3, 4).double())


@given(st.integers(2, 12), st.integers(1, 5))
def test_hits_are_perfect_on_a_diagonal_and_at_chance_on_a_constant(items, first):
    import torch
    from leakage.estimators.reidentification import hits

    perfect = hits(torch.eye(items), first).diagonal()
    assert perfect.tolist() == [1] * items
    constant = hits(torch.zeros(items, items), first)
    assert constant.flatten().tolist() == pytest.approx([min(1, first / items)] * items**2)


def test_reidentification_has_a_top_one_and_a_top_five_with_their_chances():
    x = np.random.default_rng(0).normal(size=(200, 3))
    table = estimate("reidentification", x, x, **QUICK)
    rows = table[(table["split"] == "test") & (table["variant"] == "matched")]
    mean = rows.groupby("statistic")["value"].mean()
    assert mean["top 1"] > 0.5 and mean["top 5"] >= mean["top 1"]
    chance = rows.groupby("statistic")["chance"].first().to_dict()
    assert chance == pytest.approx({"top 1": 1 / 40, "top 5": 5 / 40})
    assert (rows.loc[rows["chosen"], "statistic"] == "top 1").all()


# Interruption


@pytest.mark.parametrize("name", ["mine", "reidentification"])
def test_an_interrupted_run_goes_on_to_the_same_table(tmp_path, monkeypatch, name):
    from leakage.estimators import module

    groups = np.repeat(np.arange(20), 3)
    x, y = noisy(60, 0.5)
    settings = module(name).Settings(**QUICK)
    monkeypatch.setattr(held_out, "STACK", 1)
    fit, calls = held_out._fit, []

    def run(fails_at):
        def counted(*arguments):
            calls.append(arguments[2])
            if len(calls) == fails_at:
                raise KeyboardInterrupt
            return fit(*arguments)

        calls.clear()
        monkeypatch.setattr(held_out, "_fit", counted)
        kept = checkpoints.Checkpoint(tmp_path / "state", "one", every=0)
        return module(name).estimate(x, y[None], groups, [0], 0, settings, kept)

    undisturbed = module(name).estimate(x, y[None], groups, [0], 0, settings)
    with pytest.raises(KeyboardInterrupt):
        run(fails_at=2)
    resumed = run(fails_at=None)
    assert calls == [[(0, fold)] for fold in (1, 2, 3, 4)]
    assert resumed.equals(undisturbed)
