"""The figures that judge: the paper's claims, the verdicts, and the estimator's consistency."""

import itertools

import figure_texts
import numpy as np
import pandas as pd
import pytest
from leakage.analysis import claims, consistency, parts, verdicts
from leakage.analysis.claims import FAILS, HOLDS, NO_LEVELS, NO_WEIGHTS
from leakage.estimators import tables
from leakage.figures import named, style, verdict

LEVELS = list(range(9))
CLIP, RESNET = "CLIP ViT-B/32 (openai)", "ResNet-50 (IMAGENET1K_V2)"
LITE0, LITE1 = "EfficientNet-Lite0 (ImageNet)", "EfficientNet-Lite1 (ImageNet)"
STATISTICS = "statistics (hand-made, no weights)"
# The libraries' names of the networks, by their labels.
MODELS = {CLIP: "ViT-B-32-quickgelu", RESNET: "resnet50", LITE0: "lite0", LITE1: "lite1"}
LINE = [8.0 - n for n in LEVELS]
BENT = [8.0 * 0.4**n for n in LEVELS[:-1]] + [0.0]


def table(rows: list[dict], label: str | None, settings: dict | None = None) -> style.Table:
    """Return made-up rows as a figure reads them; without a label they are of pixels."""
    source = {"scheme": "msb_xor", "nested": True}
    source["clear_bits"] = {str(row["level"]): 8 - row["level"] for row in rows}
    if label is not None:
        model = MODELS.get(label)
        source |= {"label": label, "weights": model and {"model": model}}
        source["untrained"] = "untrained" in label
    made = tables.tidy(pd.DataFrame(rows).assign(estimand="made up"))
    return style.Table(made, {"source": source, "settings": settings or {}})


def held_out(label=CLIP, values=BENT, p_values=(0.0005,) * 9, **how):
    """Return a held-out estimate of three folds, half of its rows mismatched."""
    settings = {"folds": 3, "permutations": 1999, "confidence": 0.95} | how
    rows = [
        {"level": level, "fold": fold, "split": "test", "variant": variant, "ceiling": 7.5}
        | {"nats": value, "mean": value, "low": value - 0.1, "high": value + 0.1}
        | {"chosen": variant == "matched", "floor": -0.05, "null_high": -0.05}
        | {"p_value": p_value, "pictures": how.get("pictures", 100)}
        for level, value, p_value in zip(LEVELS, values, p_values, strict=True)
        for fold in range(3)
        for variant in ("matched", "mismatched")
    ]
    return table(rows, label, settings)


def mine(label=CLIP, values=BENT, slow=2.0, epochs=20):
    """Return MINE's curves, which near their last value at a rate; half of it held out."""
    rows = [
        {"level": level, "seed": seed, "split": split, "step": step}
        | {"chosen": split == "test" and step == epochs}
        | {"nats": part * value * (1 - np.exp(-step / slow))}
        for level, value in enumerate(values)
        for seed in range(2)
        for split, part in (("train", 1.0), ("test", 0.5))
        for step in range(1, epochs + 1)
    ]
    return table(rows, label)


def histogram(bits=LINE):
    rows = [
        {"level": n, "bound": (8 - n) * np.log(2), "floor": 0.0, "estimable": True, "pictures": 9}
        | {"standard_error": 0.1}
        | dict.fromkeys(("nats", "pooled", "entropy"), bit * np.log(2))
        for n, bit in enumerate(bits)
    ]
    return table(rows, None)


def cosine(at_8=0.7, label=CLIP):
    rows = [
        {"level": n, "statistic": kind, "value": 1 - n / 8 * (1 - last), "chosen": kind == "raw"}
        for kind, last in (("raw", at_8), ("centred", 0.0))
        for n in LEVELS
    ]
    return table(rows, label)


def rounded(values=BENT, label=CLIP):
    return table([{"level": n, "nats": value} for n, value in enumerate(values)], label)


def papers(clip=CLIP, resnet=RESNET, **others) -> dict[str, style.Table]:
    """Return tables on which every claim holds."""
    # CLIP keeps more than pixels in the middle; ResNet falls to nothing at the end.
    middle = [8.0, *(1.5 * value for value in LINE[1:])]
    low = [value * (0.2 if n >= 5 else 1) for n, value in enumerate(middle)]
    return {
        "histogram": histogram(),
        "cosine": cosine(label=clip),
        "rounded": rounded(label=clip),
        "mine_pixels": mine(None, slow=8),
        "mine_clip": mine(clip, middle),
        "mine_resnet": mine(resnet, low),
        "held_out_clip": held_out(clip, middle),
        "held_out_resnet": held_out(resnet, low),
        "bits": held_out(None, LINE, pixels={"split": "pairs"}),
    } | others


