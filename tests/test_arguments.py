"""The arguments of an estimator are read as meant, or refused with the place of the fault."""

import datetime
import re
import uuid
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from leakage import patches, seeds, truths
from leakage.errors import LeakageError
from leakage.estimators import arguments, estimate
from leakage.protocol.permutation_test import PermutationTest
from leakage.storage import embeddings

X = np.arange(6.0)
NAN, INF = float("nan"), float("inf")
NOT_SEEDS = [-1, 1.0, None, True, np.float64(2), "3", [1], NAN, 2**70]
MASKED = np.ma.array(X, mask=X > 4)


class Nameless:
    """Without equality by value; its text is the same in every process of the tests."""

    def __repr__(self):
        return "Nameless()"


def short(value):
    return repr(value)[:40]


@pytest.mark.parametrize("seed", NOT_SEEDS, ids=short)
def test_other_values_are_refused_as_seeds_by_every_function(seed):
    manifest = pd.DataFrame({"image_id": ["a"], "width": [9], "height": [9]})
    for call in (
        lambda: estimate("mine", X, X, seed=seed),
        lambda: truths.sample("staircase", 10, seed),
        lambda: patches.draw_places(manifest, 8, 1, seed),
        lambda: embeddings.read("nowhere.parquet", "patches", None, seed),
    ):
        with pytest.raises(LeakageError, match=r"^seed: found .*expected a whole number from 0 to"):
            call()
    assert type(seeds.checked(np.int64(3))) is int


@pytest.mark.parametrize("levels", [range(3, 9, 5), [np.int8(3), np.uint64(8)]], ids=short)
def test_levels_are_whole_numbers_in_any_sequence(levels):
    found = arguments.level_names(levels, 2)
    assert found == [3, 8] and {type(each) for each in found} == {int}


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([1], "levels: found [1]; expected a list of 2 different whole numbers"),
        ([4, 4], "levels: found [4, 4]; expected a list of 2 different"),
        (np.array([1.0, 2.0]), "levels: levels[0] = np.float64(1.0) (float64)"),
        ([0, True], "levels: levels[1] = True (bool)"),
        ("01", "levels: found '01'"),
        (2, "levels: found 2; expected a list of 2 different whole numbers up to 2^62, one per"),
    ],
    ids=short,
)
def test_level_names_that_do_not_fit_are_refused(levels, expected):
    with pytest.raises(LeakageError, match=re.escape(expected)):
        estimate("cca", np.zeros((8, 1)), np.zeros((2, 8, 1)), levels=levels)


@pytest.mark.parametrize(
    ("groups", "kind"),
    [
        ([0, 0, 1, 1], "i"),
        (["a", "b", "c", "c"], "U"),
        (pd.Series(["a", "b", "c", "c"], dtype="category"), "U"),
        (pd.Series([1, 2, 2, 3], dtype="Int64"), "i"),
        ([0, np.int8(1), np.uint64(2), 3], "i"),
        ([2**70, 2**70 + 1, 0, 1], "U"),
        (np.array(["2026-01-01"] * 4, "datetime64[D]"), "M"),
        ([uuid.UUID(int=each) for each in (7, 7, 2, 9)], "i"),
        ([Path(each) for each in "aabc"], "i"),
        (pd.Series([datetime.date(2026, 1, day) for day in (3, 2, 2, 1)]), "i"),
        ([datetime.datetime(2026, 1, day) for day in (3, 2, 2, 1)], "i"),
        ([Decimal(each) for each in ("1.0", "1", "2", "0.1")], "i"),
        (pd.Series(pd.date_range("2026-01-01", periods=4, tz="Europe/Paris")), "i"),
        (pd.Series(pd.period_range("2026-01", periods=4, freq="M")), "i"),
    ],
    ids=short,
)
def test_groups_of_one_type_keep_which_pairs_are_together(groups, kind):
    found = arguments.group_names(groups, 4)
    assert found.shape == (4,) and found.dtype.kind == kind
    together = [[groups[i] == groups[j] for j in range(4)] for i in range(4)]
    assert np.array_equal(found[:, None] == found[None], together)


