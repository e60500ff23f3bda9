"""Encoders turn patches into vectors: an entry of `encoders` is an object of a class derived here.

Each kind is a module of this folder, or a Python file of the user's, with one class derived from
`Encoder`. Its fields are the keys of the entry. It defines `encode`, or `load` if something must be
loaded first. Importing a kind imports no torch: the Snakefile imports all kinds at every start.
"""

import functools
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
import pydantic
from numpy.typing import NDArray

from leakage import plugins
from leakage.config import settings
from leakage.errors import LeakageError
from leakage.interfaces import Bytes

if TYPE_CHECKING:
    from leakage.encoders.weights import Weights

SHARED = {"batch_norm", "hub", "network", "packaged", "presets", "tensors", "weights"}
"""modules of this folder that are not a kind"""
CHANGE = 0.01
"""how much the embedding of a patch may depend on its batch, relative to its length"""
REMEMBERED = 512
"""how many different patches `embed` remembers the embeddings of"""

Vectors = NDArray[np.float32]
Row = TypeVar("Row")


@dataclass(frozen=True)
class LoadedEncoder:
    """An encoder that is ready to run.

    Attributes:
        encode: n uint8 arrays of shape (size, size, channels) -> float32 of shape (n, dim).
        label: its name in figures.
        untrained: whether it is a network with random weights.
        batch_size: patches per call of `encode`.
        device: where it runs: `cpu` or `cuda`.
        libraries: the distributions that its embeddings depend on, besides numpy.
        name: its name in messages; empty: the label.
    """

    encode: Callable[[list[Bytes]], Any]
    label: str
    untrained: bool = False
    batch_size: int = 64
    device: str = "cpu"
    libraries: tuple[str, ...] = ()
    name: str = ""

    def __call__(self, patches: list[Bytes]) -> Vectors:
        """Return the embeddings of patches, float32 of shape (n, dim)."""
        found, count = self.encode(patches), len(patches)
        fits = isinstance(found, np.ndarray) and found.ndim == 2 and found.dtype.kind == "f"
        if not fits or len(found) != count or found.shape[1] == 0:
            raise LeakageError(
                f"encoder {self.name or self.label}: encode returned {plugins.describe(found)} for "
                f"{count} patches; expected an array of float32 with shape ({count}, dim)"
            )
        vectors: Vectors = found.astype(np.float32, copy=False)
        return vectors


class Encoder(settings.Settings):
    """Base class of all encoders, with the keys that they share."""

    needs_weights: ClassVar[bool] = False
    """whether `find_weights` has to run before `load`"""
    uses_gpu: ClassVar[bool] = False
    label: ClassVar[str] = ""
    """its name in figures; empty: the file's name"""

    kind: str
    """a module of `leakage.encoders`, or the path of a Python file"""
    batch_size: int = pydantic.Field(64, ge=1, le=100_000)
    """patches per call of the encoder"""

    @property
    def needs_plain_patches(self) -> bool:
        """Whether `find_weights` needs plain patches."""
        return False

    def check(self, size: int, where: str) -> None:
        """Refuse what only the encoder's library can check, without a download.

        Args:
            size: side of a patch in pixels.
            where: the entry, for the message.

        Raises:
            LeakageError: an unknown model or tag, or patches of a size that it does not accept.
        """

    def files(self) -> list[str]:
        """Return the user's files that the encoder reads."""
        return []

    def find_weights(
        self, size: int, seed: int, device: str, plain: Callable[[], list[Bytes]], where: str
    ) -> "Weights":
        """Return which weights the encoder has, downloading them if needed.

        Args:
            size: side of a patch, in pixels.
            seed: of a random network.
            device: `auto`, `cpu` or `cuda`.
            plain: returns plain patches, uint8 arrays of shape (size, size, channels).
            where: the entry's place in the configuration, for messages.

        Raises:
            LeakageError: the weights cannot be found or do not fit, or the encoder has none.
        """
        raise LeakageError(f"{where}: an encoder of kind {self.kind} has no weights to find")

    def load(self, weights: "Weights | None", device: str) -> LoadedEncoder:
        """Return the encoder, ready to run.

        Args:
            weights: what `find_weights` found; None if the encoder does not need weights.
            device: `auto`, `cpu` or `cuda`.
        """
        encode = functools.partial(plugins.call, f"encoder {self.kind}", self.encode)
        label = self.label or Path(self.kind).stem
        return LoadedEncoder(encode, label, batch_size=self.batch_size, name=self.kind)

    def encode(self, patches: list[Bytes]) -> Any:
        """Return the embeddings of n uint8 arrays of shape (size, size, channels)."""
        raise NotImplementedError(f"{type(self).__name__} defines neither encode nor load")


