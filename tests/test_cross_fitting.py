"""Held-out estimates: pictures stay apart, known truths are found, independence gives nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from leakage import truths
from leakage.errors import LeakageError
from leakage.estimators import entry, estimate
from leakage.estimators.mine import Mine
from leakage.protocol import (
    cross_fitting,
    folds,
    inference,
    losses,
    neural_critics,
    permutation,
    preprocessing,
    selection,
)
from leakage.protocol import problem as problems
from leakage.protocol.bounds import Scores
from torch.nn import functional

COUNTS = {"permutations": 199, "bootstraps": 40, "device": "cpu"}
QUICK = COUNTS | {"epochs": 3, "hidden": 8}
BOUNDS = ("mine", "infonce", "nwj", "smile")
SETTINGS = dict.fromkeys(BOUNDS, QUICK) | {"cca": COUNTS, "reidentification": QUICK}


def noisy(pairs: int, noise: float, seed: int = 0, dim: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y = x + noise, each (pairs, dim)."""
    x, other = np.random.default_rng(seed).normal(size=(2, pairs, dim))
    return x, x + noise * other


def chosen(table, level=0):
    """Return the chosen rows of a level."""
    return table[table["chosen"] & (table["level"] == level)]


# Folds and mismatches

GROUPS = st.lists(st.integers(0, 20), min_size=6, max_size=80).filter(lambda g: len(set(g)) >= 6)


