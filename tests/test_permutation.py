"""Exact permutation tests: their error, their power, and what they do with odd data."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from leakage.errors import LeakageError
from leakage.protocol import multiple_testing, permutation

SIZES = st.lists(st.integers(1, 12), min_size=2, max_size=12)


def grouped(sizes) -> np.ndarray:
    return np.repeat(np.arange(len(sizes)), sizes)


def items(sizes, dim: int, seed: int) -> np.ndarray:
    """Return items half of whose variance is their picture's."""
    generator = np.random.default_rng(seed)
    shared = generator.normal(size=(len(sizes), dim))[grouped(sizes)]
    return (shared + generator.normal(size=shared.shape)) / np.sqrt(2)


def views(x: np.ndarray, rho: float, sizes, seed: int) -> np.ndarray:
    return rho * x + math.sqrt(1 - rho**2) * items(sizes, x.shape[1], seed)


def binomial_bound(share: float, draws: int) -> float:
    """Return what a share of independent events exceeds once in a thousand times."""
    return share + 3.1 * math.sqrt(share * (1 - share) / draws)


# Blocks


@given(SIZES, st.integers(0, 5))
def test_pictures_of_a_stratum_bring_the_same_number_of_their_own_pairs(sizes, seed):
    used = permutation.blocks(grouped(sizes), seed)
    assert np.array_equal(used.labels[used.pictures], grouped(sizes)[used.pairs])
    assert len(np.unique(used.pairs)) == len(used.pairs)
    for stratum in np.unique(used.strata):
        assert len(np.unique(used.sizes[used.strata == stratum])) == 1


@given(SIZES)
def test_there_are_enough_orders_where_the_pictures_allow_it(sizes):
    possible = permutation.blocks(grouped(sizes)).possible
    assert possible >= min(permutation.ENOUGH_ORDERS, math.factorial(len(sizes)))


@given(st.integers(1, 9), st.integers(2, 30))
def test_pictures_of_one_size_are_one_stratum_with_all_their_pairs(size, pictures):
    used = permutation.blocks(grouped([size] * pictures))
    assert not used.strata.any() and len(used.pairs) == size * pictures
    assert used.possible == math.factorial(pictures)


def test_a_few_large_pictures_are_not_thinned_to_the_size_of_many_small_ones():
    used = permutation.blocks(grouped([1] * 50 + [20] * 5))
    assert used.sizes.tolist() == [1] * 50 + [20] * 5


def test_the_order_of_the_pairs_does_not_matter_to_the_strata():
    groups = grouped(range(1, 10))
    turned = np.random.default_rng(0).permutation(groups)
    used, other = permutation.blocks(groups), permutation.blocks(turned)
    assert np.array_equal(used.strata, other.strata) and np.array_equal(used.sizes, other.sizes)
    assert np.array_equal(turned[other.pairs], used.labels[used.pictures])


