"""The pictures that a trained estimate needs to carry weight; with fewer, figures are grey."""

import numpy as np
import pandas as pd
import pytest
import test_figures
import test_figures_beyond
import test_schemes_figure
import test_scorecard
import test_visual_security
from leakage.analysis import claims, comparisons, enough, verdicts
from leakage.figures import (
    curves,
    named,
    schemes,
    style,
    training,
    verdict,
)
from leakage.protocol import folds
from matplotlib.colors import to_rgb
from test_figures import titles

# Of five folds at 95 % confidence: the fewest pictures that carry weight.
BORDER = 20
SIDES = [(BORDER - 1, False), (BORDER, True)]
FOLDS = {"folds": 5, "confidence": 0.95}


def with_pictures(table: style.Table, pictures: int, **settings) -> style.Table:
    """Return a cross-fitted estimate from the given number of pictures."""
    rows = table.rows.assign(pictures=float(pictures))
    settings = table.metadata["settings"] | (settings or FOLDS)
    return style.Table(rows, table.metadata | {"settings": settings})


def read(name: str, pictures: int) -> dict[str, style.Table]:
    """Return the tables of a figure, with the given number of pictures in the held-out ones."""
    found = test_figures_beyond.read_tables(name)
    trained = {role: table for role, table in found.items() if "chosen" in table.rows}
    return found | {role: with_pictures(each, pictures) for role, each in trained.items()}


def has_grey(axis) -> bool:
    return any(to_rgb(line.get_color()) == to_rgb(style.GREY) for line in axis.lines)


@pytest.mark.parametrize(
    ("settings", "pictures"),
    [
        ({"folds": 5}, 20),
        ({"folds": 3}, 12),
        ({"folds": 5, "confidence": 0.99}, 25),
        ({"test": 0.2}, 18),
        ({"test": 0.4}, 9),
        ({}, 0),
        ({"neighbours": 3}, 0),
    ],
)
def test_the_needed_pictures_allow_a_perfect_critic_to_beat_chance(settings, pictures):
    assert enough.needed(settings) == pictures


@pytest.mark.parametrize("count", [3, 5])
def test_every_fold_of_enough_pictures_has_four_and_with_one_fewer_it_has_not(count):
    for missing, fewest in ((0, 4), (1, 3)):
        groups = np.arange(enough.needed({"folds": count}) - missing)
        parts = folds.assign_folds(groups, count, np.random.default_rng(0))
        assert np.bincount(parts).min() == fewest


@pytest.mark.parametrize("test", [0.1, 0.15, 0.2, 0.25, 0.3, 0.49])
def test_the_test_side_of_enough_pictures_has_four_and_with_one_fewer_it_has_not(test):
    for missing, fewest in ((0, 4), (1, 3)):
        groups = np.arange(enough.needed({"test": test}) - missing)
        split = folds.split_by_group(groups, 0.1, test, np.random.default_rng(0))
        assert len(split.test) == fewest


@pytest.mark.parametrize(("pictures", "carries"), SIDES)
def test_an_estimate_carries_weight_from_the_needed_pictures_on(pictures, carries):
    table = with_pictures(
        style.Table(test_figures_beyond.held_out_rows(), {"settings": {}}), pictures
    )
    assert enough.carries_weight(table) == carries
    said = f"{pictures} pictures, at least {BORDER} needed"
    assert enough.shortage(table) == ("" if carries else said)


def test_an_estimate_that_trains_nothing_or_has_no_picture_count_always_carries_weight():
    rows = test_figures_beyond.held_out_rows()
    assert enough.carries_weight(style.Table(rows.assign(pictures=3.0), {"settings": {}}))
    unknown = rows.drop(columns="pictures")
    assert enough.carries_weight(style.Table(unknown, {"settings": FOLDS}))


@pytest.mark.parametrize("name", ["estimators", "memorisation", "pretraining", "pixel_critics"])
@pytest.mark.parametrize(("pictures", "carries"), SIDES)
def test_a_figure_s_trained_estimate_is_grey_below_the_needed_pictures(name, pictures, carries):
    module = test_figures_beyond.figures.named(name)
    figure, table = module.draw(read(name, pictures))
    assert has_grey(figure.axes[0]) != carries
    said = f"{curves.TOO_FEW} ({pictures} pictures, at least {BORDER} needed), carries no weight"
    assert (said in " ".join(titles(figure).split())) != carries
    assert table["carries_weight"].all() == carries
    assert bool(module.numbers(table)["few"]) != carries


def test_the_shares_of_re_identified_views_keep_their_colours_and_exact_intervals():
    module = test_figures_beyond.figures.named("reidentification")
    figure, _ = module.draw(read("reidentification", 9))
    assert not any(map(has_grey, figure.axes)) and curves.TOO_FEW not in titles(figure)


def mine(pictures: int, **source) -> style.Table:
    rows = test_figures.mine_rows().assign(pictures=float(pictures))
    about = {"source": {"label": "an encoder"} | source, "settings": {"test": 0.2}}
    return style.Table(rows, about)