@given(GROUPS, st.integers(3, 8), st.integers(0, 1000))
def test_every_pair_is_tested_once_and_no_picture_is_in_two_subsets(groups, count, seed):
    groups = np.array(groups)
    parts = folds.assign_folds(groups, count, np.random.default_rng(seed))
    splits = folds.cross_fit(parts)
    assert len(splits) == min(count, len(set(groups)) // 2)
    for side in ("test", "validation"):
        read = np.concatenate([getattr(split, side) for split in splits])
        assert sorted(read) == list(range(len(groups)))
    for split in splits:
        sides = list(split.subsets().values())
        assert sorted(np.concatenate(sides)) == list(range(len(groups)))
        names = [set(groups[side]) for side in sides]
        assert sum(map(len, names)) == len(set(groups))
        assert min(map(len, names)) >= 2


@given(GROUPS, st.integers(0, 1000))
def test_a_mismatch_gives_each_picture_the_view_of_another_one_of_its_fold(groups, seed):
    groups, generator = np.array(groups), np.random.default_rng(seed)
    parts = folds.assign_folds(groups, 5, generator)
    partner = folds.mismatch(groups, parts, generator)
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
    with pytest.raises(LeakageError, match=r"5 pictures \(groups\): .* needs at least 6"):
        estimate("mine", *noisy(20, 0.5), np.arange(20) % 5, **QUICK)


# Inputs and bases


def bases_of(x, y, **settings):
    """Return the problem of one level and its bases, per (fold, variant, level)."""
    settings = Mine(**settings)
    problem = cross_fitting.prepare(x, y[None], None, 0, settings)
    return problem, selection.choose_bases(a_bound("mine"), problem, settings)


@pytest.mark.parametrize(
    ("base", "pca", "marginals"),
    [("gaussian", "auto", "normal"), ("similarity", 2, "standard"), ("whitened", None, "normal")],
)
def test_inputs_and_base_do_not_depend_on_the_test_pairs(base, pca, marginals):
    x, y = noisy(120, 0.5, dim=6)
    settings = {"pca": pca, "marginals": marginals, "bases": [base]}
    problem, before = bases_of(x, y, **settings)
    test = problem.splits[0].test
    x[test], y[test] = 1e6, np.random.default_rng(1).normal(size=y[test].shape) - 1e6
    _, after = bases_of(x, y, **settings)
    kept = np.setdiff1d(np.arange(120), test)
    for variant in problem.partner:
        old, new = (found[0, variant, 0] for found in (before, after))
        assert old.choice == new.choice
        assert variant == "mismatched" or old.choice.name != "none"
        assert np.array_equal(old.plain.inputs[kept], new.plain.inputs[kept])
        assert np.array_equal(old.views.inputs[kept], new.views.inputs[kept])
        assert (old.scores(kept, kept) == new.scores(kept, kept)).all()


def test_validation_pairs_change_the_choice_but_not_the_fit():
    x, y = noisy(120, 0.5)
    problem, before = bases_of(x, y)
    validation = problem.splits[0].validation
    y[validation] = np.random.default_rng(1).normal(size=(len(validation), 3))
    _, after = bases_of(x, y)
    old, new = (found[0, "matched", 0] for found in (before, after))
    kept = np.setdiff1d(np.arange(120), validation)
    assert np.array_equal(old.views.inputs[kept], new.views.inputs[kept])
    assert np.array_equal(old.canonical.axes.rho, new.canonical.axes.rho)
    assert np.array_equal(old.canonical.axes.y_axes, new.canonical.axes.y_axes)
    assert new.choice.value < old.choice.value - 0.1


@given(arrays.arrays(np.int64, (30, 2), elements=st.integers(-20, 20)), st.integers(2, 30))
def test_normal_scores_of_the_training_pairs_ignore_monotone_maps(values, count):
    train = np.arange(count)
    plain = preprocessing.normal_scores(values, train)
    for mapped in (values**3, np.exp(values / 4), 1e4 + 7.0 * values):
        scores = preprocessing.normal_scores(mapped, train)
        assert np.array_equal(scores[train], plain[train])
        # Held-out values lie between the same training values, or beyond the same end.
        assert (scores.max(0) == plain[train].max(0)).all()
        assert (scores.min(0) == plain[train].min(0)).all()
    turned = preprocessing.normal_scores(-values, train)
    assert turned[train] == pytest.approx(-plain[train], abs=1e-6)


# Known truths


@pytest.mark.parametrize("name", [*BOUNDS, "cca"])
def test_independent_pictures_of_similar_patches_give_0(name):
    drawn = truths.sample("independence_grouped", 540, 0)
    settings = SETTINGS[name] if name == "cca" else SETTINGS[name] | {"epochs": 10}
    table = estimate(name, drawn.x, drawn.y, drawn.groups, **settings)
    assert table.loc[table["chosen"], "mean"].abs().max() <= 0.05
    assert table.loc[table["chosen"], "p_value"].min() > 0.01


@pytest.mark.parametrize("name", [*BOUNDS, "cca"])
def test_a_gaussian_has_the_information_of_its_closed_form(name):
    drawn = truths.sample("multinormal_dense", 3000, 0)
    table = estimate(name, drawn.x, drawn.y, **SETTINGS[name], folds=3, floor=False)
    assert chosen(table)["mean"].iloc[0] == pytest.approx(drawn.nats[0], rel=0.1)


@pytest.mark.parametrize("name", BOUNDS)
def test_a_network_without_a_base_finds_the_information_too(name):
    generator = np.random.default_rng(0)
    x, noise = generator.normal(size=(2, 1500, 1))
    y, truth = 0.9 * x + np.sqrt(1 - 0.81) * noise, -0.5 * np.log(1 - 0.81)
    settings = QUICK | {"epochs": 40, "hidden": 32, "batch": 64}
    settings |= {"noise": [0], "learning_rate": 1e-2}
    settings |= {"validated_pairs": 150, "scored_pairs": 300}
    table = estimate(name, x, y, bases=[], folds=3, floor=False, **settings)
    assert chosen(table)["mean"].iloc[0] == pytest.approx(truth, rel=0.15)


# Ceiling, floor, null, interval


@pytest.mark.parametrize("name", BOUNDS)
def test_no_value_exceeds_the_logarithm_of_the_held_out_pairs(name):
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
def test_strong_dependence_exceeds_floor_and_null_and_a_constant_view_gives_0(name):
    groups = np.repeat(np.arange(60), 2)
    x, y = noisy(120, 0.2)
    table = estimate(name, x, np.stack([y, np.full_like(y, 7)]), groups, **SETTINGS[name])
    strong, constant = chosen(table).iloc[0], chosen(table, 1)
    assert strong["p_value"] <= 0.01 and strong["mean"] > strong["null_high"]
    assert strong["pictures"] == 60 and abs(strong["floor"]) < 0.1
    assert (constant["p_value"] == 1).all()
    if name == "reidentification":
        # Equal views rank the items equally: each fold finds one of 24.
        assert strong["mean"] > 0.2 and constant["value"].to_numpy() == pytest.approx(1 / 24)
    else:
        assert strong["mean"] > 1
        assert (constant[["nats", "mean", "low", "high", "floor"]] == 0).all(axis=None)


@pytest.mark.parametrize(("name", "scored_pairs"), [("cca", 4000), ("mine", 12)])
def test_under_independence_one_p_value_in_twenty_is_below_0_05(name, scored_pairs):
    groups, generator = np.repeat(np.arange(60), 2), np.random.default_rng(0)
    x = generator.normal(size=(60, 3))[groups] + generator.normal(size=(120, 3))
    y = generator.normal(size=(40, 60, 3))[:, groups] + generator.normal(size=(40, 120, 3))
    settings = SETTINGS[name] | {"bootstraps": 0, "floor": False, "scored_pairs": scored_pairs}
    table = estimate(name, x, y, groups, **settings)
    p_values = table[table["chosen"]].groupby("level")["p_value"].first()
    assert len(p_values) == 40
    # 99.9 % of Binomial(40, 0.05) is at most 8. If a critic found nothing, all orders
    # tie and p is 1, so that there may be far fewer than one in twenty.
    assert (p_values <= 0.05).sum() <= 8


@pytest.mark.parametrize("name", [*BOUNDS, "cca"])
def test_the_mean_is_over_seeds_and_folds_and_within_its_interval(name):
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


def test_validation_chooses_the_step_of_the_test_value():
    x, y = noisy(200, 0.7)
    settings = QUICK | {"epochs": 12, "bases": [], "noise": [0.1], "learning_rate": 0.3}
    table = estimate("mine", x, np.stack([y, x]), **settings, seeds=2)
    keys = ["level", "seed", "fold"]
    rows = table[table["chosen"]].set_index(keys)
    assert (rows["split"] == "test").all() and len(rows) == 2 * 2 * 5
    validation = table[table["split"] == "validation"]
    assert sorted(validation["step"].unique()) == list(range(13))
    for key, curve in validation.groupby(keys):
        best, nats = rows.loc[key, "step"], curve.set_index("step")["nats"]
        # A later epoch counts where it gains more than rounding.
        assert nats[best] >= nats.max() - neural_critics.LEAST_GAIN
        assert nats[best] > nats[nats.index < best].max() or best == 0
    assert rows["step"].nunique() > 1 and (rows["step"] > 0).any()


def test_a_network_stops_after_patience_epochs_without_gain_on_its_own(monkeypatch):
    monkeypatch.setattr(neural_critics, "PATIENCE", 2)
    x, y = noisy(200, 0.7)
    settings = QUICK | {"epochs": 40, "bases": [], "learning_rate": 0.3}
    settings |= {"noise": [0], "averaging": 0, "floor": False}
    table = estimate("mine", x, y, **settings)
    last = table[table["split"] == "validation"].groupby("fold")["step"].max()
    best = chosen(table).set_index("fold")["step"]
    trained = best[best > 0]
    assert len(trained) >= 3 and trained.nunique() > 1
    assert (last[trained.index] == np.minimum(40, trained + 2)).all()
    assert (last[trained.index] < 40).any()
    # Those that stop change nothing for the others.
    monkeypatch.setattr(cross_fitting, "STACK", 1)
    alone = chosen(estimate("mine", x, y, **settings))
    assert alone["step"].tolist() == chosen(table)["step"].tolist()
    assert alone["nats"].to_numpy() == pytest.approx(chosen(table)["nats"].to_numpy(), abs=1e-4)


# Invariances


@pytest.mark.parametrize("name", SETTINGS)
def test_the_same_seed_gives_the_same_table(name):
    groups = np.repeat(np.arange(20), 3)
    tables = [
        estimate(name, *noisy(60, 0.5), groups, seed=seed, **SETTINGS[name]) for seed in (3, 3, 4)
    ]
    assert tables[0].equals(tables[1])
    assert not np.allclose(tables[0]["value"], tables[2]["value"], equal_nan=True)


@pytest.mark.parametrize("bases", [[], ["gaussian", "similarity", "whitened"]])
def test_more_levels_or_seeds_do_not_change_the_first(monkeypatch, bases):
    # 43 pictures: the folds differ in size. Few networks to a stack: so do the stacks.
    monkeypatch.setattr(cross_fitting, "STACK", 8)
    x, y = noisy(43, 0.3)
    seen = np.stack([y, y[:, ::-1], y + x.mean(0), -y])
    settings = QUICK | {"bases": bases, "learning_rate": 2e-2}
    one = estimate("mine", x, seen[:1], **settings)
    more = estimate("mine", x, seen, **settings)
    seeds = estimate("mine", x, seen[:1], **settings, seeds=3)
    keys = ["split", "variant", "fold", "step"]
    first = one.sort_values(keys)
    for other in (more[more["level"] == 0], seeds[seeds["seed"] == 0]):
        other = other.sort_values(keys)
        assert other["nats"].to_numpy() == pytest.approx(first["nats"].to_numpy(), abs=1e-4)


# Bounds


def a_bound(name):
    """Return the bound of an estimator with its default settings."""
    return entry(name, {}).bound()


def scores_of(sizes, seed=0):
    """Return random scores of pictures of these sizes, clear of ties, some beyond SMILE's clip."""
    groups = torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes))
    values = np.random.default_rng(seed).normal(scale=4, size=(len(groups), len(groups)))
    return Scores(torch.from_numpy(values), groups)


