"""One wrong bit in what a run has kept, met by the jobs that read it."""

import atexit
import contextlib
import functools
import io
import random
import re
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from killed_runs import FEW_FIGURES, PATIENCE, Campaign, digests
from leakage.cli import app
from leakage.errors import LeakageError
from snake import TINY_RESULTS, copy_checkout

import faults
from faults.processes import assert_none_other, complete

# A network with weights of the user's, in the folder where Snakemake runs.
WEIGHTS = "net.safetensors"
NETWORK = {
    "encoders": {"net": {"kind": "torchvision", "model": "squeezenet1_0", "weights": WEIGHTS}},
    "paper": {"clip": "net"},
}
EMBEDDED = ("embeddings/net/msb_xor/4.parquet",)
JOB = re.compile(
    r"^(?:local)?rule (\w+):\n(.*?)^Shell command: python -m leakage (.*?) 2>&1 \| tee", re.M | re.S
)
# What a message that gives a remedy says.
REMEDY = re.compile(r"; .*(delete|put|replace|make|get)\b")


class Job(NamedTuple):
    """A job of a run: its rule, its inputs, its command after `python -m leakage`."""

    rule: str
    inputs: list[str]
    words: list[str]


def jobs(campaign: Campaign) -> list[Job]:
    """Return every job of a run."""
    campaign.finish("--dry-run", "--printshellcmds", "--forceall")
    found = []
    for rule, lines, command in JOB.findall(campaign.output()):
        inputs = re.search(r"^    input: (.*)$", lines, re.MULTILINE)
        found.append(Job(rule, inputs[1].split(", ") if inputs else [], shlex.split(command)))
    return found


@functools.cache
def kept_run(with_network: bool) -> tuple[Path, list[Job]]:
    """Return a checkout with a complete run, made once per process, and its jobs."""
    if not with_network:
        return complete(), jobs(Campaign(complete(), FEW_FIGURES))
    import torch
    import torchvision
    from safetensors.torch import save_file

    folder = Path(tempfile.mkdtemp(prefix="leakage-network-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    campaign = Campaign(copy_checkout(folder), NETWORK, EMBEDDED)
    torch.manual_seed(0)
    state = torchvision.models.squeezenet1_0().state_dict()
    save_file(state, campaign.checkout / WEIGHTS)
    campaign.finish()
    return campaign.checkout, jobs(campaign)


def copy(folder: Path, with_network: bool = False) -> tuple[Path, list[Job]]:
    """Return a copy of that checkout, to be damaged, and its jobs."""
    checkout, found = kept_run(with_network)
    return Path(shutil.copytree(checkout, folder / "checkout")), found


def flip(rng: random.Random, path: Path) -> None:
    """Turn one bit of a file."""
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def refused(rng: random.Random, checkout: Path, path: str, readers: list[Job]) -> None:
    """Flip a bit of a file; one of its readers must name it, give the remedy and make nothing."""
    flip(rng, checkout / path)
    before, said = digests(checkout / TINY_RESULTS), ""
    try:
        with contextlib.chdir(checkout), contextlib.redirect_stderr(io.StringIO()):
            app(rng.choice(readers).words, standalone_mode=False)
    except LeakageError as error:
        said = str(error)
    assert path in said and REMEDY.search(said) and "\n" not in said, said
    assert digests(checkout / TINY_RESULTS) == before


def in_kept(pattern: str, rng: random.Random, folder: Path) -> None:
    """Damage a file that one job has made and others read."""
    checkout, found = copy(folder)
    path = rng.choice(sorted({each for job in found for each in job.inputs if pattern in each}))
    refused(rng, checkout, path, [job for job in found if path in job.inputs])


def in_picture(rng: random.Random, folder: Path) -> None:
    """Damage a picture of the dataset."""
    checkout, found = copy(folder)
    pictures = sorted((checkout / TINY_RESULTS / "pictures").glob("*.[pj][np]g"))
    path = str(rng.choice(pictures).relative_to(checkout))
    refused(rng, checkout, path, [job for job in found if job.rule == "view"])


def in_weights(rng: random.Random, folder: Path) -> None:
    """Damage the user's weights, or the record of which ones were found."""
    checkout, found = copy(folder, with_network=True)
    readers = [job for job in found if job.rule == "embedding"]
    path = rng.choice([WEIGHTS, str(TINY_RESULTS / "record" / "weights" / WEIGHTS)])
    refused(rng, checkout, path, readers)


def then_the_remedy(rng: random.Random, folder: Path) -> None:
    """Damage a kept table; Snakemake must stop with its name, and end well once it is deleted."""
    checkout, found = copy(folder)
    campaign = Campaign(checkout, FEW_FIGURES)
    named = rng.choice(sorted({each for job in found for each in job.inputs}))
    path = checkout / named
    flip(rng, path)
    with campaign.start() as run:
        assert run.wait(PATIENCE) != 0, "a damaged file went through"
    lines = [line for line in campaign.output().splitlines() if line.startswith("error: ")]
    assert lines and all(named in line and "--forcerun" in line for line in lines), lines
    path.unlink()
    # If the figures are still right, Snakemake makes only the files that it is asked for.
    again = Campaign(checkout, FEW_FIGURES, ("figures", str(path.relative_to(campaign.results))))
    again.finish()
    assert path.is_file()
    assert_none_other(campaign)


RIGHT = "the run stops and names the file; once it is deleted, all are as undisturbed"
TOLD = "the job that reads it names the file and the remedy, and makes nothing"
FAULTS = [
    faults.Fault(f"a wrong bit in {what}", draw, draws, TOLD)
    for what, draw, draws in (
        ("a Parquet table", functools.partial(in_kept, ".parquet"), 400),
        ("the manifest or the places", functools.partial(in_kept, ".csv"), 100),
        ("a picture", in_picture, 100),
        ("weights", in_weights, 60),
    )
]
FAULTS.append(faults.Fault("a wrong bit, Snakemake, then the remedy", then_the_remedy, 8, RIGHT))
