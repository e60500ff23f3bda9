"""The answer per scheme: one true sentence, whatever the verdicts."""

import itertools
import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from leakage.analysis import verdicts
from leakage.report import answers

LEAK, NONE = verdicts.LEAK, verdicts.NO_EVIDENCE
FEW, ORDERS = verdicts.TOO_FEW_PICTURES, verdicts.TOO_FEW_PERMUTATIONS


def rows(said: dict[int, str], label: str = "CLIP", scheme: str = "msb_xor") -> pd.DataFrame:
    """Return the verdicts on one representation of one scheme."""
    table = {"level": list(said), "verdict": list(said.values()), "nats": 1.25}
    table |= {"corrected_p": 0.004, "low": 1.0, "high": 1.5, "floor": 0.01}
    quiet = verdicts.quiet_from(list(said), list(said.values()))
    table |= {"quiet_from": quiet.level if quiet else math.nan}
    table |= {"quiet_for_good": quiet.for_good if quiet else math.nan}
    table |= {"scheme": scheme, "representation": label.lower(), "label": label}
    return pd.DataFrame(table | {"pictures": 9.0, "needed_pictures": 15.0})


def levels(codes: str, first: int = 1) -> dict[int, str]:
    """Return verdicts on consecutive levels: L leak, - nothing, p few pictures, o few orders."""
    said = {"L": LEAK, "-": NONE, "p": FEW, "o": ORDERS}
    return {level: said[code] for level, code in enumerate(codes, first)}


WITH_9 = "with these 9 pictures (the test needs at least 15)"


@pytest.mark.parametrize(
    ("codes", "sentence"),
    [
        ("LLLLLL--", "Leaks up to n = 6; nothing found from n = 7 on."),
        ("LLLLLLLL", "Leaks at every level tested (n = 1 to 8)."),
        ("-", "Nothing found at n = 1, the only level tested."),
        (
            "L-LL-",
            "Leaks at n = 1; nothing found at n = 2; leaks at n = 3 and 4; nothing found at n = 5.",
        ),
        ("ppp", f"Cannot be decided at any level tested (n = 1 to 3) {WITH_9}."),
        (
            "o--",
            "Cannot be decided at n = 1 with so few permutations; nothing found from n = 2 on.",
        ),
        ("", "Only the plain picture (n = 0) was tested, which says nothing about the encryption."),
    ],
)
def test_the_sentence_says_where_it_leaks_and_leaves_the_plain_picture_out(codes, sentence):
    found = answers.answer(rows({0: LEAK} | levels(codes)))
    assert found.sentence == sentence and found.notes == ()


@pytest.mark.parametrize(
    ("pixels", "notes"),
    [
        ("LL-", ()),
        ("L--", ("Only CLIP shows the leak at n = 2.",)),
        (
            "ppp",
            (
                "Only CLIP shows the leak at n = 1 and 2.",
                f"pixels: cannot be decided {WITH_9}.",
            ),
        ),
    ],
)
def test_a_level_leaks_if_any_representation_finds_a_leak_and_the_others_are_named(pixels, notes):
    found = answers.answer(pd.concat([rows(levels("LL-")), rows(levels(pixels), "pixels")]))
    assert found.sentence == "Leaks up to n = 2; nothing found at n = 3."
    assert found.notes == notes


def test_two_representations_with_one_label_are_distinguished_by_their_keys():
    coarse, fine = rows(levels("L")), rows(levels("-")).assign(representation="finer")
    found = answers.distinct(pd.concat([coarse, fine, rows(levels("-"), "pixels")]))
    assert found["label"].tolist() == ["CLIP [clip]", "CLIP [finer]", "pixels"]
    assert answers.answer(found).notes == ("Only CLIP [clip] shows the leak at n = 1.",)


def test_a_test_that_misses_the_plain_picture_is_called_too_weak():
    (note,) = answers.answer(rows(levels("--", first=0))).notes
    assert note.startswith("No leak is found in the plain picture")


def test_every_scheme_has_an_answer_in_the_table_s_order():
    both = [rows(levels("-"), scheme="z"), rows(levels("L"), scheme="a")]
    assert [each.scheme for each in answers.answers(pd.concat(both))] == ["z", "a"]


@given(st.text("L-po", min_size=1, max_size=9))
def test_no_leak_is_ever_hidden(codes):
    said = list(levels(codes).values())
    found = answers.answer(rows(levels(codes)))
    assert [each.verdict for each in found.phrases] == [each for each, _ in itertools.groupby(said)]
    assert ("eaks" in found.sentence) == (LEAK in said)
    assert ("othing found" in found.sentence) == (NONE in said)
    assert ("annot be decided" in found.sentence) == bool({FEW, ORDERS} & set(said))
