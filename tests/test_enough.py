"""The pictures that a trained estimate needs to carry weight; with fewer, figures are grey."""

import numpy as np
import pandas as pd
import pytest
import test_figures
import test_figures_beyond
import test_schemes_figure
import test_scorecard
import test_visual_security
from leakage.analysis import claims, enough, verdicts
from leakage.estimators import estimate
from leakage.figures import curves, named, style
from leakage.protocol import folds
from matplotlib.colors import to_rgb
from test_figures import titles

# Of five folds at 95 % confidence: the fewest pictures that carry weight.
BORDER = 20
SIDES = pytest.mark.parametrize(("pictures", "carries"), [(BORDER - 1, False), (BORDER, True)])
FOLDS = {"folds": 5, "confidence": 0.95}


def with_pictures(table: style.Table, pictures: int) -> style.Table:
    """Return an estimate as if cross-fitted from this number of pictures."""
    settings = table.metadata["settings"] | FOLDS
    rows = table.rows.assign(pictures=float(pictures))
    return style.Table(rows, table.metadata | {"settings": settings})


@pytest.mark.parametrize(
    ("settings", "pictures"),
    [
        ({"folds": 5}, 20),
        ({"folds": 3}, 12),
        ({"folds": 5, "confidence": 0.99}, 25),
        ({"test": 0.2}, 18),
        ({"neighbours": 3}, 0),
    ],
)
def test_the_needed_pictures_allow_a_perfect_critic_to_beat_chance(settings, pictures):
    assert enough.needed(settings) == pictures


@pytest.mark.parametrize(("missing", "fewest"), [(0, 4), (1, 3)])
def test_every_held_out_side_of_enough_pictures_has_four_and_with_one_fewer_it_has_not(
    missing, fewest
):
    random = np.random.default_rng(0)
    for count in (3, 5):
        groups = np.arange(enough.needed({"folds": count}) - missing)
        assert np.bincount(folds.assign_folds(groups, count, random)).min() == fewest
    for test in (0.1, 0.15, 0.2, 0.25, 0.3, 0.49):
        groups = np.arange(enough.needed({"test": test}) - missing)
        assert len(folds.split_by_group(groups, 0.1, test, random).test) == fewest


def test_an_estimate_carries_weight_from_the_needed_pictures_on_or_if_it_trains_nothing():
    rows = test_figures_beyond.held_out_rows()
    table = style.Table(rows, {"settings": {}})
    assert enough.shortage(with_pictures(table, BORDER)) == ""
    assert enough.shortage(with_pictures(table, 19)) == "19 pictures, at least 20 needed"
    assert enough.carries_weight(style.Table(rows.assign(pictures=3.0), {"settings": {}}))
    unknown = rows.drop(columns="pictures")
    assert enough.carries_weight(style.Table(unknown, {"settings": FOLDS}))


def curves_of(name: str, pictures: int) -> dict[str, style.Table]:
    """Return the tables of a figure of curves, with this number of pictures in trained ones."""
    if name in ("fig5", "fig6b"):
        rows = test_figures.mine_rows().assign(pictures=float(pictures))
        return {"mine": style.Table(rows, {"source": {"label": "an encoder"}, "settings": FOLDS})}
    if name == "schemes":
        found = test_schemes_figure.some_tables()
    else:
        found = test_figures_beyond.read_tables(name)
    trained = [role for role in found if "pictures" in found[role].rows]
    return found | {role: with_pictures(found[role], pictures) for role in trained}


CURVES = ["estimators", "memorisation", "pretraining", "pixel_critics", "schemes", "fig5", "fig6b"]