def value_of(name, values, groups, candidates=None):
    """Return an estimator's value of scores (pairs, pairs) by its paper's formula, pair by pair.

    With `candidates`, shape (pairs,), sums over other pictures are scaled to that number of pairs.
    """
    values, groups = np.asarray(values), np.asarray(groups)
    joint, others = np.diag(values), groups[:, None] != groups
    if name == "infonce":
        found = []
        for view, own in enumerate(joint):
            theirs = np.exp(values[view][others[view]])
            count = len(theirs) if candidates is None else candidates[view]
            total = theirs.mean() * count + np.exp(own)
            found.append(own - np.log(total / (count + 1)))
        return np.mean(found)
    product = values[others]
    if name == "smile":
        return joint.mean() - np.log(np.exp(np.clip(product, -5, 5)).mean())
    if name == "nwj":
        return 1 + joint.mean() - np.exp(product).mean()
    return joint.mean() - np.log(np.exp(product).mean())


def test_the_losses_and_their_gradients_follow_their_formulas():
    generator = torch.Generator().manual_seed(0)
    groups = torch.tensor([[0, 0, 1, 2, 2], [0, 1, 1, 1, 2]])
    own = groups[:, :, None] == groups[:, None]
    others = ~own
    own = own & ~torch.eye(5, dtype=torch.bool)
    scores = 3 * torch.randn(2, 5, 5, generator=generator, dtype=torch.float64)
    weights = torch.rand(2, generator=generator, dtype=torch.float64)

    def expected(name, each, alone, apart):
        joint = each.diagonal()
        if name == "donsker_varadhan":
            return torch.log(torch.exp(each[apart]).mean()) - joint.mean()
        if name == "jensen_shannon":
            sigmoid = functional.logsigmoid
            return -sigmoid(joint).mean() - sigmoid(-each[apart]).mean()
        masked, target = each.masked_fill(alone, -torch.inf), torch.arange(5)
        entropies = [functional.cross_entropy(one, target) for one in (masked, masked.T)]
        return sum(entropies) / 2

    for name in ("donsker_varadhan", "jensen_shannon", "infonce"):
        # Either all scores are large, or those of pairs within a picture alone.
        added = 500 if name == "infonce" else torch.where(own, 900.0, 0.0)
        found, plain = ((scores + added).requires_grad_() for _ in range(2))
        ours = losses.LOSSES[name](found, own)
        theirs = torch.stack(
            [expected(name, *each) for each in zip(plain, own, others, strict=True)]
        )
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
        (ours @ weights).backward()
        (theirs @ weights).backward()
        torch.testing.assert_close(found.grad, plain.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", BOUNDS)
def test_the_criterion_is_the_bound_at_its_best_offset(name):
    """NWJ's best offset makes it Donsker and Varadhan's; SMILE's clip takes no part."""
    scores = scores_of([3, 1, 2, 2])
    own = scores.groups[:, None] == scores.groups
    others = scores.values.masked_fill(own, -torch.inf)
    found = a_bound(name).criterion(scores.values.diagonal()[None], others[None])
    best = value_of("infonce" if name == "infonce" else "mine", scores.values, scores.groups)
    assert found.tolist() == pytest.approx([best], rel=1e-6)
    if name == "nwj":
        offsets = [value_of("nwj", scores.values - c, scores.groups) for c in np.arange(0, 20, 0.1)]
        assert max(offsets) == pytest.approx(best, abs=0.01) and max(offsets) <= best


@pytest.mark.parametrize("name", BOUNDS)
@given(weights=st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_bounds_follow_their_papers_and_a_picture_drawn_twice_is_not_its_negative(name, weights):
    if sum(weight > 0 for weight in weights) < 2:
        return
    scores, drawn = scores_of([3, 1, 2, 2]), torch.tensor([[1.0] * 4, weights], dtype=torch.float64)
    (reading,) = a_bound(name).statistics(scores, drawn)
    again = torch.arange(8).repeat_interleave(torch.tensor(weights)[scores.groups])
    # One normaliser per view: a draw's candidates stand for as many as there are without it.
    undrawn = (scores.groups[:, None] != scores.groups).sum(-1).double()[again]
    candidates = undrawn.numpy() if name == "infonce" else None
    values = scores.values[again][:, again]
    expected = value_of(name, values, scores.groups[again], candidates)
    once = value_of(name, scores.values, scores.groups)
    assert reading.values == pytest.approx([once, expected], rel=1e-9)
    assert reading.ceiling == pytest.approx(np.log(8))


@given(st.lists(st.integers(0, 4), min_size=2, max_size=12), st.integers(0, 1000))
def test_the_permutation_null_pairs_whole_pictures(groups, seed):
    groups = np.unique(groups, return_inverse=True)[1]
    matched = np.random.default_rng(seed).normal(size=(len(groups), len(groups)))
    used = permutation.blocks(groups, seed)
    orders = permutation.orders(used, 5, seed)
    found = inference.block_means(matched, used, orders.orders)
    for value, order in zip(found, orders.orders, strict=True):
        views, items = [], []
        for picture, other in enumerate(order):
            of_views, of_items = (used.pairs[used.pictures == each] for each in (picture, other))
            assert len(of_views) == len(of_items)
            views, items = [*views, *of_views], [*items, *of_items]
        assert value == pytest.approx(matched[views, items].mean())
    assert found[0] == pytest.approx(matched[used.pairs, used.pairs].mean())


@given(st.lists(st.integers(1, 9), min_size=2, max_size=8), st.integers(1, 80), st.randoms())
def test_scored_pairs_are_spread_evenly_over_pictures(sizes, limit, random):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    random.shuffle(groups)
    index = np.arange(len(groups))
    empty = np.empty((len(groups), 0))
    split = folds.Split(index, index, index)
    problem = cross_fitting.Problem(
        empty, empty[None], groups, 0 * index, {}, [split], [0], None, ""
    )
    scored = problems.scored(problem, index, limit, [0])
    assert len(scored) == len(set(scored)) <= limit and (np.diff(scored) > 0).all()
    read = np.bincount(groups[scored], minlength=len(sizes))
    if limit < len(sizes):
        assert read.sum() == limit and read.max() == 1
    else:
        assert read.min() >= 1 and read.sum() > min(limit - len(sizes), sum(sizes) - 1)
        # One has fewer than another only if it has no more, or by the last turn.
        assert (read >= np.minimum(sizes, min(read.max(), max(sizes)) - 1)).all()
    if 1 <= limit // len(sizes) <= min(sizes) and limit < sum(sizes):
        # Then all orders of the pictures can be compared.
        assert (read == limit // len(sizes)).all()


@given(st.integers(2, 12), st.integers(0, 500))
def test_the_bootstrap_draws_as_many_pictures_and_at_least_two_distinct_ones(pictures, seed):
    weights = inference.bootstrap(pictures, 30, seed, 0)
    assert weights.shape == (31, pictures) and (weights[0] == 1).all()
    assert (weights.sum(1) == pictures).all()
    assert ((weights > 0).sum(1) >= 2).all()


@pytest.mark.parametrize("name", ["mine", "infonce"])
@pytest.mark.parametrize(("pictures", "each"), [(6, 2), (6, 9), (8, 3), (11, 1), (31, 3)])
def test_few_pictures_in_uneven_folds_give_finite_values(name, pictures, each):
    groups = np.repeat(np.arange(pictures), each)
    x, y = noisy(len(groups), 0.3, dim=9)
    table = estimate(name, x, y, groups, **QUICK | {"bases": []})
    assert np.isfinite(table.loc[table["variant"] == "matched", "nats"]).all()
    # Two pictures that were exchanged have no negatives left.
    parts = cross_fitting.prepare(x, y[None], groups, 0, Mine()).folds
    floor = table[table["variant"] == "mismatched"]
    of_fold = [len(set(groups[parts == fold])) for fold in floor["fold"]]
    assert (floor["nats"].isna() == (np.array(of_fold) == 2)).all()


@pytest.mark.parametrize("name", ["mine", "infonce", "cca"])
@pytest.mark.parametrize("marginals", ["normal", "standard"])
def test_huge_inputs_and_outliers_do_not_overflow(name, marginals):
    x, y = noisy(120, 0.3)
    x[:3], y[5:8] = 1e30, -1e30
    table = estimate(name, x * 1e100, y * 1e-100, **SETTINGS[name], marginals=marginals)
    numbers = ["nats", "mean", "low", "high", "floor", "null_high", "p_value"]
    assert np.isfinite(table.loc[table["chosen"], numbers]).all(axis=None)


@pytest.mark.parametrize(
    "rescale", [[0, 1], [1e-50, 0], [1, 1e30], [-1, -2000], [1e30, 0]], ids=str
)
def test_a_rescaling_that_makes_views_equal_is_refused(rescale):
    message = r"^cca\.rescale: found \[.*\]; expected \(a, b\), a from 1e-06 to 1e\+06"
    with pytest.raises(LeakageError, match=message):
        estimate("cca", np.zeros((8, 1)), np.zeros((8, 1)), rescale=rescale)


@pytest.mark.parametrize("rescale", [["nan", 0], ["inf", 0], [1, "-inf"], [1], [True, 0]], ids=str)
def test_a_rescaling_of_other_than_two_finite_numbers_is_refused(rescale):
    with pytest.raises(LeakageError, match=r"^cca\.rescale"):
        estimate("cca", np.zeros((8, 1)), np.zeros((8, 1)), rescale=rescale)


@pytest.mark.parametrize("rescale", [(2.5, -3.0), (-1e-6, 1e-3), (1e6, 1e9)], ids=str)
def test_every_accepted_rescaling_keeps_the_estimate(rescale):
    x, noise = np.random.default_rng(0).normal(size=(2, 60, 2)).astype(np.float32)
    plain, scaled = (
        estimate("cca", x, x + noise, rescale=each)["mean"].iloc[0] for each in ((1, 0), rescale)
    )
    assert scaled == pytest.approx(plain, rel=0.01) and plain > 0.1
