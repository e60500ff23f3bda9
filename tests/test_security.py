"""The tests of ciphertexts that reviewers ask for, and their table."""

import hashlib
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from leakage import security
from leakage.analysis.security import (
    FAIL,
    NOT_DEFINED,
    NOT_JUDGED,
    PASS,
    TOO_FEW_PICTURES,
    Security,
    verdict,
)
from leakage.analysis.tables import Table, read
from leakage.config.jobs import Jobs
from leakage.config.workflow import Workflow
from leakage.errors import LeakageError
from leakage.schemes import Cipher, KeyedScheme, cipher_class
from leakage.security import changes, co_occurrence, damage, histogram, local_entropy
from leakage.security.case import Case
from leakage.steps import security as step
from leakage.storage import files
from scipy import stats
from skimage.feature import graycomatrix, graycoprops
from test_config import PAPER, edited
from test_measures import PHOTOGRAPH, encryption, manifest, uniform  # noqa: F401

KEY = bytes(range(32))
NAMES = [each["name"] for each in security.described()]
# Tests with an interval, and those of the ciphertext alone.
JUDGED = [name for name in NAMES if not name.endswith("psnr") and name != "growth"]
OF_CIPHERTEXT = [name for name in JUDGED if "npcr" not in name and "uaci" not in name]
HISTOGRAM = {"chi_square", "histogram_variance", "entropy"}


class Ideal(Cipher):
    """Every bit of the ciphertext depends on every bit of picture and key, as if drawn anew."""

    def encrypt(self, pixels, level, keystream):
        text = keystream.key + keystream.image_id.encode() + pixels.tobytes()
        seed = list(hashlib.sha256(text).digest())
        return np.random.default_rng(seed).integers(0, 256, pixels.shape, np.uint8)

    # What a wrong key gives is random as well. (It has no inverse, which no test here needs.)
    decrypt = encrypt


class Authenticated(Cipher):
    """A cipher that refuses every ciphertext but the right one under the right key."""

    def encrypt(self, pixels, level, keystream):
        return pixels ^ keystream.bytes(pixels.size).reshape(pixels.shape)

    def decrypt(self, pixels, level, keystream):
        raise LeakageError("the tag differs")


class Elsewhere(Cipher):
    """Another program encrypts the pictures."""

    def read(self, image_id, plain, level):
        return plain


def case(plain: np.ndarray, cipher: type[Cipher] | str, level: int = 1, **settings: object) -> Case:
    """Return a picture encrypted by a cipher, by its name or its class."""
    kind = cipher_class(cipher) if isinstance(cipher, str) else cipher
    scheme = KeyedScheme("some", kind(cipher=str(cipher), levels=[0, level], **settings), KEY)
    return Case("a", plain, scheme.encrypt("a", plain, level), scheme, level)


def judged(given: Case) -> dict[str, security.Judged]:
    """Return the result of every test, by name."""
    return {each.test: each for each in security.judged(given)}


def failed(given: Case) -> set[str]:
    """Return the tests that a case fails."""
    return {name for name, each in judged(given).items() if each.passes is False}


def check_rates(shape: tuple[int, int, int], pictures: int = 200) -> None:
    """Assert that of random ciphertexts each test fails in its share of the pictures."""
    scheme = KeyedScheme("ideal", Ideal(cipher="ideal", levels=[0, 1]), KEY)
    plain = np.resize(PHOTOGRAPH, shape)
    cases = [
        Case(str(i), plain, scheme.encrypt(str(i), plain, 1), scheme, 1) for i in range(pictures)
    ]
    found = pd.DataFrame([{name: each.passes for name, each in judged(i).items()} for i in cases])
    low, high = stats.binom.ppf([0.0005, 0.9995], pictures, security.RATE)
    assert found.columns.tolist() == NAMES
    undefined = found.columns[found.isna().any()].tolist()
    assert set(undefined) <= {*NAMES} - {*JUDGED} | {"local_entropy"}
    counts = (~found.drop(columns=undefined).astype(bool)).sum()
    assert counts.between(low, high).all(), counts


@pytest.mark.parametrize("shape", [(64, 64, 1), (176, 110, 3)])
def test_each_test_fails_random_pictures_at_its_rate(shape):
    check_rates(shape)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(256, 256, 1), (224, 224, 3), (512, 512, 1), (512, 400, 3)])
