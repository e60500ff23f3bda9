"""Encrypt every picture at one level and write its view."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from leakage import progress, schemes
from leakage.config.settings import Settings, parse, validate
from leakage.errors import LeakageError
from leakage.interfaces import Bytes
from leakage.schemes import keystream
from leakage.schemes.regions import Region
from leakage.storage import files, pictures, views
from leakage.storage.shards import rows as shard_rows

PLAIN = {"clear_bits": 8.0, "strength": 0.0}


class Encryption(Settings):
    """The settings that a view depends on; of the key, only its fingerprint.

    Attributes:
        scheme: the scheme's key in the configuration.
        key_file: None if another program encrypts the pictures.
        key_fingerprint: fingerprint of the key in the configuration.
        definition: the scheme's entry; None for level 0, which does not depend on a scheme.
        grey: `rgb` gives grey pictures three equal channels before encryption.
    """

    scheme: str
    key_file: str | None = None
    key_fingerprint: str | None = None
    definition: dict[str, Any] | None = None
    grey: Literal["keep", "rgb"] = "keep"

    def described(self) -> dict[str, Any]:
        """Return the entries of a table's metadata that say how its pictures were encrypted."""
        kept = {"definition", "grey", "key_fingerprint"}
        return self.model_dump(include=kept)


def main(
    manifest: Annotated[Path, typer.Argument(help="manifest.csv")],
    output: Annotated[Path, typer.Argument(help="the view file to write")],
    pictures_folder: Annotated[
        Path, typer.Option("--pictures", help="folder that file_name is relative to")
    ],
    level: Annotated[int, typer.Option(help="level of encryption; 0 is the plain picture")],
    settings: Annotated[
        str, typer.Option(help="scheme, definition, the key's file and fingerprint, as JSON")
    ],
    shard: Annotated[int, typer.Option(help="number of this part of the manifest, from 0")] = 0,
    shards: Annotated[int, typer.Option(help="number of parts")] = 1,
    code: Annotated[str, typer.Option(help="digest of the code, for the metadata")] = "",
) -> None:
    """Encrypt every picture at one level and write its view."""
    encryption: Encryption = parse(Encryption, settings, "encryption")
    scheme = opened(encryption)
    if scheme is None and level > 0:
        raise LeakageError(
            f"--level {level}: --settings has no definition of the scheme; add its entry"
        )
    rows = shard_rows(files.check(manifest), shard, shards).to_dict("records")
    if scheme is not None and scheme.cipher.region is not None:
        _refuse_unfit(scheme.cipher.region, manifest)
    progress.about(f"{encryption.scheme} {level}")

    def observed() -> Iterator[tuple[str, Bytes]]:
        for row in progress.over(rows, "pictures"):
            plain = picture(pictures_folder / row["file_name"], row["sha256"], encryption.grey)
            if scheme is None:
                yield row["image_id"], plain
            else:
                ciphertext = scheme.encrypt(row["image_id"], plain, level)
                yield row["image_id"], scheme.view(row["image_id"], ciphertext, level)

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


def _refuse_unfit(region: Region, manifest: Path) -> None:
    """Refuse a region that does not fit the pictures, before the first of them is encrypted."""
    table = shard_rows(manifest, 0, 1)
    region.refuse_unknown(table["image_id"])
    for image_id, height, width in table[["image_id", "height", "width"]].itertuples(index=False):
        region.refuse_unfit(image_id, (height, width))


def opened(encryption: Encryption) -> schemes.KeyedScheme | None:
    """Return the scheme, ready to encrypt; None without a definition.

    Raises:
        LeakageError: the key is not the one that was configured.
    """
    if encryption.definition is None:
        return None
    model = schemes.cipher_class(encryption.definition["cipher"])
    cipher = validate(model, encryption.definition, f"encryption.schemes.{encryption.scheme}")
    key = None
    if encryption.key_file:
        key = keystream.read_key(encryption.key_file)
        found = keystream.fingerprint(key)
        if found != encryption.key_fingerprint:
            raise LeakageError(
                f"encryption.key_file: {encryption.key_file}: found the fingerprint {found}, "
                f"expected {encryption.key_fingerprint}: the key changed during the run; restore "
                "the key, or start the run again"
            )
    return schemes.KeyedScheme(encryption.scheme, cipher, key)


def picture(path: Path, expected: str, grey: Literal["keep", "rgb"] = "keep") -> Bytes:
    """Return a picture of the manifest as uint8 of shape (height, width, channels).

    Args:
        path: the picture.
        expected: its SHA-256.
        grey: whether a grey picture keeps its one channel or gets three equal ones.

    Raises:
        LeakageError: the picture is missing, or differs from the manifest.
    """
    if not path.is_file():
        raise LeakageError(
            f"{path}: the picture is in the manifest but not on disk; put it back, or make a new "
            "manifest (snakemake --forcerun manifest)"
        )
    if files.sha256(path) != expected:
        raise LeakageError(
            f"{path}: the picture differs from the manifest (by its SHA-256); put the right one "
            "back, or make a new manifest (snakemake --forcerun manifest)"
        )
    pixels = pictures.read(path)
    return pixels.repeat(3, axis=2) if grey == "rgb" and pixels.shape[2] == 1 else pixels
