"""Tables of the report: columns with a format, and rows of values."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leakage.interfaces import Frame

Value = str | float | None


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        head: its heading.
        form: the format of its numbers, as in `format(value, form)`; empty for a column of texts.
            A number given as a text keeps its text.
    """

    head: str
    form: str = ""


@dataclass(frozen=True)
class Table:
    """A table."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]

    def cells(self) -> list[list[tuple[str, Value]]]:
        """Return (text, value to sort by) of every cell."""
        return [list(map(_cell, row, self.columns)) for row in self.rows]


def from_frame(rows: Frame, columns: Mapping[str, Column]) -> Table:
    """Return the named columns of a DataFrame, without those that have no value."""
    present = [name for name in columns if rows[name].notna().any()]
    values = rows[present].astype(object).to_numpy().tolist()
    return Table([columns[name] for name in present], values)


def from_markdown(text: str, heading: str) -> Table | None:
    """Return the first table below a heading of a Markdown page; None if there is none."""
    import pandas as pd

    below = text.partition(f"{heading}\n")[2].partition("\n#")[0]
    lines = [line.strip("| ") for line in below.splitlines() if line.startswith("|")]
    if len(lines) < 3:
        return None
    found = pd.read_csv(
        io.StringIO("\n".join([lines[0], *lines[2:]])), sep=r"\s*\|\s*", dtype=str, engine="python"
    )
    numeric = found.apply(pd.to_numeric, errors="coerce").notna().all()
    columns = [Column(str(name), ".3f" if numeric[name] else "") for name in found]
    return Table(columns, found.to_numpy().tolist())


def _cell(value: Value, column: Column) -> tuple[str, Value]:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "", None
    if not column.form:
        return str(value), str(value)
    if isinstance(value, str):
        return value, float(value)
    text = format(value, column.form)
    # No minus before a number that is rounded to 0.
    return (text.lstrip("-") if not text.strip("-0.") else text), float(value)
