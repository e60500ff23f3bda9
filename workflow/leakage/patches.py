"""Patches: windows of a view, never resized. Their places are drawn once per picture."""

import hashlib
from collections.abc import Iterator

import numpy as np
import pandas as pd

from leakage import seeds
from leakage.errors import LeakageError
from leakage.interfaces import Bytes


def draw_places(manifest: pd.DataFrame, size: int, per_image: int, seed: int) -> pd.DataFrame:
    """Draw the places of the patches of every picture, uniformly inside the picture.

    The places of a picture depend only on the seed, its id and its size. Other pictures, their
    order in the manifest, and the level do not matter.

    Args:
        manifest: one row per picture, with `image_id`, `width` and `height` in pixels.
        size: side of a patch in pixels.
        per_image: patches per picture; they may overlap.
        seed: the configuration's seed.

    Returns:
        One row per patch: `image_id`, `patch` (0 to per_image - 1), `top`, `left` in pixels.

    Raises:
        LeakageError: a picture is smaller than a patch, or the seed is not an integer from 0.
    """
    seed = seeds.checked(seed)
    rows = []
    columns = ["image_id", "width", "height"]
    for image_id, width, height in manifest[columns].itertuples(index=False, name=None):
        if min(width, height) < size:
            raise LeakageError(
                f"picture {image_id}: {width} x {height} pixels is smaller than a patch of {size}; "
                "skip it (dataset: too_small: skip) or lower patches.size"
            )
        generator = np.random.default_rng([seed, _number(str(image_id))])
        tops = generator.integers(0, height - size, per_image, endpoint=True)
        lefts = generator.integers(0, width - size, per_image, endpoint=True)
        rows += [
            (image_id, patch, int(top), int(left))
            for patch, (top, left) in enumerate(zip(tops, lefts, strict=True))
        ]
    return pd.DataFrame(rows, columns=["image_id", "patch", "top", "left"])


def crop(pixels: Bytes, places: pd.DataFrame, size: int) -> Iterator[Bytes]:
    """Yield the patches of one view, shape (size, size, channels), in the order of `places`."""
    for top, left in places[["top", "left"]].itertuples(index=False, name=None):
        yield pixels[top : top + size, left : left + size]


def _number(image_id: str) -> int:
    return int.from_bytes(hashlib.sha256(image_id.encode()).digest()[:8], "big")
