"""The distributions that estimators are calibrated on have the mutual information they claim."""

import json

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import scipy.stats
import skimage.data
from leakage import truths
from leakage.errors import LeakageError
from leakage.truths import discrete, encoded, gaussian, mixtures, pictures, transformed
from sklearn.metrics import mutual_info_score

# Published values in nats, with their rounding. The staircase: kyungeun-lee/mibenchmark. The
# others: Czyz et al., arXiv 2306.11078 and benchmark-mi 0.1.3; those of mixtures are means over
# 100,000 points.
PUBLISHED = {
    "staircase staircase_cubed": ([1.39, 2.77, 4.16, 5.55, 6.93], 0.005),
    "multinormal_sparse spiral spiral_5 spiral_fast normal_cdf half_cube": ([1.022], 0.0005),
    "multinormal_dense": ([1.292], 0.0005),
    "nearly_equal": ([3.1075], 0.0001),
    "swissroll wiggly bimodal": ([0.413], 0.0005),
    "student_t": ([0.448], 0.0005),
    "student_dense": ([0.891], 0.0005),
    "student_sparse": ([1.132], 0.0005),
    "student_asinh": ([0.432], 0.0005),
    "additive_noise": ([1.709], 0.0005),
    "additive_noise_wide": ([1 / 3], 1e-6),
    "mixture_x": ([0.409], 0.003),
    "mixture_ai": ([0.778], 0.005),
    "waves": ([1.307], 0.005),
    "galaxy concentric": ([0.494], 0.005),
    "inliers": ([0.636], 0.01),
    "quantised_4": ([1.39], 0.005),
    "quantised_16": ([2.77], 0.005),
    "bits": ([3.957], 0.0005),
    "repeated_rows": ([0.511], 0.0005),
    "mixed_uniform": ([1.055], 0.0005),
    "blobs rectangles": ([3], 0),
    "digits": ([2.303], 0.0005),
    "independence independence_grouped independence_wide_9 independence_wide_2": ([0, 0], 0),
}
LINEAR = [
    "staircase",
    "nearly_equal",
    "multinormal_dense",
    "multinormal_sparse",
    "independence_grouped",
]
GROUPED = {"independence_grouped", "independence_wide_9", "independence_wide_2", "repeated_rows"}
# A quick encoder; the statistics take half a minute for 1,797 pictures.
SMALL = """
import numpy as np
from leakage.encoders import Encoder

class Small(Encoder):
    def encode(self, patches):
        grey = (patch.mean(axis=2).reshape(8, 28, 8, 28).mean(axis=(1, 3)) for patch in patches)
        return np.stack([each.ravel() for each in grey]).astype(np.float32)
"""


@pytest.fixture(scope="session")
def encoder(tmp_path_factory) -> str:
    """The entry of a plug-in that reads pictures of 8 x 8 pixels."""
    path = tmp_path_factory.mktemp("encoder") / "small.py"
    path.write_text(SMALL)
    return json.dumps({"kind": str(path)})


def gaussian_nats_of(x: np.ndarray, y: np.ndarray) -> float:
    covariance = np.cov(np.hstack([x, y]).astype(np.float64), rowvar=False)
    return gaussian.gaussian_nats(covariance, x.shape[1])


@pytest.mark.parametrize("names", PUBLISHED)
def test_truths_are_the_published_ones(names):
    nats, rounding = PUBLISHED[names]
    for name in names.split():
        assert truths.sample(name, 10, 0).nats == pytest.approx(np.array(nats), abs=rounding)


@pytest.mark.parametrize("name", truths.names())
def test_a_sample_has_matching_shapes_and_follows_its_seed(name, encoder):
    first, again, other = (truths.sample(name, 100, seed, encoder) for seed in (3, 3, 4))
    assert first.x.shape[0] == first.y.shape[1] == 100
    assert len(first.levels) == len(first.y) == len(first.nats)
    bounds = [bound for bound in (first.lower, first.upper) if bound is not None]
    assert all(bound.shape == first.nats.shape for bound in bounds)
    assert first.x.dtype == first.y.dtype == (np.uint8 if name == "pixels" else np.float32)
    assert np.isfinite(first.x).all() and np.isfinite(first.y).all()
    assert np.array_equal(first.x, again.x) and np.array_equal(first.y, again.y)
    assert np.array_equal(first.nats, again.nats) and np.array_equal(first.nats, other.nats)
    assert not np.array_equal(first.x, other.x)
    assert (first.groups is not None) == (name in GROUPED)


@pytest.mark.parametrize("name", LINEAR)
def test_the_covariance_of_a_gaussian_sample_gives_the_truth(name):
    drawn = truths.sample(name, 50_000, 0)
    for y, nats in zip(drawn.y, drawn.nats, strict=True):
        by_chance = drawn.x.shape[1] * y.shape[1] / (2 * 50_000)
        found = gaussian_nats_of(drawn.x, y) - by_chance
        assert found == pytest.approx(nats, abs=0.02 + 0.01 * nats)