def at(levels: list[int], found: dict[str, style.Table]) -> dict[str, style.Table]:
    """Return tables with some of their levels."""
    return {
        role: style.Table(table.rows[table.rows["level"].isin(levels)], table.metadata)
        for role, table in found.items()
    }


def overflowing(figure) -> list[str]:
    """Return the texts that leave the figure or, of a table, run into the next column."""
    cut = figure_texts.cut(figure)
    boxes = [
        (t.get_text(), t.get_window_extent()) for a in figure.axes for t in a.texts if t.get_text()
    ]
    pairs = itertools.combinations(boxes, 2)
    return cut + [one[0] for one, other in pairs if one[1].overlaps(other[1])]


def draw_claims(found: dict[str, style.Table]):
    """Return the scorecard of some estimates, and the table behind it."""
    table = claims.Claims().table(found, 0.95)
    return named("scorecard").draw({"claims": style.Table(table, {})})


def draw_checks(found: dict[str, style.Table]):
    """Return the figure of the checks of some estimates, and the table behind it."""
    table = consistency.Consistency().table(found, 0.95)
    return named("consistency").draw({"checks": style.Table(table, {"level_labels": {}})})


def verdicts_of(found: dict[str, style.Table]) -> dict[str, str]:
    return {claim.text[0]: claim.verdict for claim in claims.claims(found)}


@pytest.mark.parametrize(
    ("claim", "others"),
    [
        ("a", {"histogram": histogram(BENT)}),
        ("a", {"histogram": histogram([value + 0.01 for value in LINE])}),
        ("b", {"cosine": cosine(at_8=0.4)}),
        ("c", {"rounded": rounded(LINE)}),
        ("d", {"mine_pixels": mine(None, LINE, slow=8)}),
        ("d", {"mine_pixels": mine(None, BENT, slow=2.5)}),
        ("e", {"mine_resnet": mine(RESNET, LINE, slow=9)}),
        ("f", {"mine_clip": mine(CLIP, [8.0 * 0.1**n for n in LEVELS])}),
        ("f", {"held_out_clip": held_out(CLIP, BENT)}),
        ("g", {"held_out_resnet": held_out(RESNET, [8.0] * 8 + [0.0])}),
    ],
)
def test_a_claim_fails_with_its_number(claim, others):
    assert verdicts_of(papers(**others))[claim] == FAILS


@pytest.mark.parametrize(
    ("clip", "resnet", "cannot", "stand_in"),
    [
        (CLIP, RESNET, "", ""),
        (CLIP, "ResNet-50, untrained (BatchNorm statistics from plain patches)", "eg", ""),
        (STATISTICS, STATISTICS, "bcefg", ""),
        (LITE0, LITE1, "", "bcefg"),
        (LITE0, LITE0, "g", "bcef"),
    ],
)
def test_a_claim_says_if_its_network_is_a_stand_in_or_not_trained(clip, resnet, cannot, stand_in):
    found = papers(clip, resnet)
    expected = dict.fromkeys("abcdefg", HOLDS) | dict.fromkeys(stand_in, claims.STAND_IN_HOLDS)
    assert verdicts_of(found) == expected | dict.fromkeys(cannot, NO_WEIGHTS)
    table = claims.rows_of(claims.claims(found))
    assert table.loc[table["threshold"].notna(), "value"].notna().all()


def test_the_scorecard_names_its_stand_ins():
    found = papers(LITE0, LITE1, cosine=cosine(at_8=0.4, label=LITE0))
    assert verdicts_of(found)["b"] == claims.STAND_IN_FAILS
    figure, table = draw_claims(found)
    assert overflowing(figure) == []
    clip, resnet = f"{LITE0}, in place of CLIP ViT-B/32", f"{LITE1}, in place of ResNet-50"
    assert f"{clip}; {resnet}" in figure.axes[0].get_title(loc="left")
    remarks = table.drop_duplicates("claim")["remark"]
    assert [clip in each for each in remarks] == [each in "bcefg" for each in "abcdefg"]
    assert [resnet in each for each in remarks] == [each in "eg" for each in "abcdefg"]


@pytest.mark.parametrize(
    ("label", "model", "kind", "named", "short"),
    [
        (CLIP, "ViT-B-32", parts.PAPER, CLIP, "CLIP"),
        (CLIP, "ViT-B-32-256", parts.STAND_IN, CLIP, "CLIP ViT-B/32"),
        ("CLIP, untrained", "ViT-B-32", parts.UNTRAINED, None, "CLIP, untrained"),
        (LITE0, "tf_efficientnet_lite0", parts.STAND_IN, None, "EfficientNet-Lite0"),
        (STATISTICS, None, parts.WITHOUT_WEIGHTS, None, "statistics"),
    ],
)
def test_the_record_of_its_weights_says_what_an_encoder_is(label, model, kind, named, short):
    found = held_out(label)
    found.metadata["source"]["weights"] = model and {"model": model}
    player = parts.player(found, "clip")
    assert (player.kind, player.short) == (kind, short)
    assert player.named == (named or f"{label}, in place of CLIP ViT-B/32")


