"""Verdicts: Holm's correction, how many pictures a test needs, and from where on all is quiet."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from leakage import verdicts
from leakage.errors import LeakageError
from leakage.verdicts import LEAK, NO_EVIDENCE, TOO_FEW_PERMUTATIONS, TOO_FEW_PICTURES

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_holm_against_an_example_worked_by_hand():
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, and 0.04 raised to 0.06.
    found = verdicts.holm([0.01, 0.04, 0.03, 0.005])
    assert found == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_a_level_without_a_p_value_does_not_count():
    found = verdicts.holm([0.02, np.nan, 0.5])
    assert found[[0, 2]] == pytest.approx([0.04, 0.5]) and np.isnan(found[1])


@given(P_VALUES)
def test_a_corrected_p_value_is_no_smaller_than_the_raw_one_and_at_most_1(p_values):
    found = verdicts.holm(p_values)
    assert (found >= p_values).all() and (found <= 1).all()


@given(P_VALUES)
def test_the_correction_keeps_the_order_and_stays_within_bonferroni_s(p_values):
    found = verdicts.holm(p_values)
    assert (np.diff(found[np.argsort(p_values)]) >= 0).all()
    assert (found <= np.minimum(1, np.array(p_values) * len(p_values)) + 1e-12).all()


@given(P_VALUES, st.randoms())
def test_the_correction_does_not_depend_on_the_order_of_the_levels(p_values, random):
    turned = list(range(len(p_values)))
    random.shuffle(turned)
    expected = verdicts.holm(p_values)[turned]
    assert verdicts.holm(np.array(p_values)[turned]).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("levels", "confidence", "in_a_fold"),
    [(1, 0.95, 4), (3, 0.95, 5), (9, 0.95, 6), (9, 0.99, 7)],  # 1/24, 1/120, 1/720, 1/5040
)
def test_a_fold_needs_as_many_pictures_as_have_enough_orders(levels, confidence, in_a_fold):
    assert verdicts.needed(5, levels, 1999, confidence) == 5 * in_a_fold
    most = (1 - confidence) / levels
    assert 1 / math.factorial(in_a_fold) < most <= 1 / math.factorial(in_a_fold - 1)


@pytest.mark.parametrize(("permutations", "enough"), [(179, False), (180, True)])
def test_too_few_permutations_are_refused(permutations, enough):
    # 0.05 / 9 is 1 / 180: 1 / (1 + 179) is not below it.
    if enough:
        assert verdicts.needed(3, 9, permutations, 0.95) == 18
        return
    with pytest.raises(LeakageError, match=r"found 179; 9 levels .* at least 180"):
        verdicts.needed(3, 9, permutations, 0.95)


def said(p_values, pictures=100, permutations=1999):
    return [one.verdict for one in verdicts.verdict(p_values, pictures, 5, permutations, 0.95)]


def test_a_level_is_a_leak_if_its_corrected_p_value_is_below_the_level_of_the_test():
    found = verdicts.verdict([0.001, 0.02, 0.04], 100, 5, 1999, 0.95)
    assert [one.verdict for one in found] == [LEAK, LEAK, LEAK]
    assert [one.corrected for one in found] == pytest.approx([0.003, 0.04, 0.04])
    assert said([0.001, 0.03, 0.04]) == [LEAK, NO_EVIDENCE, NO_EVIDENCE]


def test_nothing_found_in_too_few_pictures_is_no_absence_of_evidence():
    # Three levels: five pictures in each of five folds.
    assert said([0.5, 0.5, 1.0], pictures=25) == [NO_EVIDENCE] * 3
    assert said([0.5, 0.5, 1.0], pictures=24) == [TOO_FEW_PICTURES] * 3


def test_nothing_is_said_of_any_level_where_pictures_are_too_few():
    assert said([0.0005, 0.5], pictures=19) == [TOO_FEW_PICTURES] * 2
    assert said([0.0005, 0.5], pictures=25) == [LEAK, NO_EVIDENCE]


def test_too_few_permutations_find_nothing_and_say_so():
    assert said([0.05, 1.0], permutations=19) == [TOO_FEW_PERMUTATIONS] * 2
    assert said([np.nan, np.nan], permutations=0) == [TOO_FEW_PERMUTATIONS] * 2


def test_no_leak_anywhere_is_seldom_called_a_leak():
    generator = np.random.default_rng(0)
    runs = 4000
    wrong = sum(LEAK in said(generator.uniform(size=9)) for _ in range(runs))
    assert wrong / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert wrong / runs >= 0.05 - 4 * math.sqrt(0.05 * 0.95 / runs)  # it is no idle test


def test_real_leaks_do_not_raise_the_chance_that_another_level_is_called_one():
    generator = np.random.default_rng(1)
    runs = 4000
    found = [said([1e-6] * 4 + generator.uniform(size=5).tolist()) for _ in range(runs)]
    assert all(each[:4] == [LEAK] * 4 for each in found)
    wrong = sum(LEAK in each[4:] for each in found)
    assert wrong / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ([LEAK, NO_EVIDENCE, NO_EVIDENCE], (4, 4)),
        ([LEAK, LEAK, NO_EVIDENCE], (8, 8)),
        ([NO_EVIDENCE, LEAK, NO_EVIDENCE], (0, 8)),
        ([LEAK, NO_EVIDENCE, LEAK], (4, None)),
        ([LEAK, LEAK, LEAK], None),
        ([LEAK, TOO_FEW_PICTURES, TOO_FEW_PICTURES], None),
        ([TOO_FEW_PERMUTATIONS] * 3, None),
    ],
)
def test_from_which_level_on_nothing_is_found(verdict, expected):
    found = verdicts.quiet_from([0, 4, 8], verdict)
    assert found == expected
    if found:
        assert found.higher_leaks == (expected[0] != expected[1])
    assert verdicts.quiet_from([8, 4, 0], verdict[::-1]) == expected