def test_groups_of_any_type_give_the_estimate_and_the_test_of_their_numbers():
    x, noise = np.random.default_rng(0).normal(size=(2, 40, 3))
    numbers = np.repeat(np.arange(20), 2)
    named = [uuid.UUID(int=int(each)) for each in numbers]
    for call in (
        lambda groups: estimate("ksg", x, x + noise, groups)["nats"].item(),
        lambda groups: PermutationTest(99).run(x, x + noise, groups).p_value.item(),
    ):
        assert call(named) == call(numbers)


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (np.zeros((6, 1)), "groups: shape (6, 1); expected (6,)"),
        ("abcdef", "groups: shape ()"),
        ([0, 1, NAN, 2, NAN, 3], "groups: 2 missing or not finite, the first is groups[2] = nan"),
        (["a", "b", None, "c", "d", "e"], "the first is groups[2] = None"),
        (np.array(["2026-01-01", "NaT"] * 3, "datetime64[D]"), "groups[1] = NaT"),
        ([0, 1, "2", 3, 4, 5], "mixed types, groups[0] = 0 (int) and groups[2] = '2' (str)"),
        (MASKED, "groups: found a masked array"),
        (
            np.zeros(6, complex),
            "groups: groups[0] = np.complex128(0j) (complex128); expected picture",
        ),
        ([True] * 6, "groups: groups[0] = np.True_ (bool); expected picture ids, such as whole"),
        ([*map(Path, "abcde"), uuid.UUID(int=1)], "mixed types, groups[0] = PosixPath('a') (Posix"),
        (
            pd.Series([[1]] * 6),
            "groups[0] = [1] (list); expected picture ids, such as whole numbers",
        ),
        (pd.Series([(1,)] * 5 + [([],)]), "groups[5] = ([],) (tuple); expected picture ids"),
        (
            [Nameless() for _ in X],
            "(Nameless); expected picture ids, such as whole numbers or text; con",
        ),
    ],
    ids=short,
)
def test_groups_that_do_not_name_a_picture_per_pair_are_refused(groups, expected):
    with pytest.raises(LeakageError, match=re.escape(expected)):
        estimate("cca", X, X, groups)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 1, NAN, 3, INF, 5], "2 of 6 numbers are not finite, the first is {0}[2] = nan"),
        (np.where(np.eye(6), -INF, 0), "6 of 36 numbers are not finite, the first is {0}[0, 0]"),
        (np.full(6, np.finfo(np.longdouble).max), "the first is {0}[0] = inf"),
        (np.zeros(6, complex), "{0}: dtype complex128, {0}[0] = np.complex128(0j); expected real"),
        ([[0, 1], [2], [3], [4], [5], [6]], "{0}: found a list that NumPy cannot read"),
        (torch.zeros(6, requires_grad=True), "{0}: found a Tensor that NumPy cannot read"),
        (MASKED, "{0}: found a masked array"),
    ],
    ids=short,
)
@pytest.mark.parametrize("side", ["x", "y"])
def test_arrays_without_finite_real_numbers_are_refused_with_the_place(values, expected, side):
    given = {"x": X, "y": X} | {side: values}
    with pytest.raises(LeakageError, match=re.escape(expected.format(side))):
        estimate("cca", **given)


