"""How far each stage is from what the machine can do, and from the usual way of doing it.

    make bench                                        every row; writes benchmarks/results.md
    PYTHONPATH=benchmarks python -m speed counting    one module's rows, printed only

A module of this folder offers `rows()`. Most rows are a ratio of two things that are measured in
turn, several times: it says more than seconds on a machine that others use as well.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

REPEATS = 5


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        title: what is measured.
        against: with what it is compared.
        asked: the limit, `at least` or `at most` which the median should be.
        at_least: which of the two.
        values: ratios, one per repeat (seconds or GiB, where the title says so); none where it
            could not be measured, and `note` says why.
        note: what else was measured.
        memory: peak of the processes, in MiB; None where it says nothing.
        detail: Markdown that stands below the table.
    """

    title: str
    against: str
    asked: float
    at_least: bool
    values: list[float] = field(default_factory=list)
    note: str = ""
    memory: float | None = None
    detail: str = ""

    @property
    def median(self) -> float:
        """The middle of the repeats."""
        return statistics.median(self.values)

    @property
    def holds(self) -> bool:
        """Whether the limit is kept."""
        return self.median >= self.asked if self.at_least else self.median <= self.asked


def seconds(run: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def paired(
    ours: Callable[[], object], other: Callable[[], object], repeats: int = REPEATS
) -> list[tuple[float, float]]:
    """Return the seconds of both, run in turn; the first pair warms up and is not counted."""
    return [(seconds(ours), seconds(other)) for _ in range(repeats + 1)][1:]
