"""Run one attack on pictures of one scheme at every level, and compare what it gets back."""

import importlib.metadata
import io
import shutil
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import typer

from leakage import attacks, progress, seeds
from leakage.analysis.tables import records
from leakage.attacks import Attack, Known, Target
from leakage.attacks.scores import MEAN, VIEW, mean_picture, scores, small
from leakage.config.settings import from_json, parse, validate
from leakage.errors import LeakageError
from leakage.interfaces import Bytes, Row
from leakage.schemes import KeyedScheme
from leakage.steps.view import Encryption, opened, picture
from leakage.storage import files
from leakage.storage.shards import rows as shard_rows
from leakage.storage.shards import spread

# Most pictures that the mean picture is made of.
AVERAGED = 50
# The middle of a large picture begins at a multiple of this, so that blocks stay whole.
ALIGNED = 64
Place = tuple[slice, slice]
COLUMNS = [
    ("image_id", pa.string()),
    ("scheme", pa.string()),
    ("level", pa.int64()),
    ("attack", pa.string()),
    ("ssim", pa.float64()),
    ("psnr", pa.float64()),
    ("exact", pa.float64()),
    ("recovered", pa.bool_()),
    ("top", pa.int64()),
    ("left", pa.int64()),
    ("height", pa.int64()),
    ("width", pa.int64()),
    ("whole", pa.bool_()),
]


def main(
    method: Annotated[str, typer.Argument(help=f"{', '.join(attacks.names())}, or a Python file")],
    manifest: Annotated[Path, typer.Argument(help="manifest.csv")],
    output: Annotated[Path, typer.Argument(help="the table to write, Parquet")],
    pictures_folder: Annotated[
        Path, typer.Option("--pictures", help="folder that file_name is relative to")
    ],
    shown: Annotated[Path, typer.Option(help="folder to write, of reconstructed pictures (PNG)")],
    settings: Annotated[
        str, typer.Option(help="scheme, its definition, the key's file and fingerprint, as JSON")
    ],
    attack: Annotated[str, typer.Option(help="settings of the attack, as JSON")] = "{}",
    label: Annotated[str, typer.Option(help="the attack's key, for the table")] = "",
    seed: Annotated[int, typer.Option(help="random seed")] = 0,
    code: Annotated[str, typer.Option(help="digest of the code, for the metadata")] = "",
) -> None:
    """Run one attack on pictures of one scheme, at every level that it applies to.

    The table has a row per picture, level and reconstruction: the attack's, the view itself, and
    the mean of other pictures.
    """
    model = attacks.attack_class(method)
    chosen: Attack = validate(model, {"method": method, **from_json(attack, "attack")}, method)
    encryption: Encryption = parse(Encryption, settings, "encryption")
    scheme = opened(encryption)
    if scheme is None:
        raise LeakageError("--settings has no definition of the scheme; add its entry")
    levels = attacks.attacked(chosen, scheme.name, scheme.cipher)
    if not levels:
        raise LeakageError(
            f"attack {label or method}: does not apply to any level of the scheme {scheme.name} "
            f"({scheme.cipher.cipher}); attack another scheme"
        )
    rows = shard_rows(files.check(manifest), 0, 1).to_dict("records")
    progress.about(f"{label or method} on {scheme.name}")
    pictures = Pictures(pictures_folder, encryption, rows)
    run = Run(chosen, scheme, pictures, label or method, seeds.checked(seed, "--seed"))
    table = pd.DataFrame(run.rows(levels))
    table["png"] = table.get("png")
    extra = [
        (name, pa.float64() if pd.api.types.is_numeric_dtype(values) else pa.string())
        for name, values in table.drop(columns="png").items()
        if name not in dict(COLUMNS)
    ]
    schema = pa.schema([*COLUMNS, *extra, ("png", pa.binary())])
    _write_pictures(shown, table)
    files.write_table(
        output,
        pa.Table.from_pandas(table[schema.names], schema, preserve_index=False),
        {
            "attack": label or method,
            "settings": chosen.model_dump(),
            "threat": chosen.threat,
            "levels": levels,
            "learned_from": run.split()[1],
            "seed": seed,
            "source": {"scheme": scheme.name, "level_label": scheme.cipher.level_label},
            **encryption.described(),
            "versions": {
                each: importlib.metadata.version(each) for each in ("numpy", "scikit-image")
            },
            "code": code,
            "inputs": {"manifest": files.recorded(manifest)},
        },
    )


