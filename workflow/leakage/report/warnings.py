"""The warnings of a report: what a reader must know before quoting a number."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from leakage import datasets
from leakage.analysis import enough
from leakage.analysis.claims import NO_WEIGHTS, STAND_IN_FAILS, STAND_IN_HOLDS, TOO_FEW
from leakage.analysis.tables import INFORMATION, Table, by_level
from leakage.analysis.wording import quiet
from leakage.captions import levels, listed
from leakage.errors import LeakageError
from leakage.interfaces import Frame
from leakage.report.answers import DECIDED
from leakage.schemes import keystream


@dataclass(frozen=True)
class Warned:
    """A warning: its subject in a few words, and the sentence that follows."""

    subject: str
    text: str


def of_estimates(tables: Sequence[Table]) -> Iterable[Warned]:
    """Return warnings of too few pictures, of untrained encoders, and of values at a ceiling."""
    few = [
        table
        for table in tables
        if not enough.carries_weight(table) and INFORMATION in set(table.rows["statistic"])
    ]
    if few:
        names = dict.fromkeys(table.metadata["estimator"] for table in few)
        yield Warned(
            "Too few pictures for values in nats",
            f"{listed(names)}: {enough.shortage(few[0])}. Verdicts and re-identified shares are "
            "valid with fewer.",
        )
    untrained = dict.fromkeys(table.label for table in tables if table.untrained)
    if untrained:
        yield Warned("Untrained networks", f"{listed(untrained)}. A control with random weights.")
    ceilings: dict[str, list[str]] = {}
    for table in tables:
        # Only held-out estimates have a p-value.
        if "p_value" not in table.rows or not enough.carries_weight(table):
            continue
        values = by_level(table)
        bounded = values.loc[values["at_ceiling"], "level"]
        if len(bounded):
            scheme = f" under {table.scheme}" if table.scheme else ""
            place = f"{table.label}{scheme} at {levels(bounded)}"
            ceilings.setdefault(table.metadata["estimator"], []).append(place)
    for estimator, places in ceilings.items():
        yield Warned(
            "At its ceiling",
            f"{estimator} on {'; '.join(dict.fromkeys(places))}. There the value means “at least”.",
        )


def of_verdicts(verdicts: "Frame | None") -> Iterable[Warned]:
    """Return a warning per row of the verdicts that has too few pictures or permutations."""
    if verdicts is None:
        return
    for (scheme, _), part in verdicts.groupby(["scheme", "representation"], sort=False):
        unable = part[~part["verdict"].isin(DECIDED)]
        if len(unable):
            one = unable.iloc[0]
            conclusion = quiet(part).replace("\n", " ")
            yield Warned(
                f"{str(one['verdict']).capitalize()} for a verdict",
                f"{scheme}, {one['label']}: {conclusion}.",
            )


def of_claims(claims: "Frame | None") -> Iterable[Warned]:
    """Return a warning if other networks stand in for those of the paper."""
    if claims is None:
        return
    said = claims.drop_duplicates("claim")["verdict"]
    few = int((said == TOO_FEW).sum())
    replaced = int(said.isin([STAND_IN_HOLDS, STAND_IN_FAILS]).sum())
    untested = int((said == NO_WEIGHTS).sum())
    of = f"of the paper's {len(said)} claims"
    parts = [f"{replaced} {of} are tested with stand-ins."] if replaced else []
    parts += [f"{untested} {of} cannot be tested with them."] if untested else []
    if few:
        need = f"{few} {of} need held-out numbers from more pictures."
        yield Warned("Too few pictures for some claims", need)
    if parts:
        yield Warned("Other networks than the paper's", " ".join(parts))


def of_channels(channels: Sequence[int], grey: str) -> Iterable[Warned]:
    """Return a warning if the number of channels tells grey pictures from coloured ones."""
    few = sum(each == 1 for each in channels)
    if grey == "keep" and 0 < few < len(channels):
        yield Warned(
            "Grey pictures",
            f"{few} of {len(channels)} pictures are grey and keep their one channel at every "
            "level. That alone is found as a leak, even under full encryption. Set dataset.grey "
            "to rgb to avoid this.",
        )


def of_pictures(manifest: "Frame") -> Iterable[Warned]:
    """Return a warning if pictures look like others."""
    if text := datasets.near_duplicates(manifest.to_dict("records")):
        yield Warned("Pictures that look alike", text)


def of_key(fingerprint: str, test_key: Path) -> Iterable[Warned]:
    """Return a warning if the run's key is the one in the repository, which anyone can read."""
    try:
        known = keystream.fingerprint(keystream.read_key(test_key))
    except LeakageError:  # removed from this checkout
        return
    if fingerprint == known:
        yield Warned(
            "Test key",
            "The pictures are encrypted with a key that anyone can read. Set encryption.key_file "
            "to your own.",
        )
