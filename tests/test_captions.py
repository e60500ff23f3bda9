"""Captions: filled from the table behind a figure, and kept inside its picture."""

import math
import re

import numpy as np
import pandas as pd
import pytest
import test_figures
import test_figures_beyond
import test_visual_security
from docutils.core import publish_doctree
from hypothesis import given, settings
from hypothesis import strategies as st
from leakage import captions, figures
from leakage.analysis import claims, comparisons
from leakage.errors import LeakageError
from leakage.figures import (
    style,
)

WITH_TABLES = {
    **dict.fromkeys(test_figures.PAPERS, test_figures.drawn),
    **dict.fromkeys(test_figures_beyond.COLUMNS, lambda name, _: test_figures_beyond.drawn(name)),
    "visual_security": lambda *_: test_visual_security.draw(test_visual_security.tables()),
}


def verdict_rows() -> pd.DataFrame:
    rows = {"scheme": "msb_xor", "representation": "clip", "label": "CLIP", "level": [0, 4, 8]}
    said = ["leak", "leak", "no evidence of a leak"]
    return pd.DataFrame(rows | {"verdict": said, "pictures": 60.0})


def scorecard_rows() -> pd.DataFrame:
    said = [claims.HOLDS, claims.HOLDS, claims.FAILS, claims.NO_WEIGHTS]
    networks = ["", "", "A, in place of B", "A, in place of B; C"]
    return pd.DataFrame({"claim": ["a", "a", "b", "c"], "verdict": said, "networks": networks})


def consistency_rows() -> pd.DataFrame:
    rows = {"check": ["rise", "nothing left", "ceiling"], "value": [0.1, math.nan, 2.0]}
    return pd.DataFrame(rows | {"holds": [False, None, None]})


def scheme_rows() -> pd.DataFrame:
    rows = {"scheme": ["one", "one", "two"], "level": [0, 8, 10], "strength": [0.0, 1.0, 1.0]}
    values = {"mean": [3.0, 0.5, 0.25], "floor": [0.0, 0.3, 0.1]}
    return pd.DataFrame(rows | {"estimate": comparisons.HELD_OUT} | values)


def calibration_rows() -> pd.DataFrame:
    rows = {"estimator": ["mine", "cca", "mine"], "task": ["spiral"] * 3}
    return pd.DataFrame(rows | {"truth": [1.0, 1.0, 2.0], "bias": [0.1, -0.9, -0.25]})


BY_HAND = {
    "verdict": (
        verdict_rows,
        "1 of 2 cells with encryption. msb_xor: on CLIP a leak at n = 4.",
    ),
    "scorecard": (scorecard_rows, "Networks: A, in place of B; C."),
    "consistency": (consistency_rows, "0 of 1 checks hold"),
    "schemes": (scheme_rows, "between 0.25 and 0.50 nats, where the floors reach 0.30"),
    "calibration": (calibration_rows, "spiral: -0.25 nats where the truth is 2.00"),
}


@pytest.mark.parametrize("name", figures.names())
def test_a_caption_is_complete_with_and_without_numbers(name, tmp_path):
    figure = figures.named(name)
    assert len(figure.title) <= 36
    table = BY_HAND[name][0]() if name in BY_HAND else WITH_TABLES[name](name, tmp_path)[1]
    kept = {"level", "epoch", "strength", "pictures", "distinct_values"}
    numbers = set(table.select_dtypes("float").columns) - kept
    for rows in (table, table.assign(**dict.fromkeys(numbers, np.nan))):
        text = captions.fill(figure.template, figure.numbers(rows), name)
        assert not re.search(r"[{}]|\bnan\b|\bNone\b", text), text
        assert len(text.split(". ")) >= 2 and text.endswith(".")
    if name in BY_HAND:
        assert BY_HAND[name][1] in captions.fill(figure.template, figure.numbers(table), name)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([7.0, 3.0, 0.0], "falls from 7.00 bits at n = 0 to 0.00 at n = 8"),
        ([0.0, 3.0, 7.0], "rises from 0.00 bits at n = 0 to 7.00 at n = 8"),
        ([2.0, 9.0, 2.001], "is 2.00 bits at n = 0 and at n = 8"),
        ([math.nan, 3.0, 1.0], "falls from 3.00 bits at n = 4 to 1.00 at n = 8"),
        ([math.nan, 3.0, math.nan], "is 3.00 bits at n = 4"),
        ([math.nan] * 3, "is not known at any level"),
    ],
)
def test_a_trend_is_that_of_the_ends(values, said):
    assert captions.trend([0, 4, 8], values, ".2f", "bits") == said
    assert captions.trend([8, 4, 0], values[::-1], ".2f", "bits") == said


def test_an_unknown_placeholder_is_an_error_that_lists_the_known_ones():
    with pytest.raises(LeakageError, match=r"fig9.*\{slope\}.*gives level, r2"):
        captions.fill("It falls by {slope:.2f}.", {"r2": 1.0, "level": 2}, "fig9")


def test_a_missing_number_is_called_missing_and_percent_signs_have_a_space():
    numbers = {"a": math.nan, "b": 0.125, "c": np.float64("inf"), "d": 3, "e": -0.001}
    text = captions.fill("{a:.2f}, {b:.0%}, {c:+.1f}, {d}, {e:.2f}", numbers, "x")
    assert text == "no number, 12\u00a0%, no number, 3, 0.00"


def test_the_caption_of_a_saved_figure_is_read_from_its_picture(tmp_path):
    figure, table = test_figures.drawn("fig2", tmp_path)
    said = "R² is 0.99, held out − and *so* on."
    style.save(figure, table, tmp_path / "fig2", said)
    assert captions.inside(tmp_path / "fig2.png") == said
    assert captions.inside(tmp_path / "none.png") == ""


@settings(max_examples=30)
@given(st.text(st.characters(codec="latin-1", categories=["L", "N", "P", "S", "Zs"]), min_size=1))
def test_a_plain_text_contains_no_markup(text):
    said = f"So {' '.join(text.split())} it is."
    (paragraph,) = publish_doctree(captions.as_rst(said)).children
    assert paragraph.tagname == "paragraph" and paragraph.astext() == said
