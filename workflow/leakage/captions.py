"""Captions: filled with numbers of the table behind a figure, and kept inside its PNG.

A template is a text with fields of `str.format`, say `falls by {slope:.3f} bit`. The method
`numbers` of the figure returns the numbers. The report reads the filled caption from the picture,
so that both agree.
"""

import math
import re
import string
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from leakage.errors import LeakageError

# In place of a missing number.
MISSING = "no number"


class _Numbers(string.Formatter):
    """`str.format`, with words for a missing number and a space before a percent sign."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, float) and not math.isfinite(value):
            return MISSING
        text = re.sub(r"^-(0(\.0*)?)$", r"\1", str(format(value, format_spec)))
        return text.removesuffix("%") + "\u00a0%" if format_spec.endswith("%") else text


def fill(template: str, numbers: Mapping[str, Any], figure: str) -> str:
    """Return a caption with its numbers filled in; a number that is NaN is called missing.

    Raises:
        LeakageError: a field of the template has no number.
    """
    fields = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    if missing := sorted(fields - set(numbers)):
        known = ", ".join(sorted(numbers)) or "none"
        raise LeakageError(
            f"caption of {figure}: unknown placeholder {{{missing[0]}}}; `numbers` gives {known}. "
            "Correct the caption, or return the number from `numbers`"
        )
    return _Numbers().vformat(template, (), numbers)


def number(value: float, spec: str) -> str:
    """Return a number as in a caption: never `-0.00`, and in words if it is missing.

    Example: `number(0.125, ".0%")` is `12 %`.
    """
    return _Numbers().format_field(float(value), spec)


def trend(levels: Iterable[int], values: Iterable[float], spec: str, unit: str = "") -> str:
    """Return the change from the lowest level to the highest, in words.

    Example: `falls from 7.41 bits at n = 0 to 0.00 at n = 8`. Values in between do not count.

    Args:
        levels: in any order.
        values: one per level; NaN is left out.
        spec: the format of the numbers, say `.2f`.
        unit: follows the first number.
    """
    pairs = zip(levels, values, strict=True)
    known = sorted((int(n), float(value)) for n, value in pairs if math.isfinite(value))
    if not known:
        return "is not known at any level"
    (low, first), (high, last) = known[0], known[-1]
    start, end = (number(value, spec) for value in (first, last))
    with_unit = f"{start} {unit}".strip()
    if low == high:
        return f"is {with_unit} at n = {low}"
    if start == end:
        return f"is {with_unit} at n = {low} and at n = {high}"
    way = "falls" if last < first else "rises"
    return f"{way} from {with_unit} at n = {low} to {end} at n = {high}"


def inside(png: Path | str) -> str:
    """Return the caption inside a PNG; nothing if there is no file or no caption."""
    from PIL import Image

    if not Path(png).is_file():
        return ""
    with Image.open(png) as picture:
        return str(picture.info.get("Description", ""))


def as_rst(text: str) -> str:
    """Return plain text as reStructuredText without markup."""
    return re.sub(r"([\\*`_|])", r"\\\1", text)


def listed(items: Iterable[Any], last: str = "and") -> str:
    """Return `0, 4 and 8`; `none` of nothing."""
    texts = [str(each) for each in items]
    if len(texts) < 2:
        return texts[0] if texts else "none"
    return f"{', '.join(texts[:-1])} {last} {texts[-1]}"


def levels(values: Iterable[int]) -> str:
    """Return the distinct levels in words, `n = 0, 1 and 4`."""
    return f"n = {listed(sorted({int(level) for level in values}))}"
