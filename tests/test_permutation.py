"""Exact permutation tests: their error, their power, and odd data."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from leakage.errors import LeakageError
from leakage.protocol import multiple_testing, permutation, permutation_test
from leakage.protocol.permutation_test import STATISTICS, PermutationTest

SIZES = st.lists(st.integers(1, 12), min_size=2, max_size=12)


def grouped(sizes) -> np.ndarray:
    """Return the picture of each pair for pictures of these sizes."""
    return np.repeat(np.arange(len(sizes)), sizes)


def items(sizes, dim: int, seed: int) -> np.ndarray:
    """Return items that share half of their variance with the other items of their picture."""
    generator = np.random.default_rng(seed)
    shared = generator.normal(size=(len(sizes), dim))[grouped(sizes)]
    return (shared + generator.normal(size=shared.shape)) / np.sqrt(2)


def views(x: np.ndarray, rho: float, sizes, seed: int) -> np.ndarray:
    """Return views that correlate with x, coordinate by coordinate."""
    return rho * x + math.sqrt(1 - rho**2) * items(sizes, x.shape[1], seed)


def p_value(x, y, groups=None, draws: int = 199, seed: int = 0) -> float:
    """Return the p-value of one level."""
    return PermutationTest(draws).run(x, y, groups, seed).p_value[0]


def binomial_bound(share: float, draws: int) -> float:
    """Return what a share of independent events exceeds once in a thousand times."""
    return share + 3.1 * math.sqrt(share * (1 - share) / draws)


# Blocks and orders


@given(SIZES, st.integers(0, 5))
def test_pictures_of_a_stratum_use_equally_many_of_their_own_pairs(sizes, seed):
    used = permutation.blocks(grouped(sizes), seed)
    assert np.array_equal(used.labels[used.pictures], grouped(sizes)[used.pairs])
    assert len(np.unique(used.pairs)) == len(used.pairs)
    for stratum in np.unique(used.strata):
        assert len(np.unique(used.sizes[used.strata == stratum])) == 1
    assert used.possible >= min(permutation.ENOUGH_ORDERS, math.factorial(len(sizes)))
    # Pictures are not thinned where enough others have the same size.
    enough = [1] * 50 + [20] * 5
    assert permutation.blocks(grouped(enough)).sizes.tolist() == enough


@given(st.lists(st.integers(1, 3), min_size=2, max_size=6))
def test_all_orders_are_distinct_and_keep_the_strata(sizes):
    used = permutation.blocks(grouped(sizes))
    over = permutation.orders(used, draws=1000)
    distinct = set(map(tuple, over.orders))
    assert over.exhaustive and len(over.orders) == used.possible == len(distinct)
    assert np.array_equal(over.orders[0], np.arange(len(sizes)))
    assert (used.strata[over.orders] == used.strata).all()


def test_random_orders_begin_with_the_observed_one_and_are_uniform():
    over = permutation.orders(permutation.blocks(grouped([2] * 7)), draws=4000, seed=1)
    assert not over.exhaustive and len(over.orders) == 4001
    assert np.array_equal(over.orders[0], np.arange(7))
    counts = np.bincount(over.orders[1:, 0], minlength=7)
    assert ((counts - 4000 / 7) ** 2 / (4000 / 7)).sum() < 22.5  # 6 degrees of freedom, 99.9 %


# Statistics


def by_definition(name: str, x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> float:
    """Return a statistic of matched standardised pairs from its definition."""
    if name == "distance covariance":
        centred = []
        for each in (x, y):
            a = np.linalg.norm(each[:, None] - each, axis=2)
            counted = groups[:, None] != groups
            row = np.array([b[c].mean() for b, c in zip(a, counted, strict=True)])
            centred.append((a - row - row[:, None] + row.mean()) * counted)
        a, b = centred
        return (a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum())
    if name == "whitened similarity":
        whitened = []
        for each in (x, y):
            covariance = np.cov(each.T, bias=True)
            added = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
            found, vectors = np.linalg.eigh(covariance + added)
            whitened.append(each @ (vectors / np.sqrt(found)) @ vectors.T)
        x, y = whitened
    return ((x * y).sum(axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)).mean()


@pytest.mark.parametrize("dim", [3, 40])
@pytest.mark.parametrize("name", STATISTICS)
def test_a_statistic_of_every_order_matches_its_definition(name, dim):
    sizes = [4, 4, 4, 2, 2, 2]
    x = items(sizes, dim, 0)
    y = np.stack([views(x, rho, sizes, 1) for rho in (0.3, 0.9)])
    used = permutation.blocks(grouped(sizes))
    over = permutation.orders(used, draws=20)
    found = STATISTICS[name](x, y, used, over)
    assert found.shape == (2, len(over.orders))
    plain, *seen = (permutation_test.standardised(each[used.pairs]) for each in (x, *y))
    for order in range(0, len(over.orders), 7):
        (rows,) = used.rows(over.orders[order : order + 1])
        expected = [by_definition(name, plain[rows], each, used.pictures) for each in seen]
        assert found[:, order] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("scale", "offset"), [(5e-7, 0), (1, 1.7e9), (-1, 0)])
def test_scale_and_offset_change_no_p_value(scale, offset):
    sizes = [2] * 8
    x = items(sizes, 5, 3)
    y = views(x, 0.3, sizes, 4)
    plain, moved = (
        PermutationTest(199).run(*both, grouped(sizes))
        for both in ((x, y), (scale * x + offset, y * scale - offset))
    )
    assert moved.p_values == pytest.approx(plain.p_values, abs=0.011)
    assert 0.005 < plain.p_value[0] < 0.9


@pytest.mark.parametrize(("dtype", "offset"), [(np.float64, 1e-3), (np.float32, 1e7)])
def test_a_constant_view_has_p_1_in_spite_of_rounding(dtype, offset):
    x = items([3] * 9, 6, 0)
    y = np.full(x.shape, offset, dtype)
    y[::2] = np.nextafter(y[::2], dtype(1e30))
    assert p_value(x, y, grouped([3] * 9), 99) == 1


@pytest.mark.parametrize(("dtype", "offset"), [(np.float16, 100), (np.float32, 1e6)])
def test_a_leak_beside_a_large_offset_is_found(dtype, offset):
    z, noise = np.random.default_rng(0).normal(size=(2, 600, 1))
    x, y = ((offset + each).astype(dtype) for each in (z, 0.98 * z + 0.2 * noise))
    assert p_value(x, y, np.repeat(np.arange(60), 10)) < 0.01


def test_equal_sums_in_another_order_of_summation_count_as_equal():
    # The views are two values, three times each, so 36 of the 720 orders give the observed value.
    x = np.array([[0.1], [0.1], [0.1], [0.3], [0.3], [0.3]]) * 7.3
    found = PermutationTest().run(x, x.copy())
    assert found.exhaustive and found.p_value == pytest.approx(36 / 720)


def test_the_table_has_a_row_per_level_and_statistic():
    sizes = [2] * 10
    x = items(sizes, 6, 0)
    given = x, np.stack([x, items(sizes, 6, 1)]), grouped(sizes)
    table, found = PermutationTest(199).test(*given, [0, 7], 5), PermutationTest(199).run(*given, 5)
    assert table["level"].tolist() == [0] * 4 + [7] * 4
    assert table["statistic"].tolist() == [*STATISTICS, "combined"] * 2
    both = table[table["statistic"] == "combined"]
    assert both["p_value"].tolist() == found.p_value.tolist() and both["value"].isna().all()
    assert set(table["smallest_p"]) == {1 / 200}
    assert set(table["possible_p"]) == {1 / math.factorial(10)}


def test_x_and_y_of_different_dimension_are_tested_by_distances_alone():
    x = items([2] * 10, 6, 0)
    found = PermutationTest(199).run(x, x[:, :4] * 3 + 1, grouped([2] * 10))
    assert found.statistics == ("distance covariance",) and found.p_value < 0.05
    assert np.array_equal(found.p_value, found.p_values[0])


@pytest.mark.parametrize(
    ("x", "y", "groups", "message"),
    [
        (np.zeros((5, 1)), np.zeros((4, 1)), None, "x has 5 pairs and y 4"),
        (np.zeros((5, 1)), np.full((5, 1), np.nan), None, "finite"),
        (np.zeros((5, 1)), np.zeros((5, 1)), np.arange(4), r"groups: shape \(4,\); expected"),
        (np.zeros((0, 1)), np.zeros((0, 1)), None, "add pairs"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(x, y, groups, message):
    with pytest.raises(LeakageError, match=message):
        PermutationTest().run(x, y, groups)


# Errors and power


@pytest.mark.parametrize("sizes", [range(1, 10), [1, 1, 1, 7, 9, 30], [2] * 5], ids=str)
def test_independent_views_are_called_dependent_no_more_often_than_stated(sizes):
    sizes, families = list(sizes), 400
    found = np.empty(families)
    for family in range(families):
        x, y = (items(sizes, 4, 2 * family + each) ** 3 for each in (0, 1))
        found[family] = p_value(x, y, grouped(sizes), 99, family)
    for level in (0.05, 0.2):
        assert (found <= level).mean() <= binomial_bound(level, families)
    assert (found <= 0.5).mean() >= 0.38  # the test is not idle


def test_pictures_of_unequal_size_show_a_strong_leak():
    sizes = range(40, 100)
    x = items(sizes, 4, 0)
    found = PermutationTest(199, pairs=500).run(x, views(x, 0.8, sizes, 1), grouped(sizes))
    assert found.p_value == 1 / 200 and found.pictures == 60


def test_five_pictures_can_show_a_leak():
    x = items([2] * 5, 16, 0)
    found = PermutationTest().run(x, x, grouped([2] * 5))
    assert found.p_value == pytest.approx(1 / 120) and found.exhaustive and found.possible == 120


def test_distances_find_a_relation_that_no_cosine_shows():
    x = np.random.default_rng(0).normal(size=(150, 2))
    found = PermutationTest(199).run(x, np.abs(x))
    assert dict(zip(found.statistics, found.p_values[:, 0], strict=True))["similarity"] > 0.05
    assert found.p_value <= 0.02 and found.pictures == 150


# Combinations


def test_bonferroni_follows_a_hand_calculation_and_skips_missing_values():
    assert multiple_testing.bonferroni([0.9, 0.01], (3, 1)) == pytest.approx(0.04)
    assert multiple_testing.bonferroni([0.02, np.nan], (0.75, 0.25)) == pytest.approx(0.02)
    assert np.isnan(multiple_testing.bonferroni([np.nan, np.nan], (1, 1)))
    with pytest.raises(LeakageError, match="expected 2 positive numbers"):
        multiple_testing.bonferroni([0.1, 0.1], (1, 0))


@given(st.floats(1e-6, 0.98), st.integers(1, 10))
def test_the_cauchy_combination_of_equal_p_values_is_that_value(p, folds):
    assert multiple_testing.cauchy(np.full(folds, p)) == pytest.approx(p, rel=1e-6)
    # A missing value counts as one half. 0 and 1 are cut, so that neither decides alone.
    missing = multiple_testing.cauchy([p] * folds + [np.nan])
    assert missing == pytest.approx(multiple_testing.cauchy([p] * folds + [0.5]))
    assert 0 < multiple_testing.cauchy([0.0, 1.0]) < 1
    assert multiple_testing.cauchy([np.nan, np.nan]) == 1


@pytest.mark.parametrize(("pictures", "patches"), [(100, 50), (3000, 1), (3000, 2), (7, 400)])
def test_large_data_lose_patches_before_pictures(pictures, patches):
    used = permutation.blocks(grouped([patches] * pictures), most_pairs=1000)
    assert len(used.strata) == min(pictures, 1000)
    assert len(used.pairs) == min(pictures, 1000) * min(patches, max(1, 1000 // pictures))


def test_the_p_values_of_all_orders_of_one_data_set_are_uniform():
    x, y = items([1] * 5, 2, 0), items([1] * 5, 2, 1)
    p = np.array(
        [p_value(x[list(order)], y, None, 999) for order in itertools.permutations(range(5))]
    )
    for level in (1 / 120, 0.05, 0.5):
        assert (p <= level + 1e-12).mean() <= level + 1e-12
    assert p.min() == pytest.approx(1 / 120)


def test_overlapping_patches_of_noise_are_not_a_leak():
    pictures, patches = 40, 6
    found = np.empty(60)
    for seed in range(60):
        generator = np.random.default_rng(seed)
        x, y = [], []
        for _ in range(pictures):
            plain, view = generator.normal(size=(2, 60))
            starts = generator.integers(0, 21, patches)
            x += [np.cumsum(plain)[start : start + 40] for start in starts]
            y += [view[start : start + 40] for start in starts]
        found[seed] = p_value(np.array(x), np.array(y), grouped([patches] * pictures), 99, seed)
    assert (found <= 0.5).mean() < 0.65 and (found <= 0.1).mean() < 0.2


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_neither_combination_rejects_more_than_stated(rho):
    from scipy.stats import norm

    generator, draws = np.random.default_rng(0), 20_000
    z = generator.normal(size=(2, draws))
    z[1] = rho * z[0] + math.sqrt(1 - rho**2) * z[1]
    for p in (norm.sf(z), generator.uniform(size=(5, draws))):
        cauchy = np.array([multiple_testing.cauchy(each) for each in p.T])
        assert (cauchy <= 0.05).mean() <= binomial_bound(0.0515, draws)
        weights = np.arange(1, len(p) + 1)
        both = np.array([multiple_testing.bonferroni(each, weights) for each in p.T])
        assert (both <= 0.05).mean() <= binomial_bound(0.05, draws)


@pytest.mark.parametrize(
    ("settings", "seed", "found"),
    [
        ({"permutations": 0}, 0, "permutations: found 0"),
        ({"permutations": 9.5}, 0, "permutations: found 9.5"),
        ({"pairs": True}, 0, "pairs: found True"),
        ({}, -1, "seed: found -1"),
        ({}, 0.5, "seed: found 0.5"),
    ],
)
def test_a_test_called_from_python_checks_its_numbers(settings, seed, found):
    x = np.random.default_rng(0).normal(size=(20, 2))
    with pytest.raises(LeakageError, match=found):
        PermutationTest(**settings).run(x, x, seed=seed)
