"""The classic measures beside verdicts and re-identification: which one hides a leak?"""

import numpy as np
import pandas as pd
import pytest
from leakage.analysis.classics import Classics, p_guessed
from leakage.analysis.verdicts import LEAK, NO_EVIDENCE, TOO_FEW_PICTURES
from leakage.analysis.visual_security import HIDDEN, MEASURES, VISIBLE
from leakage.errors import LeakageError
from leakage.estimators import tables as estimates
from leakage.figures import classics, named, style
from scipy.stats import binom

PICTURES = 40
CHANCE = 0.05
# One scheme's levels: a leak with re-identification, a leak without, nothing.
SAYS = {"psnr": (VISIBLE, HIDDEN, HIDDEN), "ssim": (HIDDEN, HIDDEN, VISIBLE)}
TOP_1 = {0: 1.0, 1: 0.5, 2: 0.05, 3: 0.05}


def said(verdicts=(LEAK, LEAK, NO_EVIDENCE), scheme="some", key="clip") -> pd.DataFrame:
    """Return a made-up table of what measures say, with level 0 and counted pixels."""
    rows = []
    for name in MEASURES:
        answers = SAYS.get(name, (VISIBLE, VISIBLE, None))
        for level, found, answer in zip(
            range(4), (LEAK, *verdicts), (VISIBLE, *answers), strict=True
        ):
            rows.append({"level": level, "verdict": found, "says": answer, "measure": name})
    table = pd.DataFrame(rows).assign(scheme=scheme, representation=key, label=key.upper())
    table = table.assign(mean=1.0, reference=0.0, nats=1.0, tau=-0.5, pictures=7)
    return pd.concat([table, table.assign(representation="pixels", verdict=None)])


def searched(shares=TOP_1, nearest: bool = True) -> style.Table:
    """Return a made-up estimate of re-identification."""
    parts = []
    for statistic in ("top 1", *(["nearest neighbour, top 1"] if nearest else [])):
        rows = {"level": list(shares), "mean": list(shares.values()), "statistic": statistic}
        rows |= {"low": 0.0, "high": 1.0, "chance": CHANCE, "pictures": PICTURES, "nats": np.nan}
        rows |= {"chosen": statistic == "top 1", "estimand": "made up"}
        parts.append(pd.DataFrame(rows))
    return style.Table(estimates.tidy(pd.concat(parts, ignore_index=True)), {"source": {}})


def behind(*parts: pd.DataFrame, **searches: style.Table) -> pd.DataFrame:
    """Return the table; the searches are on scheme `some`, by representation."""
    given = {"visual_security": style.Table(pd.concat(parts or [said()]), {})}
    given |= {f"some/{key}": table for key, table in (searches or {"clip": searched()}).items()}
    return Classics().table(given, 0.95)


def one(table: pd.DataFrame, measure: str, column: str) -> list:
    return table[table["measure"] == measure].set_index("level")[column].tolist()


def test_guessing_finds_as_many_with_the_probability_of_the_binomial_tail():
    share, trials = np.array([0.0, 0.1, 0.5, 1.0]), np.full(4, 20.0)
    found = p_guessed(share, trials, np.full(4, 0.1))
    assert found == pytest.approx(binom.sf(share * trials - 1, 20, 0.1))


def test_a_measure_misses_a_level_that_it_calls_hidden_and_that_leaks():
    table = behind()
    assert set(table["level"]) == {1, 2, 3} and set(table["representation"]) == {"clip"}
    assert one(table, "psnr", "missed") == [False, True, False]
    assert one(table, "ssim", "missed") == [True, True, False]
    assert one(table, "psnr", "found_anywhere") == [True, False, False]
    assert one(table, "psnr", "leaks") == [True, True, False]
    assert one(table, "psnr", "top_1") == one(table, "psnr", "nearest") == [0.5, 0.05, 0.05]


def test_re_identification_counts_without_a_verdict():
    few = behind(said([TOO_FEW_PICTURES] * 3))
    assert one(few, "ssim", "leaks") == one(few, "ssim", "missed") == [True, False, False]


