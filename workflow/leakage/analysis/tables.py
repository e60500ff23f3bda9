"""The table of an estimate, as analysis and figures read it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from leakage.config.paths import title
from leakage.errors import LeakageError
from leakage.interfaces import Frame
from leakage.storage import files

LEVEL = "encryption level n"
INFORMATION = "mutual information"
# From this share of its ceiling on, a value means "at least".
AT_CEILING = 0.95
SUMMARY = ["mean", "low", "high", "floor", "null_high", "p_value", "pictures"]
BITS_PER_NAT = 1 / np.log(2)


@dataclass(frozen=True)
class Table:
    """The table of an estimate, and its metadata."""

    rows: Frame
    metadata: dict[str, Any]

    @property
    def label(self) -> str:
        """The representation: an encoder's name (with a note if untrained), or `pixels`."""
        return str(self.metadata["source"].get("label", "pixels"))

    @property
    def untrained(self) -> bool:
        """Whether the representation comes from an untrained network."""
        return bool(self.metadata["source"].get("untrained", False))

    @property
    def scheme(self) -> str:
        """The name of the scheme or of a part of it, or an empty text."""
        source = self.metadata["source"]
        return title(str(source.get("scheme", "")), str(source.get("part", "")))

    @property
    def level_label(self) -> str:
        """The label of the level axis: the scheme and its words for a level."""
        words = self.metadata["source"].get("level_label", LEVEL)
        return f"{self.scheme}: {words}" if self.scheme else words

    @property
    def strength(self) -> dict[int, float]:
        """Strength of each level, 0 to 1; level / highest level if the scheme gives none."""
        levels = sorted({int(level) for level in self.rows["level"]})
        said = self.metadata["source"].get("strength", {})
        share = {level: level / max(1, *levels) for level in levels}
        known = {level: said.get(str(level)) for level in levels}
        return {level: share[level] if known[level] is None else known[level] for level in levels}

    @property
    def nothing_left(self) -> list[int]:
        """The levels without clear bits."""
        said = self.metadata["source"].get("clear_bits", {})
        return sorted(int(level) for level, bits in said.items() if bits == 0)

    @property
    def summary(self) -> Frame:
        """One row per level and statistic: mean, low, high, floor, null_high, p_value, ceiling."""
        rows = self.rows[self.rows["split"] == "test"]
        if "variant" in rows:
            rows = rows[rows["variant"] == "matched"]
        return rows.drop_duplicates(["statistic", "level"]).sort_values(["statistic", "level"])

    @property
    def answer(self) -> Frame:
        """The chosen rows."""
        return self.rows[self.rows["chosen"]]


def read(path: Path | str) -> Table:
    """Return the table of an estimate, after checking its checksum."""
    table, metadata = files.read_table(path)
    return Table(table.to_pandas(), metadata)


def answer(table: Table) -> Frame:
    """Return the summary of the chosen statistic, one row per level.

    Raises:
        LeakageError: the estimate is not held out and has no p-value.
    """
    rows = table.summary
    if "p_value" not in rows:
        found = table.metadata.get("settings", {}).get("method", "?")
        raise LeakageError(
            f"estimator {found!r} on {table.label}: its table has no p_value; expected a held-out "
            "estimator (say mine), in verdict.estimator and verdict.pixels"
        )
    chosen = table.answer["statistic"].unique()
    return rows[rows["statistic"].isin(chosen)].sort_values("level").reset_index(drop=True)


def by_level(table: Table, statistic: str = INFORMATION) -> Frame:
    """Return the values of an estimate per level, in the order of the levels.

    Returns:
        `level`; `mean`, `low`, `high`, `floor`, `null_high`, `p_value`, `pictures` as in the table
        (of one without them the mean of the chosen rows, 1.96 standard errors on each side if it
        has them; all else is NaN); `ceiling` and `chance`, means over the folds, which may differ
        in size; `at_ceiling`, whether the mean can be no more than a lower bound.
    """
    rows = table.rows[(table.rows["split"] == "test") & (table.rows["statistic"] == statistic)]
    if "variant" in rows:
        rows = rows[rows["variant"] == "matched"]
    found = table.summary
    found = found[found["statistic"] == statistic].set_index("level").reindex(columns=SUMMARY)
    chosen = rows[rows["chosen"]].groupby("level")
    half = 1.96 * chosen["standard_error"].mean()
    found["mean"] = found["mean"].fillna(chosen["nats"].mean())
    found["low"] = found["low"].fillna(found["mean"] - half)
    found["high"] = found["high"].fillna(found["mean"] + half)
    for name in ("ceiling", "chance"):
        found[name] = rows.groupby("level")[name].mean() if name in rows else np.nan
    found["at_ceiling"] = found["mean"] >= AT_CEILING * found["ceiling"]
    return found.reset_index()


def records(rows: Frame) -> Iterator[Any]:
    """Yield the rows as named tuples."""
    yield from rows.itertuples()


def grouped(rows: Frame, column: str) -> Iterator[tuple[Any, Frame]]:
    """Yield each value of a column with its rows, in the order of first appearance."""
    yield from rows.groupby(column, sort=False)


def paths_by_role(options: Iterable[str]) -> dict[str, Path]:
    """Return the path of each `ROLE=PATH`, by role.

    Raises:
        LeakageError: one has another form, or a role is given twice.
    """
    found: dict[str, Path] = {}
    for option in options:
        role, separator, path = option.partition("=")
        if not separator:
            raise LeakageError(f"--table {option}: expected ROLE=PATH, say mine=mine.parquet")
        if role in found:
            raise LeakageError(f"--table {option}: the role {role} is given twice; give it once")
        found[role] = Path(path)
    return found
