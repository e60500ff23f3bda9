"""Compare each stage with the limits of the machine, or with the usual way to do it.

    make bench                                        every row; writes benchmarks/results.md
    PYTHONPATH=benchmarks python -m speed counting    one module's rows, printed only

Each module has a function `rows()`. Most rows are a ratio of two things measured alternately, which
depends less on other load on the machine than seconds do.
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
        against: what it is compared with.
        asked: the target for the median.
        at_least: whether the target is a lower limit, not an upper one.
        values: one ratio per repeat (seconds or GiB if the title says so); empty if it could not be
            measured, for the reason in `note`.
        note: other measurements.
        memory: peak memory of the processes, in MiB, if it matters.
        detail: Markdown below the table.
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
        """Median of the repeats."""
        return statistics.median(self.values)

    @property
    def holds(self) -> bool:
        """Whether the target is met."""
        return self.median >= self.asked if self.at_least else self.median <= self.asked


def seconds(run: Callable[[], object]) -> float:
    """Return the seconds that one call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def paired(
    ours: Callable[[], object], other: Callable[[], object], repeats: int = REPEATS
) -> list[tuple[float, float]]:
    """Return the seconds of both, run alternately; a first pair only warms up."""
    return [(seconds(ours), seconds(other)) for _ in range(repeats + 1)][1:]
