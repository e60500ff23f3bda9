"""The exact mutual information over a finite set of items."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leakage.estimators import estimate, finite_set

LABELS = st.lists(st.integers(0, 5), min_size=1, max_size=40).map(np.array)
ITEMS = np.random.default_rng(0).normal(size=(100, 8)).astype(np.float32)


def nats(x, y) -> float:
    return estimate("finite_set", x, y)["nats"].item()


@pytest.mark.parametrize("distinct", [100, 10, 1])
def test_equally_shared_views_have_the_logarithm_of_their_number(distinct):
    row = estimate("finite_set", ITEMS, ITEMS[np.arange(100) % distinct]).iloc[0]
    assert row["nats"] == pytest.approx(np.log(distinct), abs=1e-12)
    assert row["distinct"] == distinct and "of these 100 items" in row["estimand"]


@given(LABELS)
@settings(max_examples=30)  # the first call imports pandas
def test_a_function_of_the_item_has_the_entropy_of_the_view(labels):
    shares = np.unique(labels % 3, return_counts=True)[1] / len(labels)
    assert nats(labels, labels % 3) == pytest.approx(-(shares * np.log(shares)).sum(), abs=1e-9)
    assert nats(labels, np.full_like(labels, 7)) == 0


def test_equal_items_are_one_symbol_even_if_their_views_differ():
    twice = ITEMS[[0, 0, 1, 1]]
    assert nats(twice, np.array([0, 1, 2, 3])) == pytest.approx(np.log(2))
    of_y, given_x = np.log(4) - 0.75 * np.log(3), np.log(2) / 2
    assert nats(twice, np.array([0, 0, 0, 1])) == pytest.approx(of_y - given_x)


def test_the_smallest_difference_separates_items():
    nearly = ITEMS[[0, 0]]
    nearly[1, 3] = np.nextafter(nearly[1, 3], np.float32(9))
    assert nats(ITEMS[:2], nearly) == pytest.approx(np.log(2))


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.longdouble])
def test_zero_has_no_sign(dtype):
    zeros = np.array([[0.0, 1], [-0.0, 1], [0.0, -0.0], [-0.0, 0.0]], dtype)
    assert finite_set.row_ids(zeros).tolist() == [0, 0, 1, 1]
