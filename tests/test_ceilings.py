"""No exact or counted value leaves its bounds, not even by rounding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leakage.estimators import estimate, frequencies


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("histogram", {}),
        ("histogram", {"correction": "none"}),
        ("histogram", {"correction": "grassberger"}),
        ("rounded_histogram", {"decimals": 2}),
        ("finite_set", {}),
    ],
    ids=repr,
)
@pytest.mark.parametrize("kind", ["numbers", "bytes", "few symbols"])
@given(st.integers(1, 40), st.integers(1, 3), st.integers(0, 2**32))
@settings(max_examples=15)
def test_values_stay_within_their_bounds(name, chosen, kind, pairs, columns, seed):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(pairs, columns))
    if kind == "bytes":
        x = generator.integers(0, 256, (pairs, columns), dtype=np.uint8)
    elif kind == "few symbols":
        x = generator.integers(-3, 3, (pairs, columns))
    tied = x.copy()
    tied[0] = tied[-1]
    views = [x, generator.permutation(x), tied, np.round(x), generator.permutation(tied)]
    table = estimate(name, x, np.stack(views).astype(x.dtype), **chosen)
    assert (table["nats"] <= table["ceiling"]).all()
    assert (table["value"] == table["nats"]).all()
    if name != "histogram" or chosen.get("correction") == "none":
        assert (table["nats"] >= 0).all()
    elif kind == "bytes" and not chosen:
        # Grassberger's correction, also of other symbols, can go further below 0.
        assert (table["nats"] > -0.5).all()


@given(st.integers(2, 400))
@settings(max_examples=60)
def test_distinct_items_reach_the_ceiling_to_the_last_bit(count):
    x = np.arange(count)[:, None]
    assert (estimate("finite_set", x, x)[["nats", "ceiling"]].nunique(axis=1) == 1).all()
    assert frequencies.mutual_information(x.ravel(), x.ravel()) == frequencies.logarithm(count)


@given(st.integers(1, 30), st.integers(1, 30))
def test_independent_symbols_give_0_and_never_less(one, other):
    x, y = np.repeat(np.arange(one), other), np.tile(np.arange(other), one)
    assert 0 <= frequencies.mutual_information(x, y) < 1e-14


@given(st.integers(1, 9), st.floats(1e-6, 1e6), st.integers(0, 2**32))
@settings(max_examples=30)
def test_a_cosine_never_exceeds_1(dim, scale, seed):
    x = np.random.default_rng(seed).normal(size=(50, dim))
    table = estimate("cosine", x, np.stack([scale * x, -scale * x]))
    assert (table["value"].abs() <= 1).all()
