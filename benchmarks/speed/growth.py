"""The whole workflow on more and more synthetic pictures: time and memory."""

import itertools
import tempfile
from pathlib import Path

import metered
import scale

from speed import Row

PICTURES = (200, 2_000, 20_000)
CORES, FLAT = 2, 1.2


def rows() -> list[Row]:
    """Return a row for time and one for memory, from each number of pictures to the next."""
    runs = {number: run(number) for number in PICTURES}
    found = []
    for few, many in itertools.pairwise(PICTURES):
        one, other = runs[few], runs[many]
        rate = many / other.seconds
        before, after = metered.usage(one.jobs), metered.usage(other.jobs)
        steps = before.keys() & after.keys()
        work = {name: after[name].cpu - after[name].start for name in steps if before[name].cpu > 1}
        steep, name = max((used / (before[n].cpu - before[n].start), n) for n, used in work.items())
        grows, largest = max((after[n].peak_mb / before[n].peak_mb, n) for n in steps)
        found += [
            Row(
                f"{few:,} to {many:,} pictures, seconds",
                f"{many // few} times as many pictures",
                1,
                False,
                [other.seconds / one.seconds / (many / few)],
                f"{one.seconds:.0f} to {other.seconds:.0f} s, {rate:.0f} pictures/s; of steps of "
                f"over 1 s the work of {name} grows most, {steep:.1f} times",
            ),
            Row(
                f"{few:,} to {many:,} pictures, peak memory of the step that grows most",
                "the same step with fewer",
                FLAT,
                False,
                [grows],
                largest,
                after[largest].peak_mb,
            ),
        ]
    last = f"Every step with {PICTURES[-1]:,} pictures:\n\n{metered.table(runs[PICTURES[-1]].jobs)}"
    return [*found[:-1], Row(**vars(found[-1]) | {"detail": last})]


def run(number: int) -> metered.Run:
    """Run the workflow on a number of pictures."""
    with tempfile.TemporaryDirectory() as folder:
        return scale.run_workflow(Path(folder), number, CORES, "growth.yaml")
