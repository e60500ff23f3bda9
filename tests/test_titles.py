"""Titles state what the table behind a figure says, whatever it says."""

import math

import numpy as np
import pytest
import test_figures
import test_figures_beyond
import test_scorecard
from leakage import captions
from leakage.figures import (
    distance,
    epochs,
    fig2,
    pixel_critics,
    pretraining,
    reidentification,
    style,
)
from leakage.figures import scorecard as claims


@pytest.fixture(autouse=True)
def close_figures():
    """Figures that stay open take memory."""
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([7.0, 3.0, 0.0], "falls from 7.00 bits at n = 0 to 0.00 at n = 8"),
        ([0.0, 3.0, 7.0], "rises from 0.00 bits at n = 0 to 7.00 at n = 8"),
        ([2.0, 9.0, 2.001], "is 2.00 bits at n = 0 and at n = 8"),
        ([-0.001, 1.0, 0.0], "is 0.00 bits at n = 0 and at n = 8"),
        ([math.nan, 3.0, 1.0], "falls from 3.00 bits at n = 4 to 1.00 at n = 8"),
        ([math.nan, 3.0, math.nan], "is 3.00 bits at n = 4"),
        ([math.nan] * 3, "is not known at any level"),
    ],
)
def test_a_trend_is_that_of_the_ends(values, said):
    assert captions.trend([0, 4, 8], values, ".2f", "bits") == said
    assert captions.trend([8, 4, 0], values[::-1], ".2f", "bits") == said


def test_a_trend_of_no_level_is_not_known():
    assert captions.trend([], [], ".2f") == "is not known at any level"


@pytest.mark.parametrize(
    ("nats", "said"), [([5, 4, 0], "falls"), ([0, 4, 5], "rises"), ([3, 3, 3], "is 4.33 bits")]
)
def test_figure_2_s_title_says_if_information_falls_rises_or_stays(nats, said):
    rows = test_figures.histogram_rows().assign(nats=np.array(nats, float))
    table = {"histogram": style.Table(rows, {"source": {}, "settings": {}})}
    figure, _ = fig2.draw(table, "fig2")
    assert f"Information about a pixel {said}" in figure.axes[0].get_title()


def mine(scale: float) -> dict[str, style.Table]:
    rows = test_figures.mine_rows()
    about = {"source": {"label": "an encoder"}, "settings": {}}
    return {"mine": style.Table(rows.assign(nats=scale * rows["nats"]), about)}


def test_figure_5_s_title_gives_both_values_at_the_level_with_the_most_on_training_pairs():
    figure, _ = epochs.draw(mine(1.0), "fig5")
    assert "MINE at n = 0: 2.55 nats on its training pairs, 1.27 held out" in figure.get_suptitle()
    figure, _ = epochs.draw(mine(-1.0), "fig5")
    assert "MINE at n = 8: -0.15 nats on its training pairs, -0.07" in figure.get_suptitle()
    figure, _ = epochs.draw(mine(math.nan), "fig5")
    assert "MINE gives no value" in figure.get_suptitle()


def test_figure_6_s_title_says_where_half_is_lost_or_that_nothing_is_above_0():
    figure, _ = distance.draw(mine(1.0), "fig6b")
    assert "first lost at n = 8 on training pairs, at n = 8 held out" in " ".join(
        figure.axes[0].get_title().split()
    )
    figure, _ = distance.draw(mine(0.0), "fig6b")
    assert "No maximum above 0" in figure.axes[0].get_title()


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        (1.0, "falls from 20 % at n = 0 to 2 % at n = 8; it is above guessing at n = 0"),
        (0.0, "is 0 % at n = 0 and at n = 8; it is above guessing at no level"),
    ],
)
def test_the_title_of_re_identification_says_where_it_beats_guessing(scale, said):
    rows = test_figures_beyond.share_rows(scale)
    about = {"source": {"label": "an encoder"}, "settings": {}}
    figure, _ = reidentification.draw({"clip": style.Table(rows, about)}, "reidentification")
    assert said in " ".join(figure.get_suptitle().split())


def test_the_title_of_the_critics_gives_their_largest_errors():
    figure, table = test_figures_beyond.drawn("pixel_critics")
    worst = table["difference"].abs().max()
    assert f"by up to {worst:.2f} nats (a byte as one number)" in figure.get_suptitle()
    missing = table.assign(difference=math.nan)
    assert "up to no number nats" in pixel_critics.finding(missing)


def test_the_scorecard_s_title_counts_the_claims():
    figure, _ = claims.draw(test_scorecard.papers(), "scorecard")
    assert "Of the paper's 7 claims 7 hold" in figure.axes[0].get_title(loc="left")
    found = test_scorecard.papers(
        test_scorecard.LITE0,
        "ResNet-50, untrained",
        histogram=test_scorecard.histogram(test_scorecard.BENT),
    )
    figure, _ = claims.draw(found, "scorecard")
    said = "1 hold, 1 do not hold, 3 hold with a stand-in and 2 cannot be tested here"
    assert said in figure.axes[0].get_title(loc="left")


def test_the_title_of_pretraining_names_the_networks_and_their_shares():
    figure, table = test_figures_beyond.drawn("pretraining")
    said = "At n = 0 CLIP ViT-B/32 finds 20 % of the held-out views; untrained, 6 %"
    assert said in figure.get_suptitle()
    nothing = pretraining.finding(table.assign(difference=math.nan))
    assert nothing == "What pretraining adds to an architecture"
