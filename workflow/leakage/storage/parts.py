"""Parts: which patches of a scheme with a region are inside it, outside, or across its border."""

from pathlib import Path

from leakage.config.paths import ACROSS, INSIDE, OUTSIDE, PARTS
from leakage.errors import LeakageError
from leakage.interfaces import Frame
from leakage.storage import files, shards

COLUMNS = ["image_id", "patch", "encrypted", "part"]
Patches = frozenset[tuple[str, int]]


def of(encrypted: float) -> str:
    """Return the part of a patch, from its share of encrypted pixels."""
    return {0.0: OUTSIDE, 1.0: INSIDE}.get(encrypted, ACROSS)


def read(path: Path, part: str) -> Patches:
    """Return (image id, patch) of the patches of one part."""
    found: set[tuple[str, int]] = set()
    for rows in shards.parts(files.check(path), shards.ROWS_AT_ONCE, ["image_id", "patch", "part"]):
        chosen = rows[rows["part"] == part]
        found.update(zip(chosen["image_id"], chosen["patch"], strict=True))
    return frozenset(found)


def chosen(part: str | None, table: Path | None, rows: str | None) -> Patches | None:
    """Return the patches that the options of a command choose; None for all.

    Args:
        part: `--part`.
        table: `--parts`, the table `regions/{scheme}.csv`.
        rows: `--rows`.

    Raises:
        LeakageError: an unknown part, or options that do not fit each other.
    """
    if (part is None) != (table is None):
        raise LeakageError("--part and --parts: found one of them; for embeddings, give both")
    if part is None or table is None:
        return None
    refuse_unknown(part)
    if rows == "whole":
        raise LeakageError("--part: whole pictures are not told apart; leave it out, or --rows")
    return read(table, part)


def refuse_unknown(part: str) -> None:
    """Refuse a part that does not exist."""
    if part not in PARTS:
        raise LeakageError(f"--part: found {part!r}; expected one of {', '.join(PARTS)}")


def counts(rows: Frame) -> list[str]:
    """Return a line per part: `faces, inside: 12 patches of 5 pictures`."""
    lines = []
    for part in PARTS:
        own = rows[rows["part"] == part]
        lines.append(f"{part}: {len(own)} patches of {own['image_id'].nunique()} pictures")
    return lines
