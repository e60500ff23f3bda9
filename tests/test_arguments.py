"""What a caller gives an estimator is read as meant, or refused with the place of the fault."""

import re
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch
from leakage import patches, seeds, truths
from leakage.errors import LeakageError
from leakage.estimators import arguments, estimate
from leakage.storage import embeddings

X = np.arange(6.0)
NAN, INF = float("nan"), float("inf")
NOT_SEEDS = [-1, 1.5, 1.0, None, True, np.True_, np.float64(2), "3", [1], NAN, 2**70, Fraction(1)]


def ids(values):
    return [repr(each)[:40] for each in values]


@pytest.mark.parametrize("seed", [3, np.int64(3), np.uint8(3), np.array(3)], ids=str)
def test_a_seed_of_numpy_is_a_seed(seed):
    found = seeds.checked(seed)
    assert found == 3 and type(found) is int
    x = np.random.default_rng(0).normal(size=(60, 1))
    counts = {"permutations": 19, "bootstraps": 0}
    tables = [estimate("ksg", x, x, seed=each, **counts) for each in (seed, 3)]
    pd.testing.assert_frame_equal(*tables)


@pytest.mark.parametrize("seed", NOT_SEEDS, ids=ids(NOT_SEEDS))
def test_what_is_not_a_seed_is_refused_wherever_one_enters(seed):
    expected = "expected a whole number from 0 to 2^62"
    manifest = pd.DataFrame({"image_id": ["a"], "width": [9], "height": [9]})
    for call in (
        lambda: estimate("histogram", X, X, seed=seed),
        lambda: estimate("mine", X, X, seed=seed),
        lambda: truths.sample("staircase", 10, seed),
        lambda: patches.draw_places(manifest, 8, 1, seed),
        lambda: embeddings.read("nowhere.parquet", "patches", None, seed),
    ):
        with pytest.raises(LeakageError) as caught:
            call()
        assert str(caught.value).startswith("seed: found ") and expected in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "levels",
    [
        [3, 8],
        (3, 8),
        np.array([3, 8]),
        range(3, 9, 5),
        [np.int8(3), np.uint64(8)],
        pd.Index([3, 8]),
    ],
    ids=lambda levels: type(levels).__name__,
)
def test_levels_are_whole_numbers_in_any_sequence(levels):
    found = arguments.level_names(levels, 2)
    assert found == [3, 8] and {type(each) for each in found} == {int}


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([1], "levels: found 1 of them, [1]; expected 2 different whole numbers"),
        ([1, 2, 3], "levels: found 3 of them"),
        ([], "levels: found 0 of them"),
        ([0.2, 0.4], "levels: levels[0] = 0.2, a float; expected 2"),
        (np.array([1.0, 2.0]), "levels: levels[0] = np.float64(1.0), a float64"),
        ([0, True], "levels: levels[1] = True, a bool"),
        ([0, None], "levels: levels[1] = None, a NoneType"),
        (["0", "1"], "levels: levels[0] = '0', a str"),
        ([4, 4], "levels: levels[0] and levels[1] are both 4"),
        ([0, 2**70], "levels: levels[1] = 1180591620717411303424; expected at most 2^62"),
        ("01", "levels: found '01'"),
        ({0, 1}, "levels: found {0, 1}"),
        (2, "levels: found 2; expected 2 different whole numbers, one per level of y, as a list"),
        ([[0, 1]], "levels: found [[0, 1]]"),
        (np.ma.array([0, 1], mask=[0, 1]), "levels: found a masked array"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("name", ["cca", "mine", "ksg", "histogram"])
def test_levels_that_are_not_the_names_of_y_s_levels_are_refused(levels, expected, name):
    x = np.zeros((8, 1))
    with pytest.raises(LeakageError, match=re.escape(expected)):
        estimate(name, x, np.zeros((2, 8, 1)), levels=levels)


@pytest.mark.parametrize(
    ("groups", "kind"),
    [
        ([0, 0, 1, 1], "i"),
        (["a", "b", "c", "c"], "U"),
        ([np.str_("a"), "b", "c", "c"], "U"),
        (pd.Series(["a", "b", "c", "c"]), "U"),
        (pd.Series(["a", "b", "c", "c"], dtype="category"), "U"),
        (pd.Series([1, 2, 2, 3], dtype="Int64"), "i"),
        (np.array([0.5, 1.5, 2, 3]), "f"),
        ([0.5, 1.5, 2.5, np.float32(3)], "f"),
        ([0, np.int8(1), np.uint64(2), 3], "i"),
        ([2**70, 2**70 + 1, 0, 1], "U"),
        (np.array(["2026-01-01"] * 4, "datetime64[D]"), "M"),
    ],
    ids=repr,
)
def test_groups_of_one_type_keep_which_pairs_are_together(groups, kind):
    found = arguments.group_names(groups, 4)
    assert found.shape == (4,) and found.dtype.kind == kind
    together = [[groups[i] == groups[j] for j in range(4)] for i in range(4)]
    assert np.array_equal(found[:, None] == found[None], together)


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (np.zeros(4), r"groups: shape \(4,\); expected \(6,\)"),
        (np.zeros((6, 1)), r"groups: shape \(6, 1\); expected \(6,\)"),
        ([[0], [0], [0], [0], [0], [0]], r"groups: shape \(6, 1\)"),
        ("abcdef", r"groups: shape \(\)"),
        (
            [0, 1, NAN, 2, NAN, 3],
            r"groups: 2 missing or not finite, the first is groups\[2\] = nan",
        ),
        (np.array([0, 1, 2, INF, 4, 5]), r"the first is groups\[3\] = inf"),
        (["a", "b", None, "c", "d", "e"], r"the first is groups\[2\] = None"),
        (pd.Series(["a", "b", pd.NA, "c", "d", "e"]), r"the first is groups\[2\] = (nan|<NA>)"),
        (["a", NAN, "b", "c", "d", "e"], r"the first is groups\[1\] = nan"),
        ([np.datetime64("NaT")] * 6, r"the first is groups\[0\] = NaT"),
        (np.array(["2026-01-01", "NaT"] * 3, "datetime64[D]"), r"groups\[1\] = NaT"),
        (
            [0, 1, "2", 3, 4, 5],
            r"mixed types: groups\[0\] = 0 is a whole number and groups\[2\] = '2' is text",
        ),
        ([1, True, 2, 3, 4, 5], r"groups\[1\] = True is a truth value"),
        ([1, 2.5, 2, 3, 4, 5], r"groups\[1\] = 2.5 is a fraction"),
        (["a", b"a", "c", "d", "e", "f"], r"groups\[1\] = b'a' is a bytes"),
        (np.ma.array(np.arange(6), mask=[0, 1, 0, 0, 0, 0]), "groups: found a masked array"),
        ([0, 1, 2, 3, 4, np.ma.masked], r"the first is groups\[5\]"),
        (np.zeros(6, complex), "groups: dtype complex128; expected picture ids"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("name", ["cca", "mine", "ksg", "histogram", "finite_set"])
def test_groups_that_do_not_name_a_picture_per_pair_are_refused(groups, expected, name):
    with pytest.raises(LeakageError, match=expected):
        estimate(name, X, X, groups)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 1, NAN, 3, INF, 5], "2 of 6 numbers are not finite, the first is {0}[2] = nan"),
        (np.where(np.eye(6), -INF, 0), "6 of 36 numbers are not finite, the first is {0}[0, 0]"),
        (np.full(6, np.finfo(np.longdouble).max), "the first is {0}[0] = inf"),
        (np.zeros(6, complex), "{0}: dtype complex128, {0}[0] = np.complex128(0j); expected real"),
        (np.array([0, 1, "2", 3, 4, 5], object), "{0}: dtype object, {0}[2] = '2'; expected real"),
        ([0, 1, None, 3, 4, 5], "{0}: dtype object, {0}[2] = None; expected real"),
        (["a"] * 6, "{0}: dtype <U1, {0}[0] = np.str_('a'); expected real numbers"),
        (np.zeros(6, "datetime64[s]"), "{0}: dtype datetime64[s], {0}[0] = "),
        ([[0, 1], [2], [3], [4], [5], [6]], "{0}: found a list that NumPy cannot read"),
        (torch.zeros(6, requires_grad=True), "{0}: found a Tensor that NumPy cannot read"),
        (np.ma.array(X, mask=X > 4), "{0}: found a masked array"),
        ([np.ma.array(X, mask=X > 4)], "{0}: found a masked array"),
    ],
    ids=lambda each: repr(each)[:40],
)
@pytest.mark.parametrize("side", ["x", "y"])
def test_arrays_without_finite_real_numbers_are_refused_with_the_place(values, expected, side):
    given = {"x": X, "y": X} | {side: values}
    with pytest.raises(LeakageError, match=re.escape(expected.format(side))):
        estimate("cca", **given)


