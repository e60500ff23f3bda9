"""The comparison of schemes at equal strength."""

import numpy as np
import pandas as pd
import skimage.data
from leakage import schemes as ciphers
from leakage.analysis import comparisons
from leakage.analysis.verdicts import LEAK, NO_EVIDENCE
from leakage.estimators import estimate, tables
from leakage.figures import schemes, style

KEY = bytes(range(32))
# Of a scheme that does not say how strong its levels are.
MINE = "mine (view: ciphertext), strength: level / highest"


def some_tables() -> dict[str, style.Table]:
    """Return made-up estimates of three schemes, and verdicts on one of them."""
    found = {}
    for scheme, strengths in (
        ("msb_xor", {"0": 0.0, "4": 0.5, "8": 1.0}),
        ("full", {"0": 0.0, "1": 1.0}),
        ("mine", {"0": 0.0, "2": None, "5": None}),
    ):
        rows = pd.DataFrame({"level": list(map(int, strengths)), "estimand": "made up"})
        rows["nats"] = 3.0 / (1 + rows["level"])
        own = {"mean": rows.nats, "low": rows.nats - 0.2, "high": rows.nats + 0.2, "floor": -0.01}
        about = {"settings": {"method": "mine"}, "representation": "clip"}
        about["source"] = {"scheme": "x", "strength": strengths, "label": "an encoder"}
        for kind, columns in (
            (comparisons.COUNTED, {"standard_error": 0.5}),
            (comparisons.HELD_OUT, own | {"pictures": 7}),
        ):
            table = style.Table(tables.tidy(rows.assign(**columns)), about)
            found[f"{scheme}/{kind}"] = table
    said = {"scheme": ["msb_xor"] * 3, "level": [0, 4, 8], "verdict": [LEAK, LEAK, NO_EVIDENCE]}
    found["verdicts"] = style.Table(pd.DataFrame(said).assign(representation="clip"), {})
    return found


def test_strengths_and_intervals_are_filled_in_where_an_estimate_has_none():
    rows = comparisons.schemes(some_tables())
    found = rows.set_index(["scheme", "estimate", "level"])["strength"].sort_index()
    assert found["msb_xor", "held out"].tolist() == [0, 0.5, 1]
    assert found["mine", "held out"].tolist() == [0, 0.4, 1]  # a share of the highest level
    counted = rows[rows["estimate"] == "histogram"]
    assert np.allclose(counted["high"] - counted["mean"], 1.96 * 0.5)
    own = rows[rows["estimate"] == "held out"]
    assert np.allclose(own["mean"] - own["low"], 0.2) and (own["pictures"] == 7).all()


def test_a_level_without_evidence_of_a_leak_is_an_open_point():
    figure, rows = schemes.Schemes().draw(some_tables())
    said = rows.set_index(["estimate", "scheme"])["verdict"]
    assert said["held out", "msb_xor"].tolist() == [LEAK, LEAK, NO_EVIDENCE]
    assert said["held out", "full"].isna().all() and said["histogram"].isna().all()
    (opened,) = (line for line in figure.axes[1].get_lines() if line.get_mfc() == "white")
    assert opened.get_xdata().tolist() == [1.0]
    assert "open: no evidence of a leak" in figure.axes[1].get_title()


def test_only_schemes_with_several_levels_have_a_line():
    figure, _ = schemes.Schemes().draw(some_tables())
    for axis in figure.axes:
        lines = {line.get_label(): line for line in axis.get_lines() if len(line.get_xdata()) == 3}
        assert set(lines) == {"msb_xor (view: ciphertext)", MINE}
        assert axis.get_xlabel() == schemes.STRENGTH
    labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    said = ["floors", "full (view: ciphertext)", MINE, "msb_xor (view: ciphertext)"]
    assert sorted(labels) == said and "7 pictures" in figure.get_suptitle()


def test_counting_pairs_of_pixels_is_blind_to_what_a_permutation_leaves():
    """The colours of a permuted picture are all there, and the counted information is nearly 0."""
    pixels = skimage.data.astronaut()
    scheme = ciphers.KeyedScheme("p", ciphers.cipher_class("pixel_permutation")(), KEY)
    seen = scheme.encrypt("astronaut", pixels, 10)
    flat = [each.reshape(-1, 3) for each in (pixels, seen)]
    counted = estimate("histogram", *flat, correction="grassberger")["nats"].item()
    plain = estimate("histogram", flat[0], flat[0])["nats"].item()
    assert counted < 0.05 < 4 < plain
    assert np.array_equal(*(each.mean(axis=0) for each in flat))
