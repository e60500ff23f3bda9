"""Compute the classic measures (PSNR, SSIM and others) of every picture and level."""

import hashlib
import importlib.metadata
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import typer

from leakage import measures, progress
from leakage.config.paths import NOISE
from leakage.config.settings import parse
from leakage.errors import LeakageError
from leakage.interfaces import Bytes
from leakage.schemes.keystream import Keystream
from leakage.steps.view import Encryption, opened, picture
from leakage.storage import files
from leakage.storage.shards import rows as shard_rows
from leakage.storage.shards import spread

NOISE_LEVEL = -1
# The key of the noise: a fixed one gives all schemes the same reference.
NOISE_KEY = hashlib.sha256(b"leakage noise").digest()
SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("scheme", pa.string()),
        ("level", pa.int64()),
        *((name, pa.float64()) for name in measures.names()),
    ]
)


def main(
    manifest: Annotated[Path, typer.Argument(help="manifest.csv")],
    output: Annotated[Path, typer.Argument(help="the table to write, Parquet")],
    pictures_folder: Annotated[
        Path, typer.Option("--pictures", help="folder that file_name is relative to")
    ],
    levels: Annotated[
        str, typer.Option(help="levels of encryption and noise, such as 0,4,8,noise")
    ],
    settings: Annotated[str, typer.Option(help="scheme, its definition and the key, as JSON")],
    limit: Annotated[int, typer.Option(min=1, help="pictures to measure, at most")] = 1000,
    part: Annotated[int, typer.Option(min=0, help="number of this part of the pictures")] = 0,
    parts: Annotated[int, typer.Option(min=1, help="number of parts")] = 1,
    code: Annotated[str, typer.Option(help="digest of the code, for the metadata")] = "",
) -> None:
    """Compute the classic measures of every level: PSNR, SSIM and others.

    The table has one row per picture and level, in the order of the manifest. The level `noise`,
    -1 in the table with scheme `noise`, has uniform noise as ciphertext and view.
    """
    encryption: Encryption = parse(Encryption, settings, "encryption")
    scheme, chosen = opened(encryption), _levels(levels)
    if scheme is None and chosen != [NOISE_LEVEL]:
        raise LeakageError("--settings has no definition of the scheme; add its entry")
    if part >= parts:
        raise LeakageError(f"--part: found {part}; expected less than --parts, {parts}")
    table = shard_rows(files.check(manifest), 0, 1)
    places = np.array_split(spread(len(table), limit), parts)[part]
    rows = table.iloc[places].to_dict("records")
    progress.about(encryption.scheme)

    def measured() -> Iterator[dict[str, Any]]:
        for each in progress.over(rows, "pictures"):
            image_id = each["image_id"]
            plain = picture(pictures_folder / each["file_name"], each["sha256"], encryption.grey)
            plain.flags.writeable = False  # measures may keep what depends on it alone
            for level in chosen:
                if scheme is None or level == NOISE_LEVEL:
                    nothing = noise(image_id, plain.shape)
                    row = {"image_id": image_id, "scheme": NOISE, "level": NOISE_LEVEL}
                    yield row | measures.measure(plain, nothing, nothing)
                    continue
                ciphertext = scheme.encrypt(image_id, plain, level)
                view = scheme.view(image_id, ciphertext, level)
                row = {"image_id": image_id, "scheme": encryption.scheme, "level": level}
                yield row | measures.measure(plain, view, ciphertext)

    files.write_table(
        output,
        pa.Table.from_pylist(list(measured()), SCHEMA),
        {
            "scheme": encryption.scheme,
            "levels": [level for level in chosen if level != NOISE_LEVEL],
            "pictures": len(rows),
            "limit": limit,
            **encryption.described(),
            "versions": {"numpy": importlib.metadata.version("numpy")},
            "code": code,
            "inputs": {"manifest": files.recorded(manifest)},
        },
    )


def noise(image_id: str, shape: tuple[int, ...]) -> Bytes:
    """Return uniform uint8 noise of a picture's shape: the same for every scheme and key."""
    return Keystream(NOISE_KEY, image_id).bytes(int(np.prod(shape))).reshape(shape)


def _levels(text: str) -> list[int]:
    try:
        return [NOISE_LEVEL if each == NOISE else int(each) for each in text.split(",")]
    except ValueError:
        raise LeakageError(
            f"--levels {text}: expected integers and noise, such as 0,4,8,noise"
        ) from None
