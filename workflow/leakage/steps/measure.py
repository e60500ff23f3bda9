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
from leakage.config.settings import parse
from leakage.errors import LeakageError
from leakage.schemes import keystream
from leakage.steps.view import Encryption, opened, picture
from leakage.storage import files
from leakage.storage.shards import rows as all_rows

NOISE, NOISE_LEVEL = "noise", -1
# Of the noise, which hides nothing: a key that everyone has gives all schemes the same reference.
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
    output: Annotated[Path, typer.Argument(help="the table to make, Parquet")],
    pictures_folder: Annotated[Path, typer.Option("--pictures", help="where file_name lies")],
    levels: Annotated[str, typer.Option(help="strengths of the encryption, say 0,4,8")],
    settings: Annotated[str, typer.Option(help="scheme, its definition and the key, as JSON")],
    limit: Annotated[int, typer.Option(min=1, help="pictures, spread over the manifest")] = 1000,
    code: Annotated[str, typer.Option(help="digest of the code, for the metadata")] = "",
) -> None:
    """Compute the classic measures of every level: PSNR, SSIM and others.

    One row per picture and level, in the manifest's order, and per picture one more of level -1 and
    scheme `noise`: uniform noise in the place of ciphertext and view, where nothing is left.
    """
    encryption = parse(Encryption, settings, "encryption")
    scheme, asked = opened(encryption), _levels(levels)
    if scheme is None:
        raise LeakageError("--settings: no definition of the scheme; give its entry as definition")
    rows = all_rows(files.check(manifest), 0, 1)
    rows = rows.iloc[spread(len(rows), limit)]
    progress.about(encryption.scheme)

    def measured() -> Iterator[dict[str, Any]]:
        for row in progress.over(rows.itertuples(), "pictures", len(rows)):
            plain = picture(pictures_folder / row.file_name, row.sha256, encryption.grey)
            for level in asked:
                ciphertext = scheme.encrypt(row.image_id, plain, level)
                view = scheme.view(row.image_id, ciphertext, level)
                found = measures.measure(plain, view, ciphertext)
                yield _row(row.image_id, encryption.scheme, level, found)
            nothing = noise(row.image_id, plain.shape)
            yield _row(row.image_id, NOISE, NOISE_LEVEL, measures.measure(plain, nothing, nothing))

    files.write_table(
        output,
        pa.Table.from_pylist(list(measured()), SCHEMA),
        {
            "scheme": encryption.scheme,
            "levels": asked,
            "pictures": len(rows),
            "limit": limit,
            "definition": encryption.definition,
            "grey": encryption.grey,
            "key_fingerprint": encryption.key_fingerprint,
            "versions": {
                name: importlib.metadata.version(name) for name in ("numpy", "scikit-image")
            },
            "code": code,
            "inputs": {"manifest": files.recorded(manifest)},
        },
    )


def spread(count: int, limit: int) -> np.ndarray:
    """Return at most `limit` of the numbers 0 to count - 1, evenly spread and in order, int64."""
    taken = min(count, limit)
    return np.arange(taken) * count // max(1, taken)


def noise(image_id: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return uniform uint8 noise of a picture's shape: the same for every scheme and key."""
    stream = keystream.keystream(NOISE_KEY, image_id, int(np.prod(shape)))
    return stream.reshape(shape)


def _levels(text: str) -> list[int]:
    try:
        return [int(each) for each in text.split(",")]
    except ValueError:
        raise LeakageError(f"--levels {text}: expected whole numbers, say 0,4,8") from None


def _row(image_id: str, scheme: str, level: int, found: dict[str, float]) -> dict[str, Any]:
    return {"image_id": image_id, "scheme": scheme, "level": level, **found}
