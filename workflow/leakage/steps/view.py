"""Encrypt every picture at one level and keep what an observer sees of it."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from tqdm import tqdm

from leakage import files, pictures, schemes, views
from leakage.errors import LeakageError
from leakage.schemes import keystream
from leakage.settings import Settings, parse
from leakage.shards import rows as own_rows


class Encryption(Settings):
    """What a view depends on; of the key, only its fingerprint."""

    scheme: str
    key_file: str
    key_fingerprint: str
    definition: dict[str, Any]


class Scheme(NamedTuple):
    """A cipher with its settings and its key, ready to encrypt."""

    cipher: ModuleType
    definition: Settings
    key: bytes

    def encrypt(self, image_id: str, plain: np.ndarray, level: int) -> np.ndarray:
        """Return the ciphertext of a picture, uint8 of the same shape; at level 0 the picture."""
        stream = keystream.keystream(self.key, image_id, plain.size)
        return self.cipher.encrypt(plain, level, stream)

    def view(self, image_id: str, ciphertext: np.ndarray, level: int) -> np.ndarray:
        """Return what an observer sees of a ciphertext, uint8 of the same shape."""
        return self.cipher.view(ciphertext, level, self.definition)


def main(
    manifest: Annotated[Path, typer.Argument(help="manifest.csv")],
    output: Annotated[Path, typer.Argument(help="the view file to make")],
    pictures_folder: Annotated[Path, typer.Option("--pictures", help="where file_name lies")],
    level: Annotated[int, typer.Option(help="strength of the encryption; 0 is the plain picture")],
    settings: Annotated[str, typer.Option(help="scheme, its definition and the key, as JSON")],
    shard: Annotated[int, typer.Option(help="which part of the manifest, from 0")] = 0,
    shards: Annotated[int, typer.Option(help="how many parts there are")] = 1,
    code: Annotated[str, typer.Option(help="digest of the code, for the metadata")] = "",
) -> None:
    """Encrypt every picture at one level and keep what an observer sees of it."""
    encryption = parse(Encryption, settings, "encryption")
    scheme = opened(encryption)
    rows = own_rows(files.check(manifest), shard, shards)

    def observed() -> Iterator[tuple[str, np.ndarray]]:
        for row in tqdm(rows.itertuples(), total=len(rows), disable=None):
            plain = picture(pictures_folder / row.file_name, row.sha256)
            ciphertext = scheme.encrypt(row.image_id, plain, level)
            yield row.image_id, scheme.view(row.image_id, ciphertext, level)

    views.write(
        output,
        observed(),
        {
            "scheme": encryption.scheme,
            "level": level,
            "shard": shard,
            "shards": shards,
            "definition": encryption.definition,
            "key_fingerprint": encryption.key_fingerprint,
            "clear_bits": scheme.cipher.clear_bits(level),
            "code": code,
        },
    )


def opened(encryption: Encryption) -> Scheme:
    """Return the scheme, ready to encrypt.

    Raises:
        LeakageError: the key is not the one that was configured.
    """
    cipher = schemes.module(encryption.definition["cipher"])
    definition = cipher.Settings.model_validate(encryption.definition)
    return Scheme(cipher, definition, _key(encryption))


def _key(encryption: Encryption) -> bytes:
    key = keystream.read_key(encryption.key_file)
    found = keystream.fingerprint(key)
    if found != encryption.key_fingerprint:
        raise LeakageError(
            f"encryption.key_file: {encryption.key_file}: its fingerprint is {found}, and "
            f"{encryption.key_fingerprint} was configured; the key was changed during the run"
        )
    return key


def picture(path: Path, expected: str) -> np.ndarray:
    """Return a picture of the manifest as uint8 of shape (height, width, channels)."""
    if not path.is_file():
        raise LeakageError(
            f"{path}: the picture is in the manifest and not on disk; put it back, or make the "
            "manifest anew (snakemake --forcerun manifest)"
        )
    if files.sha256(path) != expected:
        raise LeakageError(
            f"{path}: the picture is not the one in the manifest (its SHA-256 differs); put that "
            "one back, or make the manifest anew (snakemake --forcerun manifest)"
        )
    return pictures.read(path)
