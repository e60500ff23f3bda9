"""The nearest-neighbour estimate of Kraskov, Stögbauer and Grassberger."""

import numpy as np
import pytest
from leakage.errors import LeakageError
from leakage.estimators import estimate, ksg
from scipy.special import digamma

NUMBERS = [
    *("nats", "mean", "low", "high", "standard_error", "ceiling"),
    *("floor", "null_high", "p_value"),
]


def gaussian(pairs: int, correlation: float, seed: int = 0, dim: int = 1):
    """Return x and y, each (pairs, dim), with correlated coordinates."""
    x, other = np.random.default_rng(seed).normal(size=(2, pairs, dim))
    return x, correlation * x + np.sqrt(1 - correlation**2) * other


def in_pictures(pictures: int, each: int, seed: int, *, dim: int = 2, own: float = 0.3):
    """Return independent x and y, and groups; pairs of a picture share a component."""
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(pictures), each)
    common = generator.normal(size=(2, pictures, dim))
    x, y = common[:, groups] + own * generator.normal(size=(2, pictures * each, dim))
    return x, y, groups


def nats(x, y, groups=None, **settings) -> float:
    settings = {"permutations": 0, "bootstraps": 0, **settings}
    return estimate("ksg", x, y, groups, **settings)["nats"].item()


def equation_8(x, y, groups, k: int) -> float:
    """Return the estimate, pair by pair, from the text of the paper, on jittered coordinates."""
    sides = (ksg.Side(values, groups, None, [0, n]) for n, values in enumerate((x, y), 1))
    x, y = (side.coordinates for side in sides)
    terms = []
    for i in range(len(x)):
        other = groups != groups[i]
        of_x = np.abs(x[other] - x[i]).max(axis=1)
        of_y = np.abs(y[other] - y[i]).max(axis=1)
        eps = np.sort(np.maximum(of_x, of_y))[k - 1]
        counts = [(side < eps).sum() + 1 for side in (of_x, of_y)]
        terms.append(digamma(k) + digamma(other.sum() + 1) - digamma(counts).sum())
    return float(np.mean(terms))


@pytest.mark.parametrize(("correlation", "dim"), [(0, 1), (0.9, 1), (0.6, 3)])
def test_gaussian_coordinates_have_the_information_of_their_closed_form(correlation, dim):
    truth = -0.5 * dim * np.log(1 - correlation**2)
    row = estimate("ksg", *gaussian(2_000, correlation, dim=dim), permutations=0).iloc[0]
    assert row["nats"] == pytest.approx(truth, abs=0.1)
    assert row["low"] - 0.03 < truth < row["high"] + 0.03


def test_the_interval_widens_with_confidence_and_narrows_with_more_pictures():
    widths = []
    for pictures, confidence in ((400, 0.5), (400, 0.95), (20, 0.95)):
        x, y = gaussian(pictures * 4, 0.7)
        groups = np.arange(pictures * 4) // 4
        row = estimate("ksg", x, y, groups, permutations=0, confidence=confidence).iloc[0]
        assert row["low"] < row["nats"] == row["mean"] < row["high"]
        widths.append(row["high"] - row["low"])
    assert 2 * widths[0] < widths[1] < widths[2] / 2


@pytest.mark.parametrize(("neighbours", "grouped"), [(1, True), (3, False), (8, True)])
def test_the_estimate_is_equation_8(neighbours, grouped):
    x, y = gaussian(90, 0.7, dim=2)
    x, y = (side / side.std(axis=0) for side in (x, y))
    groups = np.sort(np.random.default_rng(0).integers(0, 9, 90)) if grouped else np.arange(90)
    found = nats(x, y, groups if grouped else None, neighbours=neighbours)
    assert found == pytest.approx(equation_8(x, y, groups, neighbours), abs=1e-9)


def test_scale_shift_and_order_of_sides_and_pairs_change_nothing():
    x, y, groups = in_pictures(60, 5, 0, dim=3)
    y += x
    found = nats(x, y, groups)
    assert nats(x - 4, y * [3e-9, 1, 2e6] + [0, 7, 0], groups) == pytest.approx(found, abs=1e-6)
    assert nats(y, x, groups) == pytest.approx(found, abs=1e-6)
    order = np.random.default_rng(0).permutation(len(x))
    names = np.array([f"picture-{group}" for group in groups])
    assert nats(x[order], y[order], names[order]) == pytest.approx(found, abs=1e-9)