NORMAL = np.random.default_rng(0).normal(size=(40, 3))
HUGE, FAINT = NORMAL * [1, 1, 1e160], NORMAL * [1, 1e-300, 1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (HUGE, "e+160; expected at most 1e+150, because larger squares overflow"),
        (-abs(HUGE), "e+160; expected at most 1e+150, because larger squares overflow"),
        (FAINT, "e-300; expected equal numbers, or a difference of at least 1e-150"),
        (NORMAL * 1e-310, "coordinate 0: found numbers that differ by at most"),
        (2**60 + np.arange(40), "coordinate 0: found whole numbers from 1152921504606846976 to"),
        (np.uint64(2**63) + np.arange(40, dtype=np.uint64), "39 of which equal another one in"),
        (np.arange(40) - 2**60, "39 of which equal another one in float64"),
    ],
    ids=short,
)
@pytest.mark.parametrize("side", ["x", "y"])
def test_numbers_that_arithmetic_cannot_hold_are_refused_with_the_coordinate(
    values, expected, side
):
    given = {"x": NORMAL, "y": NORMAL} | {side: values}
    for call in (PermutationTest(9).run, lambda x, y: estimate("cca", x, y)):
        with pytest.raises(LeakageError, match=re.escape(expected)) as caught:
            call(**given)
        level = "level 0, " if side == "y" else ""
        assert str(caught.value).startswith(f"{side}: {level}coordinate ")


@pytest.mark.parametrize("scale", [1e-149, 1e149])
@pytest.mark.parametrize("name", ["ksg", "cca", "cosine"])
def test_all_magnitudes_that_are_accepted_give_the_same_estimate(name, scale):
    views = NORMAL + NORMAL[::-1]
    plain, scaled = (
        estimate(name, k * NORMAL, k * views).query("chosen")["value"].to_numpy()
        for k in (1, scale)
    )
    assert scaled == pytest.approx(plain) and (plain > 0).any()


@pytest.mark.parametrize(
    "column",
    [0, 7e140, 1e-310 * np.arange(40), 1e9 + np.arange(40) % 2 * np.spacing(1e9)],
    ids=["zero", "constant", "subnormal noise", "rounding"],
)
def test_a_coordinate_without_variation_is_accepted_and_changes_no_answer(column):
    x, views = NORMAL.copy(), NORMAL + NORMAL[::-1]
    found = []
    for x[:, 2] in (0, column):
        found.append(estimate("ksg", x, views)["nats"].item())
        found.append(PermutationTest(99).run(x, views).p_value.item())
    assert found[:2] == pytest.approx(found[2:])


@pytest.mark.parametrize("name", ["finite_set", "histogram", "rounded_histogram"])
@pytest.mark.parametrize("first", [2**60, -(2**60), np.uint64(2**63)], ids=str)
def test_counting_is_exact_for_all_whole_numbers(name, first):
    x = first + np.arange(40, dtype=np.asarray(first).dtype).reshape(2, 20)
    assert estimate(name, x, x)["nats"].equals(estimate(name, x - first, x - first)["nats"])


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_large_whole_numbers_that_stay_different_are_accepted(dtype):
    x = np.random.default_rng(0).integers(0, 2**62, 40).astype(dtype)
    assert PermutationTest(99).run(x, x).p_value == 0.01
    assert estimate("cca", x, x)["mean"].iloc[0] > 1


@pytest.mark.parametrize(
    ("x", "y", "hint"),
    [
        ((6, 2), (3, 5, 2), "x has 6 pairs and y 5"),
        ((6,), (3, 6), "for 3 levels of one number each, give y[:, :, None]"),
        ((8, 9, 3), (8, 9, 3), "a picture is x.reshape(-1, 3)"),
        ((6,), (1, 1, 6, 1), "give y in one, two or three dimensions"),
        ((6, 1), (0, 6, 1), "add pairs"),
    ],
    ids=short,
)
def test_shapes_that_do_not_fit_together_are_refused_with_advice(x, y, hint):
    with pytest.raises(LeakageError) as caught:
        estimate("cca", np.zeros(x), np.zeros(y))
    assert f"x has shape {x} and y {y}" in str(caught.value) and hint in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [X.tolist(), pd.DataFrame(X), torch.from_numpy(X), X.astype(np.longdouble), X > 2],
    ids=short,
)
def test_every_array_of_real_numbers_is_read(values):
    x, y = arguments.items(values, values)
    assert x.shape == (6, 1) and y.shape == (1, 6, 1)
    for name in ("histogram", "rounded_histogram", "finite_set", "cosine"):
        estimate(name, values, values)
