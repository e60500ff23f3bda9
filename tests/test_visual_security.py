"""Classic measures beside the verdicts, and where they disagree."""

import numpy as np
import pandas as pd
import pytest
from leakage import measures
from leakage.analysis.verdicts import LEAK, NO_EVIDENCE, TOO_FEW_PICTURES
from leakage.analysis.visual_security import HIDDEN, MEASURES, VISIBLE, VisualSecurity, role, says
from leakage.errors import LeakageError
from leakage.estimators import tables as estimates
from leakage.figures import named, style
from matplotlib.backends.backend_agg import FigureCanvasAgg

LEVELS = [0, 4, 8]
PICTURES = 40
VERDICT = {0: LEAK, 4: LEAK, 8: NO_EVIDENCE}
# Of noise: 2.5 % of 40 pictures are left out on each side, so 1 of the 0 to 39.
NOISE = np.arange(PICTURES, dtype=float)


def judged(said=VERDICT, nats=None, schemes=("some",)) -> style.Table:
    """Return a made-up table of verdicts on one representation: (8 - level) / 2 nats."""
    table = {"level": list(said), "verdict": list(said.values()), "low": -0.1, "high": 4.1}
    table |= {"nats": [(nats or {}).get(level, (8 - level) / 2) for level in said]}
    table = pd.DataFrame(table | {"representation": "clip", "label": "CLIP ViT-B/32"})
    return style.Table(pd.concat([table.assign(scheme=scheme) for scheme in schemes]), {})


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


def test_a_level_is_hidden_if_its_mean_is_inside_or_beyond_the_range_of_noise():
    high = [says(mean, 1.0, 38.0, True) for mean in (-9.0, 38.0, 38.1, np.nan)]
    assert high == [HIDDEN, HIDDEN, VISIBLE, None]
    low = [says(mean, 1.0, 38.0, False) for mean in (99.0, 1.0, 0.9)]
    assert low == [HIDDEN, HIDDEN, VISIBLE]


def test_a_measure_disagrees_if_it_hides_a_leak_or_shows_none():
    # The verdict: a leak at 0 and 4, no evidence at 8. Of entropy, low is visible.
    hides_a_leak = {0: 50.0, 4: 20.0, 8: 20.0}
    shows_nothing = {0: 50.0, 4: 50.0, 8: 50.0}
    falls = {0: 0.0, 4: 0.5, 8: 20.0}
    found = behind(tables(psnr=hides_a_leak, ssim=shows_nothing, entropy=falls))
    psnr, ssim, entropy = (one(found, name) for name in ("psnr", "ssim", "entropy"))
    assert psnr["verdict"].tolist() == [LEAK, LEAK, NO_EVIDENCE]
    assert psnr["says"].tolist() == [VISIBLE, HIDDEN, HIDDEN]
    assert psnr["agrees"].tolist() == [True, False, True]
    assert ssim["agrees"].tolist() == [True, True, False]
    assert entropy["says"].tolist() == [VISIBLE, VISIBLE, HIDDEN] and entropy["agrees"].all()
    below = found.loc[found["visible_side"] == "below", "measure"]
    assert set(below) == {"entropy", "npcr", "uaci"}
    # The reference is the mean of noise, and the range of 95 % of it.
    assert (
        (ssim[["reference", "reference_low", "reference_high"]] == [NOISE.mean(), 1, 38])
        .all()
        .all()
    )


def test_the_correlation_is_the_mean_of_the_directions_that_are_known():
    given = {"correlation_horizontal": {0: 1.0, 4: 0.5}, "correlation_vertical": {0: 0.4, 4: 0.1}}
    found = one(behind(tables(**given, correlation_diagonal={0: 0.1})), "correlation")
    assert found["mean"].tolist()[:2] == pytest.approx([0.5, 0.3])
    assert found.loc[8, ["mean", "agrees"]].isna().all()


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
        ([45.0, 50.0, 20.0], 1 / 3),
        ([np.inf, 20.0, 45.0], 1 / 3),
        ([20.0, 45.0, np.nan], -1),
        ([50.0, 50.0, 50.0], np.nan),
    ],
)
def test_tau_compares_the_order_of_the_levels(means, expected):
    found = one(behind(tables(psnr=dict(zip(LEVELS, means, strict=True)))), "psnr")
    assert found["tau"].tolist() == pytest.approx([expected] * 3, nan_ok=True)


@pytest.mark.parametrize("means", [{0: np.inf, 4: 9.0, 8: 8.0}, dict.fromkeys(LEVELS, np.inf)])
def test_an_infinite_psnr_is_drawn_at_the_edge_but_one_picture_does_not_make_it(means):
    given = tables(psnr=means)
    rows = given[role("some", "measures")].rows
    rows.loc[(rows["level"] == 8).idxmax(), "psnr"] = np.inf
    figure, table = draw(given)
    axis = figure.axes[0]
    assert axis.get_xticklabels()[-1].get_text() == "∞"
    assert axis.get_xlim()[0] < axis.get_xticks()[-1] < axis.get_xlim()[1]
    assert one(table, "psnr")["mean"].to_dict() == means


def test_points_that_disagree_are_ringed():
    figure, table = draw(tables(psnr={0: 50.0, 4: 20.0, 8: 60.0}))
    rows = one(table, "psnr")
    expected = rows.loc[rows["agrees"].eq(False), ["mean", "nats"]].to_numpy()
    rings = [each.get_offsets() for each in figure.axes[0].collections if len(each.get_sizes())]
    assert np.concatenate(rings).tolist() == expected.tolist() and len(expected) == 2


def test_level_numbers_do_not_overlap_stay_inside_their_axis_and_are_shared_on_one_point():
    crowd = {**tables(), role("other", "measures"): measured()}
    other = judged(nats={0: 4.0, 4: 2.1, 8: 0.1}, schemes=("other",))
    crowd["verdicts"] = style.Table(pd.concat([judged().rows, other.rows]), {})
    figure, _ = draw(crowd)
    renderer = FigureCanvasAgg(figure).get_renderer()
    for axis in figure.axes[: len(MEASURES)]:
        # Without the halo, which may touch.
        boxes = [text.get_window_extent(renderer).shrunk(0.8, 0.5) for text in axis.texts]
        assert {"0", "4", "8"} <= {text.get_text() for text in axis.texts}
        assert not any(box.overlaps(each) for i, box in enumerate(boxes) for each in boxes[:i])
        assert all(axis.get_window_extent().contains(*box.min) for box in boxes)
    same = tables(**{name: {0: 50.0, 4: 20.0, 8: 20.0} for name in measures.names()})
    figure, _ = draw(same | {"verdicts": judged(nats={0: 4.0, 4: 1.0, 8: 1.0})})
    assert {text.get_text() for text in figure.axes[1].texts} == {"0", "4–8"}


def test_a_table_that_is_missing_is_named():
    with pytest.raises(LeakageError, match="no table 'some/measures'"):
        behind({"verdicts": judged()})


def test_counted_pixels_replace_the_verdict_on_their_bits():
    bits = judged()
    bits.rows["representation"] = "pixels"
    given = {**tables(), "verdicts": style.Table(pd.concat([judged().rows, bits.rows]), {})}
    rows = one(behind(given), "ssim", "pixels")
    assert rows["nats"].tolist() == [4, 2, 0] and rows["verdict"].isna().all()
