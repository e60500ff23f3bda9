"""Verdicts: corrections, how many pictures a test needs, and the table made from tables."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from leakage.analysis import verdicts
from leakage.analysis.tables import Table
from leakage.analysis.verdicts import (
    FIXED_SEQUENCE,
    HOLM,
    LEAK,
    NO_EVIDENCE,
    TOO_FEW_PERMUTATIONS,
    TOO_FEW_PICTURES,
)
from leakage.errors import LeakageError
from leakage.estimators import tables as estimates
from leakage.protocol import permutation_test

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_the_corrections_against_examples_worked_by_hand():
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, and 0.04 raised to 0.06.
    assert verdicts.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    stops = [0.01, 0.04, 0.2, 0.2]
    assert verdicts.fixed_sequence([0.01, 0.04, 0.2, 0.001]) == pytest.approx(stops)
    for correct in (verdicts.holm, verdicts.fixed_sequence):
        # A level without a p-value does not count.
        found = correct([0.02, np.nan, 0.01])
        assert found == pytest.approx([0.02, np.nan, 0.02], nan_ok=True)


@given(P_VALUES, st.randoms())
def test_holm_lies_between_raw_and_bonferroni_and_keeps_any_order(p_values, random):
    found = verdicts.holm(p_values)
    assert (found >= p_values).all() and (np.diff(found[np.argsort(p_values)]) >= 0).all()
    assert (found <= np.minimum(1, np.array(p_values) * len(p_values)) + 1e-12).all()
    turned = random.sample(range(len(p_values)), len(p_values))
    assert verdicts.holm(np.array(p_values)[turned]).tolist() == found[turned].tolist()
    rising = sorted(p_values)
    assert (verdicts.fixed_sequence(rising) <= verdicts.holm(rising) + 1e-12).all()


@pytest.mark.parametrize(
    ("correction", "levels", "confidence", "pictures"),
    [
        (FIXED_SEQUENCE, 9, 0.95, 4),  # 1/24
        (FIXED_SEQUENCE, 9, 0.99, 5),  # 1/120
        (HOLM, 6, 0.95, 5),  # 1/120 is just 0.05 / 6
        (HOLM, 7, 0.95, 6),
    ],
)
def test_a_test_needs_as_many_pictures_as_have_enough_orders(
    correction, levels, confidence, pictures
):
    assert verdicts.needed_pictures(correction, levels, confidence) == pictures
    assert verdicts.needed_in_folds(correction, levels, confidence, 5) == 5 * pictures


def said(p_values, correction=FIXED_SEQUENCE, smallest=0.0, possible=0.0):
    found = verdicts.verdict(p_values, correction, 0.95, smallest, possible)
    return [one.verdict for one in found]


def test_a_level_is_a_leak_if_its_corrected_p_value_is_at_most_the_level_of_the_test():
    assert said([0.001, 0.02, 0.05], HOLM) == [LEAK] * 3
    assert said([0.001, 0.03, 0.04], HOLM) == [LEAK, NO_EVIDENCE, NO_EVIDENCE]


def test_too_few_orders_or_permutations_give_no_answer_and_say_which():
    assert said([1 / 6, 1.0], smallest=1 / 6, possible=1 / 6) == [TOO_FEW_PICTURES] * 2
    assert said([1 / 24, 1.0], smallest=1 / 24, possible=1 / 24) == [LEAK, NO_EVIDENCE]
    assert said([1 / 24, 1.0], HOLM, 1 / 24, 1 / 24) == [TOO_FEW_PICTURES] * 2
    assert said([0.05, 1.0], smallest=1 / 19) == [TOO_FEW_PERMUTATIONS] * 2
    assert said([np.nan, np.nan]) == [TOO_FEW_PERMUTATIONS] * 2


@pytest.mark.parametrize("correction", [FIXED_SEQUENCE, HOLM])
@pytest.mark.parametrize("leaks", [0, 4])
def test_levels_without_a_leak_are_seldom_called_one_with_and_without_real_leaks(correction, leaks):
    generator, runs = np.random.default_rng(0), 4000
    found = [
        said([1e-6] * leaks + generator.uniform(size=9 - leaks).tolist(), correction)
        for _ in range(runs)
    ]
    assert all(each[:leaks] == [LEAK] * leaks for each in found)
    wrong = sum(LEAK in each[leaks:] for each in found) / runs
    spread = math.sqrt(0.05 * 0.95 / runs)
    assert wrong <= 0.05 + 3 * spread
    if not leaks:
        assert wrong >= 0.05 - 4 * spread  # the test uses its level


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ([LEAK, NO_EVIDENCE, NO_EVIDENCE], (4, 4)),
        ([NO_EVIDENCE, LEAK, NO_EVIDENCE], (0, 8)),
        ([LEAK, NO_EVIDENCE, LEAK], (4, None)),
        ([LEAK, LEAK, LEAK], None),
        ([LEAK, TOO_FEW_PICTURES, TOO_FEW_PICTURES], None),
    ],
)
def test_the_level_from_which_on_nothing_is_found(verdict, expected):
    found = verdicts.quiet_from([0, 4, 8], verdict)
    assert (found and (found.level, found.for_good)) == expected
    assert verdicts.quiet_from([8, 4, 0], verdict[::-1]) == found


# The table

SOURCE = {"scheme": "msb_xor", "label": "CLIP ViT-B/32", "nested": True}
LEVELS = [0, 4, 8]


def exact_tests(pictures=9, p_values=(0.001, 0.02, 0.6), **source) -> Table:
    """Return the table of tests of made-up p-values, as the step writes it."""
    made, all_orders = np.array([p_values] * 3), math.factorial(pictures)
    orders = min(all_orders, 1000)
    kinds, items = tuple(permutation_test.STATISTICS), 2 * pictures
    found = permutation_test.Independence(
        kinds, made, made, made[0], orders, all_orders, pictures, items, orders < 1000
    )
    settings = {"permutations": 999, "pairs": 1000}
    return Table(found.table(LEVELS), {"source": SOURCE | source, "settings": settings})


def estimated(p_values=(0.0005, 0.9, 0.9), pictures=9, **settings) -> Table:
    """Return a made-up held-out estimate."""
    rows = [
        {
            **{"level": level, "nats": 1.0, "chosen": True, "split": "test", "estimand": "made up"},
            **{"variant": "matched", "mean": 1.0, "low": 0.5, "high": 1.5, "floor": 0.0},
            **{"null_high": 0.1, "p_value": p, "pictures": pictures},
        }
        for level, p in zip(LEVELS, p_values, strict=True)
    ]
    about = {"folds": 2, "permutations": 1999} | settings
    source = SOURCE if "pixels" not in settings else {"scheme": "msb_xor", "nested": True}
    return Table(estimates.tidy(pd.DataFrame(rows)), {"source": source, "settings": about})


def test_the_exact_tests_and_the_critics_make_one_p_value():
    found = verdicts.table({"msb_xor/clip": exact_tests()}, {"msb_xor/clip": estimated()}, 0.95)
    assert list(found) == verdicts.COLUMNS and found["level"].tolist() == LEVELS
    assert found["p_exact"].tolist() == [0.001, 0.02, 0.6]
    assert found["p_critics"].tolist() == [0.0005, 0.9, 0.9]
    assert found["p_value"].tolist() == pytest.approx([0.001 / 0.75, 0.02 / 0.75, 0.8])
    assert found["verdict"].tolist() == [LEAK, LEAK, NO_EVIDENCE]
    assert (found["correction"] == FIXED_SEQUENCE).all() and (found["quiet_from"] == 8).all()
    assert found["nats"].tolist() == [1.0] * 3 and (found["pictures"] == 9).all()
    assert (found["needed_pictures"] == 4).all() and (found["smallest_p"] == 1 / 1000).all()


def test_without_an_estimate_the_exact_tests_decide_alone():
    given = exact_tests(pictures=5, p_values=(1 / 120, 1 / 120, 1.0))
    found = verdicts.table({"msb_xor/clip": given}, {}, 0.95)
    assert found["verdict"].tolist() == [LEAK, LEAK, NO_EVIDENCE]
    assert found["p_value"].tolist() == pytest.approx([1 / 120, 1 / 120, 1.0])
    assert found[["nats", "low", "high", "floor", "p_critics"]].isna().all(axis=None)
    assert found["label"].unique().tolist() == ["CLIP ViT-B/32"]
    # Levels that are not nested are corrected by Holm's method.
    given = exact_tests(p_values=(0.001, 0.02, 0.03), nested=False)
    found = verdicts.table({"full/clip": given}, {}, 0.95)
    assert (found["correction"] == HOLM).all()
    assert found["corrected_p"].tolist() == pytest.approx([0.003, 0.04, 0.04])


def test_critics_alone_decide_on_pixels_and_need_enough_orders_in_each_fold():
    table = estimated(pictures=8, pixels={"split": "pairs"})
    found = verdicts.table({}, {"msb_xor/pixels": table}, 0.95)
    assert found["verdict"].tolist() == [LEAK, NO_EVIDENCE, NO_EVIDENCE]
    assert "pixel pairs, not pictures" in found["label"].iloc[0]
    few = verdicts.table({}, {"msb_xor/pixels": estimated(pictures=7)}, 0.95)
    assert few["verdict"].tolist() == [TOO_FEW_PICTURES] * 3
    counted = estimated()
    counted = Table(counted.rows.drop(columns="p_value"), counted.metadata)
    with pytest.raises(LeakageError, match="no p_value; expected a held-out estimator"):
        verdicts.table({}, {"msb_xor/clip": counted}, 0.95)


def test_with_too_few_pictures_to_cross_fit_a_verdict_asks_for_no_estimate():
    config = SimpleNamespace(
        paper=SimpleNamespace(scheme="msb_xor"),
        comparisons=SimpleNamespace(schemes=["full"]),
        encryption=SimpleNamespace(
            schemes=dict.fromkeys(["msb_xor", "full"], SimpleNamespace(region=None))
        ),
        representations=["clip", "pixels"],
        verdict=SimpleNamespace(estimator="mine", pixels="mine-bits"),
    )
    enough = verdicts.Verdicts().tables(config, verdicts.ESTIMATED_FROM)
    assert enough["tests full/clip"] == ("tests", "clip", "full")
    assert enough["estimates msb_xor/pixels"] == ("mine-bits", "pixels", "msb_xor")
    few = verdicts.Verdicts().tables(config, verdicts.ESTIMATED_FROM - 1)
    assert set(few) == {role for role in enough if role.startswith("tests")}
    config.representations = ["pixels"]
    with pytest.raises(LeakageError, match="found nothing for a verdict"):
        verdicts.Verdicts().tables(config, verdicts.ESTIMATED_FROM - 1)
