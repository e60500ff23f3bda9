"""On a GPU: embedding and stacked training, compared with plain products and plain loops on it."""

import os
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from speed import Row, embedding, paired, seconds, training

SIDE, BATCH, BATCHES, PRECISION = 8192, 256, 20, "bfloat16"
LIMIT, STACKED = 0.40, 15
# Pictures in the view that is read from a file; repetitions of MINE.
PICTURES, SEEDS = 100, 5
# Largest distance of an embedding in `PRECISION` from float32, relative to its length.
TOLERANCE = 0.05


def rows() -> list[Row]:
    """Return the rows of a GPU; without one, rows that say so."""
    import torch

    if not torch.cuda.is_available():
        note = "no GPU in this machine"
        return [
            Row(f"embedding, {name}, cuda, {PRECISION}", "matmul", LIMIT, True, note=note)
            for name in embedding.ENCODERS
        ] + [Row("training MINE, cuda", "the loop on the same GPU", STACKED, True, note=note)]
    torch.set_num_threads(os.cpu_count() or 1)
    stacked = training.row(16, STACKED, "cuda", SEEDS)
    encoders = embedding.ENCODERS.items()
    return [*(row for name, about in encoders for row in of(name, *about[:2], "cuda")), stacked]


def of(name: str, kind: str, model: str, device: str) -> list[Row]:
    """Return the rows of one encoder: its speed, and its distance from float32."""
    import torch

    short = embedding.ready(kind, model, device, batch_size=BATCH, precision=PRECISION)
    whole = embedding.ready(kind, model, device, batch_size=BATCH)
    with tempfile.TemporaryDirectory() as folder:
        path, places = embedding.view(Path(folder) / "view.parquet", 0, PICTURES)
        from_files = partial(embedding.embed, short, path, places)
        from_files()
        reading = seconds(from_files)
    generator = np.random.default_rng(0)
    size = embedding.SIZE
    patches = [generator.integers(0, 256, (size, size, 3), np.uint8) for _ in range(BATCH)]
    exact, found = whole(patches), short(patches)
    error = np.linalg.norm(found - exact, axis=1) / np.linalg.norm(exact, axis=1)
    left, right = torch.randn(2, SIDE, SIDE, device=device, dtype=getattr(torch, PRECISION))
    work = embedding.per_patch(kind, model) * BATCH * BATCHES
    products = BATCHES * 2 * SIDE**3

    def inference() -> None:
        for _ in range(BATCHES):
            short(patches)

    def multiply() -> None:
        for _ in range(BATCHES):
            left @ right
        if device == "cuda":
            torch.cuda.synchronize()

    times = paired(inference, multiply)
    per_patch = np.median([own for own, _ in times]) / BATCH / BATCHES
    waits = 1 - per_patch * PICTURES * (embedding.PER_IMAGE + 1) / reading
    return [
        Row(
            f"embedding, {name}, {device}, {PRECISION}, patches in memory",
            f"{SIDE}³ {PRECISION} products",
            LIMIT,
            True,
            [work / own / (products / other) for own, other in times],
            f"{1 / per_patch:.0f} patches/s; from files, the GPU idles {waits:.0%} of the time",
        ),
        Row(
            f"embedding, {name}, {device}, {PRECISION}, largest error",
            "the length of its embedding in float32",
            TOLERANCE,
            False,
            [float(error.max())],
        ),
    ]
