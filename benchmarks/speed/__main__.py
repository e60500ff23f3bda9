"""Run the rows, print the table and write benchmarks/results.md."""

import argparse
import importlib
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import speed

ORDER = ("counting", "encryption", "embedding", "training", "whole", "growth", "gpu")
RESULTS = Path(__file__).parents[1] / "results.md"
HEADS = ("row", "against", "asked", "median", "lowest", "highest", "holds", "peak MiB", "beside")
LIBRARIES = ("numpy", "torch", "open_clip_torch", "torchvision", "cryptography", "snakemake")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> None:
    """Run every row, or those of some modules; only a whole run is written down."""
    parser = argparse.ArgumentParser(description=speed.__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", help=f"of {', '.join(ORDER)}; all by default")
    given = parser.parse_args()
    # One thread each, unless a row says otherwise: before any library is imported.
    os.environ.update(dict.fromkeys(THREADS, "1"))
    names = given.modules or ORDER
    found: list[speed.Row] = []
    for name in names:
        print(f"{name} …", file=sys.stderr)
        found += importlib.import_module(f"speed.{name}").rows()
    details = [text for row in found if row.detail for text in ("", row.detail)]
    text = "\n".join([*machine(), "", table(found), *details, ""])
    print(text)
    if not given.modules:
        RESULTS.write_text(f"# Speed\n\nBy `make bench`. {NOTE}\n\n{text}", encoding="utf-8")


NOTE = (
    "A row is how the first thing compares with the second, both measured in turn, in this run: "
    "median, lowest and highest of five repeats (of one where a row takes minutes: the whole run "
    "and the growing ones), and whether what is asked holds. Rows in seconds or GiB say so."
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
        measured = ("", "", "", "not measured")
        if row.ratios:
            numbers = (row.median, min(row.ratios), max(row.ratios))
            measured = (*(f"{each:.2f}" for each in numbers), "yes" if row.holds else "**no**")
        memory = "" if row.memory is None else f"{row.memory:,.0f}"
        about = (row.title, row.against, f"{sign} {row.asked:g}")
        lines.append((*about, *measured, memory, row.note))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
