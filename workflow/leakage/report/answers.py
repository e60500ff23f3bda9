"""The answer per scheme in one sentence: up to which level it leaks."""

import itertools
from dataclasses import dataclass

from leakage.analysis.verdicts import LEAK, NO_EVIDENCE, TOO_FEW_PERMUTATIONS, TOO_FEW_PICTURES
from leakage.captions import listed
from leakage.interfaces import Frame

# If representations differ at a level, the first of these that occurs is the level's verdict.
ORDER = [LEAK, NO_EVIDENCE, TOO_FEW_PERMUTATIONS, TOO_FEW_PICTURES]
DECIDED = (LEAK, NO_EVIDENCE)


@dataclass(frozen=True)
class Phrase:
    """A part of the answer: the verdict on neighbouring levels, and the words for it."""

    verdict: str
    text: str


@dataclass(frozen=True)
class Answer:
    """The answer for one scheme."""

    scheme: str
    phrases: tuple[Phrase, ...]
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The answer without the scheme's name."""
        return "; ".join(each.text for each in self.phrases)


def answers(verdicts: Frame) -> list[Answer]:
    """Return one answer per scheme, in the order of the table of verdicts."""
    return [answer(rows) for _, rows in verdicts.groupby("scheme", sort=False)]


def answer(rows: Frame) -> Answer:
    """Return the answer for one scheme.

    A level leaks if a leak is found on any representation. Level 0 is the plain picture and not a
    level of encryption.
    """
    scheme = str(rows["scheme"].iloc[0])
    found = {level: verdict for level, verdict in combined(rows).items() if level > 0}
    if not found:
        only = "Only the plain picture (n = 0) was tested, which says nothing about the encryption."
        return Answer(scheme, (Phrase("", only),))
    runs = [
        (verdict, list(levels))
        for verdict, levels in itertools.groupby(found, key=lambda level: found[level])
    ]
    texts = [_phrase(runs, index, rows) for index in range(len(runs))]
    texts[0] = f"{texts[0][0].upper()}{texts[0][1:]}"
    texts[-1] = f"{texts[-1]}."
    phrases = tuple(Phrase(verdict, text) for (verdict, _), text in zip(runs, texts, strict=True))
    return Answer(scheme, phrases, tuple(_notes(rows, found)))


def distinct(verdicts: Frame) -> Frame:
    """Return the verdicts with a different label for each representation."""
    keys = verdicts.groupby("label")["representation"].transform("nunique")
    longer = verdicts["label"] + " [" + verdicts["representation"] + "]"
    return verdicts.assign(label=verdicts["label"].where(keys == 1, longer))


def combined(rows: Frame) -> dict[int, str]:
    """Return the verdict per level, over all representations of one scheme."""
    found = rows.groupby("level")["verdict"].agg(lambda said: min(said, key=ORDER.index))
    return dict(zip(found.index.tolist(), found.tolist(), strict=True))


def levels_text(levels: list[int]) -> str:
    """Return `n = 3`, `n = 3 and 5` or, for three neighbours and more, `n = 3 to 8`."""
    parts: list[list[int]] = []
    for level in levels:
        if parts and level == parts[-1][-1] + 1:
            parts[-1].append(level)
        else:
            parts.append([level])
    said: list[str] = []
    for part in parts:
        said += [f"{part[0]} to {part[-1]}"] if len(part) > 2 else map(str, part)
    return f"n = {listed(said)}"


def _phrase(runs: list[tuple[str, list[int]]], index: int, rows: Frame) -> str:
    """Return what is found at one run of neighbouring levels with the same verdict."""
    verdict, levels = runs[index]
    where = f"at {levels_text(levels)}"
    if len(runs) == 1:
        each = "every" if verdict == LEAK else "any"
        several = f"at {each} level tested ({levels_text(levels)})"
        where = several if len(levels) > 1 else f"{where}, the only level tested"
    elif levels[0] == 1 and len(levels) > 1 and verdict == LEAK:
        where = f"up to n = {levels[-1]}"
    elif len(levels) > 1 and index == len(runs) - 1 and verdict == NO_EVIDENCE:
        where = f"from n = {levels[0]} on"
    if verdict == LEAK:
        return f"leaks {where}"
    if verdict == NO_EVIDENCE:
        return f"nothing found {where}"
    return f"cannot be decided {where} {_obstacle(rows[rows['level'].isin(levels)])}"


def _obstacle(rows: Frame) -> str:
    """Return why these levels have no answer."""
    few = rows[rows["verdict"] == TOO_FEW_PICTURES]
    if not len(few):
        return "with so few permutations"
    nearest = few.sort_values("needed_pictures", kind="stable").iloc[0]
    units = "pixel pairs" if "pixel pairs" in nearest["label"] else "pictures"
    pictures, needed = nearest["pictures"], nearest["needed_pictures"]
    more = f" (the test needs at least {needed:.0f})" if needed > pictures else ""
    return f"with these {pictures:.0f} {units}{more}"


def _notes(rows: Frame, found: dict[int, str]) -> list[str]:
    notes = []
    labels = list(dict.fromkeys(rows["label"]))
    by_finders: dict[tuple[str, ...], list[int]] = {}
    for level in (each for each, verdict in found.items() if verdict == LEAK):
        leaking = rows[(rows["level"] == level) & (rows["verdict"] == LEAK)]
        by_finders.setdefault(tuple(dict.fromkeys(leaking["label"])), []).append(level)
    for finders, levels in by_finders.items():
        if len(finders) < len(labels):
            shows = "shows" if len(finders) == 1 else "show"
            notes.append(f"Only {listed(finders)} {shows} the leak at n = {listed(levels)}.")
    for label in labels:
        of_one = rows[(rows["label"] == label) & (rows["level"] > 0)]
        unable = of_one[~of_one["verdict"].isin(DECIDED)]
        unable = unable[[found[level] in DECIDED for level in unable["level"]]]
        if len(unable):
            at = "" if len(unable) == len(of_one) else f" at n = {listed(unable['level'])}"
            notes.append(f"{label}: cannot be decided{at} {_obstacle(unable)}.")
    if combined(rows).get(0) == NO_EVIDENCE:
        notes.append(
            "No leak is found in the plain picture (n = 0) either, so these tests are too weak for "
            "an answer."
        )
    return notes
