"""Encrypt every picture at one level and keep its view."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer

from leakage import progress, schemes
from leakage.config.settings import Settings, parse, validate
from leakage.errors import LeakageError
from leakage.schemes import keystream
from leakage.storage import files, pictures, views
from leakage.storage.shards import rows as own_rows

PLAIN = {"clear_bits": schemes.BYTE, "strength": 0.0}


class Encryption(Settings):
    """What a view depends on; of the key, only its fingerprint.

    Attributes:
        scheme: its key in the configuration.
        key_file: None where nothing is encrypted here.
        key_fingerprint: of the key that was configured.
        definition: the scheme's entry; None for level 0, which depends on no scheme.
        grey: `rgb` gives grey pictures three equal channels before they are encrypted.
    """

    scheme: str
    key_file: str | None = None
    key_fingerprint: str | None = None
    definition: dict[str, Any] | None = None
    grey: Literal["keep", "rgb"] = "keep"


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
    """Encrypt every picture at one level and keep its view."""
    encryption = parse(Encryption, settings, "encryption")
    scheme = opened(encryption)
    if scheme is None and level > 0:
        raise LeakageError(f"--level {level}: the settings have no definition of the scheme")
    rows = own_rows(files.check(manifest), shard, shards)
    progress.about(f"{encryption.scheme} {level}")

    def observed() -> Iterator[tuple[str, np.ndarray]]:
        for row in progress.over(rows.itertuples(), "pictures", len(rows)):
            plain = picture(pictures_folder / row.file_name, row.sha256, encryption.grey)
            if scheme is None:
                yield row.image_id, plain
            else:
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
            "grey": encryption.grey,
            "key_fingerprint": encryption.key_fingerprint,
            **(PLAIN if scheme is None else scheme.about(level)),
            "code": code,
            "inputs": {"manifest": files.recorded(manifest)},
        },
    )


def opened(encryption: Encryption) -> schemes.KeyedScheme | None:
    """Return the scheme, ready to encrypt; None without a definition.

    Raises:
        LeakageError: the key is not the one that was configured.
    """
    if encryption.definition is None:
        return None
    model = schemes.cipher_class(encryption.definition["cipher"])
    cipher = validate(model, encryption.definition, f"encryption.schemes.{encryption.scheme}")
    key = _key(encryption) if encryption.key_file else None
    return schemes.KeyedScheme(encryption.scheme, cipher, key)


def _key(encryption: Encryption) -> bytes:
    key = keystream.read_key(encryption.key_file)
    found = keystream.fingerprint(key)
    if found != encryption.key_fingerprint:
        raise LeakageError(
            f"encryption.key_file: {encryption.key_file}: its fingerprint is {found}, and "
            f"{encryption.key_fingerprint} was configured; the key was changed during the run"
        )
    return key


def picture(path: Path, expected: str, grey: Literal["keep", "rgb"] = "keep") -> np.ndarray:
    """Return a picture of the manifest as uint8 of shape (height, width, channels).

    Args:
        path: the picture.
        expected: its SHA-256.
        grey: whether a grey one keeps its one channel or gets three equal ones.

    Raises:
        LeakageError: the picture is missing, or is not the one in the manifest.
    """
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
    pixels = pictures.read(path)
    return pixels.repeat(3, axis=2) if grey == "rgb" and pixels.shape[2] == 1 else pixels
