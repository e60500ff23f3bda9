"""Classic measures beside the verdicts, and where they disagree."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from leakage import figures, measures
from leakage.analysis.verdicts import LEAK, NO_EVIDENCE, TOO_FEW_PICTURES
from leakage.analysis.visual_security import (
    HIDDEN,
    MEASURES,
    VISIBLE,
    VisualSecurity,
    role,
    says,
)
from leakage.errors import LeakageError
from leakage.estimators import tables as estimates
from leakage.figures import named, style

LEVELS = [0, 4, 8]
PICTURES = 40
VERDICT = {0: LEAK, 4: LEAK, 8: NO_EVIDENCE}
CONFIG = SimpleNamespace(
    representations=["clip", "statistics"],
    paper=SimpleNamespace(scheme="some", histogram="histogram"),
    comparisons=SimpleNamespace(schemes=["other"]),
)
# Of noise: 2.5 % of 40 pictures are left out on each side, so 1 of the 0 to 39.
NOISE = np.arange(PICTURES, dtype=float)


def judged(said=VERDICT, nats=None, schemes=("some",)) -> style.Table:
    """Return a made-up table of verdicts on one representation: (8 - level) / 2 nats."""
    rows = [
        {
            **{"scheme": scheme, "representation": "clip", "label": "CLIP ViT-B/32"},
            **{"level": level, "nats": (nats or {}).get(level, (8 - level) / 2)},
            **{"low": -0.1, "high": 4.1, "verdict": found},
        }
        for scheme in schemes
        for level, found in said.items()
    ]
    return style.Table(pd.DataFrame(rows), {})


def counted() -> style.Table:
    """Return a made-up histogram estimate, which tests nothing."""
    rows = {"level": LEVELS, "nats": [4.0, 2.0, 0.0], "chosen": True, "estimand": "made up"}
    return style.Table(estimates.tidy(rows), {"source": {}, "settings": {"method": "histogram"}})


def measured(**means: dict[int, float]) -> style.Table:
    """Return a made-up table of measures: 50, 45, 20 at the levels, unless given; noise 0 to 39."""
    usual = dict(zip(LEVELS, (50.0, 45.0, 20.0), strict=True))
    parts = []
    for level in [*LEVELS, -1]:
        part = {"image_id": [f"{i:03}" for i in range(PICTURES)], "level": level}
        part["scheme"] = "noise" if level == -1 else "some"
        for name in measures.names():
            value = means.get(name, usual).get(level, np.nan)
            part[name] = NOISE if level == -1 else np.full(PICTURES, value)
        parts.append(pd.DataFrame(part))
    return style.Table(pd.concat(parts, ignore_index=True), {"scheme": "some"})


def tables(**means: dict[int, float]) -> dict[str, style.Table]:
    return {
        "verdicts": judged(),
        role("some", "pixels"): counted(),
        role("some", "measures"): measured(**means),
    }


def behind(found: dict[str, style.Table]) -> pd.DataFrame:
    return VisualSecurity().table(found, 0.95)


def draw(found: dict[str, style.Table]):
    """Return the figure, and the table behind it."""
    table = style.Table(behind(found), {})
    return named("visual_security").draw(found | {"visual_security": table})


def one(found: pd.DataFrame, measure: str, representation: str = "clip") -> pd.DataFrame:
    kept = (found["measure"] == measure) & (found["representation"] == representation)
    return found[kept].set_index("level")


def test_the_tables_are_verdicts_measures_and_counted_pixels():
    found = VisualSecurity().tables(CONFIG, 40)
    assert found["verdicts"] == ("analysis", "verdicts", "")
    assert found[role("other", "pixels")] == ("histogram", "pixels", "other")
    assert {f"{scheme}/measures" for scheme in ("some", "other")} <= set(found)
    assert len(found) == 1 + 2 * 2 and "visual_security" in figures.names()
    pixels = SimpleNamespace(**{**vars(CONFIG), "representations": ["clip", "pixels"]})
    assert role("some", "pixels") not in VisualSecurity().tables(pixels, 40)


@pytest.mark.parametrize(
    ("mean", "higher", "expected"),
    [
        (38.0, True, HIDDEN),
        (38.1, True, VISIBLE),
        (-9.0, True, HIDDEN),
        (np.inf, True, VISIBLE),
        (1.0, False, HIDDEN),
        (0.9, False, VISIBLE),
        (99.0, False, HIDDEN),
        (np.nan, True, None),
    ],
)
def test_a_level_is_hidden_if_its_mean_is_inside_or_beyond_the_range_of_noise(
    mean, higher, expected
):
    assert says(mean, 1.0, 38.0, higher) == expected


def test_the_reference_is_the_noise_s_mean_and_95_percent_range():
    rows = one(behind(tables()), "ssim")
    assert (rows["reference"] == NOISE.mean()).all()
    assert (rows["reference_low"] == 1).all() and (rows["reference_high"] == 38).all()


def test_a_measure_disagrees_if_it_hides_a_leak_or_shows_none():
    # The verdict: a leak at 0 and 4, no evidence at 8.
    hides_a_leak = {0: 50.0, 4: 20.0, 8: 20.0}
    shows_nothing = {0: 50.0, 4: 50.0, 8: 50.0}
    found = behind(tables(psnr=hides_a_leak, ssim=shows_nothing))
    assert one(found, "psnr")["verdict"].tolist() == [LEAK, LEAK, NO_EVIDENCE]
    assert one(found, "psnr")["says"].tolist() == [VISIBLE, HIDDEN, HIDDEN]
    assert one(found, "psnr")["agrees"].tolist() == [True, False, True]
    assert one(found, "ssim")["agrees"].tolist() == [True, True, False]


@pytest.mark.parametrize("measure", ["entropy", "npcr", "uaci"])
def test_low_is_visible_where_noise_is_high(measure):
    found = behind(tables(**{measure: {0: 0.0, 4: 0.5, 8: 20.0}}))
    rows = one(found, measure)
    assert (rows["visible_side"] == "below").all()
    assert rows["says"].tolist() == [VISIBLE, VISIBLE, HIDDEN] and rows["agrees"].all()


def test_the_correlation_is_the_mean_of_the_directions_that_are_known():
    given = {"correlation_horizontal": {0: 1.0, 4: 0.5}, "correlation_vertical": {0: 0.4, 4: 0.1}}
    given |= {"correlation_diagonal": {0: 0.1}}
    found = one(behind(tables(**given)), "correlation")
    assert found["mean"].tolist()[:2] == pytest.approx([0.5, 0.3]) and np.isnan(found["mean"][8])
    assert found["says"].isna().tolist() == [False, False, True]
    assert found["agrees"].isna().tolist() == [False, False, True]


def test_without_a_verdict_nothing_agrees_or_disagrees():
    few = {**tables(), "verdicts": judged(dict.fromkeys(LEVELS, TOO_FEW_PICTURES))}
    found = behind(few)
    assert (one(found, "ssim")["verdict"] == TOO_FEW_PICTURES).all()
    assert one(found, "ssim", "pixels")["verdict"].isna().all()
    assert found["agrees"].isna().all() and found["says"].notna().all()
    assert one(found, "ssim", "pixels")["nats"].tolist() == [4, 2, 0]
    figure, _ = draw(few)
    legend = figure.axes[len(MEASURES)].get_legend()
    assert "no verdict" in [text.get_text() for text in legend.get_texts()]
    assert "no verdict" in figure.axes[0].get_title()


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        ([50.0, 45.0, 20.0], 1),
        ([20.0, 45.0, 50.0], -1),
        ([45.0, 50.0, 20.0], 1 / 3),
        ([np.inf, 45.0, 20.0], 1),
        ([50.0, 45.0, np.nan], 1),
        ([50.0, 50.0, 50.0], np.nan),
        ([50.0, np.nan, np.nan], np.nan),
    ],
)
def test_tau_compares_the_order_of_the_levels(means, expected):
    given = dict(zip(LEVELS, means, strict=True))
    found = one(behind(tables(psnr=given)), "psnr")
    assert found["tau"].tolist() == pytest.approx([expected] * 3, nan_ok=True)


def test_one_unchanged_picture_does_not_make_the_mean_psnr_infinite():
    given = tables()
    rows = given[role("some", "measures")].rows
    rows.loc[(rows["level"] == 4).idxmax(), "psnr"] = np.inf
    assert one(behind(given), "psnr").loc[4, "mean"] == 45


@pytest.mark.parametrize("means", [{0: np.inf, 4: 9.0, 8: 8.0}, dict.fromkeys(LEVELS, np.inf)])
def test_an_infinite_psnr_is_drawn_at_the_edge(means, tmp_path):
    figure, table = draw(tables(psnr=means))
    axis = figure.axes[0]
    assert axis.get_xticklabels()[-1].get_text() == "∞"
    assert axis.get_xlim()[0] < axis.get_xticks()[-1] < axis.get_xlim()[1]
    style.save(figure, table, tmp_path / "drawn")
    assert one(pd.read_csv(tmp_path / "drawn.csv"), "psnr").loc[0, "mean"] == np.inf


def test_points_that_disagree_are_ringed():
    figure, table = draw(tables(psnr={0: 50.0, 4: 20.0, 8: 60.0}))
    for axis, measure in zip(figure.axes, MEASURES, strict=False):
        rows = one(table, measure)
        expected = rows.loc[rows["agrees"].eq(False), ["mean", "nats"]].to_numpy()
        rings = np.concatenate(
            [each.get_offsets() for each in axis.collections if len(each.get_sizes())]
        )
        assert rings.tolist() == expected.tolist()
    assert len(table[table["measure"].eq("psnr") & table["agrees"].eq(False)]) == 2


def test_level_numbers_do_not_overlap_and_stay_inside_their_axis():
    crowd = {**tables(), role("other", "measures"): measured()}
    other = judged(nats={0: 4.0, 4: 2.1, 8: 0.1}, schemes=("other",))
    crowd["verdicts"] = style.Table(pd.concat([judged().rows, other.rows]), {})
    figure, _ = draw(crowd)
    renderer = figure.canvas.get_renderer()
    for axis in figure.axes[: len(MEASURES)]:
        # Without the halo, which may touch.
        boxes = [text.get_window_extent(renderer).shrunk(0.8, 0.5) for text in axis.texts]
        assert boxes and {"0", "4", "8"} <= {text.get_text() for text in axis.texts}
        for index, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:index])
            assert axis.get_window_extent().contains(*box.min)


def test_levels_on_one_point_share_a_number():
    same = {0: 50.0, 4: 20.0, 8: 20.0}
    given = {**tables(**dict.fromkeys(measures.names(), same))}
    given["verdicts"] = judged(nats={0: 4.0, 4: 1.0, 8: 1.0})
    figure, _ = draw(given)
    assert {text.get_text() for text in figure.axes[1].texts} == {"0", "4–8"}


def test_a_table_that_is_missing_is_named():
    with pytest.raises(LeakageError, match="no table 'some/measures'"):
        behind({"verdicts": judged()})
    with pytest.raises(LeakageError, match="no table 'verdicts'"):
        behind({role("some", "measures"): measured()})


def test_counted_pixels_replace_the_verdict_on_their_bits():
    bits = judged()
    bits.rows["representation"] = "pixels"
    given = {**tables(), "verdicts": style.Table(pd.concat([judged().rows, bits.rows]), {})}
    rows = one(behind(given), "ssim", "pixels")
    assert rows["nats"].tolist() == [4, 2, 0] and rows["verdict"].isna().all()
