"""Run other packages once on the calibration's tasks, and write benchmarks/peers.csv.

The project does not depend on these packages. They need older libraries and so their own
environment:

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install benchmark-mi==0.1.3 jax==0.4.30 jaxlib==0.4.30 "scipy<1.14"
    /tmp/peers/bin/pip install torch-mist==0.2.17

The first command draws the pairs, in the project's environment. The second reads them. Each package
runs on each task in its own process, on one thread, for at most three minutes of CPU time. Rows in
the file are not computed again.

    python benchmarks/peers.py draw /tmp/pairs
    /tmp/peers/bin/python benchmarks/peers.py run /tmp/pairs benchmarks/peers.csv

Every package runs with its defaults. mist-MINE has two hidden layers of 128 units, trains on 80 %
of the standardised pairs, and is evaluated on the rest. bmi's two critics train on one half and are
evaluated on the other.
"""

import argparse
import csv
import importlib.metadata
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

# Task, levels and number of pairs, as in docs/calibration.md.
TASKS = [
    ("additive_noise", [0], 10_000),
    ("swissroll", [0], 10_000),
    ("spiral_5", [0], 10_000),
    ("student_dense", [0], 10_000),
    ("mixture_x", [0], 10_000),
    ("mixture_ai", [0], 10_000),
    ("blobs", [0], 5_000),
    ("digits", [0], 5_000),
    ("quantised_4", [0], 10_000),
    ("quantised_16", [0], 10_000),
    ("bits", [0], 10_000),
    ("repeated_rows", [0], 10_000),
    ("multinormal_dense", [0], 10_000),
    ("multinormal_sparse", [0], 10_000),
    ("spiral", [0], 10_000),
    ("student_t", [0], 10_000),
    ("class_channel", [0, 2], 3_000),
    ("erasure_pictures", [1, 3], 3_000),
    ("same_space_64", [0, 2], 900),
]
SEED = 0
LIMIT = 180  # seconds of processor time
COLUMNS = ("task", "level", "pairs", "peer", "version", "nats", "seconds", "note")
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


def bmi(name: str) -> Callable[[np.ndarray, np.ndarray], float]:
    """Return a function that estimates with a class of `bmi.estimators`."""

    def estimate(x: np.ndarray, y: np.ndarray) -> float:
        import bmi.estimators

        options = {"verbose": False} if name in ("MINEEstimator", "InfoNCEEstimator") else {}
        return float(getattr(bmi.estimators, name)(**options).estimate(x, y))

    return estimate


def mist_mine(x: np.ndarray, y: np.ndarray) -> float:
    """Return the estimate of torch-mist's MINE, evaluated on a fifth of the pairs."""
    import torch
    from torch_mist import estimate_mi

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    test = np.random.default_rng(SEED).permutation(len(x)) < len(x) // 5

    def standardised(values: np.ndarray) -> np.ndarray:
        deviation = values[~test].std(axis=0)
        deviation[deviation == 0] = 1
        return ((values - values[~test].mean(axis=0)) / deviation).astype(np.float32)

    x, y = standardised(x), standardised(y)
    pairs = [{"x": torch.tensor(x[of]), "y": torch.tensor(y[of])} for of in (~test, test)]
    value, _ = estimate_mi(
        pairs[0], "mine", test_data=pairs[1], hidden_dims=[128, 128], verbose=False
    )
    return float(value)


PEERS = {
    "bmi-MINE": ("benchmark-mi", bmi("MINEEstimator")),
    "bmi-InfoNCE": ("benchmark-mi", bmi("InfoNCEEstimator")),
    "bmi-KSG": ("benchmark-mi", bmi("KSGEnsembleFirstEstimator")),
    "bmi-CCA": ("benchmark-mi", bmi("CCAMutualInformationEstimator")),
    "mist-MINE": ("torch-mist", mist_mine),
}


def draw(folder: Path) -> None:
    """Write the pairs of every task as .npz."""
    from leakage import truths

    folder.mkdir(parents=True, exist_ok=True)
    for task, levels, pairs in TASKS:
        drawn = truths.sample(task, pairs, SEED)
        for level in levels:
            np.savez(folder / f"{task}-{level}.npz", x=drawn.x, y=drawn.y[level])


def run(folder: Path, table: Path) -> None:
    """Append the missing rows to the table: one per task, level and package."""
    rows = list(csv.DictReader(table.open(encoding="utf-8"))) if table.is_file() else []
    known = {(row["task"], row["level"], row["peer"]) for row in rows}
    wanted = [
        (task, level, pairs, peer)
        for task, levels, pairs in TASKS
        for level in levels
        for peer in PEERS
        if (task, str(level), peer) not in known
    ]
    with table.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if not rows:
            writer.writeheader()
        for task, level, pairs, peer in wanted:
            row = {"task": task, "level": level, "pairs": pairs, "peer": peer}
            row |= {"version": importlib.metadata.version(PEERS[peer][0])}
            writer.writerow(row | one(folder / f"{task}-{level}.npz", peer))
            file.flush()


def one(pairs: Path, peer: str) -> dict[str, str]:
    """Return the estimate of one package on one file, made in its own process."""
    command = [sys.executable, "-W", "ignore", __file__, "one", str(pairs), peer]
    environment = os.environ | ONE_THREAD
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode == -signal.SIGXCPU:
        return {"nats": "", "seconds": "", "note": f"stopped after {LIMIT} s"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"nats": "", "seconds": "", "note": last.replace(",", ";")[:120]}
    nats = float(done.stdout.strip().splitlines()[-1])
    if np.isnan(nats):
        return {"nats": "", "seconds": "", "note": "returned nan"}
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"nats": f"{nats:.4f}", "seconds": f"{seconds:.0f}", "note": ""}


def main() -> None:
    """Run one of the commands `draw`, `run` and `one`."""
    parser = argparse.ArgumentParser(description="Other packages on the calibration's tasks.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("draw").add_argument("folder", type=Path)
    running = commands.add_parser("run")
    running.add_argument("folder", type=Path)
    running.add_argument("table", type=Path)
    single = commands.add_parser("one")
    single.add_argument("pairs", type=Path)
    single.add_argument("peer", choices=PEERS)
    given = parser.parse_args()
    if given.command == "draw":
        draw(given.folder)
    elif given.command == "run":
        run(given.folder, given.table)
    else:
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT + 5))
        with np.load(given.pairs) as arrays:
            print(PEERS[given.peer][1](arrays["x"], arrays["y"]))


if __name__ == "__main__":
    main()
