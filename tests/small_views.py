"""Small views and places, as the steps before the embedding write them."""

from pathlib import Path

import numpy as np
import pandas as pd
import skimage.data
from leakage import patches
from leakage.storage import files, views

SEED = 0
PER_IMAGE = 4


def photographs() -> dict[str, np.ndarray]:
    """Return three small photographs, uint8; one is grey, and one id looks like a number."""
    pictures = {
        "000042": skimage.data.astronaut()[::2, ::2],
        "coffee": skimage.data.coffee()[:240, :256],
        "camera": skimage.data.camera()[::2, ::2, None],
    }
    return {key: np.ascontiguousarray(pixels) for key, pixels in pictures.items()}


def some_patches(size: int) -> list[np.ndarray]:
    """Return four patches of every colour photograph, read-only like those of a view."""
    return [
        patch
        for image_id, pixels in photographs().items()
        if pixels.shape[2] == 3
        for patch in patches.crop(pixels, places(size).query("image_id == @image_id"), size)
    ]


def places(size: int) -> pd.DataFrame:
    """Return the places of the patches of the photographs."""
    rows = [(key, p.shape[1], p.shape[0]) for key, p in photographs().items()]
    manifest = pd.DataFrame(rows, columns=["image_id", "width", "height"])
    return patches.draw_places(manifest, size, PER_IMAGE, SEED)


def write_places(path: Path, table: pd.DataFrame) -> Path:
    """Write a table of places as the step `places` does."""
    with files.kept_file(path) as temporary:
        table.to_csv(temporary, index=False)
    return path


def write_view(path: Path, level: int, **metadata: object) -> Path:
    """Write the views of the photographs at a level as the step `view` does."""
    pictures = [
        (key, (p.astype(int) << level).astype(np.uint8)) for key, p in photographs().items()
    ]
    about = {"scheme": "msb_xor", "level": level, "definition": {"view": "scaled"}}
    views.write(path, pictures, metadata or about)
    return path