def test_a_spiral_is_the_exponential_of_its_generator():
    points = np.random.default_rng(0).normal(size=(8, 25))
    generator = np.zeros((25, 25))
    generator[1, 2], generator[2, 1] = -1 / 25, 1 / 25
    exact = np.stack([scipy.linalg.expm(generator * (p @ p)) @ p for p in points])
    turned = transformed.spiral(points, (1, 2), 1 / 25)
    assert turned == pytest.approx(exact, abs=1e-9)
    assert transformed.spiral(turned, (1, 2), -1 / 25) == pytest.approx(points, abs=1e-9)


def test_pixels_are_viewed_by_their_clear_bits_and_have_the_entropy_of_the_view():
    pool = np.concatenate([getattr(skimage.data, n)().ravel() for n in discrete.PHOTOGRAPHS])
    drawn = truths.sample("pixels", 1_000, 0)
    assert drawn.levels == list(range(9)) and drawn.nats[8] == 0
    for level, nats in zip(drawn.levels, drawn.nats, strict=True):
        shares = np.bincount((pool.astype(np.int64) << level) & 255) / len(pool)
        assert nats == pytest.approx(scipy.stats.entropy(shares), abs=1e-9)
        assert np.array_equal(drawn.y[level], (drawn.x.astype(np.int64) << level) & 255)
    assert set(np.unique(drawn.x)) <= set(np.unique(pool))


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Undo an increasing map of a Gaussian coordinate."""
    ranks = scipy.stats.rankdata(values, axis=0)
    return scipy.stats.norm.ppf(ranks / (len(values) + 1))


@pytest.mark.parametrize("name", ["normal_cdf", "half_cube", "wiggly", "bimodal"])
def test_a_coordinate_through_an_increasing_map_keeps_the_information(name):
    drawn = truths.sample(name, 20_000, 0)
    found = gaussian_nats_of(normal_scores(drawn.x), normal_scores(drawn.y[0]))
    assert found == pytest.approx(drawn.nats.item(), abs=0.03)


def test_the_swiss_roll_is_rolled_from_correlated_uniforms():
    drawn = truths.sample("swissroll", 20_000, 0)
    t = 21 * np.linalg.norm(drawn.x, axis=1)
    assert np.allclose(
        np.stack([np.cos(t), np.sin(t)], axis=1) * t[:, None], 21 * drawn.x, atol=1e-3
    )
    flat = (t / (1.5 * np.pi) - 1) / 2
    for uniform in (flat, drawn.y[0, :, 0]):
        assert scipy.stats.kstest(uniform, "uniform").pvalue > 1e-3
    found = gaussian_nats_of(normal_scores(flat[:, None]), normal_scores(drawn.y[0]))
    assert found == pytest.approx(drawn.nats.item(), abs=0.03)


@pytest.mark.parametrize(
    ("name", "half_width"), [("additive_noise", 0.1), ("additive_noise_wide", 0.75)]
)
def test_uniform_noise_is_uniform_and_of_its_width(name, half_width):
    drawn = truths.sample(name, 5_000, 0)
    noise = (drawn.y[0] - drawn.x).ravel()
    assert scipy.stats.kstest(drawn.x.ravel(), "uniform").pvalue > 1e-3
    assert scipy.stats.kstest((noise / half_width + 1) / 2, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(noise, drawn.x.ravel())[0, 1]) < 0.06


def assert_mean(nats: float, ratio: np.ndarray) -> None:
    """Check that the truth is the mean log density ratio of the sample, within its error."""
    assert nats == pytest.approx(ratio.mean(), abs=4 * ratio.std() / np.sqrt(len(ratio)))


@pytest.mark.parametrize(
    ("name", "shape", "freedom"),
    [
        ("student_t", np.eye(10), 2),
        ("student_dense", gaussian.dense_covariance(5), 3),
        ("student_asinh", np.eye(4), 1),
    ],
)
def test_student_t_truths_are_the_mean_log_density_ratio_of_their_samples(name, shape, freedom):
    drawn = truths.sample(name, 20_000, 0)
    x, y = drawn.x.astype(np.float64), drawn.y[0].astype(np.float64)
    if name == "student_asinh":
        x, y = np.sinh(x), np.sinh(y)
    dim = x.shape[1]
    joint, of_x, of_y = (
        scipy.stats.multivariate_t(shape=each, df=freedom).logpdf
        for each in (shape, shape[:dim, :dim], shape[dim:, dim:])
    )
    assert_mean(drawn.nats.item(), joint(np.hstack([x, y])) - of_x(x) - of_y(y))


def balls_of(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x straightened, and the means and covariances of equally likely Gaussians."""
    x = x.astype(np.float64)
    if name == "waves":
        along = 2 * x[:, 1]
        across = 10 * (x[:, 0] + 0.8) - 5 * np.sin(3 * along)
        k = np.arange(12)
        means = 1.5 * np.stack([k, 0 * k, k % 4], axis=1)
        covariances = np.tile(np.diag([0.1, 1.0, 0.1]), (12, 1, 1))
        return np.stack([across, along], axis=1), means, covariances
    if name == "galaxy":
        means = 1.5 * np.array([[-1.0] * 3, [1.0] * 3])
        return transformed.spiral(x, (0, 1), -0.5), means, np.tile(np.eye(3), (2, 1, 1))
    if name == "concentric":
        means = np.array([[0.0] * 5 + [ring] for ring in (1, 2, 3)])
        return x, means, np.array([np.diag([ring**2] * 5 + [1e-4]) for ring in (1.0, 2.0, 3.0)])
    mixture = mixtures.SHAPES[name.removeprefix("mixture_").upper()]()
    return x, mixture.means, mixture.covariances