def test_each_test_fails_larger_random_pictures_at_its_rate(shape):
    check_rates(shape)


def test_npcr_and_uaci_have_the_published_intervals():
    for side, npcr, low, high in (
        (256, 99.5693, 33.2824, 33.6447),
        (512, 99.5893, 33.3730, 33.5541),
    ):
        shape = (side, side, 1)
        assert changes.accepted_npcr(shape).low == pytest.approx(npcr, abs=5e-5)
        accepted = changes.accepted_uaci(shape)
        assert (accepted.low, accepted.high) == pytest.approx((low, high), abs=5e-5)
        assert accepted.expected == pytest.approx(100 * 257 / 768)


def test_the_histogram_has_the_quantiles_of_chi_square():
    chi_square, variance, entropy = histogram.Histogram().accepted((256, 256, 1))
    assert chi_square.high == pytest.approx(293.2478, abs=5e-5)
    assert variance.expected == pytest.approx(255)
    assert entropy.expected == pytest.approx(7.9972, abs=5e-5)
    assert all(np.isnan(each.low) for each in histogram.Histogram().accepted((30, 42, 1)))


def test_local_entropy_has_the_exact_mean_and_deviation_of_a_block_of_random_bytes():
    # The counts of two values among 1,936 random bytes; 100 of one value practically never occur.
    values, size = np.arange(100), 1936
    one = stats.binom.pmf(values, size, 1 / 256)
    two = one[:, None] * [stats.binom.pmf(values, size - each, 1 / 255) for each in values]
    terms = values * np.log2(np.maximum(values, 1))
    centred = terms - one @ terms
    mean = np.log2(size) - 256 / size * (one @ terms)
    variance = 256 * (one @ centred**2) + 256 * 255 * (centred @ two @ centred)
    assert mean == pytest.approx(local_entropy.MEAN, abs=1e-9)
    assert np.sqrt(variance) / size == pytest.approx(local_entropy.DEVIATION, abs=1e-9)


def test_the_interval_of_local_entropy_that_is_usually_quoted_refuses_most_random_pictures():
    shape = (256, 256, 1)
    values = [
        local_entropy.LocalEntropy().values(Case("a", each, each, None, 1))[0]
        for each in (uniform(seed, *shape) for seed in range(100))
    ]
    inside = np.mean([7.901901305 <= each <= 7.903037329 for each in values])
    assert inside < 0.5
    (accepted,) = local_entropy.LocalEntropy().accepted(shape)
    assert np.mean([accepted.low <= each <= accepted.high for each in values]) > 0.85


@pytest.mark.parametrize(
    ("shape", "sides"),
    [
        ((512, 512, 1), (44, 44)),
        ((256, 256, 1), (16, 121)),
        ((256, 256, 3), (44, 44)),
        ((1, 58_080, 1), (1, 1936)),
        ((224, 224, 1), None),
        ((58_079, 1, 1), None),
    ],
)
def test_the_blocks_of_local_entropy_are_the_most_square_of_which_30_fit(shape, sides):
    assert local_entropy.fitting(shape) == sides


def test_the_co_occurrence_matrix_of_random_bytes_has_the_published_reference():
    contrast, energy, homogeneity = co_occurrence.CoOccurrence().accepted((512, 512, 1))
    assert contrast.expected == 10.5
    assert energy.expected == pytest.approx(1 / 64, rel=1e-3)
    assert homogeneity.expected == pytest.approx(0.389, abs=5e-4)


