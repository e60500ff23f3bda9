"""Encoders: what turns patches into vectors. One module per kind, imported when it is asked for.

A kind is a module of this folder, or a file of the user's, with one function,

    encode(patches, settings) -> float array of shape (patches, dim)

on a list of uint8 arrays of shape (size, size, channels), and perhaps `Settings`, its entry in the
configuration (without it, `PlugIn`), and `LABEL`, its name in figures. A kind that has to be loaded
first has instead

    load(settings, record, device) -> Encoder

where the record says which weights to load (`leakage.encoders.network.Record`; None for a kind
without weights). Importing a kind imports no torch: the workflow checks its configuration at every
parse, so the libraries of a network are imported inside the functions that run it.
"""

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
import pydantic

from leakage import extras, plugins
from leakage.config import settings
from leakage.errors import LeakageError

# Modules of this folder that are no kinds: what the kinds with a network share.
SHARED = {"hub", "network", "packaged"}
# How many different patches `embed` remembers the embeddings of.
REMEMBERED = 512

Row = TypeVar("Row")


@dataclass(frozen=True)
class Encoder:
    """An encoder that is ready to run.

    Attributes:
        encode: n uint8 arrays of shape (size, size, channels) -> float32 of shape (n, dim).
        label: its name in figures.
        untrained: whether it is a network that has learned nothing.
        batch_size: how many patches `encode` is best given at once.
        device: where it runs: `cpu` or `cuda`.
        libraries: the distributions that its output depends on, beside numpy.
    """

    encode: Callable[[list[np.ndarray]], np.ndarray]
    label: str
    untrained: bool
    batch_size: int
    device: str
    libraries: tuple[str, ...]

    def __call__(self, patches: list[np.ndarray]) -> np.ndarray:
        """Return the embeddings of patches, float32 of shape (n, dim).

        Raises:
            LeakageError: `encode` returned something else.
        """
        return checked(f"encoder {self.label}", self.encode(patches), len(patches))


def checked(where: str, found: Any, patches: int) -> np.ndarray:
    """Return the result of an encoder's `encode`, as float32 (patches, dim).

    Raises:
        LeakageError: it is something else.
    """
    fits = isinstance(found, np.ndarray) and found.ndim == 2 and found.dtype.kind == "f"
    if not fits or len(found) != patches or found.shape[1] == 0:
        raise LeakageError(
            f"{where}: encode returned {plugins.describe(found)} for {patches} patches; expected "
            f"an array of float32 with shape ({patches}, dim)"
        )
    return found.astype(np.float32, copy=False)


class Kind(settings.Settings):
    """The one key that every encoder has: it decides which others there are."""

    model_config = pydantic.ConfigDict(extra="ignore")

    kind: str
    """what encodes: a module of `leakage.encoders`, or the path of a Python file"""


class PlugIn(settings.Settings):
    """The entry of a plug-in without its own `Settings`."""

    kind: str
    """the path of a Python file"""

    batch_size: int = pydantic.Field(64, ge=1, le=100_000)
    """patches per call of `encode`"""

    options: dict[str, Any] = pydantic.Field(default={})
    """free-form options of the plug-in, read as `settings.options["bins"]`"""


def kinds() -> list[str]:
    """Return the names of the kinds of this folder, sorted."""
    return plugins.names(sys.modules[__name__], SHARED)


def module(kind: str) -> ModuleType:
    """Return the module of a kind.

    Raises:
        LeakageError: there is no such kind.
    """
    called_with = {"load": ("settings", "record", "device"), "encode": ("patches", "settings")}
    return plugins.find(sys.modules[__name__], kind, SHARED, "kind", functions=called_with)


def settings_of(kind: str) -> type[settings.Settings]:
    """Return the model of a kind's entry in the configuration."""
    return getattr(module(kind), "Settings", PlugIn)