class _AnyKind(settings.Settings):
    """The key that decides which other keys an entry has."""

    model_config = pydantic.ConfigDict(extra="ignore")

    kind: str


def kinds() -> list[str]:
    """Return the sorted names of the kinds in this folder."""
    return plugins.names(sys.modules[__name__], SHARED)


def encoder_class(kind: str) -> type[Encoder]:
    """Return the class of a kind."""
    methods = {"load": ("weights", "device"), "encode": ("patches",)}
    return plugins.find_class(sys.modules[__name__], kind, Encoder, SHARED, "kind", methods)


def parse(text: str, where: str) -> Encoder:
    """Return the encoder of a configuration entry, given as JSON text."""
    kind = settings.parse(_AnyKind, text, where).kind
    entry: Encoder = settings.parse(encoder_class(kind), text, where)
    return entry


def embed(
    encoder: LoadedEncoder, patches: Iterable[tuple[Row, Bytes]]
) -> Iterator[tuple[list[Row], Vectors]]:
    """Yield the embeddings of patches in their order, computing those of equal patches once.

    At high levels many views are equal (at level 8 all of them), and a network takes tens of
    milliseconds per patch. Each patch is compared with the last `REMEMBERED` different ones only,
    so that the memory does not grow with the number of patches.

    Args:
        encoder: embeds a batch.
        patches: pairs of any object and a patch, uint8 of shape (size, size, channels); read one
            batch at a time.

    Yields:
        The objects of some patches, and their embeddings, float32 of shape (patches, dim).
    """
    known: dict[bytes, Vectors] = {}
    rows: list[Row] = []
    contents: list[bytes] = []
    batch: dict[bytes, Bytes] = {}
    lengths: set[int] = set()

    def part() -> tuple[list[Row], Vectors]:
        if batch:
            new = encoder(list(batch.values()))
            if encoder.name and not known:
                _refuse_changing(encoder, next(iter(batch.values())), new[0])
            lengths.add(new.shape[1])
            if len(lengths) > 1:
                raise LeakageError(
                    f"encoder {encoder.name or encoder.label}: encode returned embeddings of "
                    f"different lengths ({', '.join(map(str, sorted(lengths)))}); expected one for "
                    "all patches"
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


def _refuse_changing(encoder: LoadedEncoder, patch: Bytes, first: Vectors) -> None:
    """Refuse a user's encoder that gives a patch another embedding on its own than in a batch."""
    alone = encoder([patch])[0]
    if np.linalg.norm(alone - first) > CHANGE * np.linalg.norm(first):
        raise LeakageError(
            f"encoder {encoder.name}: encode gave one patch two different embeddings, in a batch "
            "and alone; put the network into eval mode (dropout and BatchNorm change in training "
            "mode), and seed what is random"
        )


def three_channels(pixels: Bytes) -> Bytes:
    """Return (height, width, 3) from (height, width, 3) or, repeated, from (height, width, 1)."""
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))


def resize_whole(pixels: Bytes, size: int) -> Bytes:
    """Return a whole picture at an encoder's size, uint8 of shape (size, size, channels).

    It is squashed, not cropped, so that nothing is left out; bicubic with antialiasing (Pillow's).
    Patches, in contrast, are never resized.
    """
    from PIL import Image

    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    resized = np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))
    return resized.reshape(size, size, pixels.shape[2])
