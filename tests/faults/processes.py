"""Runs stopped by a signal at a random moment, and two runs at the same time."""

import atexit
import functools
import os
import random
import shutil
import signal
import tempfile
import time
from pathlib import Path

from killed_runs import FEW_FIGURES, PATIENCE, STAGES, Campaign, digests, half_written
from snake import TINY_RESULTS, copy_checkout

import faults

EQUAL = "the documented recovery completes, all files equal an undisturbed run's"
LONGEST = 1.0  # seconds between the start of a stage's job and the signal, at most


@functools.cache
def complete() -> Path:
    """Return a checkout with an undisturbed run, made once per process."""
    folder = Path(tempfile.mkdtemp(prefix="leakage-complete-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    campaign = Campaign(copy_checkout(folder), FEW_FIGURES)
    campaign.finish()
    return campaign.checkout


@functools.cache
def undisturbed() -> dict[str, str]:
    """Return the digests of its files."""
    return digests(complete() / TINY_RESULTS)


def assert_like_undisturbed(campaign: Campaign) -> None:
    """Assert that the files are those of an undisturbed run."""
    assert_none_other(campaign)
    missing = undisturbed().keys() - digests(campaign.results).keys()
    assert not missing, f"missing: {sorted(missing)}"


def assert_none_other(campaign: Campaign) -> None:
    """Assert that every file equals that of an undisturbed run, and none is half written."""
    assert half_written(campaign.checkout) == []
    other = dict(digests(campaign.results).items() - undisturbed().items())
    assert not other, f"not as in an undisturbed run: {sorted(other)}"


def stopped(how: signal.Signals, stage: str, rng: random.Random, folder: Path) -> None:
    """Send a signal while a stage's job runs, recover as documented, and compare all files."""
    campaign = Campaign(copy_checkout(folder), FEW_FIGURES)
    with campaign.start(hold=stage) as run:
        campaign.held(run).resume()
        # At a random moment of the job: any moment must be survived.
        time.sleep(rng.uniform(0, LONGEST))
        if how is signal.SIGTERM and rng.random() < 0.5:
            run.terminate()  # Snakemake alone: `kill PID`
        else:
            # All of them: Ctrl-C at a terminal, a machine that goes down, a power cut.
            os.killpg(run.pid, how)
        status = run.wait(PATIENCE)
    assert status != 0 or how is signal.SIGTERM, campaign.output()
    if how is not signal.SIGINT:
        campaign.unlock()
    campaign.finish()
    assert_like_undisturbed(campaign)


def at_once(rng: random.Random, folder: Path) -> None:
    """Start a second run of the same figures while the first one works."""
    campaign = Campaign(copy_checkout(folder), FEW_FIGURES)
    second = Campaign(campaign.checkout, FEW_FIGURES, log="second.txt")
    with campaign.start(hold=rng.choice(("manifest", "view", "embed"))) as run:
        job = campaign.held(run)
        with second.start() as other:
            status = other.wait(PATIENCE)
        job.resume()
        assert status != 0 and "cannot be locked" in second.output(), second.output()
        assert run.wait(PATIENCE) == 0, campaign.output()
    assert_like_undisturbed(campaign)


def side_by_side(rng: random.Random, folder: Path) -> None:
    """Start a second run of another figure, which Snakemake allows, while the first one writes."""
    checkout = Path(shutil.copytree(complete(), folder / "checkout"))
    figures = {"fig2": "histogram/pixels", "fig5": "mine_training/statistics"}
    results = checkout / TINY_RESULTS
    for figure, estimate in figures.items():
        for path in (results / "figures").glob(f"{figure}.*"):
            path.unlink()
        (results / "estimates" / estimate / "msb_xor.parquet").unlink()
    one, other = (
        Campaign(checkout, FEW_FIGURES, (f"figures/{name}.png",), log=f"{name}.txt")
        for name in rng.sample(sorted(figures), 2)
    )
    with one.start(hold="estimate") as first:
        one.held(first).resume()
        time.sleep(rng.uniform(0, LONGEST))
        with other.start() as second:
            assert second.wait(PATIENCE) == 0, other.output()
        assert first.wait(PATIENCE) == 0, one.output()
    assert_like_undisturbed(one)


SIGNALS = {
    signal.SIGKILL: "SIGKILL of everything",
    signal.SIGTERM: "SIGTERM",
    signal.SIGINT: "Ctrl-C",
}
SECOND = "the second one says that the folder is locked, the first one ends as undisturbed"
FAULTS = [
    faults.Fault(f"{words}, in stage {stage}", functools.partial(stopped, how, stage), 3, EQUAL)
    for how, words in SIGNALS.items()
    for stage in STAGES
]
FAULTS += [
    faults.Fault("two runs of the same figures at the same time", at_once, 5, SECOND),
    faults.Fault(
        "two runs of other figures at the same time", side_by_side, 5, "both end as undisturbed"
    ),
]
