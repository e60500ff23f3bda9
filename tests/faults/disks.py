"""A disk that is full, and one that may not be written."""

import contextlib
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

from killed_runs import FEW_FIGURES, PATIENCE, Campaign
from snake import copy_checkout

import faults
from faults.processes import assert_like_undisturbed

FULL, READ_ONLY = "No space left on device", "Read-only file system"
# Kilobytes: of a run's results, some 6,200, a disk takes none, a part, or all but a little.
SMALLEST, LARGEST = 8, 5_800


@contextlib.contextmanager
def disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """Yield a folder that is a separate disk, in memory."""
    folder.mkdir(parents=True)
    if os.geteuid() != 0 or not mounted("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder):
        raise faults.NotHere("mounting a test disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def mounted(*options: str | Path) -> bool:
    """Mount, and return whether that went well."""
    return subprocess.run(["mount", *map(str, options)], capture_output=True).returncode == 0


def refused(campaign: Campaign, words: str) -> None:
    """Run, and assert that it stops with one of our lines, which names the path and the remedy."""
    with campaign.start() as run:
        assert run.wait(PATIENCE) != 0
    lines = [line for line in campaign.output().splitlines() if line.startswith("error: ")]
    told = [line for line in lines if words in line and "cannot be written" in line]
    assert told and all("run the same command again" in line for line in told), campaign.output()
    assert lines == told, lines


def full(rng: random.Random, folder: Path) -> None:
    """Run on a disk with too little room, at any moment of the run; then with enough."""
    checkout = copy_checkout(folder)
    campaign = Campaign(checkout, FEW_FIGURES)
    with disk(campaign.results, rng.randint(SMALLEST, LARGEST)) as results:
        refused(campaign, FULL)
        assert mounted("-o", "remount,size=64m", results)
        campaign.finish()
        assert_like_undisturbed(campaign)


def read_only(rng: random.Random, folder: Path) -> None:
    """Run in a results folder that may not be written, from the start or from some stage on."""
    checkout = copy_checkout(folder)
    campaign = Campaign(checkout, FEW_FIGURES)
    with disk(campaign.results, 64_000) as results:
        first = rng.choice([(), ("manifest.csv",), ("views/msb_xor/4.parquet",)])
        if first:
            Campaign(checkout, FEW_FIGURES, first).finish()
        assert mounted("-o", "remount,ro", results)
        refused(campaign, READ_ONLY)
        assert mounted("-o", "remount,rw", results)
        campaign.finish()
        assert_like_undisturbed(campaign)


FULL_DISK = "one line names file and remedy; with room, the run ends as undisturbed"
LOCKED = "one line names folder and remedy; once it may be written, ends as undisturbed"
FAULTS = [
    faults.Fault("disk full", full, 10, FULL_DISK),
    faults.Fault("results folder read-only", read_only, 4, LOCKED),
]
