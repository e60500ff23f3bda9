"""The table that reviewers of image encryption ask for: tests of the ciphertext, side by side."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leakage.analysis.security import FAIL, NOT_DEFINED, NOT_JUDGED, PASS, SET_RATE
from leakage.analysis.tables import records
from leakage.interfaces import Frame
from leakage.report.illustrations import Link, data_uri
from leakage.security import RATE

FILE = "security.csv"
THROUGHPUT = {"test": "throughput", "title": "throughput", "unit": "MB/s"}

ABOUT = (
    "Journals on image encryption ask for these numbers. Each is computed on the whole ciphertext "
    "at the strongest level, and compared with random bytes of the pictures' sizes. Of pictures of "
    f"random bytes, {100 * RATE:g} % fail a test. A scheme fails it if more of its pictures fail "
    f"than this allows (p < {SET_RATE:g}). A pass says only that the ciphertext resembles random "
    "bytes in this respect. It says nothing about what the clear bits show: for that, see the "
    "verdicts above."
)


@dataclass(frozen=True)
class Cell:
    """A test of one scheme: its verdict, the mean value, and how many pictures fail."""

    verdict: str
    value: str
    failed: str

    @property
    def text(self) -> str:
        """The cell as one text."""
        if not self.failed:
            return self.value or self.verdict
        return f"{self.verdict}: {self.value} ({self.failed})"


@dataclass(frozen=True)
class Row:
    """A test: its title, what it accepts, and a cell per scheme."""

    title: str
    accepted: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Reviewers:
    """The table, a sentence per scheme, and the same as CSV."""

    about: str
    sentences: tuple[tuple[str, str], ...]
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    csv: str

    @property
    def link(self) -> Link:
        """The CSV inside the page."""
        return Link("table (CSV)", FILE, data_uri("text/csv", self.csv.encode()))


def reviewers(tests: Frame, throughput: Mapping[str, Path]) -> Reviewers:
    """Return the table from that of the analysis `security`, and the times of encryption."""
    import pandas as pd

    schemes = tests.drop_duplicates("scheme")
    speeds = [
        {**THROUGHPUT, **_speed(throughput[row.scheme]), "scheme": row.scheme, "level": row.level}
        for row in records(schemes)
    ]
    rows = pd.concat([tests, pd.DataFrame(speeds)], ignore_index=True)
    return Reviewers(
        ABOUT,
        tuple(
            (row.scheme, _sentence(tests[tests["scheme"] == row.scheme]))
            for row in records(schemes)
        ),
        tuple(f"{row.scheme}, n = {row.level}" for row in records(schemes)),
        tuple(_row(part) for _, part in rows.groupby("test", sort=False)),
        rows.to_csv(index=False, lineterminator="\n"),
    )


def _sentence(tests: Frame) -> str:
    """Return which tests a scheme passes and fails, in words."""
    level, judged = tests["level"].iloc[0], tests[tests["verdict"].isin([PASS, FAIL])]
    failed = judged.loc[judged["verdict"] == FAIL, "title"]
    if not len(judged):
        return f"At n = {level} no test can be judged: too few pictures."
    if len(failed) == len(judged):
        return f"At n = {level} it fails all {len(judged)} tests."
    said = f"At n = {level} it passes {len(judged) - len(failed)} of {len(judged)} tests"
    return f"{said}, and fails: {'; '.join(failed)}." if len(failed) else f"{said}."


def _row(part: Frame) -> Row:
    """Return one test of all schemes."""
    first = part.iloc[0]
    decimals = _decimals(first)
    title = f"{first['title']} ({first['unit']})" if first["unit"] else first["title"]
    cells = tuple(_cell(row, decimals) for row in records(part))
    return Row(f"{title[0].upper()}{title[1:]}", _accepted(first, decimals), cells)


def _cell(row: Any, decimals: int | None) -> Cell:
    failed = f"{row.failed:.0f} of {row.pictures:.0f} fail" if row.verdict in (PASS, FAIL) else ""
    return Cell(row.verdict, _number(row.value, decimals), failed)


def _decimals(row: Any) -> int | None:
    """Return the decimals that show where a value is in the accepted interval; None without one."""
    if math.isnan(row["accepted_low"]):
        return None
    high = row["accepted_high"] if math.isfinite(row["accepted_high"]) else row["expected"]
    return max(1, 2 - math.floor(math.log10(high - row["accepted_low"])))


def _accepted(row: Any, decimals: int | None) -> str:
    if decimals is None:
        return ""
    low, high = (_number(row[f"accepted_{end}"], decimals) for end in ("low", "high"))
    return f"{low} to {high}" if math.isfinite(row["accepted_high"]) else f"at least {low}"


def _number(value: float, decimals: int | None) -> str:
    if value is None or math.isnan(value):
        return ""
    return f"{value:.4g}" if decimals is None else f"{value:,.{decimals}f}"


def _speed(path: Path) -> dict[str, float | str]:
    """Return the median speed of encryption over the pictures, in megabytes per second.

    There is none if another program encrypts the pictures.
    """
    import pandas as pd

    times = pd.read_csv(path)
    return {
        "value": float((times["bytes"] / times["seconds"]).median() / 1e6),
        "pictures": len(times),
        "verdict": NOT_JUDGED if len(times) else NOT_DEFINED,
    }
