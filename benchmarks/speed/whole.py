"""The paper's figures from the download on: the overhead of the workflow."""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import metered
import numpy as np
import yaml
from PIL import Image

from speed import REPEATS, Row

sys.path.insert(0, str(metered.REPOSITORY / "tests"))
from servers import serving

CORES = 2
MIRROR = metered.REPOSITORY.parent / "shared" / "coco-mirror"
# Pictures of COCO's size, used without a mirror.
PICTURES, SHAPE = 100, (480, 640, 3)
OVERHEAD, NOTHING, GRAPH, MEMORY = 1.2, 4, 5, 8


def rows() -> list[Row]:
    """Return the rows of a whole run, of a run with nothing to do, and of a dry run."""
    with tempfile.TemporaryDirectory() as path, pictures(Path(path)) as (dataset, name):
        folder = Path(path)
        own = folder / "dataset.yaml"
        own.write_text(yaml.safe_dump({"dataset": dataset}))
        done, *again = (metered.run(folder, ["paper.yaml", own], CORES) for _ in range(1 + REPEATS))
    work = sum(job.work for job in done.jobs)
    start = sum(job.start for job in done.jobs)
    return [
        Row(
            f"the paper's figures of {name}, untrained networks, {CORES} cores, on the clock",
            "the CPU seconds of all steps without their starts, over the cores",
            OVERHEAD,
            False,
            [done.seconds * CORES / work],
            f"{done.seconds / 60:.1f} min; the steps' work {work / 60:.1f} CPU minutes, the starts "
            f"of their {len(done.jobs)} processes {start / 60:.1f}",
            done.peak_mb,
            f"Every step of the run of the paper's figures:\n\n{metered.table(done.jobs)}",
        ),
        Row(
            "its memory, all processes together, GiB",
            "",
            MEMORY,
            False,
            [done.peak_mb / 1024],
            f"shared pages are counted for each process; sampled every {metered.INTERVAL} s",
        ),
        Row(
            "the same run again, nothing to do, seconds",
            "",
            NOTHING,
            False,
            [run.seconds for run in again],
        ),
        Row(
            "the paper's whole configuration, its graph (`snakemake -n`), seconds",
            "",
            GRAPH,
            False,
            [graph() for _ in range(REPEATS)],
        ),
    ]


@contextlib.contextmanager
def pictures(folder: Path) -> Iterator[tuple[dict, str]]:
    """Yield the configuration of a dataset of the paper's size, and its name."""
    if MIRROR.is_dir():
        with serving(MIRROR) as server:
            yield {"coco": {"base_url": server.url}}, "the 100 largest pictures of a COCO mirror"
        return
    (folder / "pictures").mkdir()
    for number in range(PICTURES):
        generator = np.random.default_rng([0, number])
        steps = generator.normal(0, 3, SHAPE).cumsum(axis=1) + 128
        picture = Image.fromarray(steps.clip(0, 255).astype(np.uint8))
        picture.save(folder / "pictures" / f"{number:03}.png")
    about = {"name": "folder", "folder": {"path": "pictures"}}
    yield about, f"{PICTURES} synthetic pictures (no mirror of COCO here)"


def graph() -> float:
    """Return the seconds of a dry run of the paper's configuration."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "snakemake", "-n", "--quiet", "--config", f"results={folder}/r"],
            cwd=metered.REPOSITORY,
            check=True,
            capture_output=True,
        )
    return time.monotonic() - start
