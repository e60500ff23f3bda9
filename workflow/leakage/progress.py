"""How far a long loop has come: a bar on a terminal, now and then a line in a log.

Quiet by default, so that an estimator that is called from Python writes nothing. The command line
lets its steps be heard, and a step can say what it is about.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

EVERY = 10.0  # seconds between two lines of a loop; a shorter loop writes none

Item = TypeVar("Item")

# What the lines begin with, the step's name first; None keeps all loops quiet.
_title: str | None = None


@contextmanager
def shown(title: str) -> Iterator[None]:
    """Let the loops of a step be followed on standard error, under this title."""
    global _title
    before, _title = _title, title
    try:
        yield
    finally:
        _title = before


def about(what: str) -> None:
    """Add to the title what the step works on; many run at once, and write to one terminal."""
    global _title
    if _title is not None:
        _title = f"{_title} {what}"


def over(
    items: Iterable[Item], unit: str, total: int | None = None, done: int = 0
) -> Iterator[Item]:
    """Yield the items, telling how many of them are done.

    Args:
        items: what the loop goes over.
        unit: what they are, in the plural.
        total: how many there are, `done` ones included; None takes their length.
        done: how many an earlier run has done.
    """
    if _title is None:
        yield from items
        return
    total = done + len(items) if total is None else total
    if sys.stderr.isatty():
        from tqdm import tqdm

        # Of loops in loops only the outermost leaves its bar behind.
        yield from tqdm(items, _title, total, leave=None, unit=f" {unit}", initial=done)
    else:
        yield from _lines(items, unit, total, done)


def _lines(items: Iterable[Item], unit: str, total: int, done: int) -> Iterator[Item]:
    start = last = time.monotonic()
    for count, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= EVERY:
            print(line(unit, done + count, total, count, now - start), file=sys.stderr, flush=True)
            last = now


def line(unit: str, done: int, total: int, new: int, seconds: float) -> str:
    """Return how far a loop is; its pace is that of the `new` items that took the `seconds`."""
    rate = new / max(seconds, 1e-9)
    pace = f"{rate:.1f} {unit}/s" if rate >= 1 else f"{1 / rate:.1f} s each"
    return f"{_title}: {done} of {total} {unit}, {seconds:.0f} s, {pace}"
