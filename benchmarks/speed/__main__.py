"""Run the rows, print the table and write benchmarks/results.md."""

import argparse
import importlib
import os
import platform
import sys
from importlib.metadata import version

import metered
from leakage.cli import THREAD_VARIABLES

import speed

ORDER = ("counting", "encryption", "embedding", "training", "whole", "growth", "gpu")
RESULTS = metered.REPOSITORY / "benchmarks" / "results.md"
HEADS = ("row", "against", "asked", "median", "lowest", "highest", "holds", "peak MiB", "beside")
LIBRARIES = ("numpy", "torch", "open_clip_torch", "torchvision", "cryptography", "snakemake")


def main() -> None:
    """Run every row, or those of some modules; only a whole run writes the results."""
    parser = argparse.ArgumentParser(description=speed.__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", help=f"of {', '.join(ORDER)}; all by default")
    given = parser.parse_args()
    # One thread each, unless a row says otherwise: before any library is imported.
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    names = given.modules or ORDER
    found: list[speed.Row] = []
    for name in names:
        print(f"{name} …", file=sys.stderr)
        found += importlib.import_module(f"speed.{name}").rows()
    details = [text for row in found if row.detail for text in ("", row.detail)]
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    python = f"Python {platform.python_version()}"
    machine = f"{metered.machine(os.cpu_count() or 1)}; {python}, {versions}."
    text = "\n".join([machine, "", table(found), *details, ""])
    print(text)
    if not given.modules:
        RESULTS.write_text(f"# Speed\n\nBy `make bench`. {NOTE}\n\n{text}", encoding="utf-8")


NOTE = (
    "Each row compares two things, measured in turn in the same run: median, lowest and highest of "
    "five repeats, or one repeat where a row takes minutes (the whole run and the growing ones). "
    "`asked` is the target, `holds` says whether it is met. Rows in seconds or GiB say so."
)


def table(rows: list[speed.Row]) -> str:
    """Return the rows as a table in Markdown."""
    lines = [HEADS, ("---", "---", *["---:"] * 4, "---", "---:", "---")]
    for row in rows:
        sign = "≥" if row.at_least else "≤"
        measured = ("", "", "", "not measured")
        if row.values:
            numbers = (row.median, min(row.values), max(row.values))
            measured = (*(f"{each:.2f}" for each in numbers), "yes" if row.holds else "**no**")
        memory = "" if row.memory is None else f"{row.memory:,.0f}"
        about = (row.title, row.against, f"{sign} {row.asked:g}")
        lines.append((*about, *measured, memory, row.note))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