@pytest.mark.parametrize("name", ["mixture_x", "mixture_ai", "waves", "galaxy", "concentric"])
def test_mixtures_have_the_mean_log_density_ratio_of_their_samples(name):
    drawn = truths.sample(name, 20_000, 0)
    x, means, covariances = balls_of(name, drawn.x)
    y, dim = drawn.y[0].astype(np.float64), x.shape[1]

    def log_density(points: np.ndarray, of: slice) -> np.ndarray:
        parts = [
            scipy.stats.multivariate_normal(mean[of], covariance[of, of]).logpdf(points)
            for mean, covariance in zip(means, covariances, strict=True)
        ]
        return scipy.special.logsumexp(parts, axis=0) - np.log(len(parts))

    ratio = log_density(np.hstack([x, y]), slice(None)) - log_density(x, slice(dim))
    assert_mean(drawn.nats.item(), ratio - log_density(y, slice(dim, None)))


def test_inliers_truth_is_the_mean_log_density_ratio_of_its_sample():
    drawn = truths.sample("inliers", 50_000, 0)
    covariance = gaussian.sparse_covariance(5)
    related, apart = (
        scipy.stats.multivariate_normal(cov=each).logpdf(np.hstack([drawn.x, drawn.y[0]]))
        for each in (covariance, np.eye(10))
    )
    ratio = np.logaddexp(np.log(0.8) + related, np.log(0.2) + apart) - apart
    assert_mean(drawn.nats.item(), ratio)


def nats_of(x: np.ndarray, y: np.ndarray) -> float:
    """Return the information of the values' joint frequencies."""
    return mutual_info_score(
        *(np.unique(v, axis=0, return_inverse=True)[1].ravel() for v in (x, y))
    )


def test_bits_are_fair_and_flipped_one_in_twenty():
    drawn = truths.sample("bits", 50_000, 0)
    found = sum(nats_of(*pair) for pair in zip(drawn.x.T, drawn.y[0].T, strict=True))
    assert drawn.nats.item() == pytest.approx(found, abs=0.05)
    assert (drawn.x != drawn.y[0]).mean() == pytest.approx(0.05, abs=0.002)
    assert np.abs(np.corrcoef(drawn.x, rowvar=False) - np.eye(8)).max() < 0.03


def test_mixed_uniform_truth_is_the_mean_log_density_ratio_of_its_sample():
    drawn = truths.sample("mixed_uniform", 50_000, 0)
    x, y = drawn.x.ravel(), drawn.y[0].ravel()
    assert ((x <= y) & (y <= x + 2)).all()
    of_y = ((np.arange(5) <= y[:, None]) & (y[:, None] <= np.arange(5) + 2)).mean(axis=1) / 2
    ratio = np.log(0.5 / of_y)
    assert_mean(drawn.nats.item(), ratio)


@pytest.mark.parametrize("zeros", [0.0, 0.5])
def test_zero_inflated_truth_is_the_integral_over_x_of_the_conditional_divergence(zeros):
    x = np.linspace(0, 40, 4_001)[:, None]
    k = np.arange(100)
    conditional = (1 - zeros) * scipy.stats.poisson.pmf(k, x) + zeros * (k == 0)
    of_y = (1 - zeros) * 0.5 ** (k + 1) + zeros * (k == 0)
    divergence = scipy.special.xlogy(conditional, conditional / of_y).sum(axis=1)
    exact = np.trapezoid(divergence * np.exp(-x.ravel()), x.ravel())
    assert discrete.zero_inflated_nats(zeros) == pytest.approx(exact, abs=1e-4)