@pytest.mark.parametrize("at_once", [1, 5000, 1 << 17])
def test_the_co_occurrence_matrix_is_that_of_scikit_image(monkeypatch, at_once):
    monkeypatch.setattr("leakage.measures.AT_ONCE", at_once)
    picture = PHOTOGRAPH[:90, :70]
    whole = sum(graycomatrix(picture[..., c] // 32, [1], [0], 8) for c in range(3))
    found = co_occurrence.CoOccurrence().values(Case("a", picture, picture, None, 1))
    contrast, energy = (graycoprops(whole, each)[0, 0] for each in ("contrast", "ASM"))
    p = whole[..., 0, 0] / whole.sum()
    homogeneity = sum(p[i, j] / (1 + abs(i - j)) for i in range(8) for j in range(8))
    assert found == pytest.approx((contrast, energy, homogeneity))


def test_a_constant_ciphertext_fails_every_test_that_is_defined_on_it():
    plain = np.full((256, 256, 3), 9, np.uint8)
    found = judged(Case("a", plain, plain, case(plain, "full").scheme, 1))
    undefined = {name for name in OF_CIPHERTEXT if found[name].passes is None}
    assert undefined == {f"correlation_{each}" for each in ("horizontal", "vertical", "diagonal")}
    assert all(found[name].passes is False for name in {*OF_CIPHERTEXT} - undefined)


def test_a_plain_photograph_fails_every_test_of_the_ciphertext():
    given = Case("a", PHOTOGRAPH, PHOTOGRAPH, case(PHOTOGRAPH, "full").scheme, 1)
    assert {*OF_CIPHERTEXT} <= failed(given)


def test_four_encrypted_bits_fail_where_the_clear_bits_show():
    found = failed(case(PHOTOGRAPH, "msb_xor", 4, view="full"))
    # A sixteenth of the keystreams agree on four bits, and the difference is a multiple of 16.
    assert {"differential_npcr", "differential_uaci", "key_npcr", "wrong_key_npcr"} <= found
    assert found >= HISTOGRAM


def test_full_encryption_fails_the_differential_test_alone():
    # At least, no test fails far beyond its interval: each fails at its rate.
    pictures = [PHOTOGRAPH[row : row + 128, :128] for row in range(0, 128, 8)]
    counts = pd.Series([name for each in pictures for name in failed(case(each, "full"))])
    counts = counts.value_counts()
    assert counts["differential_npcr"] == counts["differential_uaci"] == len(pictures)
    assert counts.drop(["differential_npcr", "differential_uaci"]).max() <= 6
    (found,) = {judged(case(each, "full"))["differential_npcr"].value for each in pictures}
    assert found == pytest.approx(100 / pictures[0].size)


def test_a_permutation_fails_because_the_histogram_stays():
    found = judged(case(PHOTOGRAPH, "pixel_permutation", 10))
    assert found["chi_square"].value == pytest.approx(
        256 * (np.bincount(PHOTOGRAPH.ravel(), minlength=256) ** 2).sum() / PHOTOGRAPH.size
        - PHOTOGRAPH.size
    )
    assert found["wrong_key_npcr"].passes is False


def test_a_damaged_ciphertext_damages_as_much_of_an_xor_and_all_of_an_ideal_cipher():
    noise, crop = (
        judged(case(PHOTOGRAPH, "full"))[name].value for name in ("noise_psnr", "crop_psnr")
    )
    # Values become random in 1 % and in an eighth of the picture.
    assert noise == pytest.approx(28, abs=1) and crop == pytest.approx(17, abs=2)
    assert judged(case(PHOTOGRAPH, Ideal))["noise_psnr"].value < 10
    black = np.zeros((64, 64, 1), np.uint8)
    assert np.count_nonzero(damage.cropped(black + np.uint8(1)) == 0) * 8 == black.size
    assert np.mean(damage.noisy(black + np.uint8(1)) != 1) == pytest.approx(0.01, abs=1e-3)


def test_what_a_cipher_cannot_do_is_not_defined():
    refused = {"wrong_key_npcr", "noise_psnr", "crop_psnr"}
    found = judged(case(PHOTOGRAPH, Authenticated))
    assert {name for name, each in found.items() if np.isnan(each.value)} == refused
    found = judged(case(PHOTOGRAPH, Elsewhere))
    keyed = {"differential_npcr", "differential_uaci", "key_npcr", "key_uaci"}
    assert {name for name, each in found.items() if np.isnan(each.value)} == refused | keyed


def test_tiny_pictures_have_values_and_no_interval_or_neither():
    for shape in ((1, 1, 1), (1, 9, 3), (9, 1, 1), (2, 2, 3)):
        found = judged(case(uniform(0, *shape), "full"))
        assert list(found) == NAMES
        assert found["chi_square"].passes is None and found["key_npcr"].passes is not None


def test_memory_is_a_few_copies_of_the_picture():
    given = case(np.resize(PHOTOGRAPH, (1000, 4000, 3)), "full")
    tracemalloc.start()
    security.judged(given)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * given.plain.nbytes


@pytest.mark.parametrize(
    ("defined", "judged", "failed", "expected"),
    [
        (0, 0, 0, NOT_DEFINED),
        (9, 0, 0, NOT_JUDGED),
        (2, 2, 2, TOO_FEW_PICTURES),
        (3, 3, 3, FAIL),
        (14, 14, 4, PASS),
        (14, 14, 5, FAIL),
        (200, 200, 20, PASS),
        (200, 200, 22, FAIL),
    ],
)
def test_a_scheme_fails_if_more_pictures_fail_than_of_random_bytes(
    defined, judged, failed, expected
):
    assert verdict(defined, judged, failed, 0.05)["verdict"] == expected


def run(listed: Path, level: int = 8, **definition: object) -> tuple[Path, Path]:
    table, times = (listed.with_name(f"security-{level}.{each}") for each in ("parquet", "csv"))
    settings = encryption(levels=[level], **definition)
    step.main(listed, table, times, listed.parent, level, settings, limit=4, code="abc")
    return table, times


def test_the_step_writes_a_row_per_picture_and_test_and_the_times_apart(manifest):  # noqa: F811
    path, times = run(manifest)
    rows, metadata = read(path).rows, files.read_table(path)[1]
    assert rows["test"].tolist() == NAMES * 4
    assert rows["image_id"].unique().tolist() == ["000", "001", "002", "003"]
    assert metadata["rate"] == security.RATE and metadata["code"] == "abc"
    before = files.sha256(path)
    taken = pd.read_csv(times, dtype={"image_id": str})
    assert taken.columns.tolist() == ["image_id", "bytes", "seconds"]
    assert taken["bytes"].tolist() == [40 * 40 * 3, 41 * 40 * 3, 42 * 40, 43 * 40 * 3]
    assert (taken["seconds"] > 0).all()
    run(manifest)
    assert files.sha256(path) == before
    with pytest.raises(LeakageError, match="no definition of the scheme"):
        step.main(manifest, path, times, manifest.parent, 8, json.dumps({"scheme": "plain"}))


def test_the_table_has_a_row_per_scheme_and_test(manifest):  # noqa: F811
    tables = {"strong": read(run(manifest)[0]), "weak": read(run(manifest, 1)[0])}
    rows = Security().table(tables, 0.95)
    assert rows["test"].tolist() == NAMES * 2 and rows["level"].unique().tolist() == [8, 1]
    by_test = rows[rows["level"] == 8].set_index("test")
    assert by_test.loc["differential_npcr", "verdict"] == FAIL
    assert by_test.loc["differential_npcr", "failed"] == 4
    assert by_test.loc["key_npcr", "verdict"] == PASS
    assert by_test.loc["noise_psnr", "verdict"] == NOT_JUDGED
    assert by_test.loc["local_entropy", "verdict"] == NOT_DEFINED
    # Four pictures of different sizes.
    low = np.mean([changes.accepted_npcr((40 + i, 40, 1 if i == 2 else 3)).low for i in range(4)])
    assert by_test.loc["key_npcr", "accepted_low"] == pytest.approx(low)
    assert (rows[rows["level"] == 1].set_index("test").loc[[*HISTOGRAM], "verdict"] == FAIL).all()
    with pytest.raises(LeakageError, match="no tables"):
        Security().table({}, 0.95)


def test_the_table_reads_the_strongest_level_of_each_compared_scheme(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1])
    jobs = Jobs(Workflow(edited("encryption.schemes.msb_xor.levels", [0, 2, 5])))
    paths = {name: str(path) for name, path in jobs.analysis_tables("security").items()}
    assert paths["msb_xor"] == "results/paper/security/msb_xor/5.parquet"
    assert list(paths) == [PAPER["paper"]["scheme"], *PAPER["comparisons"]["schemes"][1:]]


def test_the_verdict_of_a_test_reads_each_picture_once():
    rows = pd.DataFrame(
        {"test": ["a"] * 3, "value": [1.0, np.nan, 3.0], "passes": [True, None, False]}
    )
    rows = rows.assign(expected=2.0, low=0.0, high=[2.0, np.nan, 2.0])
    about = {"scheme": "s", "level": 1, "rate": 0.05}
    tests = [{"name": "a", "title": "A", "unit": ""}]
    found = Security().table({"s": Table(rows, about | {"tests": tests})}, 0.95).iloc[0]
    assert (found["pictures"], found["failed"], found["value"]) == (2, 1, 2.0)
