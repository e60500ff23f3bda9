"""A small synthetic mirror of COCO, in the layout of its host."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZES = ((64, 48), (48, 64), (40, 40), (64, 64), (32, 16), (48, 48))  # width, height in pixels
LICENSES = [
    {"id": 1, "name": "Attribution License", "url": "http://creativecommons.org/licenses/by/2.0/"}
]


def make(root: Path, split: str = "val2017", sizes: tuple[tuple[int, int], ...] = SIZES) -> Path:
    """Make a mirror below `root` and return `root`.

    The picture with id 10 * (i + 1) has `sizes[i]`; every third is grey. The zip has another, much
    larger member that nobody needs.
    """
    (root / split).mkdir(parents=True, exist_ok=True)
    entries = []
    for index, (width, height) in enumerate(sizes):
        number = 10 * (index + 1)
        name = f"{number:012d}.jpg"
        (root / split / name).write_bytes(jpeg(width, height, grey=index % 3 == 2, seed=index))
        entries.append(entry(number, name, width, height, split))
    write_zip(root, split, {"images": entries, "licenses": LICENSES})
    return root


def entry(number: int, name: str, width: int, height: int, split: str) -> dict[str, Any]:
    """Return one entry of the list, as COCO writes it."""
    return {
        "id": number,
        "file_name": name,
        "width": width,
        "height": height,
        "license": 1,
        "coco_url": f"http://images.cocodataset.org/{split}/{name}",
    }


def write_zip(root: Path, split: str, listing: Any) -> None:
    """Write the annotations zip with `listing` as the member that lists the split."""
    path = root / "annotations" / "annotations_trainval2017.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).bytes(1 << 20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"annotations/instances_{split}.json", noise)
        archive.writestr(f"annotations/captions_{split}.json", json.dumps(listing))


def jpeg(width: int, height: int, *, grey: bool = False, seed: int = 0) -> bytes:
    """Return a JPEG of smooth noise."""
    shape = (height // 8, width // 8) if grey else (height // 8, width // 8, 3)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).resize((width, height)).save(stream, "JPEG", quality=90)
    return stream.getvalue()
