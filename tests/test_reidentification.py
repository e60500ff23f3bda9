"""Re-identification: no worse than the nearest neighbour, with chances and exact intervals."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from leakage.estimators import estimate
from leakage.estimators.reidentification import (
    RECIPROCAL,
    TOP_1,
    TOP_5,
    chance,
    exact_interval,
    placed,
)
from scipy.stats import binomtest

QUICK = {"epochs": 3, "hidden": 8, "device": "cpu", "bootstraps": 0}
QUICK |= {"permutations": 99}
NEAREST = "nearest neighbour"


@pytest.fixture(scope="module")
def table():
    """Return the table of 128 pictures of two patches, at five levels of noise."""
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(128), 2)
    x = generator.normal(size=(128, 64))[groups] + generator.normal(size=(256, 64))
    noise = [0.5, 2, 4, 8, 16]
    y = np.stack([x + each * generator.normal(size=x.shape) for each in noise])
    return estimate("reidentification", x, y, groups, **QUICK | {"epochs": 8})


def matched(table):
    """Return the test rows of the matched variant."""
    return table[(table["split"] == "test") & (table["variant"] == "matched")]


def test_the_critic_finds_at_least_as_many_as_the_nearest_neighbour(table):
    mean = matched(table).groupby(["statistic", "level"])["value"].mean().unstack()
    for rank in (TOP_1, TOP_5):
        assert (mean.loc[rank] >= mean.loc[f"{NEAREST}, {rank}"] - 0.02).all()
    # From all of them to hardly any: the levels are a test.
    assert mean.loc[TOP_1, 0] > 0.95 and mean.loc[TOP_1, 4] < 0.2
    # The nearest neighbour finds fewer among more items.
    for rank in (TOP_1, TOP_5, RECIPROCAL):
        few, many = (mean.loc[f"{who}, {rank}"] for who in (NEAREST, f"{NEAREST} of all"))
        assert (many <= few + 1e-9).all()


def test_the_table_has_the_nearest_neighbour_and_the_chance_of_guessing(table):
    rows = matched(table)
    names = {
        f"{who}{rank}"
        for who in ("", f"{NEAREST}, ", f"{NEAREST} of all, ")
        for rank in (TOP_1, TOP_5, RECIPROCAL)
    }
    assert set(rows["statistic"]) == names
    assert (rows.loc[rows["chosen"], "statistic"] == TOP_1).all()
    for name in names:
        of = rows[rows["statistic"] == name]
        assert (of.groupby("level")["fold"].nunique() == 5).all()
        assert of["value"].between(0, 1).all() and of["nats"].isna().all()
        rank = name.split(", ")[-1]
        if "of all" in name:
            assert of["chance"].to_numpy() == pytest.approx(chance(rank, 256))
        else:
            # 128 pictures in five folds: 25 or 26 of two patches each.
            expected = {chance(rank, 50), chance(rank, 52)}
            assert set(of["chance"].round(9)) == {round(each, 9) for each in expected}
    assert chance(TOP_1, 50) == 1 / 50 and chance(TOP_5, 50) == 1 / 10 and chance(TOP_5, 3) == 1
    assert chance(RECIPROCAL, 3) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)


def test_sides_of_other_dimension_have_no_nearest_neighbour():
    x = np.random.default_rng(0).normal(size=(60, 4))
    table = estimate("reidentification", x, x[:, :3], **QUICK)
    assert not table["statistic"].str.contains(NEAREST).any()


def test_the_shares_have_exact_intervals_with_pictures_as_trials(table):
    for _, row in matched(table).iterrows():
        if "top" in row["statistic"]:
            expected = exact_interval(row["mean"], 128, 0.95)
            assert (row["low"], row["high"]) == pytest.approx(expected)
            assert row["low"] <= row["mean"] <= row["high"]


@given(st.integers(1, 60), st.data(), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_exact_interval_is_scipy_s_for_whole_numbers(trials, data, confidence):
    found = data.draw(st.integers(0, trials))
    expected = binomtest(found, trials).proportion_ci(confidence, method="exact")
    assert exact_interval(found / trials, trials, confidence) == pytest.approx(expected, abs=1e-9)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 200))
def test_the_exact_interval_contains_its_share_and_rises_with_it(one, other, trials):
    low, high = sorted([one, other])
    of_low, of_high = (exact_interval(each, trials, 0.95) for each in (low, high))
    assert 0 <= of_low[0] <= low + 1e-9 and low - 1e-9 <= of_low[1] <= 1
    assert of_low[0] <= of_high[0] + 1e-9 and of_low[1] <= of_high[1] + 1e-9


# Places


def test_tied_items_share_their_places():
    scores = torch.tensor([[3.0, 3, 1, 0, -1, -2], [1, 5, 1, 1, 1, 1], [2, 2, 2, 2, 2, 2]])
    found = placed(scores)
    first = [[0.5, 0.5, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [1 / 6] * 6]
    assert found[TOP_1].numpy() == pytest.approx(np.array(first))
    five = [[1, 1, 1, 1, 1, 0], [0.8, 1, 0.8, 0.8, 0.8, 0.8], [5 / 6] * 6]
    assert found[TOP_5].numpy() == pytest.approx(np.array(five))
    all_six, last_five = (1 / np.arange(1, 7)).mean(), (1 / np.arange(2, 7)).mean()
    ranks = [
        [0.75, 0.75, 1 / 3, 1 / 4, 1 / 5, 1 / 6],
        [last_five, 1] + [last_five] * 4,
        [all_six] * 6,
    ]
    assert found[RECIPROCAL].numpy() == pytest.approx(np.array(ranks))


@given(st.integers(2, 12))
def test_a_perfect_score_is_first_and_a_constant_one_at_chance(items):
    perfect, constant = placed(torch.eye(items)), placed(torch.zeros(items, items))
    for name in (TOP_1, TOP_5, RECIPROCAL):
        assert perfect[name].diagonal().tolist() == pytest.approx([1] * items)
        assert constant[name].numpy() == pytest.approx(np.full((items, items), chance(name, items)))
