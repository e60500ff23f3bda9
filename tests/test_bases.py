"""Base critics follow their formulas, and held-out pictures choose among them without the test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from leakage.estimators import estimate
from leakage.estimators.mine import Mine
from leakage.protocol import bases, cross_fitting, selection
from leakage.protocol.bases import gaussian, similarity, whitened
from leakage.protocol.bounds import Bound
from leakage.protocol.preprocessing import Variable
from scipy.stats import multivariate_normal
from sklearn.covariance import ledoit_wolf

SETTINGS = Mine(floor=False)
COUNTS = {"permutations": 0, "bootstraps": 0, "floor": False, "device": "cpu", "epochs": 0}


pytestmark = pytest.mark.usefixtures("one_thread")


def same_space(pairs: int, dim: int, rho, seed: int = 0):
    """Return x and y, each (pairs, dim), whose coordinates are correlated one by one."""
    x, noise = np.random.default_rng(seed).normal(size=(2, pairs, dim))
    return x, rho * x + np.sqrt(1 - rho**2) * noise


def variables(x, y, train=None, pca=None, marginals="standard") -> tuple[Variable, Variable]:
    """Return x and y as fitted on the training pairs, all by default."""
    train = np.arange(len(x)) if train is None else train
    return Variable(x, train, pca, marginals), Variable(y, train, pca, marginals)


def scores(candidate, plain, views):
    """Return the base's score of every view with every plain item."""
    u, v = candidate.vectors(plain, views)
    return v @ u.T


# Choice


def test_similarity_finds_more_in_one_space_than_networks_without_a_base():
    x, y = same_space(200, 64, 0.5)
    values = []
    for names in (["similarity"], []):
        table = estimate("mine", x, y, **COUNTS | {"bases": names, "epochs": 4})
        values.append(table.loc[table["chosen"], "mean"].iloc[0])
    assert values[1] + 1 < values[0] < -32 * np.log(1 - 0.25)


def choices(x, y):
    """Return the choice per fold, variant and level."""
    problem = cross_fitting.prepare(x, y[None], None, 0, SETTINGS)
    found = selection.choose_bases(Bound(), problem, SETTINGS)
    return [base.choice.name.split()[0] for base in found.values()]


@pytest.mark.parametrize("dim", [3, 64])
def test_independent_pairs_mostly_choose_a_score_of_0_and_lose_little(dim):
    names = []
    for seed in range(4):
        x, y = same_space(100, dim, 0, seed)
        names += choices(x, y)
        table = estimate("mine", x, y, **COUNTS, seed=seed)
        rows = table[table["chosen"]]
        assert rows["value"].min() >= -0.3 and abs(rows["mean"].iloc[0]) <= 0.1
    assert names.count("none") >= 0.6 * len(names)


def test_a_base_of_one_space_does_not_compare_different_dimensions():
    x, y = same_space(60, 6, 0.9)
    assert set(choices(x, y[:, :5])) <= {"gaussian", "none"}


# Formulas


def test_diagonal_is_the_density_ratio_of_independent_normal_coordinates():
    x, y = same_space(4_000, 3, 0.6)
    _, diagonal = similarity.fit(*variables(x, y), np.arange(4_000))
    standard = [(each - each.mean(0)) / each.std(0) for each in (x, y)]
    of_one = np.zeros((50, 50))
    for k, rho in enumerate(diagonal.rho):
        u, v = standard[0][:50, k], standard[1][:50, k, None]
        exponent = rho * u * v - rho**2 * (u**2 + v**2) / 2
        of_one += exponent / (1 - rho**2) - np.log(1 - rho**2) / 2
    np.testing.assert_allclose(scores(diagonal, np.arange(50), np.arange(50)), of_one, atol=1e-9)


def test_diagonal_shrinks_correlations_to_their_mean_where_chance_makes_them_differ():
    alike = similarity.fit(*variables(*same_space(300, 500, 0.4)), np.arange(300))[1].rho
    assert alike.std() < 0.02
    true = np.random.default_rng(3).uniform(-0.8, 0.8, 500)
    apart = similarity.fit(*variables(*same_space(300, 500, true)), np.arange(300))[1].rho
    assert np.corrcoef(apart, true)[0, 1] > 0.99


