"""Run the rows, print the table and write benchmarks/results.md."""

import argparse
import importlib
import os
import pkgutil
import platform
import statistics
import sys
from importlib.metadata import version
from pathlib import Path

import speed

RESULTS = Path(__file__).parents[1] / "results.md"
HEADS = ("row", "against", "asked", "median", "lowest", "highest", "holds", "peak MB", "beside")
LIBRARIES = ("numpy", "torch", "open_clip_torch", "torchvision", "cryptography", "snakemake")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> None:
    """Run every row, or those of some modules; only a whole run is written down."""
    parser = argparse.ArgumentParser(description=speed.__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", help="of this folder; all by default")
    given = parser.parse_args()
    # One thread each, unless a row says otherwise: before any library is imported.
    os.environ.update(dict.fromkeys(THREADS, "1"))
    names = given.modules or sorted(each.name for each in pkgutil.iter_modules(speed.__path__))
    found: list[speed.Row] = []
    for name in names:
        if name != "__main__":
            print(f"{name} …", file=sys.stderr)
            found += importlib.import_module(f"speed.{name}").rows()
    text = "\n".join([*machine(), "", table(found), ""])
    print(text)
    if not given.modules:
        RESULTS.write_text(f"# Speed\n\nBy `make bench`. {NOTE}\n\n{text}", encoding="utf-8")


NOTE = (
    "Every row is a ratio of two things measured in turn, in one run; median, lowest and highest "
    "of the repeats."
)


def machine() -> list[str]:
    """Return what the figures were measured on."""
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return [
        f"- {processor()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        f"- {versions}",
    ]


def processor() -> str:
    """Return the processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def table(rows: list[speed.Row]) -> str:
    """Return the rows as a table in Markdown."""
    lines = [HEADS, ("---", "---", *["---:"] * 4, "---", "---:", "---")]
    for row in rows:
        sign = "≥" if row.at_least else "≤"
        numbers = (statistics.median(row.ratios), min(row.ratios), max(row.ratios))
        lines.append(
            (
                row.title,
                row.against,
                f"{sign} {row.asked:g}",
                *(f"{number:.2f}" for number in numbers),
                "yes" if row.holds else "**no**",
                "" if row.memory is None else f"{row.memory:,.0f}",
                row.note,
            )
        )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
