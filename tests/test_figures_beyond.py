"""The figures beyond the paper, drawn from small tables."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from leakage import figures
from leakage.analysis import comparisons
from leakage.errors import LeakageError
from leakage.estimators import tables
from leakage.figures import curves, estimators, memorisation, pixel_critics, style
from matplotlib.colors import to_rgb
from test_figures import mine_rows, titles

LEVELS = [0, 4, 8]
CEILING = float(np.log(12))
LABELS = {"clip": "CLIP ViT-B/32", "clip-untrained": "CLIP ViT-B/32, untrained"}
CONFIG = SimpleNamespace(
    paper=SimpleNamespace(histogram="histogram", training="mine_training"),
    comparisons=SimpleNamespace(
        estimators=["mine", "infonce", "cca"],
        reidentification="reidentification",
        pixel_critics={"scalar": "mine", "bits": "mine", "fourier": "mine"},
    ),
    verdict=SimpleNamespace(estimator="mine"),
    representations=["clip", "clip-untrained", "pixels"],
    controls={"clip": "clip-untrained", "statistics": None},
)
NAMES = ["estimators", "memorisation", "reidentification", "pretraining", "pixel_critics"]


def held_out_rows(scale: float = 1.0, ceiling: float = CEILING) -> pd.DataFrame:
    """Return a made-up held-out table: scale * (8 - level) / 2 nats, at most the ceiling."""
    rows = []
    for level in LEVELS:
        mean = min(ceiling, scale * (8 - level) / 2)
        whole = {"level": level, "mean": mean, "low": mean - 0.2, "high": min(ceiling, mean + 0.2)}
        whole |= {"floor": -0.1 * scale, "null_high": 0.15, "p_value": 0.01, "pictures": 36}
        whole |= {"ceiling": ceiling, "chance": np.nan, "split": "test"}
        for fold in range(3):
            for variant, nats in (("matched", mean), ("mismatched", whole["floor"])):
                one = {"fold": fold, "variant": variant, "nats": nats}
                rows.append(whole | one | {"chosen": variant == "matched"})
    return tables.tidy(pd.DataFrame(rows).assign(estimand="made up"))


def share_rows(scale: float = 1.0) -> pd.DataFrame:
    """Return a made-up table of re-identification; guessing finds 1 in 12, 11 and 10.

    The nearest neighbour finds 0.8 times what the critic finds, among 36 items 0.4 times.
    """
    parts = []
    for first in (1, 5):
        rows = held_out_rows()
        share = np.minimum(1, scale * first * (9 - rows["level"]) / 45)
        candidates = 12 - rows["fold"]
        for by, part, among in (
            ("", 1.0, candidates),
            ("nearest neighbour, ", 0.8, candidates),
            ("nearest neighbour of all, ", 0.4, 36),
        ):
            whole = {"mean": part * share, "low": part * share * 0.9}
            whole |= {"high": np.minimum(1, part * share * 1.1), "value": part * share}
            whole |= {"nats": np.nan, "unit": "share", "ceiling": 1.0, "chance": first / among}
            whole |= {"chosen": rows["chosen"] & (by == ""), "statistic": f"{by}top {first}"}
            parts.append(rows.assign(**whole))
    return tables.tidy(pd.concat(parts, ignore_index=True))


def read_table(estimator: str, representation: str) -> style.Table:
    """Return a small table as a figure reads it."""
    method = estimator.partition("-")[0]
    label = LABELS.get(representation)
    scale = 0.3 if label and "untrained" in label else 1.0
    if method == "histogram":
        exact = {"level": LEVELS, "nats": 0.0, "pooled": [4.0, 2.0, 0.0], "estimand": "made up"}
        rows = tables.tidy(exact)
    elif method == "mine_training":
        rows = mine_rows()
    else:
        rows = share_rows(scale) if method == "reidentification" else held_out_rows(scale)
    source = {"label": label} if label else {}
    settings = {"method": method, "confidence": 0.95}
    return style.Table(rows, {"source": source, "settings": settings})


def read_tables(name: str) -> dict[str, style.Table]:
    roles = figures.named(name).tables(CONFIG, "clip-untrained")
    return {role: read_table(*which[:2]) for role, which in roles.items()}


def drawn(name: str):
    """Return the figure and the table of a module, drawn from small tables."""
    return figures.named(name).draw(read_tables(name))


def legend(figure) -> list[str]:
    return [text.get_text() for each in figure.legends for text in each.get_texts()]


def triangles(axis) -> dict[tuple[float, ...], list[float]]:
    """Return the levels of the open triangles, by their colour."""
    marks = [line for line in axis.lines if line.get_marker() == "^" and len(line.get_xdata())]
    assert all(line.get_markerfacecolor() == "white" for line in marks)
    return {to_rgb(line.get_markeredgecolor()): list(line.get_xdata()) for line in marks}


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_has_units_and_a_tick_per_level(name):
    figure, table = drawn(name)
    assert set(table["level"]) == set(LEVELS)
    for axis in figure.axes:
        assert axis.get_xlabel() == style.LEVEL
        assert any(unit in axis.get_ylabel() for unit in ("(nats)", "share of held-out views"))
        assert axis.get_xticks().tolist() == LEVELS
    assert "36 pictures" in titles(figure) and "95 % interval" in titles(figure)
    if figures.named(name).per_representation:
        assert LABELS["clip-untrained"] in titles(figure)


def estimators_of(**rows: pd.DataFrame):
    """Return the figure of estimators of made-up tables, by their method."""
    read = {
        method: style.Table(table, {"source": {}, "settings": {"method": method}})
        for method, table in rows.items()
    }
    return estimators.Estimators().draw(read)


def test_values_at_their_ceiling_are_open_triangles():
    figure, _ = estimators_of(infonce=held_out_rows(0.5))
    assert not triangles(figure.axes[0]) and curves.LOWER_BOUND not in legend(figure)
    figure, table = estimators_of(mine=held_out_rows(0.5), infonce=held_out_rows(4))
    assert triangles(figure.axes[0]) == {style.colours(2)[1]: [0, 4]}
    assert curves.LOWER_BOUND in legend(figure)
    marked = table[table["at_ceiling"]]
    assert set(marked["estimator"]) == {"infonce"} and marked["level"].tolist() == [0, 4]


def test_each_ceiling_is_drawn_with_its_estimator_or_said_to_be_out_of_sight():
    figure, _ = estimators_of(
        mine=held_out_rows(), ksg=held_out_rows(ceiling=2.2), cca=held_out_rows(0.5)
    )
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.texts] == ["ceiling ≈ ln 9 (KSG)", "ceiling ln 12"]
    assert any(np.allclose(line.get_ydata(), CEILING, atol=0.01) for line in axis.lines)
    figure, _ = estimators_of(mine=held_out_rows(0.5, float(np.log(4000))))
    assert "ceiling ln 4,000 = 8.29 nats: out of sight" in legend(figure)
    assert figure.axes[0].get_ylim()[1] < 8


def test_two_estimators_of_one_method_are_told_apart():
    read = {key: read_table(key, "clip") for key in ("mine", "mine-joint", "cca")}
    names = ["MINE, mine", "MINE, mine-joint", "CCA (Gaussian part)"]
    assert list(comparisons.methods(read).values()) == names


def test_values_far_below_zero_are_cut_and_the_title_says_so():
    figure, _ = estimators_of(mine=held_out_rows().assign(low=-500.0))
    assert "cut: they fall to -500.0" in titles(figure)
    assert figure.axes[0].get_ylim()[0] > -4


def test_memorisation_compares_the_last_training_value_with_the_chosen_held_out_one():
    _, table = drawn("memorisation")
    table = table.set_index(["series", "level"])
    # Seeds 0 and 1 have 4 and 5 at level 4, times 3 / 10; half of it when held out.
    columns = ["mean", "low", "high"]
    assert table.loc[("train", 4), columns].tolist() == pytest.approx([1.35, 1.2, 1.5])
    assert table.loc[("single_split", 4), columns].tolist() == pytest.approx([0.675, 0.6, 0.75])
    assert table.loc[("cross_fitted", 4), "mean"] == pytest.approx(0.6)
    assert table.loc[("floor", 4), "mean"] == pytest.approx(-0.03)
    assert set(table.index.get_level_values("series")) == set(memorisation.SERIES)


def test_reidentification_draws_critics_nearest_neighbours_and_guessing_without_pixels():
    assert set(read_tables("reidentification")) == set(LABELS)
    figure, table = drawn("reidentification")
    for axis, first in zip(figure.axes, (1, 5), strict=True):
        chance = np.mean([first / 12, first / 11, first / 10])
        dotted = next(line for line in axis.lines if line.get_linestyle() == ":")
        assert dotted.get_ydata() == pytest.approx([chance, chance])
        for colour, scale in zip(style.colours(2), (1.0, 0.3), strict=True):
            own = [line for line in axis.lines if to_rgb(line.get_color()) == to_rgb(colour)]
            share = scale * first * 5 / 45
            lines = {line.get_linestyle(): line.get_ydata()[1] for line in own}
            assert lines == pytest.approx({"-": share, "--": 0.8 * share, "-.": 0.4 * share})
        assert len(axis.collections) == 2  # bands of the critics alone
    assert set(LABELS.values()) <= set(legend(figure))
    said = " ".join(legend(figure))
    assert "nearest neighbour, nothing trained" in said
    assert "guessing finds 2.8 % first, 13.9 % among five" in said  # of 36
    numbers = figures.named("reidentification").numbers(table)
    assert numbers["above"] == "n = 0 and 4"  # 0.2 and 0.11 against 0.09, less a tenth
    assert (numbers["apart"], numbers["apart_critic"]) == ("n = 0", pytest.approx(9 / 45))
    assert numbers["apart_nearest"] == pytest.approx(0.8 * 9 / 45)


def test_pretraining_draws_trained_solid_and_untrained_dashed_in_one_colour():
    figure, table = drawn("pretraining")
    for axis in figure.axes:
        lines = {line.get_label(): line for line in axis.lines}
        solid, dashed = (lines[label] for label in LABELS.values())
        assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", "--")
        assert solid.get_color() == dashed.get_color()
    wide = table.set_index(["measure", "level"])
    assert wide.loc[("information", 4), "difference"] == pytest.approx(2 - 0.6)
    assert wide.loc[("found", 4), "difference"] == pytest.approx(0.7 * 5 / 45)
    assert list(triangles(figure.axes[0]).values()) == [[0]]


def test_a_figure_without_the_encoders_that_it_compares_is_an_error():
    with pytest.raises(LeakageError, match="controls: none given"):
        figures.named("pretraining").draw({})
    with pytest.raises(LeakageError, match="representations: no encoder given"):
        figures.named("reidentification").draw({})


def test_pixel_critics_measures_the_difference_to_the_exact_value():
    figure, table = drawn("pixel_critics")
    part = table[table["critic"] == "scalar"]
    assert part["exact"].tolist() == [4, 2, 0]
    assert part["difference"].tolist() == pytest.approx([CEILING - 4, 0, 0])
    assert part["tolerance"].tolist() == pytest.approx([0.12, 0.06, 0.05])
    assert set(table["critic"]) == set(pixel_critics.CRITICS)
    assert triangles(figure.axes[0]) and set(pixel_critics.CRITICS.values()) <= set(legend(figure))