@pytest.mark.parametrize("value", [0, 0.1])
def test_a_constant_level_gives_exactly_0_and_changes_no_other_level(value):
    x, y = gaussian(60, 0.7, dim=20)
    groups = np.arange(60) // 3
    table = estimate("ksg", x, np.stack([np.full_like(y, value), y]), groups, levels=[0, 5])
    constant, other = table.to_dict("records")
    assert [constant[name] for name in NUMBERS if name not in ("ceiling", "p_value")] == [0] * 7
    assert constant["p_value"] == 1
    alone = estimate("ksg", x, y, groups, levels=[5])
    assert [other[name] for name in NUMBERS] == alone[NUMBERS].iloc[0].tolist()
    assert nats(np.full_like(x, value), y) == 0 == nats(x[:, :1], 1 + 1e-17 * y[:, :1])


@pytest.mark.parametrize(("dim", "groups"), [(1, None), (40, np.arange(120) // 6)])
def test_no_estimate_exceeds_the_ceiling_and_equal_sides_reach_it(dim, groups):
    x, y = gaussian(120, 0.99, dim=dim)
    table = estimate("ksg", x, np.stack([x, 2 * x, y]), groups, permutations=0)
    assert (table["nats"] <= table["ceiling"] + 1e-9).all()
    others = 119 if groups is None else 114
    assert table["ceiling"].tolist() == pytest.approx([digamma(others + 1) - digamma(4)] * 3)
    assert table["nats"].iloc[:2].tolist() == pytest.approx(table["ceiling"].iloc[:2].tolist())


def test_similar_patches_of_a_picture_look_like_a_leak_only_without_groups():
    found = [in_pictures(60, 6, seed, dim=16) for seed in range(4)]
    known = np.mean([nats(*each) for each in found])
    unknown = np.mean([nats(x, y) for x, y, _ in found])
    assert known == pytest.approx(0, abs=0.1)
    assert unknown > 3


def test_p_values_are_small_for_dependent_pairs_and_not_for_independent_ones():
    apart = []
    for seed in range(20):
        x, y, groups = in_pictures(25, 4, seed)
        both = np.stack([y, x + 0.5 * y])
        table = estimate("ksg", x, both, groups, seed=seed)
        apart.append(table["p_value"][0])
        shared = table.iloc[1]
        assert shared["p_value"] <= 0.05 and abs(shared["floor"]) < 0.2
        assert shared["floor"] <= shared["null_high"] < shared["low"]
    assert np.mean(np.array(apart) > 0.05) >= 0.8 and min(apart) >= 1 / 21


def test_blocks_of_pairs_give_the_same_as_all_pairs_at_once(monkeypatch):
    x, y = gaussian(70, 0.6, dim=3)
    groups = np.sort(np.random.default_rng(0).integers(0, 12, 70))
    at_once = estimate("ksg", x, y, groups)
    monkeypatch.setattr(ksg, "DENSE", 10)
    monkeypatch.setattr(ksg, "BLOCK", 9 * 70)
    assert estimate("ksg", x, y, groups)[NUMBERS].equals(at_once[NUMBERS])


def test_a_few_outliers_change_little():
    x, y = gaussian(2_000, 0.8)
    plain = nats(x, y)
    x[::1000], y[500::1000] = 1e6, -1e9
    assert nats(x, y) == pytest.approx(plain, abs=0.03)


def test_too_few_pictures_are_refused_with_advice():
    x, y = gaussian(6, 0.5)
    with pytest.raises(LeakageError, match=r"found 2 pairs of other.*at least 3.*fewer neighbours"):
        estimate("ksg", x, y, np.array([0, 0, 0, 0, 1, 1]))
    assert np.isfinite(nats(x, y, np.array([0, 0, 0, 0, 1, 1]), neighbours=2))


@pytest.mark.parametrize("correlation", [0.5, 0.95])
def test_one_dimension_agrees_with_scikit_learn(correlation):
    from sklearn.feature_selection import mutual_info_regression

    x, y = gaussian(800, correlation)
    theirs = mutual_info_regression(
        ksg._tamed(x), ksg._tamed(y)[:, 0], n_neighbors=3, random_state=0
    ).item()
    assert nats(x, y) == pytest.approx(theirs, abs=1e-3)