@pytest.mark.parametrize("name", CURVES)
@SIDES
def test_a_figure_s_trained_curves_are_grey_below_the_needed_pictures(name, pictures, carries):
    figure, table = named(name).draw(curves_of(name, pictures))
    colours = [[to_rgb(line.get_color()) for line in axis.lines] for axis in figure.axes]
    if name == "fig5":  # shades, one per level
        grey = [len({*shades[0]}) == 1 for shades in colours]
    else:
        grey = [to_rgb(style.GREY) in each for each in colours]
    assert grey[-1 if name in ("schemes", "fig5") else 0] != carries
    labels = [text.get_text() for each in figure.legends for text in each.get_texts()]
    said = " ".join([titles(figure), *labels]).split()
    few = f"({pictures} pictures, at least {BORDER} needed), carries no weight"
    assert (few in " ".join(said)) != carries
    assert table["carries_weight"].all() == carries
    assert bool(named(name).numbers(table)["few"]) != carries
    if "split" in table:
        assert table.loc[table["split"] == "train", "carries_weight"].all() and not grey[0]


def test_the_shares_of_re_identified_views_keep_their_colours_and_exact_intervals():
    figure, _ = named("reidentification").draw(curves_of("reidentification", 9))
    colours = {to_rgb(line.get_color()) for axis in figure.axes for line in axis.lines}
    assert to_rgb(style.GREY) not in colours and curves.TOO_FEW not in titles(figure)


def test_the_table_of_training_curves_has_the_number_of_pictures():
    x = np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32)
    how = {"epochs": 1, "hidden": 4, "seeds": 1, "batch": 4, "device": "cpu"}
    assert (estimate("mine_training", x, x, np.arange(24) // 2, **how)["pictures"] == 12).all()


@SIDES
def test_of_an_estimate_from_too_few_pictures_only_the_check_of_rescaling_counts(pictures, carries):
    table = with_pictures(test_scorecard.held_out(), pictures)
    found = dict.fromkeys(("clip", "clip rescaled", "clip plain"), table)
    figure, rows = test_scorecard.draw_checks(found)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert any("too few" in each for each in words) != carries and "holds" in words
    assert named("consistency").numbers(rows)["asked"] == (3 if carries else 1)


@SIDES
def test_the_verdict_gives_no_size_from_too_few_pictures_but_its_p_values(pictures, carries):
    estimate = with_pictures(test_scorecard.held_out(), pictures)
    rows = {"level": test_scorecard.LEVELS, "p_value": 0.001, "pictures": float(pictures)}
    rows |= {"statistic": verdicts.COMBINED, "smallest_p": 0.001, "possible_p": 0.0, "orders": 1000}
    tested = style.Table(pd.DataFrame(rows), estimate.metadata)
    table = verdicts.table({"msb_xor/clip": tested}, {"msb_xor/clip": estimate}, 0.95)
    assert (table["needed_for_nats"] == BORDER).all() and (verdicts.sized(table) == carries).all()
    figure, _ = named("verdict").draw({"verdicts": style.Table(table, {})})
    words = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert ("nats" in words) == carries and words.count("p = 0.00") == len(table)
    assert (f"no sizes of leaks from {pictures} pictures" in figure.axes[0].get_title()) != carries
    assert bool(named("verdict").numbers(table)["few"]) != carries


@SIDES
def test_the_classic_measures_say_if_their_nats_carry_no_weight(pictures, carries):
    found = test_visual_security.tables()
    rows = found["verdicts"].rows.assign(pictures=float(pictures), needed_for_nats=float(BORDER))
    figure, table = test_visual_security.draw(found | {"verdicts": style.Table(rows, {})})
    assert ("the nats carry no weight" in figure.get_suptitle()) != carries
    assert ("too few pictures" in figure.axes[0].get_ylabel()) != carries
    assert bool(named("visual_security").numbers(table)["few"]) != carries


@SIDES
def test_a_held_out_number_from_too_few_pictures_decides_no_claim(pictures, carries):
    # Held out, CLIP keeps less than pixels; on training pairs it keeps more.
    few = with_pictures(test_scorecard.held_out(values=test_scorecard.BENT), pictures)
    found = claims.claims(test_scorecard.papers(held_out_clip=few))[5]
    assert found.verdict == (claims.FAILS if carries else claims.TOO_FEW)
    assert ("too few pictures" in found.remark) != carries
