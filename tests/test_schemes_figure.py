"""The comparison of schemes at equal strength."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import skimage.data
from leakage import schemes as ciphers
from leakage.analysis import comparisons
from leakage.analysis.verdicts import LEAK, NO_EVIDENCE
from leakage.estimators import estimate, tables
from leakage.figures import schemes, style

KEY = bytes(range(32))
CONFIG = SimpleNamespace(
    paper=SimpleNamespace(scheme="msb_xor", histogram="histogram"),
    comparisons=SimpleNamespace(schemes=["full", "msb_xor", "mine"]),
    verdict=SimpleNamespace(estimator="mine"),
)
# Of a scheme that does not say how strong its levels are.
NAMED_BY_HAND = "mine (view: ciphertext), strength: level / highest"


def table(levels: list[int], values: list[float], held_out: bool, **source: object) -> style.Table:
    """Return a made-up estimate, with or without an interval of its own."""
    rows = pd.DataFrame({"level": levels, "nats": values, "estimand": "made up"})
    if held_out:
        rows = rows.assign(mean=values, low=rows.nats - 0.2, high=rows.nats + 0.2, floor=-0.01)
        rows = rows.assign(pictures=7)
    else:
        rows["standard_error"] = 0.5
    source = {"scheme": "x", **source}
    about = {"source": source, "settings": {"method": "mine"}, "representation": "clip"}
    return style.Table(tables.tidy(rows), about)


def some_tables() -> dict[str, style.Table]:
    found = {}
    for scheme, levels, strength in (
        ("msb_xor", [0, 4, 8], {"0": 0.0, "4": 0.5, "8": 1.0}),
        ("full", [0, 1], {"0": 0.0, "1": 1.0}),
        ("mine", [0, 2, 5], {"0": 0.0, "2": None, "5": None}),
    ):
        values = [3.0 / (1 + level) for level in levels]
        found[f"{scheme}/{comparisons.COUNTED}"] = table(levels, values, False, strength=strength)
        found[f"{scheme}/{comparisons.HELD_OUT}"] = table(
            levels, values, True, strength=strength, label="an encoder"
        )
    said = {"scheme": ["msb_xor"] * 3, "level": [0, 4, 8], "verdict": [LEAK, LEAK, NO_EVIDENCE]}
    found["verdicts"] = style.Table(pd.DataFrame(said).assign(representation="clip"), {})
    return found


def test_every_scheme_is_read_twice_the_paper_s_first():
    asked = schemes.Schemes().tables(CONFIG, "clip")
    assert list(asked)[:2] == ["msb_xor/histogram", "msb_xor/held out"]
    assert asked["full/held out"] == ("mine", "clip", "full")
    assert asked["mine/histogram"] == ("histogram", "pixels", "mine")
    assert len(asked) == 7 and asked["verdicts"] == ("analysis", "verdicts", "")


def test_a_level_without_a_strength_is_a_share_of_the_highest_level():
    table = comparisons.schemes(some_tables()).set_index(["scheme", "estimate", "level"])
    found = table["strength"].sort_index()
    assert found["msb_xor", "held out"].tolist() == [0, 0.5, 1]
    assert found["full", "histogram"].tolist() == [0, 1]
    assert found["mine", "held out"].tolist() == [0, 0.4, 1]


def test_a_level_without_evidence_of_a_leak_is_an_open_point():
    figure, rows = schemes.Schemes().draw(some_tables())
    held_out = rows[rows["estimate"] == "held out"].set_index(["scheme", "level"])["verdict"]
    assert (
        held_out["msb_xor"].tolist() == [LEAK, LEAK, NO_EVIDENCE] and held_out["full"].isna().all()
    )
    assert rows.loc[rows["estimate"] == "histogram", "verdict"].isna().all()
    (opened,) = (line for line in figure.axes[1].get_lines() if line.get_mfc() == "white")
    assert opened.get_xdata().tolist() == [1.0]
    assert "open: no evidence of a leak" in figure.axes[1].get_title()


def test_an_estimate_without_an_interval_gets_one_from_its_standard_error():
    rows = comparisons.schemes(some_tables())
    counted = rows[rows["estimate"] == "histogram"]
    assert np.allclose(counted["high"] - counted["mean"], 1.96 * 0.5)
    own = rows[rows["estimate"] == "held out"]
    assert np.allclose(own["mean"] - own["low"], 0.2) and (own["pictures"] == 7).all()


def test_only_schemes_with_several_levels_have_a_line(tmp_path):
    figure, rows = schemes.Schemes().draw(some_tables())
    style.save(figure, rows, tmp_path / "schemes")
    for axis in figure.axes:
        lines = {line.get_label(): line for line in axis.get_lines() if len(line.get_xdata()) == 3}
        assert set(lines) == {"msb_xor (view: ciphertext)", NAMED_BY_HAND}
        assert axis.get_xlabel() == schemes.STRENGTH
    labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    said = ["floors", "full (view: ciphertext)", NAMED_BY_HAND, "msb_xor (view: ciphertext)"]
    assert sorted(labels) == sorted(said)
    assert "7 pictures" in figure.get_suptitle()


def test_counting_pairs_of_pixels_is_blind_to_what_a_permutation_leaves():
    """The colours of a permuted picture are all there, and the counted information is nearly 0."""
    pixels = skimage.data.astronaut()
    scheme = ciphers.KeyedScheme("p", ciphers.cipher_class("pixel_permutation")(), KEY)
    seen = scheme.encrypt("astronaut", pixels, 10)
    flat = [each.reshape(-1, 3) for each in (pixels, seen)]
    counted = estimate("histogram", *flat, correction="grassberger")["nats"].item()
    plain = estimate("histogram", flat[0], flat[0])["nats"].item()
    assert counted < 0.05 < 4 < plain
    means = [each.mean(axis=0) for each in flat]
    assert np.array_equal(*means)
