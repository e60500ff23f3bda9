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


@pytest.mark.parametrize("correlation", [0, 0.6, 0.9])
def test_a_gaussian_pair_has_the_information_of_its_closed_form(correlation):
    truth = -0.5 * np.log(1 - correlation**2)
    row = estimate("ksg", *gaussian(2_000, correlation), permutations=0).iloc[0]
    assert row["nats"] == pytest.approx(truth, abs=0.06)
    assert row["low"] - 0.03 < truth < row["high"] + 0.03


def test_independent_coordinates_add_their_information():
    x, y = gaussian(2_000, 0.6, dim=3)
    assert nats(x, y) == pytest.approx(-1.5 * np.log(1 - 0.36), abs=0.1)


@pytest.mark.parametrize("neighbours", [1, 3, 8])
@pytest.mark.parametrize("grouped", [False, True])
def test_the_estimate_is_equation_8(neighbours, grouped):
    x, y = gaussian(90, 0.7, dim=2)
    x, y = (side / side.std(axis=0) for side in (x, y))
    groups = np.sort(np.random.default_rng(0).integers(0, 9, 90)) if grouped else np.arange(90)
    found = nats(x, y, groups if grouped else None, neighbours=neighbours)
    assert found == pytest.approx(equation_8(x, y, groups, neighbours), abs=1e-9)


@pytest.mark.parametrize("correlation", [0.5, 0.95])
def test_one_dimension_agrees_with_scikit_learn(correlation):
    from sklearn.feature_selection import mutual_info_regression

    x, y = gaussian(800, correlation)
    theirs = mutual_info_regression(
        ksg._tamed(x), ksg._tamed(y)[:, 0], n_neighbors=3, random_state=0
    ).item()
    assert nats(x, y) == pytest.approx(theirs, abs=1e-3)


def test_scale_shift_and_order_of_the_sides_change_nothing():
    x, y = gaussian(300, 0.7, dim=3)
    changed = nats(x - 4, y * [3e-9, 1, 2e6] + [0, 7, 0])
    assert changed == pytest.approx(nats(x, y), abs=1e-6)
    assert nats(y, x) == pytest.approx(nats(x, y), abs=1e-6)


@pytest.mark.parametrize("value", [0, 0.1, 255])
def test_a_constant_level_gives_exactly_0(value):
    x, y = gaussian(60, 0.7, dim=20)
    table = estimate("ksg", x, np.stack([y, np.full_like(y, value)]), np.arange(60) // 3)
    row = table.set_index("level").loc[1]
    columns = ["nats", "mean", "low", "high", "standard_error", "floor", "null_high"]
    assert row[columns].tolist() == [0] * len(columns)
    assert row["p_value"] == 1
    assert nats(np.full_like(x, value), y) == 0


def test_values_that_differ_only_by_rounding_are_constant():
    x, y = gaussian(60, 0.7)
    assert nats(x, 1 + 1e-17 * y) == 0
    assert nats(x, 1 + 1e-8 * y) == pytest.approx(nats(x, y), abs=0.02)


@pytest.mark.parametrize("dim", [1, 40])
@pytest.mark.parametrize("groups", [None, np.arange(120) // 6])
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
    p_values = {"shared": [], "apart": []}
    for seed in range(20):
        x, y, groups = in_pictures(25, 4, seed)
        for name, seen in (("apart", y), ("shared", x + 0.5 * y)):
            row = estimate("ksg", x, seen, groups, seed=seed, bootstraps=0).iloc[0]
            p_values[name].append(row["p_value"])
    assert max(p_values["shared"]) <= 0.05
    assert np.mean(np.array(p_values["apart"]) > 0.05) >= 0.8
    assert min(p_values["apart"]) >= 1 / 21


def test_the_null_of_a_strong_dependence_is_near_0():
    x, y = gaussian(400, 0.9)
    row = estimate("ksg", x, y, np.arange(400) // 4).iloc[0]
    assert abs(row["floor"]) < 0.05 and row["floor"] <= row["null_high"] < row["low"]
    assert row["p_value"] == pytest.approx(1 / 21)


def test_the_interval_contains_the_estimate_and_narrows_with_more_pictures():
    widths = []
    for pictures in (20, 400):
        x, y = gaussian(pictures * 4, 0.7)
        groups = np.arange(pictures * 4) // 4
        row = estimate("ksg", x, y, groups, permutations=0).iloc[0]
        assert row["low"] < row["nats"] == row["mean"] < row["high"]
        widths.append(row["high"] - row["low"])
    assert widths[1] < widths[0] / 2


def test_without_repetitions_interval_and_null_are_missing():
    row = estimate("ksg", *gaussian(50, 0.5), permutations=0, bootstraps=0).iloc[0]
    assert row[["floor", "null_high", "p_value", "low", "high", "standard_error"]].isna().all()
    assert row["mean"] == row["nats"]


def test_the_seed_changes_the_null_but_not_the_estimate():
    x, y = gaussian(80, 0.5, dim=2)
    first, again, other = (
        estimate("ksg", x, y, np.arange(80) // 4, seed)[NUMBERS] for seed in (0, 0, 1)
    )
    assert first.equals(again)
    assert first["floor"].item() != other["floor"].item()
    assert first["nats"].item() == pytest.approx(other["nats"].item(), abs=1e-6)


def test_the_estimate_of_a_level_does_not_depend_on_other_levels():
    x, y = gaussian(60, 0.5, dim=20)
    together = estimate("ksg", x, np.stack([x, y]), levels=[0, 5])
    alone = estimate("ksg", x, y, levels=[5])
    assert together.iloc[1][NUMBERS].tolist() == alone.iloc[0][NUMBERS].tolist()


def test_order_of_pairs_and_names_of_pictures_change_nothing():
    x, y, groups = in_pictures(15, 4, 0)
    order = np.random.default_rng(0).permutation(len(x))
    names = np.array([f"picture-{group}" for group in groups])
    found = nats(x[order], y[order], names[order])
    assert found == pytest.approx(nats(x, y, groups), abs=1e-9)


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


def test_a_higher_confidence_widens_the_interval():
    x, y = gaussian(400, 0.7)
    widths = [
        (row["high"] - row["low"]).item()
        for row in (
            estimate("ksg", x, y, permutations=0, confidence=each) for each in (0.5, 0.95, 0.99)
        )
    ]
    assert widths[0] < 0.5 * widths[1] and widths[1] < 0.9 * widths[2]


@pytest.mark.parametrize("shape", [(50, 8), (8, 50)])
def test_principal_components_are_those_of_the_singular_values(shape):
    values = np.random.default_rng(0).normal(size=shape) * np.arange(1, shape[1] + 1)
    values -= values.mean(axis=0)
    left, singular, _ = np.linalg.svd(values, full_matrices=False)
    expected = (left * singular)[:, :3]
    expected /= np.sqrt(np.mean(expected**2))
    found = ksg._principal(values, 3)[:, ::-1]
    assert np.abs(found) == pytest.approx(np.abs(expected), abs=1e-9)


def test_too_few_pictures_are_refused_with_advice():
    x, y = gaussian(6, 0.5)
    with pytest.raises(LeakageError, match=r"found 2 pairs of other.*at least 3.*fewer neighbours"):
        estimate("ksg", x, y, np.array([0, 0, 0, 0, 1, 1]))
    assert np.isfinite(nats(x, y, np.array([0, 0, 0, 0, 1, 1]), neighbours=2))