@pytest.mark.parametrize(
    ("x", "y", "hint"),
    [
        ((6,), (5,), "x has 6 pairs and y 5"),
        ((6, 2), (3, 5, 2), "x has 6 pairs and y 5"),
        ((6,), (3, 6), "for 3 levels of one number each, give y[:, :, None]"),
        ((3, 6, 2), (3, 6, 2), "x is the same at every level"),
        ((8, 9, 3), (8, 9, 3), "a picture is x.reshape(-1, 3)"),
        ((), (), "x is the same at every level"),
        ((6,), (1, 1, 6, 1), "give y in one, two or three dimensions"),
        ((0,), (0,), "add pairs"),
        ((6, 0), (6, 1), "add pairs"),
        ((6, 1), (0, 6, 1), "add pairs"),
        ((6, 1), (2, 6, 0), "add pairs"),
    ],
)
def test_shapes_that_do_not_fit_together_are_refused_with_a_way_out(x, y, hint):
    with pytest.raises(LeakageError) as caught:
        estimate("cca", np.zeros(x), np.zeros(y))
    assert f"x has shape {x} and y {y}" in str(caught.value) and hint in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        X.tolist(),
        pd.Series(X),
        pd.DataFrame(X),
        torch.from_numpy(X),
        X.astype(np.float16),
        X.astype(np.longdouble),
        X.astype(np.uint64),
        np.asfortranarray(X[:, None]),
        X > 2,
    ],
    ids=lambda values: f"{type(values).__name__} {getattr(values, 'dtype', '')}",
)
def test_every_array_of_real_numbers_is_read(values):
    x, y = arguments.items(values, values)
    assert x.shape == (6, 1) and y.shape == (1, 6, 1)
    for name in ("histogram", "rounded_histogram", "finite_set", "cosine"):
        estimate(name, values, values)