def test_p_values_of_re_identification_are_corrected_for_the_levels():
    # 6 of 40: alone p = 0.014, and twice that after a smaller one and before a larger one.
    table = behind(clip=searched({0: 1.0, 1: 0.5, 2: 0.15, 3: 0.05}))
    alone = binom.sf(5, PICTURES, CHANCE)
    assert 0.01 < alone < 0.025
    assert one(table, "psnr", "p_found")[1] == pytest.approx(2 * alone)
    assert one(table, "psnr", "found") == [True, True, False]


def test_a_leak_on_one_representation_is_a_leak_for_all():
    quiet = {0: 1.0, 1: 0.05, 2: 0.05, 3: 0.05}
    table = behind(
        said(), said([NO_EVIDENCE] * 3, key="resnet"), clip=searched(), resnet=searched(quiet)
    )
    other = table[table["representation"] == "resnet"]
    assert one(other, "ssim", "missed") == [True, True, False]
    assert one(other, "ssim", "found") == [False] * 3


def test_views_with_other_coordinates_have_no_nearest_neighbour():
    table = behind(clip=searched(nearest=False))
    assert table["nearest"].isna().all() and one(table, "psnr", "found") == [True, False, False]


def test_a_run_without_a_verdict_on_an_encrypted_level_is_refused():
    with pytest.raises(LeakageError, match="no verdict on an encrypted level"):
        behind(said().query("level == 0"))


def drawn(*parts: pd.DataFrame, **searches: style.Table):
    """Return the figure, and the table behind it."""
    return named("classics").draw({"classics": style.Table(behind(*parts, **searches), {})})


def test_each_measure_and_level_has_a_cell_whose_colour_says_whether_a_leak_is_hidden():
    figure, table = drawn()
    (axis,) = figure.axes
    colours = [style_of(patch) for patch in axis.patches]
    width = len(MEASURES) + 2
    rows = [colours[start : start + width] for start in range(0, 3 * width, width)]
    place = list(MEASURES).index("ssim")
    assert [row[place] for row in rows] == [classics.FOUND, classics.MISSED, classics.PLAIN]
    assert rows[2][list(MEASURES).index("psnr")] == classics.RIGHT
    assert rows[0][-1] == classics.FOUND and rows[1][-1] == classics.PLAIN
    words = [text.get_text() for text in axis.texts]
    assert {"1 of 2", "2 of 2", "50 %", "leak", "none found", classics.UNKNOWN} <= set(words)
    assert len(table) == 3 * len(MEASURES)


def style_of(patch) -> str:
    from matplotlib.colors import to_hex, to_rgb

    known = (classics.FOUND, classics.MISSED, classics.RIGHT, classics.PLAIN)
    return {to_hex(to_rgb(each)): each for each in known}.get(to_hex(patch.get_facecolor()), "")


def test_no_text_of_the_grid_leaves_its_cell():
    schemes = ("block_permutation", "some")
    figure, _ = drawn(
        *(said(scheme=scheme) for scheme in schemes),
        *(said([TOO_FEW_PICTURES] * 3, scheme=scheme, key="resnet") for scheme in schemes),
        clip=searched(),
        resnet=searched(),
    )
    figure.draw_without_rendering()
    (axis,) = figure.axes
    boxes = [text.get_window_extent() for text in axis.texts if text.get_text()]
    assert not any(box.overlaps(other) for i, box in enumerate(boxes) for other in boxes[:i])
    cells = [patch.get_window_extent() for patch in axis.patches]
    for box in boxes:
        touched = sum(box.overlaps(cell.shrunk(0.98, 0.98)) for cell in cells)
        assert touched <= 1


def test_the_numbers_count_each_answer_once_for_all_representations():
    both = behind(said(), said(key="resnet"), clip=searched(), resnet=searched())
    for table in (behind(), both):
        numbers = named("classics").numbers(table)
        assert numbers["levels"] == 3 and numbers["leaks"] == 2 and numbers["found"] == 1
        assert numbers["asked"] == 2 * len(MEASURES) and numbers["missed"] == 3
        assert numbers["most"] == "SSIM, 2"