class Pictures:
    """The pictures of a manifest.

    Args:
        folder: that file names in the manifest are relative to.
        encryption: with the treatment of grey pictures.
        rows: of the manifest.
    """

    def __init__(self, folder: Path, encryption: Encryption, rows: list[dict[Hashable, Any]]):
        self._folder, self._grey = folder, encryption.grey
        self._rows = {row["image_id"]: row for row in rows}
        self.ids = list(self._rows)

    def read(self, image_id: str) -> Bytes:
        """Return a plain picture, which cannot be written to."""
        row = self._rows[image_id]
        found = picture(self._folder / row["file_name"], row["sha256"], self._grey)
        found.flags.writeable = False
        return found

    def some(self, count: int, besides: set[str] | frozenset[str] = frozenset()) -> list[str]:
        """Return the ids of at most `count` pictures, spread evenly, without those in `besides`."""
        ids = [each for each in self.ids if each not in besides]
        return [ids[place] for place in spread(len(ids), count)]


@dataclass(frozen=True)
class Run:
    """An attack on a scheme."""

    attack: Attack
    scheme: KeyedScheme
    pictures: Pictures
    label: str
    seed: int

    def split(self) -> tuple[list[str], list[str]]:
        """Return the ids of the pictures to attack, and of the others to learn from."""
        count = self.attack.pictures
        if not self.attack.training:
            return self.pictures.some(count, besides=self._clear()), []
        # Of few pictures half are left to learn from.
        attacked = self.pictures.some(min(count, max(1, len(self.pictures.ids) // 2)))
        return attacked, self.pictures.some(self.attack.training, besides=set(attacked))

    def _clear(self) -> set[str]:
        """Return the pictures without a box to attack."""
        region = self.scheme.cipher.region
        if region is None or region.boxes is None or not self.attack.needs_pixels:
            return set()
        return set(self.pictures.ids) - region.named()

    def rows(self, levels: list[int]) -> list[Row]:
        """Return the rows of the table, by level and then by picture."""
        attack, (ids, learned_from) = self.attack, self.split()
        others = {each: small(self.pictures.read(each)) for each in self.pictures.some(AVERAGED)}
        found: list[Row] = []
        for level in levels:
            learned = self._learned(level, learned_from) if attack.training else None
            for place, image_id in enumerate(progress.over(ids, f"pictures at level {level}")):
                for row in self._attacked(image_id, level, place, learned, others):
                    if place >= attack.shown:
                        row.pop("png", None)
                    found.append(row)
        return found

    def _learned(self, level: int, ids: list[str]) -> Any:
        if not ids:
            raise LeakageError(
                f"attack {self.label}: no picture is left to learn from; use more pictures"
            )
        views, plains = [], []
        for image_id in ids:
            whole = self.pictures.read(image_id)
            part = middle(whole.shape, self.attack.largest)
            # Copies, so that the rest of a large picture can be forgotten.
            plains.append(whole[part].copy())
            ciphertext = self.scheme.encrypt(image_id, whole, level)
            views.append(self.scheme.view(image_id, ciphertext, level)[part].copy())
        return attacks.fit(self.attack, views, plains, self.scheme.cipher, level, self.seed)

    def _attacked(
        self, image_id: str, level: int, place: int, learned: Any, others: dict[str, Any]
    ) -> Iterator[Row]:
        """Yield a row per reconstruction of a picture: the view, the mean picture, the attack's."""
        whole = self.pictures.read(image_id)
        nonce, box = self._encrypted(image_id, whole.shape)
        alone, inside = self.alone, whole[box]
        ciphertext = alone.encrypt(nonce, inside, level)
        part = middle(inside.shape, self.attack.largest)
        plain, view = inside[part], alone.view(nonce, ciphertext, level)[part]
        target = Target(
            view=view,
            ciphertext=ciphertext[part] if isinstance(ciphertext, np.ndarray) else ciphertext,
            level=level,
            cipher=self.scheme.cipher,
            seed=int(np.random.SeedSequence([self.seed, place, level]).generate_state(1)[0]),
            origin=(part[0].start, part[1].start),
            known=self._known(image_id, plain.shape, level),
            oracle=self._oracle(level),
            learned=learned,
        )
        guess = attacks.reconstruct(self.attack, target)
        baselines = {VIEW: view, MEAN: mean_picture(others, image_id, plain.shape)}
        about = {
            "image_id": image_id,
            "scheme": self.scheme.name,
            "level": level,
            "top": box[0].start + part[0].start,
            "left": box[1].start + part[1].start,
            "height": plain.shape[0],
            "width": plain.shape[1],
            "whole": plain.shape == whole.shape,
        }
        for name, each in baselines.items():
            yield about | {"attack": name} | scores(plain, each)
        own = about | {"attack": self.label} | scores(plain, guess)
        if self.attack.training:
            own |= attacks.about(self.attack, learned)
        if guess is not None:
            own |= attacks.judge(self.attack, plain, guess, self.scheme.cipher, level)
            own["png"] = as_png(guess)
        yield own

    @property
    def alone(self) -> KeyedScheme:
        """The scheme as it encrypts what is attacked: a box of a region like a picture."""
        if not self.attack.needs_pixels:
            return self.scheme
        whole = self.scheme.cipher.model_copy(update={"region": None})
        return KeyedScheme(self.scheme.name, whole, self.scheme.key)

    def _encrypted(self, image_id: str, shape: tuple[int, ...]) -> tuple[str, Place]:
        """Return the id and the place of what is attacked: the largest box, or the picture."""
        region = self.scheme.cipher.region
        if region is None or not self.attack.needs_pixels:
            return image_id, (slice(0, shape[0]), slice(0, shape[1]))
        boxes = region.boxes_in(image_id, shape)
        number = max(range(len(boxes)), key=lambda each: boxes[each].width * boxes[each].height)
        return f"{image_id} box {number}", boxes[number].place

    def _known(self, image_id: str, shape: tuple[int, ...], level: int) -> list[Known]:
        """Return known pairs: other pictures of the dataset, cut or continued to a shape."""
        ids = self.pictures.some(self.attack.pairs, besides={image_id})
        found = []
        for each in ids:
            plain = fitted(self.pictures.read(each), shape)
            found.append(Known(plain, self.alone.encrypt(f"known {each}", plain, level)))
        return found

    def _oracle(self, level: int) -> Any:
        if self.attack.threat != attacks.CHOSEN_PLAINTEXT:
            return None
        asked = iter(range(1_000_000))
        return lambda plain: self.alone.encrypt(f"chosen {next(asked)}", plain, level)


def middle(shape: tuple[int, ...], largest: int | None) -> tuple[slice, slice]:
    """Return the rows and columns of the middle of a picture, of at most `largest` pixels.

    It has the proportions of the picture, and begins at multiples of `ALIGNED`.
    """
    height, width = shape[:2]
    if largest is None or height * width <= largest:
        return slice(0, height), slice(0, width)
    scale = (largest / (height * width)) ** 0.5
    sides = [max(1, int(side * scale)) for side in (height, width)]
    starts = [
        (whole - side) // 2 // ALIGNED * ALIGNED
        for whole, side in zip((height, width), sides, strict=True)
    ]
    rows, columns = (slice(start, start + side) for start, side in zip(starts, sides, strict=True))
    return rows, columns


def fitted(plain: Bytes, shape: tuple[int, ...]) -> Bytes:
    """Return a picture cut to a shape, and mirrored at its ends where it is too small."""
    height, width, channels = shape
    missing = [(0, max(0, want - have)) for want, have in zip(shape[:2], plain.shape, strict=False)]
    found = np.pad(plain, (*missing, (0, 0)), mode="symmetric")[:height, :width]
    if channels == 1:
        return found[..., :1].copy()
    return np.broadcast_to(found, shape).copy()


def as_png(pixels: Bytes) -> bytes:
    """Return a picture as a PNG file."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(stream, "PNG")
    return stream.getvalue()


def _write_pictures(folder: Path, table: pd.DataFrame) -> None:
    """Write the reconstructed pictures as `{image_id}-{level}.png` into a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for row in records(table[table["png"].notna()]):
        with files.whole_file(folder / f"{row.image_id}-{row.level}.png") as temporary:
            temporary.write_bytes(row.png)
