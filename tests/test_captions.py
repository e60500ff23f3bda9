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
from hypothesis import given
from hypothesis import strategies as st
from leakage import captions, figures
from leakage.analysis import claims, comparisons, wording
from leakage.errors import LeakageError
from leakage.figures import (
    fig2,
    style,
)

WITH_TABLES = {
    **dict.fromkeys(test_figures.PAPERS, test_figures.drawn),
    **dict.fromkeys(test_figures_beyond.COLUMNS, lambda name, _: test_figures_beyond.drawn(name)),
    "visual_security": lambda *_: test_visual_security.draw(test_visual_security.tables()),
}


def template(name: str) -> str:
    return figures.named(name).template


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


@pytest.fixture(autouse=True)
def close_figures():
    """Figures that stay open take memory."""
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def assert_complete(text: str) -> None:
    assert not re.search(r"[{}]|\bnan\b|\bNone\b", text), text
    assert len(text.split(". ")) >= 2 and text.endswith(".")


def test_every_figure_has_a_caption_a_title_and_a_test_of_its_numbers():
    for name in figures.names():
        assert template(name) and len(figures.named(name).title) <= 36
    assert set(figures.names()) == set(WITH_TABLES) | set(BY_HAND)


@pytest.mark.parametrize("name", WITH_TABLES)
def test_a_caption_is_filled_with_the_numbers_of_the_table_behind(name, tmp_path):
    table = WITH_TABLES[name](name, tmp_path)[1]
    text = captions.fill(template(name), figures.named(name).numbers(table), name)
    assert_complete(text)
    assert text != template(name)


@pytest.mark.parametrize("name", BY_HAND)
def test_a_caption_counts_what_was_found(name):
    rows, said = BY_HAND[name]
    text = captions.fill(template(name), figures.named(name).numbers(rows()), name)
    assert_complete(text)
    assert said in text


@pytest.mark.parametrize("name", [*WITH_TABLES, *BY_HAND])
def test_a_table_without_numbers_gives_a_caption_that_says_so(name, tmp_path):
    table = BY_HAND[name][0]() if name in BY_HAND else WITH_TABLES[name](name, tmp_path)[1]
    kept = {"level", "epoch", "strength", "pictures", "distinct_values"}
    numbers = set(table.select_dtypes("float").columns) - kept
    empty = table.assign(**dict.fromkeys(numbers, np.nan))
    assert_complete(captions.fill(template(name), figures.named(name).numbers(empty), name))


def test_the_verdict_s_caption_says_why_nothing_was_found():
    rows = verdict_rows()
    few = rows.assign(verdict="too few pictures", pictures=6.0)
    assert wording.finding(few) == "too few pictures (6)"
    none = rows.assign(verdict="no evidence of a leak")
    assert wording.finding(none) == "no evidence of a leak at 2 levels"


def test_figure_2_s_caption_has_its_slope_and_its_fit():
    table = fig2.behind(test_figures.histogram_rows())
    text = captions.fill(template("fig2"), fig2.Figure2().numbers(table), "fig2")
    slope, r2 = table["slope"].iloc[0], table["r_squared"].iloc[0]
    assert f"slope of {slope:.3f} bit" in text and f"R² = {r2:.4f}" in text
    one_level = fig2.behind(test_figures.histogram_rows().iloc[:1])
    assert "No straight line" in fig2.Figure2().numbers(one_level)["fit"]


def test_a_number_that_the_figure_does_not_give_is_an_error_that_names_both():
    with pytest.raises(LeakageError, match=r"fig9.*\{slope\}.*gives level, r2"):
        captions.fill("It falls by {slope:.2f}.", {"r2": 1.0, "level": 2}, "fig9")


def test_a_missing_number_is_said_to_be_missing_and_percent_has_its_space():
    numbers = {"a": math.nan, "b": 0.125, "c": np.float64("inf"), "d": 3, "e": -0.001}
    text = captions.fill("{a:.2f}, {b:.0%}, {c:+.1f}, {d}, {e:.2f}", numbers, "x")
    assert text == "no number, 12\u00a0%, no number, 3, 0.00"


def test_the_caption_that_a_figure_was_saved_with_is_read_from_its_picture(tmp_path):
    figure, table = test_figures.drawn("fig2", tmp_path)
    said = "R² is 0.99, held out − and *so* on."
    style.save(figure, table, tmp_path / "fig2", said)
    assert captions.inside(tmp_path / "fig2.png") == said
    assert captions.inside(tmp_path / "none.png") == ""


@given(st.text(st.characters(codec="latin-1", categories=["L", "N", "P", "S", "Zs"]), min_size=1))
def test_nothing_of_a_plain_text_is_markup(text):
    said = f"So {' '.join(text.split())} it is."
    (paragraph,) = publish_doctree(captions.as_rst(said)).children
    assert paragraph.tagname == "paragraph" and paragraph.astext() == said


def test_things_are_listed_in_words():
    assert captions.listed([]) == "none"
    assert captions.listed([4]) == "4"
    assert captions.listed([0, 4, 8]) == "0, 4 and 8"
