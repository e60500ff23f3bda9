"""Patches: windows of a view, never resized; their places are drawn once per picture."""

import hashlib
from collections.abc import Iterator

import numpy as np
import pandas as pd

from leakage import seeds
from leakage.errors import LeakageError


def draw_places(manifest: pd.DataFrame, size: int, per_image: int, seed: int) -> pd.DataFrame:
    """Draw where the patches of every picture lie, uniformly and inside the picture.

    A picture's places depend on the seed, its id and its size alone: other pictures in the
    manifest, their order, and the level of encryption have no influence.

    Args:
        manifest: one row per picture, with `image_id`, `width` and `height` in pixels.
        size: side of the square patch in pixels.
        per_image: patches per picture; two of them may overlap.
        seed: the configuration's.

    Returns:
        One row per patch: `image_id`, `patch` (0 to per_image - 1), `top`, `left` in pixels.

    Raises:
        LeakageError: a picture is smaller than a patch, or the seed is not a whole number from 0.
    """
    seed = seeds.checked(seed)
    rows = []
    for picture in manifest.itertuples():
        if min(picture.width, picture.height) < size:
            raise LeakageError(
                f"picture {picture.image_id}: {picture.width} x {picture.height} pixels is smaller "
                f"than a patch of {size}; leave it out (dataset: too_small: skip) or lower "
                "patches.size"
            )
        generator = np.random.default_rng([seed, _number(str(picture.image_id))])
        tops = generator.integers(0, picture.height - size, per_image, endpoint=True)
        lefts = generator.integers(0, picture.width - size, per_image, endpoint=True)
        rows += [
            (picture.image_id, patch, int(top), int(left))
            for patch, (top, left) in enumerate(zip(tops, lefts, strict=True))
        ]
    return pd.DataFrame(rows, columns=["image_id", "patch", "top", "left"])


def crop(pixels: np.ndarray, places: pd.DataFrame, size: int) -> Iterator[np.ndarray]:
    """Yield the patches of one view, arrays of shape (size, size, channels), in places' order."""
    for place in places.itertuples():
        yield pixels[place.top : place.top + size, place.left : place.left + size]


def _number(image_id: str) -> int:
    return int.from_bytes(hashlib.sha256(image_id.encode()).digest()[:8], "big")
