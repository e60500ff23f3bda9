"""Tables of the report: columns with a format, rows of values, and the text of each cell."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


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


Value = str | float | None


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        columns: the columns, from left to right.
        rows: values, as many per row as columns.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]

    def cells(self) -> list[list[tuple[str, Value]]]:
        """Return (text, value to sort by) of every cell."""
        return [
            [_cell(value, column) for value, column in zip(row, self.columns, strict=True)]
            for row in self.rows
        ]


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


def from_markdown(text: str, heading: str) -> Table | None:
    """Return the first table below a heading of a Markdown page; None if there is none."""
    _, found, below = text.partition(f"{heading}\n")
    if not found:
        return None
    lines = [line for line in below.partition("\n#")[0].splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    if len(cells) < 3:
        return None
    heads, _, *rows = cells
    numeric = [all(map(_is_number, column)) for column in zip(*rows, strict=True)]
    forms = [".3f" if number else "" for number in numeric]
    return Table(list(map(Column, heads, forms)), rows)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
