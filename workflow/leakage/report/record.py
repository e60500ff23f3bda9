"""The record of a run: its configuration, the software, and how long its jobs took."""

import datetime
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import leakage
from leakage.interfaces import Frame
from leakage.report.tables import Column, Table, from_frame

if TYPE_CHECKING:
    pass

# Files of the checkout; an installed package has none of them.
CHECKOUT = Path(leakage.__file__).parents[2]
PINS = CHECKOUT / "envs/requirements.txt"
TEST_KEY = CHECKOUT / "workflow/keys/test.key"
PUBLISHED = CHECKOUT / "docs/calibration.md"
# The merged configuration in the results folder.
CONFIGURATION = "record/configuration.yaml"
# Jobs of a stage are counted by the first two parts of their path: estimates/mine.
GROUPED = 2


@dataclass(frozen=True)
class Record:
    """The record of a run."""

    configuration: str
    key: str
    software: tuple[tuple[str, str], ...]
    distributions: Table
    others: int
    times: Table
    total: str


def record(
    configuration: Mapping[str, Any], key: str, benchmarks: Path, pins: Path = PINS
) -> Record:
    """Return the record of a run."""
    software = {
        "leakage": leakage.__version__,
        "git commit": commit(CHECKOUT) or "not a git checkout",
        "Python": platform.python_version(),
        "platform": platform.platform(),
        "cores": str(os.cpu_count()),
    }
    text = pins.read_text(encoding="utf-8") if pins.is_file() else ""
    rows = [(name, version, installed(name)) for name, version in pinned(text).items()]
    # A local version such as 2.14.1+cpu is the pinned one.
    same = [found.partition("+")[0] == version for _, version, found in rows]
    times = run_times(benchmarks)
    columns = {
        "jobs": Column("jobs"),
        "number": Column("number", ",d"),
        "total": Column("total (s)", ",.0f"),
        "longest": Column("longest (s)", ",.0f"),
        "memory": Column("peak memory (MB)", ",.0f"),
    }
    return Record(
        as_yaml(configuration),
        key,
        tuple(software.items()),
        Table([Column("distribution"), Column("pinned"), Column("installed")], rows),
        same.count(False),
        from_frame(times, columns),
        str(datetime.timedelta(seconds=round(times["total"].sum()))),
    )


def as_yaml(configuration: Mapping[str, Any]) -> str:
    """Return a configuration as YAML that gives the same values when it is read."""
    import yaml

    text: str = yaml.safe_dump(dict(configuration), sort_keys=False, allow_unicode=True, width=100)
    return text


def pinned(requirements: str) -> dict[str, str]:
    """Return distribution and version of the exact pins in a requirements.txt that hold here."""
    from packaging.requirements import Requirement

    lines = requirements.replace("\\\n", " ").splitlines()
    texts = [line.partition(" --hash")[0] for line in lines if "==" in line and line[0] != "#"]
    pins = [pin for pin in map(Requirement, texts) if not pin.marker or pin.marker.evaluate()]
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in pins}


def installed(name: str) -> str:
    """Return the installed version of a distribution, or `not installed`."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def run_times(benchmarks: Path) -> Frame:
    """Return one row per kind of job: jobs, number, total and longest seconds, peak memory (MB)."""
    import pandas as pd

    parts = [pd.DataFrame({"jobs": [], "s": [], "max_rss": []})]
    for path in sorted(benchmarks.rglob("*.tsv")):
        *parents, stem = path.relative_to(benchmarks).with_suffix("").parts
        kind = "/".join(parents[:GROUPED]) or stem
        parts.append(pd.read_csv(path, sep="\t", dtype=str).assign(jobs=kind))
    rows = pd.concat(parts)
    # A short job has `NA` or `-` in some columns.
    rows["s"], rows["max_rss"] = (pd.to_numeric(rows[c], "coerce") for c in ("s", "max_rss"))
    kinds = rows.groupby("jobs", sort=False)
    return kinds.agg(
        number=("s", "size"), total=("s", "sum"), longest=("s", "max"), memory=("max_rss", "max")
    ).reset_index()


def commit(checkout: Path) -> str:
    """Return the commit of a git checkout and whether it was changed; empty for another folder."""
    if not (checkout / ".git").exists():
        return ""
    changed = "--dirty=, with changes that are not committed"
    command = ["git", "describe", "--always", "--abbrev=64", "--exclude=*", changed]
    try:
        done = subprocess.run(command, cwd=checkout, capture_output=True, encoding="utf-8")
    except OSError:  # git is not installed
        return ""
    return done.stdout.strip()