def test_held_out_values_under_their_null_give_no_ratio_and_do_not_decide():
    found = papers(held_out_clip=held_out(CLIP, [1.0, *[-0.2] * 8]))
    by_claim = {claim.text[0]: claim for claim in claims.claims(found)}
    for name in "fg":
        assert np.isnan(by_claim[name].quantities[0].held_out)
        assert by_claim[name].verdict == HOLDS and "not above their null" in by_claim[name].remark


def test_numbers_that_cannot_be_had_are_missing():
    assert claims.straightness(LEVELS, LINE) == pytest.approx(1)
    assert np.isnan(claims.straightness([0, 8], [8, 0]))
    assert np.isnan(claims.straightness(LEVELS, [0.0] * 9))
    # 1 - exp(-step / 2) is 0.9 first at step 5.
    assert claims.epochs_to_converge(mine(slow=2)) == 5
    assert np.isnan(claims.epochs_to_converge(mine(values=[0.0] * 9)))


def test_few_levels_leave_claims_untested():
    for levels in ([0], [0, 4, 8]):
        said = draw_claims(at(levels, papers()))[1]["verdict"].tolist()
        assert said[-1] == NO_LEVELS and set(said) <= {HOLDS, FAILS, NO_LEVELS}


def judged(**tables: style.Table) -> dict[str, style.Table]:
    """Return the verdicts on critics alone, as the figure reads them."""
    found = verdicts.table({}, {key.replace("__", "/"): each for key, each in tables.items()}, 0.95)
    return {"verdicts": style.Table(found, {"level_labels": {"msb_xor": "msb_xor: bits"}})}


def test_the_verdicts_are_drawn_and_no_label_is_cut():
    p_values = [0.0005] * 4 + [0.5] + [0.0005] * 3 + [1.0]
    found = judged(
        msb_xor__clip=held_out("CLIP ViT-B/32, untrained", LINE, p_values),
        msb_xor__few=held_out(RESNET, LINE, p_values, pictures=7),
        msb_xor__pixels=held_out(None, LINE, p_values, pixels={"split": "pairs"}),
    )
    found["verdicts"].rows.loc[0, "nats"] = np.nan
    figure, table = verdict.Verdict().draw(found)
    assert overflowing(figure) == []
    assert len(table) == 3 * len(LEVELS) and figure.axes[0].get_xlabel() == "msb_xor: bits"
    few = table[table["representation"] == "few"]
    assert few["quiet_from"].isna().all()
    assert few["verdict"].tolist()[-1] == verdicts.TOO_FEW_PICTURES
    assert (table[table["representation"] == "clip"]["quiet_from"] == 4).all()
    assert "fixed sequence" in figure.axes[0].get_title()
    words = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert "7 pictures; the test\nneeds at least 12" in words and "nan" not in words


CHECKS = ["rise", "nothing left", "rescaled"]


@pytest.mark.parametrize(
    ("check", "role", "values"),
    [
        (None, "clip", LINE),
        ("rise", "clip", [*LINE[:4], LINE[3] + 0.3, *LINE[5:]]),
        # A tenth from each level to the next is within 0.2, over three levels it is not.
        ("rise", "clip", [8.0, *(0.1 * n for n in range(7)), 0.0]),
        ("nothing left", "clip", [*LINE[:8], -0.06]),
        ("rescaled", "clip rescaled", [*LINE[:8], 0.01]),
    ],
)
def test_an_inconsistent_estimate_fails_its_check(check, role, values):
    found = {each: held_out(values=LINE) for each in ("clip", "clip rescaled", "clip plain")}
    figure, table = draw_checks(found | {role: held_out(values=values)})
    assert overflowing(figure) == []
    rows = table.set_index("check")
    assert rows.loc[CHECKS, "holds"].tolist() == [each != check for each in CHECKS]
    assert rows.loc["ceiling", ["value", "where"]].tolist() == [1, "n = 0"]


def test_views_that_are_not_nested_may_rise_and_without_level_8_something_is_left():
    free = held_out()
    free.metadata["source"]["nested"] = False
    rows = draw_checks(at([0, 4], {"clip": free}))[1].set_index("check")
    assert "rise" not in rows.index and rows.loc["nothing left", "holds"] is None
