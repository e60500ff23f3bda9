"""Time and memory of every step with few and with many pictures, by real runs of the workflow.

python benchmarks/scale.py                            # 200 and 2,000 pictures, some five minutes
python benchmarks/scale.py --pictures 200 20000 --output table.md

Makes folders of synthetic pictures, runs Snakemake on each with `benchmarks/scale.yaml`, and writes
a table in Markdown. Exits with 1 if a target is missed: time grows at most in proportion to the
pictures, peak memory by less than 20 %.
"""

import argparse
import importlib.metadata
import platform
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import metered
import numpy as np
from metered import REPOSITORY, Usage
from PIL import Image

# Heights and widths. Both runs have all of them, so their largest pictures are equally large.
SIZES = ((96, 96), (96, 128), (128, 96), (112, 112))
# Enough for two shards, and for more patches than the estimators read (see scale.yaml).
FEWEST = 200
MEMORY_GROWTH = 0.2
# The CPU time of a job varies by a few per cent with the other jobs. All jobs together have no
# tolerance.
TOLERANCE = 0.1
TOTAL = "all jobs"
LIBRARIES = ("snakemake", "numpy", "pandas", "pyarrow", "torch", "torchvision")


@dataclass(frozen=True)
class Run:
    """A run of the workflow: number of pictures, seconds, and time and memory per step."""

    pictures: int
    seconds: float
    steps: dict[str, Usage]


def main() -> None:
    """Run, write the table, and exit with 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, nargs=2, default=(200, 2000), metavar="N")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "benchmarks" / "scale.md")
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    if not FEWEST <= options.pictures[0] < options.pictures[1]:
        parser.error(f"--pictures: expected two numbers, {FEWEST} or more and then a larger one")
    with tempfile.TemporaryDirectory() as folder:
        few, many = (
            measured(Path(folder) / str(pictures), pictures, options.cores)
            for pictures in options.pictures
        )
    missed = list(missed_targets(few, many))
    text = document(few, many, missed, options.cores)
    print(text)
    options.output.write_text(text, encoding="utf-8")
    sys.exit(1 if missed else 0)


def run_workflow(folder: Path, pictures: int, cores: int, *more: str) -> metered.Run:
    """Make a folder with pictures and draw all figures in it.

    Args:
        folder: a new folder.
        pictures: number of pictures.
        cores: number of cores.
        more: configuration files of benchmarks/ to merge over scale.yaml.
    """
    make_pictures(folder / "pictures", pictures)
    print(f"{pictures} pictures …", file=sys.stderr)
    return metered.run(folder, ["scale.yaml", *more], cores)


def measured(folder: Path, pictures: int, cores: int) -> Run:
    """Run the workflow and return time and memory per step, and of all jobs together."""
    run = run_workflow(folder, pictures, cores)
    return Run(pictures, run.seconds, metered.usage(run.jobs) | {TOTAL: Usage.of(run.jobs)})


def make_pictures(folder: Path, pictures: int) -> None:
    """Make colour pictures, each a gradient with noise, the same at every call."""
    folder.mkdir(parents=True)
    for number in range(pictures):
        generator = np.random.default_rng([0, number])
        height, width = SIZES[number % len(SIZES)]
        rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
        slopes = generator.uniform(0, 120, (2, 3))
        smooth = rows[..., None] * slopes[0] + columns[..., None] * slopes[1]
        pixels = smooth + generator.integers(0, 16, smooth.shape)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:06}.png")


def missed_targets(few: Run, many: Run) -> Iterator[str]:
    """Yield a sentence per missed target."""
    times = many.pictures / few.pictures
    for name, one in few.steps.items():
        other = many.steps[name]
        allowed = times if name == TOTAL else times * (1 + TOLERANCE)
        if other.cpu > allowed * one.cpu:
            yield f"{name}: CPU time grows {other.cpu / one.cpu:.1f} times, at most {allowed:g}"
        if other.peak_mb >= (1 + MEMORY_GROWTH) * one.peak_mb:
            yield f"{name}: peak memory grows by {_growth(one, other)}, below {MEMORY_GROWTH:.0%}"
    if many.seconds > times * few.seconds:
        yield f"the run takes {many.seconds / few.seconds:.1f} times as long, at most {times:g}"


def document(few: Run, many: Run, missed: list[str], cores: int) -> str:
    """Return the table in Markdown, with all that is needed to make it again."""
    times = many.pictures / few.pictures
    rows = [
        f"| {name} | {one.jobs} → {other.jobs} | {one.seconds:.1f} → {other.seconds:.1f} "
        f"| {one.cpu:.1f} → {other.cpu:.1f} | {other.cpu / one.cpu:.1f} "
        f"| {one.peak_mb:.0f} → {other.peak_mb:.0f} | {_growth(one, other)} |"
        for name, one, other in ((name, few.steps[name], many.steps[name]) for name in few.steps)
    ]
    above = [
        f"{name} ({many.steps[name].cpu / one.cpu:.2f})"
        for name, one in few.steps.items()
        if many.steps[name].cpu > times * one.cpu
    ]
    met = "Every target is met."
    if above:
        met = f"Every target is met; only within the tolerance: {', '.join(above)}."
    verdict = "\n".join(["Missed:", "", *(f"- {each}" for each in missed)]) if missed else met
    return TEXT.format(
        few=f"{few.pictures:,}",
        many=f"{many.pictures:,}",
        times=f"{times:g}",
        tolerance=f"{100 * TOLERANCE:.0f} %",
        command=f"python benchmarks/scale.py --pictures {few.pictures} {many.pictures}"
        + (f" --cores {cores}" if cores != 2 else ""),
        machine=metered.machine(cores),
        versions=", ".join(
            [f"Python {platform.python_version()}"]
            + [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
        ),
        rows="\n".join(rows),
        seconds=f"{few.seconds:.0f} and {many.seconds:.0f}",
        ratio=f"{many.seconds / few.seconds:.1f}",
        verdict=verdict,
    )


def _growth(one: Usage, other: Usage) -> str:
    return f"{100 * (other.peak_mb / one.peak_mb - 1):+.1f} %"


TEXT = """# Time and memory as the number of pictures grows

```sh
{command}
```

runs the whole workflow on {few} and on {many} synthetic pictures with the same small settings
(`benchmarks/scale.yaml`: shards of 100 pictures, two levels, an untrained ResNet-18), and writes
this page. The targets: with {times} times the pictures, the time grows at most {times} times, and
the peak memory of every step by less than 20 %. A single step may take {tolerance} more CPU time,
because jobs disturb each other. All jobs together may not.

A row has the step's number of jobs, the sum of their seconds, the sum of their CPU seconds with its
ratio, and the peak resident memory of the largest job (`ru_maxrss`, counted by the kernel).

| step | jobs | seconds | CPU seconds | ratio | peak MiB | growth |
|---|---|---|---|---|---|---|
{rows}

Including Snakemake, the runs took {seconds} seconds: {ratio} times as long.

{verdict}

{machine}; {versions}.
"""


if __name__ == "__main__":
    main()
