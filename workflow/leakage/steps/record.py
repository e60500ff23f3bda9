"""Record a run: its configuration, the software, and how long its jobs took."""

import csv
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

import leakage
from leakage import files, pages

CHECKOUT = Path(leakage.__file__).parents[2]
# Of what a stage has many, its jobs are counted by what they run: estimates/mine.
GROUPED = 2


def main(
    folder: Annotated[Path, typer.Argument(help="folder for the pages to make")],
    configuration: Annotated[str, typer.Option(help="the merged configuration, as JSON")],
    benchmarks: Annotated[Path, typer.Option(help="folder of the jobs' benchmarks")],
    pins: Annotated[Path, typer.Option(help="requirements.txt with the pinned distributions")],
    key: Annotated[str, typer.Option(help="the key's fingerprint")] = "",
) -> None:
    """Write configuration.yaml, and configuration, software and run_times as HTML."""
    merged = as_yaml(json.loads(configuration))
    with files.whole_file(folder / "configuration.yaml") as temporary:
        temporary.write_text(merged, encoding="utf-8")
    found = {
        "configuration": ("Configuration", _configuration(merged, key)),
        "software": ("Software", _software(pins)),
        "run_times": ("Run times", _run_times(benchmarks)),
    }
    for name, (title, blocks) in found.items():
        with files.whole_file(folder / f"{name}.html") as temporary:
            temporary.write_text(pages.as_html(title, blocks), encoding="utf-8")


def as_yaml(configuration: dict[str, Any]) -> str:
    """Return a configuration as YAML that gives the same values when it is read."""
    import yaml

    return yaml.safe_dump(configuration, sort_keys=False, allow_unicode=True, width=100)


def pinned(requirements: str) -> dict[str, str]:
    """Return version by distribution of the exact pins in a requirements.txt that hold here.

    A pin may end in a marker, which is evaluated, and in hashes on further lines.
    """
    from packaging.requirements import Requirement

    lines = requirements.replace("\\\n", " ").splitlines()
    texts = [line.partition(" --hash")[0] for line in lines if "==" in line and line[0] != "#"]
    pins = [pin for pin in map(Requirement, texts) if not pin.marker or pin.marker.evaluate()]
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in pins}


def run_times(benchmarks: Path) -> list[dict[str, Any]]:
    """Return jobs, total and longest seconds and peak memory (MB) of each kind of job.

    Memory is None where no job ran long enough for it to be measured.
    """
    kinds: dict[str, list[dict[str, str]]] = {}
    for path in sorted(benchmarks.rglob("*.tsv")):
        *parents, stem = path.relative_to(benchmarks).with_suffix("").parts
        with open(path, encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
        kinds.setdefault("/".join(parents[:GROUPED]) or stem, []).extend(rows)
    return [
        {
            "jobs": kind,
            "count": len(rows),
            "total": sum(seconds := _numbers(rows, "s")),
            "longest": max(seconds, default=0.0),
            "memory": max(_numbers(rows, "max_rss"), default=None),
        }
        for kind, rows in kinds.items()
    ]


def duration(seconds: float) -> str:
    """Return `1:02:03`, hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _configuration(merged: str, key: str) -> Iterable[pages.Block]:
    yield (
        "All files that were given, merged. `snakemake --configfile` takes configuration.yaml, "
        f"which lies beside this page. Fingerprint of the key: `{key}`."
    )
    yield pages.Verbatim(merged, "yaml")


def _software(pins: Path) -> Iterable[pages.Block]:
    yield "What was installed where this page was made."
    own = {
        "Python": platform.python_version(),
        "leakage": leakage.__version__,
        "git commit": commit(CHECKOUT) or "none: no git checkout",
        "platform": platform.platform(),
        "cores": str(os.cpu_count()),
    }
    yield pages.Table(["what", "version"], [list(each) for each in own.items()])
    yield pages.Heading("Pinned distributions")
    rows = []
    for name, version in pinned(pins.read_text(encoding="utf-8")).items():
        found = _installed(name)
        same = found.partition("+")[0] == version
        rows.append([f"`{name}`", version, found if same else f"**{found}**"])
    yield pages.Table(["distribution", "pinned", "installed"], rows)


def commit(checkout: Path) -> str:
    """Return the commit of a git checkout and whether it was changed; nothing of anything else."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=checkout, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        if Path(git("rev-parse", "--show-toplevel") or ".") != checkout.resolve():
            return ""
        changed = git("status", "--porcelain")
        return git("rev-parse", "HEAD") + (
            ", with changes that are not committed" if changed else ""
        )
    except OSError:  # no git here
        return ""


def _run_times(benchmarks: Path) -> Iterable[pages.Block]:
    yield (
        "Of every job whose benchmark lies in the run's folder, at its last run. Jobs run side by "
        "side, so that the run is shorter than the sum."
    )
    found = run_times(benchmarks)
    rows = [
        [
            f"`{each['jobs']}`",
            f"{each['count']:,}",
            duration(each["total"]),
            duration(each["longest"]),
            "not measured" if each["memory"] is None else f"{each['memory']:,.0f} MB",
        ]
        for each in found
    ]
    count, total = (sum(each[name] for each in found) for name in ("count", "total"))
    rows.append(["**all**", f"{count:,}", duration(total), "", ""])
    heads = ["jobs", "how many", "total (h:mm:ss)", "longest", "peak memory"]
    yield pages.Table(heads, rows)


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _numbers(rows: list[dict[str, str]], column: str) -> list[float]:
    """Return the numbers in a column; a short job has `NA` or `-` in some."""
    found = []
    for row in rows:
        try:
            found.append(float(row[column]))
        except (KeyError, TypeError, ValueError):
            continue
    return found
