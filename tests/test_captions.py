"""Captions, filled from the table behind a figure."""

import math
import re

import numpy as np
import pandas as pd
import pytest
import test_classics
import test_figures
import test_figures_beyond
import test_visual_security
from docutils.core import publish_doctree
from hypothesis import given, settings
from hypothesis import strategies as st
from leakage import captions, figures
from leakage.analysis import claims, comparisons
from leakage.attacks.scores import MEAN, VIEW
from leakage.errors import LeakageError

WITH_TABLES = {
    **dict.fromkeys(test_figures.PAPERS, test_figures.drawn),
    **dict.fromkeys(test_figures_beyond.NAMES, lambda name, _: test_figures_beyond.drawn(name)),
    "classics": lambda *_: test_classics.drawn(),
    "visual_security": lambda *_: test_visual_security.draw(test_visual_security.tables()),
}


# Of a figure that another test draws: a made-up table, and a part of its caption.
BY_HAND = {
    "verdict": (
        {"scheme": "msb_xor", "representation": "clip", "label": "CLIP", "pictures": 60.0}
        | {"level": [0, 4, 8], "verdict": ["leak", "leak", "no evidence of a leak"]},
        "1 of 2 cells with encryption. msb_xor: on CLIP a leak at n = 4.",
    ),
    "reconstruction": (
        {"image_id": "cat", "scheme": "msb_xor", "level": [1, 1, 1, 2]}
        | {"attack": ["unwrapping", VIEW, MEAN, ""], "mean_ssim": [0.75, 0.5, 0.25, math.nan]}
        | {"recovered": 1, "pictures": 3},
        "at n = 1 by unwrapping: a mean SSIM of 0.75 (the view 0.50, the mean of other pictures "
        "0.25), 1 of 3 pictures bit for bit.",
    ),
    "scorecard": (
        {"claim": ["a", "b"], "verdict": claims.HOLDS, "networks": ["A, for B", "A, for B; C"]},
        "Networks: A, for B; C.",
    ),
    "consistency": (
        {"check": ["rise", "nothing left", "ceiling"], "value": [0.1, math.nan, 2.0]}
        | {"holds": [False, None, None]},
        "0 of 1 checks hold",
    ),
    "schemes": (
        {"scheme": ["one", "one", "two"], "level": [0, 8, 10], "strength": [0.0, 1.0, 1.0]}
        | {"estimate": comparisons.HELD_OUT, "mean": [3.0, 0.5, 0.25], "floor": [0.0, 0.3, 0.1]},
        "between 0.25 and 0.50 nats, where the floors reach 0.30",
    ),
    "calibration": (
        {"estimator": ["mine", "cca", "mine"], "task": "spiral", "truth": [1.0, 1.0, 2.0]}
        | {"bias": [0.1, -0.9, -0.25]},
        "spiral: -0.25 nats where the truth is 2.00",
    ),
}


@pytest.mark.parametrize("name", figures.names())
def test_a_caption_is_complete_with_and_without_numbers(name, tmp_path):
    figure = figures.named(name)
    assert len(figure.title) <= 36
    if name in BY_HAND:
        table = pd.DataFrame(BY_HAND[name][0])
        assert BY_HAND[name][1] in captions.fill(figure.template, figure.numbers(table), name)
    else:
        table = WITH_TABLES[name](name, tmp_path)[1]
    kept = {"level", "epoch", "strength", "pictures", "distinct_values"}
    numbers = set(table.select_dtypes("float").columns) - kept
    for rows in (table, table.assign(**dict.fromkeys(numbers, np.nan))):
        text = captions.fill(figure.template, figure.numbers(rows), name)
        assert not re.search(r"[{}]|\bnan\b|\bNone\b", text), text
        assert len(text.split(". ")) >= 2 and text.endswith(".")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([7.0, 3.0, 0.0], "falls from 7.00 bits at n = 0 to 0.00 at n = 8"),
        ([2.0, 9.0, 2.001], "is 2.00 bits at n = 0 and at n = 8"),
        ([math.nan, 1.0, 3.0], "rises from 1.00 bits at n = 4 to 3.00 at n = 8"),
        ([math.nan, 3.0, math.nan], "is 3.00 bits at n = 4"),
        ([math.nan] * 3, "is not known at any level"),
    ],
)
def test_a_trend_is_that_of_the_ends(values, said):
    assert captions.trend([8, 4, 0], values[::-1], ".2f", "bits") == said


def test_a_missing_number_is_called_missing_and_an_unknown_one_is_an_error():
    numbers = {"a": math.nan, "b": 0.125, "c": np.float64("inf"), "d": 3, "e": -0.001}
    text = captions.fill("{a:.2f}, {b:.0%}, {c:+.1f}, {d}, {e:.2f}", numbers, "x")
    assert text == "no number, 12\u00a0%, no number, 3, 0.00"
    with pytest.raises(LeakageError, match=r"fig9.*\{slope\}.*gives level, r2"):
        captions.fill("It falls by {slope:.2f}.", {"r2": 1.0, "level": 2}, "fig9")


@settings(max_examples=30)
@given(st.text(st.characters(codec="latin-1", categories=["L", "N", "P", "S", "Zs"]), min_size=1))
def test_a_plain_text_contains_no_markup(text):
    said = f"So {' '.join(text.split())} it is."
    (paragraph,) = publish_doctree(captions.as_rst(said)).children
    assert paragraph.tagname == "paragraph" and paragraph.astext() == said