@extras.named()
def load(entry: Any, record: Any, device: str) -> Encoder:
    """Return the encoder of an entry, ready to run (the record as in the module's `load`).

    Raises:
        LeakageError: the kind needs an extra that is not installed.
    """
    kind = module(entry.kind)
    if hasattr(kind, "load"):
        return kind.load(entry, record, device)

    def encode(patches: list[np.ndarray]) -> np.ndarray:
        where = f"encoder {entry.kind}"
        return checked(where, plugins.call(where, kind.encode, patches, entry), len(patches))

    return Encoder(
        encode=encode,
        label=getattr(kind, "LABEL", Path(entry.kind).stem),
        untrained=False,
        batch_size=getattr(entry, "batch_size", PlugIn.model_fields["batch_size"].default),
        device="cpu",
        libraries=(),
    )


def parse(text: str, where: str) -> Any:
    """Return JSON `text`, a configuration entry as a rule hands it to a step, as its `Settings`."""
    return settings.parse(settings_of(settings.parse(Kind, text, where).kind), text, where)


def needs_weights(entry: Any) -> bool:
    """Return whether an encoder needs the step `weights` before it can embed."""
    return hasattr(entry, "weights")


def needs_plain_patches(entry: Any) -> bool:
    """Return whether the step `weights` has to be given plain patches (see `network.calibrate`)."""
    return needs_weights(entry) and entry.weights == "random"


def embed(
    encoder: Encoder, patches: Iterable[tuple[Row, np.ndarray]]
) -> Iterator[tuple[list[Row], np.ndarray]]:
    """Yield the embeddings of patches in their order, computing equal ones once.

    At high levels many views are equal (at level 8 all of them), and a network takes tens of
    milliseconds per patch. Only the last `REMEMBERED` different patches are compared with, so that
    memory does not grow with the number of patches.

    Args:
        encoder: what embeds a batch.
        patches: what is to be kept with each patch, and the patch, uint8 of shape
            (size, size, channels); read one batch at a time.

    Yields:
        What came with some patches, and their embeddings, float32 of shape (patches, dim).
    """
    known: dict[bytes, np.ndarray] = {}
    rows: list[Row] = []
    contents: list[bytes] = []
    batch: dict[bytes, np.ndarray] = {}
    lengths: set[int] = set()

    def part() -> tuple[list[Row], np.ndarray]:
        if batch:
            new = encoder(list(batch.values()))
            lengths.add(new.shape[1])
            if len(lengths) > 1:
                raise LeakageError(
                    f"encoder {encoder.label}: encode returned embeddings of different lengths "
                    f"({', '.join(map(str, sorted(lengths)))}); expected one for all patches"
                )
            known.update(zip(batch, new, strict=True))
        found = np.stack([known[content] for content in contents])
        for content in list(known)[:-REMEMBERED]:
            del known[content]
        return rows, found

    for row, patch in patches:
        content = hashlib.sha256(repr(patch.shape).encode() + patch.tobytes()).digest()
        rows.append(row)
        contents.append(content)
        if content not in known:
            batch[content] = patch
        if len(batch) == encoder.batch_size or len(rows) == REMEMBERED:
            yield part()
            rows, contents, batch = [], [], {}
    if rows:
        yield part()


def three_channels(pixels: np.ndarray) -> np.ndarray:
    """Return (height, width, 3) from (height, width, 3) or, repeated, from (height, width, 1)."""
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))


def resize_whole(pixels: np.ndarray, size: int) -> np.ndarray:
    """Return a whole picture at an encoder's size, uint8 of shape (size, size, channels).

    It is squashed, not cropped, so that nothing of the picture is left out; bicubic with
    antialiasing (Pillow's). Patches, in contrast, are never resized.
    """
    # Pillow takes 0.1 s to import, which a parse of the Snakefile does not spend.
    from PIL import Image

    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    resized = np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))
    return resized.reshape(size, size, pixels.shape[2])
