"""Embedding a view, against the rate at which this machine multiplies matrices."""

import multiprocessing
import os
import resource
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from leakage import encoders, patches, views
from leakage.encoders import network
from leakage.steps.embed import _patches

from speed import REPEATS, Row, seconds

# As the workflow runs it: a job of one thread per core.
PROCESSES = 2
SIDE, SIZE = 2048, 224
PICTURES, PER_IMAGE = 4, 9
ENCODERS = {
    "CLIP ViT-B/32": ("open_clip", "ViT-B-32-quickgelu", 0.80),
    "ResNet-50": ("torchvision", "resnet50", 0.70),
}


def rows() -> list[Row]:
    """Return a row per encoder."""
    return [_row(name, *about) for name, about in ENCODERS.items()]


def _row(name: str, kind: str, model: str, asked: float) -> Row:
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, context.Manager() as manager:
        barrier = manager.Barrier(PROCESSES)
        given = [(folder, number, kind, model, barrier) for number in range(PROCESSES)]
        with context.Pool(PROCESSES) as pool:
            found = pool.starmap(worker, given)
    # Both processes at the same time, repeat by repeat: their rates add up.
    embedded, limit = (np.sum([each[what] for each in found], axis=0) for what in (0, 1))
    rate = statistics.median(embedded) / found[0][2]
    return Row(
        f"embedding, {name}, {PROCESSES} cores, fp32, reading and cropping included",
        f"{SIDE}³ fp32 products, {statistics.median(limit) / 1e9:.0f} GFLOP/s",
        asked,
        True,
        (embedded / limit).tolist(),
        f"{rate:.1f} patches/s of {found[0][2] / 1e9:.2f} GFLOP",
        max(each[3] for each in found),
    )


def worker(folder: str, number: int, kind: str, model: str, barrier: Any) -> tuple[Any, ...]:
    """Return FLOP/s of embedding and of products per repeat, FLOP per patch and peak memory."""
    import torch

    torch.set_num_threads(1)
    entry = encoders.settings_of(kind)(kind=kind, model=model, weights="random")
    path, places = view(Path(folder) / f"{number}.parquet", number)
    architecture = encoders.module(kind).architecture(entry, "encoders.benchmark")
    plain = [pixels[:SIZE, :SIZE] for _, pixels in views.View(path)]
    record = network.resolve(architecture, entry, 0, "cpu", lambda: plain)
    ready = encoders.load(entry, record, "cpu")
    flops = per_patch(architecture)
    left, right = torch.randn(2, SIDE, SIDE)
    count = PICTURES * (PER_IMAGE + 1)

    def embed() -> None:
        rows = dict(list(places.groupby("image_id", sort=False)))
        for _ in encoders.embed(ready, _patches(views.View(path), rows, SIZE)):
            pass

    def multiply() -> None:
        for _ in range(10):
            left @ right

    embedded, products = [], []
    for _ in range(REPEATS + 1):
        for run, work, rates in (
            (embed, flops * count, embedded),
            (multiply, 10 * 2 * SIDE**3, products),
        ):
            barrier.wait()
            rates.append(work / seconds(run))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return embedded[1:], products[1:], flops, memory


def view(path: Path, seed: int) -> tuple[Path, pd.DataFrame]:
    """Write a view of noise, of which no two patches are equal, and draw its places."""
    generator = np.random.default_rng(seed)
    names = [str(number) for number in range(PICTURES)]
    shape = (480, 640, 3)
    views.write(
        path,
        ((name, generator.integers(0, 256, shape, np.uint8)) for name in names),
        {"scheme": "noise", "level": 8},
    )
    manifest = pd.DataFrame({"image_id": names, "height": shape[0], "width": shape[1]})
    return path, patches.draw_places(manifest, SIZE, PER_IMAGE, seed)


def per_patch(architecture: network.Architecture) -> int:
    """Return the floating-point operations of one patch, two per multiplication, attention too."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    features = architecture.features(architecture.build()).train()
    # In training mode no layer takes a fused path, which the counter does not see.
    features.requires_grad_(False)
    with FlopCounterMode(display=False) as counter:
        features(torch.zeros(2, 3, SIZE, SIZE))
    return counter.get_total_flops() // 2
