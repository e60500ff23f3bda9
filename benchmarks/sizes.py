"""Time and memory of the steps that read whole pictures, from 0.3 to 24 megapixels.

PYTHONPATH=benchmarks python -m sizes                  # some minutes, into benchmarks/sizes.md
PYTHONPATH=benchmarks python -m sizes --megapixels 0.3 5 --output table.md

Encrypts one photograph, enlarged and with noise, and measures each step as a process of its own.
The last lines scale the largest size to a hundred pictures and nine levels on two cores.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import skimage.data
from leakage.schemes import keystream
from metered import REPOSITORY
from PIL import Image

MEGAPIXELS = (0.3, 1.2, 5, 15, 24)
LEVELS = tuple(range(1, 9))
KEY_FILE = REPOSITORY / "workflow" / "keys" / "test.key"
PICTURES, CORES = 100, 2


class Cost(NamedTuple):
    """What a process used."""

    seconds: float  # of CPU
    megabytes: float  # at most, resident


def main() -> None:
    """Run the steps on every size, and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--megapixels", type=float, nargs="+", default=MEGAPIXELS)
    parser.add_argument("--output", type=Path, default=REPOSITORY / "benchmarks" / "sizes.md")
    options = parser.parse_args()
    found: dict[float, dict[str, Cost]] = {}
    for size in options.megapixels:
        with tempfile.TemporaryDirectory() as folder:
            found[size] = steps(Path(folder), size)
            print(size, found[size], file=sys.stderr, flush=True)
    options.output.write_text(table(found), encoding="utf-8")


def draw(megapixels: float, path: Path) -> None:
    """Write a photograph of a size, 3 to 2, enlarged and with noise of a few grey levels."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    enlarged = Image.fromarray(skimage.data.astronaut()).resize((height * 3 // 2, height))
    pixels = np.asarray(enlarged, np.int16)
    noise = np.random.default_rng(0).normal(0, 4, pixels.shape).astype(np.int16)
    drawn = Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))
    drawn.save(path, compress_level=1)


def steps(folder: Path, megapixels: float) -> dict[str, Cost]:
    """Return the cost of each step on one picture; views and measures at one level."""
    (folder / "own").mkdir()
    # In a process of its own: the peak of a child counts what its parent holds.
    drawing = multiprocessing.Process(target=draw, args=(megapixels, folder / "own" / "a.png"))
    drawing.start()
    drawing.join()
    manifest, pictures = folder / "manifest.csv", ["--pictures", folder / "own"]
    dataset = {"name": "folder", "settings": {"path": str(folder / "own")}, "patch_size": 224}
    fingerprint = keystream.fingerprint(keystream.read_key(KEY_FILE))
    entry = {"cipher": "msb_xor", "levels": [0, *LEVELS]}
    scheme = {"scheme": "msb_xor", "key_file": str(KEY_FILE), "key_fingerprint": fingerprint}
    settings = ["--settings", json.dumps(scheme | {"definition": entry})]
    plain = ["--settings", json.dumps({"scheme": "plain"})]
    skipped = ["--skipped", folder / "skipped.csv", "--settings", json.dumps(dataset)]
    found = {"manifest": run("manifest", manifest, *pictures, *skipped)}
    run("view", manifest, folder / "0.parquet", *pictures, "--level", 0, *plain)
    views = []
    for level in LEVELS:
        views.append(folder / f"{level}.parquet")
        cost = run("view", manifest, views[-1], *pictures, "--level", level, *settings)
        found.setdefault("view", cost)
    measured = folder / "measures.parquet"
    found["measure"] = run("measure", manifest, measured, *pictures, "--levels", "4", *settings)
    places = {"seed": 0, "size": 224, "per_image": 9}
    given = [manifest, folder / "places.csv", "--settings", json.dumps(places)]
    found["places"] = run("places", *given)
    found["histogram, eight levels"] = run("estimate", "histogram", folder / "0.parquet", *views)
    return found


def run(step: str, *words: object) -> Cost:
    """Run a step and return what its process used."""
    line = [sys.executable, "-P", "-m", "leakage", "--threads", "1", step, *map(str, words)]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"error: {step} ended with {process.returncode}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def table(found: dict[float, dict[str, Cost]]) -> str:
    """Return the costs as Markdown, and those of a hundred of the largest pictures."""
    largest = max(found)
    lines = ["# Size of the pictures", "", (__doc__ or "").partition("\n")[0], ""]
    names = list(found[largest])
    lines += [f"| megapixels | {' | '.join(names)} |", f"|{' --- |' * (len(names) + 1)}"]
    for size, costs in found.items():
        cells = [f"{cost.seconds:.1f} s, {cost.megabytes:.0f} MiB" for cost in costs.values()]
        lines.append(f"| {size:g} | {' | '.join(cells)} |")
    lines += [
        "",
        "One picture, CPU seconds and peak memory of a process; view, measure: one level.",
        "",
    ]
    start = found[min(found)]
    for name, levels in (("view", 9), ("measure", 10), ("histogram, eight levels", 9 / 8)):
        each = found[largest][name].seconds - start[name].seconds
        minutes = each * PICTURES * levels / CORES / 60
        what = f"{name.partition(',')[0]} of {PICTURES} pictures of {largest:g} megapixels"
        lines.append(f"- {what}, {CORES} cores: {minutes:.0f} minutes at nine levels")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
