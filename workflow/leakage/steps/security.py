"""Test the ciphertexts of one level: NPCR, UACI, chi-square and what else reviewers ask for."""

import csv
import importlib.metadata
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer

from leakage import progress, security
from leakage.config.settings import parse
from leakage.errors import LeakageError
from leakage.security.case import Case
from leakage.steps.view import Encryption, opened, picture
from leakage.storage import files
from leakage.storage.shards import rows as shard_rows
from leakage.storage.shards import spread

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("image_id", "scheme")),
        ("level", pa.int64()),
        ("test", pa.string()),
        *((name, pa.float64()) for name in ("value", "expected", "low", "high")),
        ("passes", pa.bool_()),
    ]
)


def main(
    manifest: Annotated[Path, typer.Argument(help="manifest.csv")],
    output: Annotated[Path, typer.Argument(help="the table to write, Parquet")],
    times: Annotated[Path, typer.Argument(help="the times of encryption to write, CSV")],
    pictures_folder: Annotated[
        Path, typer.Option("--pictures", help="folder that file_name is relative to")
    ],
    level: Annotated[int, typer.Option(min=1, help="level of encryption")],
    settings: Annotated[str, typer.Option(help="scheme, its definition and the key, as JSON")],
    limit: Annotated[int, typer.Option(min=1, help="pictures to test, at most")] = 100,
    code: Annotated[str, typer.Option(help="digest of the code, for the metadata")] = "",
) -> None:
    """Test the ciphertexts of one level against random bytes of the same size.

    The table has one row per picture and test. The times differ from run to run, so they are in a
    file apart.
    """
    encryption: Encryption = parse(Encryption, settings, "encryption")
    scheme = opened(encryption)
    if scheme is None:
        raise LeakageError("--settings has no definition of the scheme; add its entry")
    table = shard_rows(files.check(manifest), 0, 1)
    chosen = table.iloc[spread(len(table), limit)].to_dict("records")
    progress.about(f"{encryption.scheme} {level}")
    taken: list[tuple[str, int, float]] = []

    def tested() -> Iterator[dict[str, Any]]:
        for each in progress.over(chosen, "pictures"):
            image_id = each["image_id"]
            plain = picture(pictures_folder / each["file_name"], each["sha256"], encryption.grey)
            start = time.perf_counter()
            ciphertext = scheme.encrypt(image_id, plain, level, check=False)
            if scheme.cipher.encrypts:
                taken.append((image_id, plain.nbytes, time.perf_counter() - start))
            where = {"image_id": image_id, "scheme": encryption.scheme, "level": level}
            for found in security.judged(Case(image_id, plain, ciphertext, scheme, level)):
                accepted = found.accepted._asdict()
                row = {"test": found.test, "value": found.value, "passes": found.passes}
                yield where | row | accepted

    files.write_table(
        output,
        pa.Table.from_pylist(list(tested()), SCHEMA),
        {
            "scheme": encryption.scheme,
            "level": level,
            "pictures": len(chosen),
            "limit": limit,
            "rate": security.RATE,
            "tests": security.described(),
            **encryption.described(),
            "versions": {
                name: importlib.metadata.version(name) for name in ("numpy", "scikit-image")
            },
            "code": code,
            "inputs": {"manifest": files.recorded(manifest)},
        },
    )
    with files.whole_file(times) as temporary, open(temporary, "w", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("image_id", "bytes", "seconds"))
        writer.writerows(taken)