@given(
    st.integers(2, 12), st.integers(1, 9), st.sampled_from(whitened.SHRINKAGES), st.integers(0, 99)
)
def test_whitening_is_the_inverse_root_of_the_shrunk_covariance(pairs, dim, shrinkage, seed):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(pairs + 5, dim)) @ generator.normal(size=(dim, dim)) + 3
    train = np.arange(pairs)
    variable, _ = variables(x, x, train)
    candidate = whitened.WhitenedCosine(variable, variable, shrinkage)
    every = np.arange(len(x))
    rows = variable.standardised(every)
    # Independent of the code: training items of mean 0 and variance 1, cut at six deviations.
    spread = x[train].std(axis=0)
    assert rows == pytest.approx(np.clip((x - x[train].mean(axis=0)) / spread, -6, 6))
    fitted = rows[train] - rows[train].mean(axis=0)
    covariance = fitted.T @ fitted / pairs
    shrunk = covariance + shrinkage * np.trace(covariance) / dim * np.eye(dim)
    values, vectors = np.linalg.eigh(shrunk)
    expected = rows @ vectors @ np.diag(values**-0.5) @ vectors.T
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert candidate.vectors(every, every)[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("dims", [(1, 1), (3, 2)])
def test_gaussian_vectors_give_scipy_s_log_density_ratio(monkeypatch, dims, few):
    monkeypatch.setattr(gaussian, "FEW_PAIRS", 10**6 if few else 0)
    generator = np.random.default_rng(0)
    shared = generator.normal(size=(4000, 2))
    x, y = (
        0.8 * shared @ generator.normal(size=(2, dim)) + generator.normal(size=(4000, dim))
        for dim in dims
    )
    plain, views = variables(x, y)
    candidates = gaussian.fit(plain, views, np.arange(4000))
    full = f"gaussian {min(dims)} 1"
    (candidate,) = (each for each in candidates if each.name == full)
    both = np.concatenate([plain.inputs, views.inputs], axis=1).astype(np.float64)
    # The fitted Gaussian: each covariance is shrunk where pairs are few, and has a ridge.
    covariance = both.T @ both / len(both)
    sides = slice(0, dims[0]), slice(dims[0], sum(dims))
    for side in sides:
        shrunk = covariance[side, side]
        if few:
            shrunk = ledoit_wolf(both[:, side], assume_centered=True)[0]
        ridge = gaussian.RIDGE * np.trace(shrunk) / len(shrunk)
        covariance[side, side] = shrunk + ridge * np.eye(len(shrunk))
    # Items within the bound on canonical variates.
    index = np.flatnonzero(np.abs(both).max(axis=1) < 2)[:40]
    u, v = (np.tile(plain.inputs[index], (40, 1)), np.repeat(views.inputs[index], 40, axis=0))
    expected = multivariate_normal(cov=covariance).logpdf(np.hstack([u, v]))
    for side, values in zip(sides, (u, v), strict=True):
        expected -= multivariate_normal(cov=covariance[side, side]).logpdf(values)
    found = scores(candidate, index, index)
    assert found == pytest.approx(expected.reshape(40, 40), abs=1e-5)


@pytest.mark.parametrize("pca", [None, 4])
@pytest.mark.parametrize("name", bases.BASES)
def test_any_order_of_the_items_has_the_same_scores(name, pca):
    x, y = same_space(60, 6, 0.7)
    generator = np.random.default_rng(1)
    plain, views = variables(x, y, np.arange(40), pca, "normal")
    for candidate in bases.BASES[name].fit(plain, views, np.arange(60)):
        whole = scores(candidate, np.arange(60), np.arange(60))
        some, others = generator.permutation(60)[:25], generator.permutation(60)
        assert scores(candidate, some, others) == pytest.approx(whole[np.ix_(others, some)])


def test_similarity_is_the_cosine_of_standardised_items():
    x, y = same_space(30, 5, 0.7)
    plain, views = variables(x, y)
    candidate, _ = similarity.fit(plain, views, np.arange(30))
    u, v = ((each - each.mean(axis=0)) / each.std(axis=0) for each in (x, y))
    lengths = np.linalg.norm(v, axis=1)[:, None] * np.linalg.norm(u, axis=1)
    every = np.arange(30)
    assert scores(candidate, every, every) == pytest.approx(v @ u.T / lengths)


def chosen(x, y, settings=SETTINGS):
    """Return the problem, and the choice per fold, variant and level."""
    problem = cross_fitting.prepare(x, y, None, 0, settings)
    found = selection.choose_bases(Bound(), problem, settings)
    return problem, {key: base.choice for key, base in found.items()}


@pytest.mark.parametrize("pairs", [60, 400])
def test_the_choice_ignores_the_test_fold(pairs):
    x, y = same_space(pairs, 8, 0.8)
    problem, before = chosen(x, y[None])
    for fold, split in list(enumerate(problem.splits))[:2]:
        other_x, other_y = x.copy(), y.copy()
        noise = np.random.default_rng(fold).normal(size=(2, len(split.test), 8))
        other_x[split.test], other_y[split.test] = 9 * noise
        after = chosen(other_x, other_y[None])[1]
        assert before[fold, "matched", 0] == after[fold, "matched", 0]
        assert before[fold, "matched", 0].name != "none"
        assert before != after  # the changed pairs choose for other folds