@pytest.mark.parametrize(("pictures", "patches"), [(100, 50), (3000, 1), (3000, 2), (7, 400)])
def test_large_data_are_thinned_patches_before_pictures(pictures, patches):
    used = permutation.blocks(grouped([patches] * pictures), most_pairs=1000)
    assert len(used.strata) == min(pictures, 1000)
    assert len(used.pairs) == min(pictures, 1000) * min(patches, max(1, 1000 // pictures))


@pytest.mark.parametrize("groups", [[], [[0, 1]]])
def test_groups_that_are_no_list_of_pictures_are_refused(groups):
    with pytest.raises(LeakageError, match="expected one per pair"):
        permutation.blocks(groups)


# Orders


@given(st.lists(st.integers(1, 3), min_size=2, max_size=6))
def test_all_orders_are_distinct_keep_the_strata_and_begin_with_the_observed(sizes):
    used = permutation.blocks(grouped(sizes))
    over = permutation.orders(used, draws=1000)
    assert over.exhaustive and len(over.orders) == used.possible == len(
        set(map(tuple, over.orders))
    )
    assert np.array_equal(over.orders[0], np.arange(len(sizes)))
    assert (used.strata[over.orders] == used.strata).all()


def test_random_orders_begin_with_the_observed_and_are_uniform():
    used = permutation.blocks(grouped([2] * 7))
    over = permutation.orders(used, draws=4000, seed=1)
    assert not over.exhaustive and over.smallest_p == 1 / 4001
    assert np.array_equal(over.orders[0], np.arange(7))
    counts = np.bincount(over.orders[1:, 0], minlength=7)
    assert ((counts - 4000 / 7) ** 2 / (4000 / 7)).sum() < 22.5  # 6 degrees of freedom, 99.9 %


def test_pairs_move_with_their_picture_and_keep_their_order_in_it():
    used = permutation.blocks(grouped([3, 3]))
    rows = used.rows(np.array([[0, 1], [1, 0]]))
    assert rows.tolist() == [[0, 1, 2, 3, 4, 5], [3, 4, 5, 0, 1, 2]]


# Statistics


def slow(name: str, x: np.ndarray, y: np.ndarray, rows: np.ndarray, groups: np.ndarray) -> float:
    """Return a statistic of one order of the pairs, from its definition."""
    x, y = permutation.standardised(x)[rows], permutation.standardised(y)
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
        sides = []
        for each in (x, y):
            covariance = np.cov(each.T, bias=True)
            added = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
            found, vectors = np.linalg.eigh(covariance + added)
            sides.append(each @ (vectors / np.sqrt(found)) @ vectors.T)
        x, y = sides
    return ((x * y).sum(axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)).mean()


@pytest.mark.parametrize("dim", [3, 40])
@pytest.mark.parametrize("name", permutation.STATISTICS)
def test_a_statistic_of_every_order_is_what_its_definition_gives(name, dim):
    sizes = [4, 4, 4, 2, 2, 2]
    x = items(sizes, dim, 0)
    y = np.stack([views(x, rho, sizes, 1) for rho in (0.3, 0.9)])
    used = permutation.blocks(grouped(sizes))
    over = permutation.orders(used, draws=20)
    found = permutation.STATISTICS[name](x, y, used, over)
    assert found.shape == (2, len(over.orders))
    for order in range(0, len(over.orders), 7):
        rows = used.rows(over.orders[order : order + 1])[0]
        expected = [slow(name, x[used.pairs], each[used.pairs], rows, used.pictures) for each in y]
        assert found[:, order] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("scale", "offset"), [(5e-7, 0), (1e6, 3), (1, 1e7), (1, 1.7e9), (-1, 0)])
def test_scale_and_offset_change_no_p_value(scale, offset):
    sizes = [2] * 8
    x = items(sizes, 5, 3)
    y = views(x, 0.3, sizes, 4)
    plain = permutation.test(x, y, grouped(sizes), 199)
    moved = permutation.test(scale * x + offset, y * scale - offset, grouped(sizes), 199)
    assert moved.p_values == pytest.approx(plain.p_values, abs=0.011)
    assert 0.005 < plain.p_value[0] < 0.9


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("offset", [1e-3, 3.7, 1e7])
def test_a_constant_view_has_p_1_whatever_its_rounding(dtype, offset):
    sizes = [3] * 9
    x = items(sizes, 6, 0)
    y = np.full(x.shape, offset, dtype)
    y[::2] = np.nextafter(y[::2], dtype(1e30))
    assert permutation.test(x, y, grouped(sizes), 99).p_value == 1


def test_equal_sums_in_another_order_count_as_equal():
    # The views of all pictures are the same set of two, so many orders give the observed value.
    sizes = [1] * 6
    x = np.array([[0.1], [0.1], [0.1], [0.3], [0.3], [0.3]]) * 7.3
    found = permutation.test(x, x.copy(), grouped(sizes), 999)
    assert found.exhaustive and found.p_value == pytest.approx(36 / 720)


def test_sides_of_different_dimension_are_tested_by_distances_alone():
    sizes = [2] * 10
    x = items(sizes, 6, 0)
    found = permutation.test(x, x[:, :4] * 3 + 1, grouped(sizes), 199)
    assert found.statistics == ("distance covariance",) and found.p_value < 0.05
    assert np.array_equal(found.p_value, found.p_values[0])


@pytest.mark.parametrize(
    ("x", "y", "groups", "said"),
    [
        (np.zeros(5), np.zeros((5, 1)), None, "expected x"),
        (np.zeros((5, 1)), np.zeros((4, 1)), None, "expected x"),
        (np.zeros((5, 1)), np.full((5, 1), np.nan), None, "finite"),
        (np.zeros((5, 1)), np.zeros((5, 1)), np.arange(4), "groups: expected 5"),
    ],
)
def test_data_that_do_not_fit_are_refused(x, y, groups, said):
    with pytest.raises(LeakageError, match=said):
        permutation.test(x, y, groups)


# Errors and power


@pytest.mark.parametrize(
    "sizes", [range(1, 10), [4] * 9, [1, 1, 1, 7, 9, 30], [2] * 5], ids=["1-9", "9x4", "odd", "5x2"]
)
def test_independent_views_are_called_dependent_no_more_often_than_stated(sizes):
    sizes, families = list(sizes), 1000
    found = np.empty(families)
    for family in range(families):
        x = items(sizes, 4, 2 * family) ** 3
        y = items(sizes, 4, 2 * family + 1) ** 3
        found[family] = permutation.test(x, y, grouped(sizes), 99, family).p_value[0]
    for level in (0.05, 0.2):
        assert (found <= level).mean() <= binomial_bound(level, families)
    assert (found <= 0.5).mean() >= 0.4  # it is no idle test


def test_all_orders_together_give_every_p_value_equally_often():
    """The law behind exactness: over all orders of one data set the p-values are uniform."""
    sizes = [1] * 5
    x, y = items(sizes, 2, 0), items(sizes, 2, 1)
    p = []
    for order in itertools.permutations(range(5)):
        p.append(permutation.test(x[list(order)], y, grouped(sizes), 999).p_value[0])
    for level in (1 / 120, 0.05, 0.5):
        assert np.mean(np.array(p) <= level + 1e-12) <= level + 1e-12
    assert min(p) == pytest.approx(1 / 120)


def test_sixty_pictures_of_forty_to_ninety_nine_pairs_show_a_strong_leak():
    sizes = range(40, 100)
    x = items(sizes, 4, 0)
    found = permutation.test(x, views(x, 0.8, sizes, 1), grouped(sizes), 199, most_pairs=500)
    assert found.p_value == 1 / 200 and found.pictures == 60


def test_nine_pictures_of_one_to_nine_patches_are_not_hopeless():
    sizes = range(1, 10)
    found = []
    for family in range(40):
        x = items(sizes, 16, family)
        y = views(x, 0.5, sizes, 1000 + family)
        found.append(permutation.test(x, y, grouped(sizes), 199).p_value[0] <= 0.05)
    assert np.mean(found) > 0.8


def test_five_pictures_can_show_a_leak():
    sizes = [2] * 5
    x = items(sizes, 16, 0)
    found = permutation.test(x, x, grouped(sizes))
    assert found.p_value == pytest.approx(1 / 120) and found.exhaustive and found.possible == 120


def test_a_relation_that_no_cosine_shows_is_found_by_distances():
    x = np.random.default_rng(0).normal(size=(150, 2))
    found = permutation.test(x, np.abs(x), None, 199)
    assert dict(zip(found.statistics, found.p_values[:, 0], strict=True))["similarity"] > 0.05
    assert found.p_value <= 0.02 and found.pictures == 150


def test_places_of_overlapping_patches_alone_are_no_leak():
    """The views are noise, but patches that overlap are alike on both sides."""

    def p_value(seed: int, pictures: int = 40, patches: int = 6) -> float:
        generator = np.random.default_rng(seed)
        x, y = [], []
        for _ in range(pictures):
            plain, view = generator.normal(size=(2, 60))
            starts = generator.integers(0, 21, patches)
            x += [np.cumsum(plain)[start : start + 40] for start in starts]
            y += [view[start : start + 40] for start in starts]
        groups = grouped([patches] * pictures)
        return permutation.test(np.array(x), np.array(y), groups, 99, seed).p_value[0]

    found = np.array([p_value(seed) for seed in range(60)])
    assert (found <= 0.5).mean() < 0.65 and (found <= 0.1).mean() < 0.2


# Combinations


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_ranks_are_the_p_value_of_each_order(values):
    values = np.array(values)
    found = permutation.ranks(values)
    for place in range(len(values)):
        expected = (values >= values[place] - permutation.ROUNDING).mean()
        assert found[place] == pytest.approx(expected)


def test_bonferroni_is_worked_by_hand_and_passes_over_what_is_missing():
    assert multiple_testing.bonferroni([0.03, 0.5], (0.75, 0.25)) == pytest.approx(0.04)
    assert multiple_testing.bonferroni([0.9, 0.01], (3, 1)) == pytest.approx(0.04)
    assert multiple_testing.bonferroni([0.02, np.nan], (0.75, 0.25)) == pytest.approx(0.02)
    assert multiple_testing.bonferroni([0.9, 0.9], (1, 1)) == 1
    assert np.isnan(multiple_testing.bonferroni([np.nan, np.nan], (1, 1)))
    with pytest.raises(LeakageError, match="expected 2 positive numbers"):
        multiple_testing.bonferroni([0.1, 0.1], (1, 0))


def test_cauchy_gives_back_equal_p_values_and_passes_over_what_is_missing():
    assert multiple_testing.cauchy([0.03, 0.03]) == pytest.approx(0.03)
    assert multiple_testing.cauchy([np.nan, np.nan]) == 1
    assert multiple_testing.cauchy([0.001, np.nan]) == pytest.approx(0.002, rel=0.01)
    assert 0 < multiple_testing.cauchy([0.0, 1.0]) < 1


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_neither_combination_rejects_more_than_stated(rho):
    generator = np.random.default_rng(0)
    from scipy.stats import norm

    draws = 20_000
    z = generator.normal(size=(2, draws))
    z[1] = rho * z[0] + math.sqrt(1 - rho**2) * z[1]
    for p in (norm.sf(z), generator.uniform(size=(5, draws))):
        cauchy = np.array([multiple_testing.cauchy(each) for each in p.T])
        assert (cauchy <= 0.05).mean() <= binomial_bound(0.0515, draws)
        weights = np.arange(1, len(p) + 1)
        both = np.array([multiple_testing.bonferroni(each, weights) for each in p.T])
        assert (both <= 0.05).mean() <= binomial_bound(0.05, draws)


@pytest.mark.parametrize(("dtype", "offset"), [(np.float16, 100), (np.float32, 1e6)])
def test_an_offset_that_the_dtype_still_resolves_hides_no_leak(dtype, offset):
    rng = np.random.default_rng(0)
    z, noise = rng.normal(size=(2, 600, 1))
    x, y = ((offset + each).astype(dtype) for each in (z, 0.98 * z + 0.2 * noise))
    assert permutation.test(x, y, np.repeat(np.arange(60), 10)).p_value < 0.01
