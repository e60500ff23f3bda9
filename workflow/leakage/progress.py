"""Progress of long loops: a bar on a terminal, a line now and then in a log.

Loops are quiet by default. The command line turns progress on for its steps, and `estimate` does on
a terminal. TQDM_DISABLE=1 in the environment turns bars off.
"""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

EVERY = 10.0  # seconds between two lines of a loop; a shorter loop writes none

LATER = 2.0  # seconds before a bar of the library appears

Item = TypeVar("Item")

# The beginning of every line: the step's name, then its subject. With None, all loops are quiet.
_title: str | None = None
# Seconds before a bar appears.
_delay = 0.0


@contextmanager
def shown(title: str) -> Iterator[None]:
    """Show the progress of loops on standard error, with this title."""
    global _title
    before, _title = _title, title
    try:
        yield
    finally:
        _title = before


@contextmanager
def of_library(title: str, at_once: bool = False) -> Iterator[bool]:
    """Show the progress of a call from Python, on a terminal and if it takes a while.

    Args:
        title: the beginning of the bar.
        at_once: whether the bar appears at once, not after `LATER` seconds.

    Yields:
        Whether progress is shown: not in a step, which shows its own.
    """
    global _delay
    if _title is not None or not sys.stderr.isatty():
        yield False
        return
    before, _delay = _delay, 0.0 if at_once else LATER
    try:
        with shown(title):
            yield True
    finally:
        _delay = before


def about(subject: str) -> None:
    """Add the step's subject to the title: many steps run at once and share a terminal."""
    global _title
    if _title is not None:
        _title = f"{_title} {subject}"


def over(
    items: Iterable[Item], unit: str, total: int | None = None, done: int = 0
) -> Iterator[Item]:
    """Yield the items and show the progress.

    Args:
        items: the items of the loop.
        unit: what they are, in the plural.
        total: their number, including the `done` ones; None takes their length.
        done: number of items that an earlier run has done.
    """
    if _title is None:
        yield from items
        return
    if total is None:
        assert isinstance(items, Sized), "give the total of items without a length"
        total = done + len(items)
    if sys.stderr.isatty():
        from tqdm import tqdm

        # Of nested loops, only the outermost leaves its bar behind.
        yield from tqdm(
            items, _title, total, leave=None, unit=f" {unit}", initial=done, delay=_delay
        )
    else:
        yield from _lines(items, unit, total, done)


# tqdm redraws one line with carriage returns, which fills a log.
def _lines(items: Iterable[Item], unit: str, total: int, done: int) -> Iterator[Item]:
    start = last = time.monotonic()
    for count, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= EVERY:
            print(line(unit, done + count, total, count, now - start), file=sys.stderr, flush=True)
            last = now


def line(unit: str, done: int, total: int, new: int, seconds: float) -> str:
    """Return the progress of a loop, at the pace of the `new` items of these `seconds`."""
    rate = new / max(seconds, 1e-9)
    pace = f"{rate:.1f} {unit}/s" if rate >= 1 else f"{1 / rate:.1f} s each"
    return f"{_title}: {done} of {total} {unit}, {seconds:.0f} s, {pace}"
