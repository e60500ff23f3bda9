"""Embedding a view, compared with the rate of matrix products on this machine."""

import multiprocessing
import resource
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from leakage import allocator, encoders, patches
from leakage.steps.embed import of_pictures
from leakage.storage import views

from speed import REPEATS, Row, seconds

# As in the workflow: one job with one thread per core.
PROCESSES = 2
SIDE, SIZE, PRODUCTS = 2048, 224, 10
PICTURES, PER_IMAGE = 4, 9
# Of each picture, its patches and the whole picture.
PATCHES = PICTURES * (PER_IMAGE + 1)
ENCODERS = {
    "CLIP ViT-B/32": ("open_clip", "ViT-B-32-quickgelu", 0.80),
    "ResNet-50": ("torchvision", "resnet50", 0.70),
}


def rows() -> list[Row]:
    """Return a row per encoder."""
    return [_row(name, *about) for name, about in ENCODERS.items()]


def _row(name: str, kind: str, model: str, asked: float) -> Row:
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, context.Manager() as manager:
        barrier = manager.Barrier(PROCESSES)
        given = [(folder, number, kind, model, barrier) for number in range(PROCESSES)]
        with context.Pool(PROCESSES) as pool:
            found = pool.starmap(worker, given)
    # Both processes run at the same time, so their rates add up.
    embedded, limit = (np.sum([each[what] for each in found], axis=0) for what in (0, 1))
    work = per_patch(kind, model)
    rate = statistics.median(embedded)
    return Row(
        f"embedding, {name}, {PROCESSES} cores, fp32, reading and cropping included",
        f"{SIDE}³ fp32 products, {statistics.median(limit) / 1e9:.0f} GFLOP/s",
        asked,
        True,
        (embedded * work / limit).tolist(),
        f"{rate:.1f} patches/s of {work / 1e9:.2f} GFLOP",
        sum(each[2] for each in found),
    )


def worker(folder: str, number: int, kind: str, model: str, barrier: Any) -> tuple[Any, ...]:
    """Return patches per second and FLOP per second, one value per repeat, and the peak memory."""
    allocator.keep()
    import torch

    torch.set_num_threads(1)
    path, places = view(Path(folder) / f"{number}.parquet", number)
    encoder = ready(kind, model, "cpu")
    left, right = torch.randn(2, SIDE, SIDE)

    def multiply() -> None:
        for _ in range(PRODUCTS):
            left @ right

    embedded, products = [], []
    for _ in range(REPEATS + 1):
        barrier.wait()
        embedded.append(PATCHES / seconds(lambda: embed(encoder, path, places)))
        barrier.wait()
        products.append(PRODUCTS * 2 * SIDE**3 / seconds(multiply))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return embedded[1:], products[1:], peak


def ready(kind: str, model: str, device: str, **options: Any) -> encoders.LoadedEncoder:
    """Return an untrained encoder, with the BatchNorm statistics of noise."""
    entry = encoders.encoder_class(kind)(kind=kind, model=model, weights="random", **options)
    noise = list(np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), np.uint8))
    weights = entry.find_weights(SIZE, 0, device, lambda: noise, "encoders.benchmark")
    return entry.load(weights, device)


def embed(encoder: encoders.LoadedEncoder, path: Path, places: pd.DataFrame) -> None:
    """Read a view, cut out its patches and embed them, as a job does."""
    rows = dict(list(places.groupby("image_id", sort=False)))
    for _ in encoders.embed(encoder, of_pictures(views.View(path), rows, SIZE)):
        pass


def view(path: Path, seed: int, pictures: int = PICTURES) -> tuple[Path, pd.DataFrame]:
    """Write a view of noise, and draw the places of its patches."""
    generator = np.random.default_rng(seed)
    names = [str(number) for number in range(pictures)]
    shape = (480, 640, 3)
    views.write(
        path,
        ((name, generator.integers(0, 256, shape, np.uint8)) for name in names),
        {"scheme": "noise", "level": 8},
    )
    manifest = pd.DataFrame({"image_id": names, "height": shape[0], "width": shape[1]})
    return path, patches.draw_places(manifest, SIZE, PER_IMAGE, seed)


def per_patch(kind: str, model: str) -> int:
    """Return the floating-point operations per patch: two per multiplication, with attention."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    entry = encoders.encoder_class(kind)(kind=kind, model=model, weights="random")
    architecture = entry.architecture("encoders.benchmark")
    features = architecture.features(architecture.build()).train()
    # The counter misses fused layers. Training mode does not fuse them.
    features.requires_grad_(False)
    # It sees attention only as plain products.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        features(torch.zeros(2, 3, SIZE, SIZE))
    return counter.get_total_flops() // 2