@pytest.mark.parametrize(("pictures", "carries"), [(17, False), (18, True)])
def test_mine_s_held_out_side_is_grey_below_the_needed_pictures(pictures, carries):
    said = f"({pictures} pictures, at least 18 needed), carries no weight"
    figure, table = training.Figure5().draw({"mine": mine(pictures)})
    left, right = figure.axes
    shades = [to_rgb(line.get_color()) for line in right.lines if len(line.get_xdata()) == 3]
    assert (len({*shades[0]}) == 1) != carries and len({*to_rgb(left.lines[0].get_color())}) > 1
    assert (said in titles(figure)) != carries and ("held out" in figure.get_suptitle()) == carries
    assert table.loc[table["split"] == "train", "carries_weight"].all()
    figure, table = training.Figure6b().draw({"mine": mine(pictures)})
    (axis,) = figure.axes
    assert has_grey(axis) != carries and ("held out" in axis.get_title()) == carries
    labels = " ".join(text.get_text() for text in figure.legends[0].get_texts())
    assert (said in labels) != carries
    assert bool(training.Figure6b().numbers(table)["few"]) != carries


@pytest.mark.parametrize(("pictures", "carries"), SIDES)
def test_the_schemes_held_out_side_is_grey_below_the_needed_pictures(pictures, carries):
    found = test_schemes_figure.some_tables()
    for role, table in found.items():
        if role.endswith(comparisons.HELD_OUT):
            found[role] = with_pictures(table, pictures)
    figure, table = schemes.Schemes().draw(found)
    left, right = figure.axes
    assert has_grey(right) != carries and not has_grey(left)
    assert (curves.TOO_FEW in titles(figure)) != carries
    assert table.loc[table["estimate"] == comparisons.COUNTED, "carries_weight"].all()


@pytest.mark.parametrize(("pictures", "carries"), SIDES)
def test_a_check_of_an_estimate_from_too_few_pictures_is_grey_but_not_that_of_rescaling(
    pictures, carries
):
    table = with_pictures(test_scorecard.held_out(), pictures)
    found = dict.fromkeys(("clip", "clip rescaled", "clip plain"), table)
    figure, rows = test_scorecard.draw_checks(found)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert any("too few" in each for each in words) != carries
    assert "holds" in words
    assert named("consistency").numbers(rows)["asked"] == (3 if carries else 1)


@pytest.mark.parametrize(("pictures", "carries"), SIDES)
def test_the_verdict_gives_no_size_from_too_few_pictures_but_its_p_values(pictures, carries):
    estimate = with_pictures(test_scorecard.held_out(), pictures)
    rows = {"level": test_scorecard.LEVELS, "p_value": 0.001, "pictures": float(pictures)}
    rows |= {"statistic": verdicts.COMBINED, "smallest_p": 0.001, "possible_p": 0.0, "orders": 1000}
    tested = style.Table(pd.DataFrame(rows), estimate.metadata)
    table = verdicts.table({"msb_xor/clip": tested}, {"msb_xor/clip": estimate}, 0.95)
    assert (table["needed_for_nats"] == BORDER).all() and (verdicts.sized(table) == carries).all()
    figure, _ = verdict.Verdict().draw({"verdicts": style.Table(table, {})})
    words = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert ("nats" in words) == carries and words.count("p = 0.00") == len(table)
    said = (
        f"no sizes of leaks from {pictures} pictures: an estimate in nats needs at least {BORDER}"
    )
    assert (said in " ".join(figure.axes[0].get_title().split())) != carries
    assert bool(verdict.Verdict().numbers(table)["few"]) != carries


@pytest.mark.parametrize(("pictures", "carries"), SIDES)
def test_the_classic_measures_say_if_their_nats_carry_no_weight(pictures, carries):
    found = test_visual_security.tables()
    rows = found["verdicts"].rows.assign(pictures=float(pictures), needed_for_nats=float(BORDER))
    found |= {"verdicts": style.Table(rows, found["verdicts"].metadata)}
    figure, table = test_visual_security.draw(found)
    assert ("the nats carry no weight" in figure.get_suptitle()) != carries
    assert ("too few pictures" in figure.axes[0].get_ylabel()) != carries
    assert bool(named("visual_security").numbers(table)["few"]) != carries


@pytest.mark.parametrize(("pictures", "carries"), SIDES)
def test_a_held_out_number_from_too_few_pictures_decides_no_claim(pictures, carries):
    # Held out, CLIP keeps less than pixels; on training pairs it keeps more.
    few = with_pictures(test_scorecard.held_out(values=test_scorecard.BENT), pictures)
    found = claims.claims(test_scorecard.papers(held_out_clip=few))[5]
    assert found.verdict == (claims.FAILS if carries else claims.TOO_FEW)
    assert ("too few pictures" in found.remark) != carries
    assert np.isfinite(found.quantities[0].held_out)


def test_the_table_of_training_curves_has_the_number_of_pictures():
    x = np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32)
    how = {"epochs": 1, "hidden": 4, "seeds": 1, "batch": 4}
    rows = tables_of(x, how)
    assert (rows["pictures"] == 12).all()


def tables_of(x: np.ndarray, how: dict) -> pd.DataFrame:
    from leakage.estimators import estimate

    return estimate("mine_training", x, np.stack([x]), np.arange(len(x)) // 2, device="cpu", **how)