def test_repeated_rows_come_four_times_and_have_the_truth_once():
    drawn = truths.sample("repeated_rows", 20_000, 0)
    rows = np.hstack([drawn.x, drawn.y[0]]).reshape(5_000, 4, 2)
    assert (rows == rows[:, :1]).all() and len(np.unique(rows[:, 0], axis=0)) == 5_000
    assert np.array_equal(drawn.groups, np.repeat(np.arange(5_000), 4))
    assert gaussian_nats_of(*rows[:, 0].T[..., None]) == pytest.approx(drawn.nats.item(), abs=0.04)


def test_a_blob_shows_the_place_that_has_the_true_information():
    drawn = truths.sample("blobs", 10_000, 0)
    places = []
    for pictures_ in (drawn.x, drawn.y[0]):
        logs = np.log(pictures_.astype(np.float64)).reshape(-1, 16, 16)
        # ln of a blob is -((g - c)^2)/(2 w^2): neighbours' differences give the centre.
        slope = np.stack([np.diff(logs, axis=axis).mean(axis=(1, 2)) for axis in (2, 1)], axis=1)
        places.append(scipy.special.ndtri(0.5 + slope * 15 * 0.2**2))
    assert gaussian_nats_of(*places) == pytest.approx(3, abs=0.05)
    for place in np.hstack(places).T:
        assert scipy.stats.kstest(place, "norm").pvalue > 1e-3


def test_digits_are_two_pictures_of_one_class():
    images, labels = pictures.digit_pictures()
    known = {
        image.astype(np.float32).tobytes(): label
        for image, label in zip(images, labels, strict=True)
    }
    drawn = truths.sample("digits", 5_000, 0)
    of_x, of_y = ([known[image.tobytes()] for image in side] for side in (drawn.x, drawn.y[0]))
    assert of_x == of_y
    assert np.bincount(of_x) / 5_000 == pytest.approx(0.1, abs=0.02)
    assert (drawn.x == drawn.y[0]).all(axis=1).mean() < 0.02


@pytest.mark.parametrize("dim", [64, 1280])
def test_the_same_space_shares_its_nats_coordinate_by_coordinate(dim):
    drawn = truths.sample(f"same_space_{dim}", 900, 0)
    rho = gaussian.same_space_correlations(dim)
    assert -np.log1p(-(rho**2)).sum(axis=1) / 2 == pytest.approx(drawn.nats)
    for y, of_level in zip(drawn.y, rho, strict=True):
        across = drawn.x.T @ y / 900
        assert (np.diag(across) - of_level).mean() == pytest.approx(0, abs=5 / np.sqrt(900 * dim))
        others = across[~np.eye(dim, dtype=bool)]
        assert others.std() * np.sqrt(900) == pytest.approx(1, abs=0.02)


# Pictures through an encoder


def test_erased_pictures_are_one_blank_and_keep_their_share_of_the_entropy(encoder):
    drawn = truths.sample("erasure_pictures", 20_000, 0, encoder)
    assert len(np.unique(encoded.embedded_patches(encoder), axis=0)) == 101
    assert drawn.nats == pytest.approx(np.log(100) * np.array([1, 0.75, 0.5, 0.25, 0]))
    for y, nats in zip(drawn.y, drawn.nats, strict=True):
        # A table of 100 by 101 cells from 20,000 pairs reads too much, by 0.25 nats at most.
        found = nats_of(drawn.x, y)
        assert nats - 0.05 <= found <= nats + 0.25
        kept = (drawn.x == y).all(axis=1)
        assert kept.mean() == pytest.approx(nats / np.log(100), abs=0.02)
        assert len(np.unique(y[~kept], axis=0)) <= 1


def test_a_class_channel_exchanges_classes_at_its_upper_bound(encoder):
    pairs = 20_000
    drawn = truths.sample("class_channel", pairs, 0, encoder)
    known = encoded.embedded_digits(encoder)
    labels = {row.tobytes(): c for row, c in zip(known, pictures.digit_pictures()[1], strict=True)}
    of_x = np.array([labels[row.tobytes()] for row in drawn.x])
    for y, upper in zip(drawn.y, drawn.upper, strict=True):
        of_y = np.array([labels[row.tobytes()] for row in y])
        found = nats_of(of_x, of_y)
        assert found == pytest.approx(upper, abs=0.03)
    assert np.array_equal(drawn.nats, drawn.upper)


def test_unknown_encoders_and_tasks_are_refused_with_the_nearest_name():
    with pytest.raises(LeakageError, match="statistic"):
        truths.sample("erasure_pictures", 10, 0, '{"kind": "statistic"}')
    with pytest.raises(LeakageError, match="task 'stairs' is not known; the nearest is 'stairc"):
        truths.sample("stairs", 10, 0)
