"""What the parts of the workflow expect of each other: one Protocol per noun.

An entry of the configuration is an object of one of these kinds: it carries its settings as
attributes and does the work in its methods. Each folder of nouns has a base class with the defaults
and the details (`leakage.schemes.Cipher`, `leakage.encoders.Encoder`, …), from which its modules
and plug-ins derive. What an entry can do is declared in class attributes.

Shapes: a picture is uint8 of shape (height, width, channels) with 1 or 3 channels. Pairs are
x of shape (pairs, dim_x) and y of shape (levels, pairs, dim_y).
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure
    import pandas as pd

    from leakage.analysis.tables import Table
    from leakage.attacks import Target
    from leakage.config.models import Config
    from leakage.encoders.weights import Weights
    from leakage.schemes import Cipher
    from leakage.schemes.keystream import Keystream
    from leakage.security import Accepted, Check
    from leakage.security.case import Case

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Row = dict[str, Any]
Representation = Literal["pixels", "embeddings"]
# Texts, because these modules are slow to import.
Axes: TypeAlias = "matplotlib.axes.Axes"
Canvas: TypeAlias = "matplotlib.figure.Figure"
Configuration: TypeAlias = "Config"
Frame: TypeAlias = "pd.DataFrame"
Series: TypeAlias = "pd.Series"


class Dataset(Protocol):
    """The pictures: an entry of `dataset`."""

    download_options: ClassVar[frozenset[str]]

    def expected(self) -> int:
        """Return the largest possible number of pictures, known before any download."""

    def content(self) -> list[tuple[str, int]]:
        """Return name and size in bytes of every file of the user's that belongs to the dataset."""

    def folder(self, run: Path) -> Path:
        """Return the folder that `file_name` in the manifest is relative to."""

    def collect(self, pictures: Path, patch_size: int) -> tuple[list[Row], list[Row]]:
        """Return the rows of the manifest, and those of the skipped pictures."""


class Scheme(Protocol):
    """A cipher with its settings: an entry of `encryption.schemes`."""

    level_label: ClassVar[str]
    encrypts: ClassVar[bool]
    has_inverse: ClassVar[bool]
    pixelwise: ClassVar[bool]
    returns_bytes: ClassVar[bool]

    @property
    def levels(self) -> list[int]:
        """The levels to measure, sorted; 0 is the plain picture."""

    def encrypt(self, pixels: Bytes, level: int, keystream: "Keystream") -> Bytes | bytes:
        """Return the ciphertext at a level above 0: a picture of the same shape, or bytes."""

    def decrypt(self, pixels: Any, level: int, keystream: "Keystream") -> Bytes:
        """Return the picture of a ciphertext."""

    def read(self, image_id: str, plain: Bytes, level: int) -> Bytes | bytes:
        """Return a ciphertext of another program: a picture of the shape of `plain`, or bytes."""

    def files(self, level: int) -> list[str]:
        """Return the files that `read` reads at a level."""

    def view_of(self, ciphertext: Any, level: int, keystream: "Keystream") -> Bytes:
        """Return the view of a ciphertext, of the shape of the plain picture."""

    def clear_bits(self, level: int) -> float | None:
        """Return the largest number of bits per pixel that a view reveals; None if unknown."""

    def strength(self, level: int) -> float | None:
        """Return the strength of a level from 0 (plain) to 1; None if unknown."""

    def nested(self) -> bool:
        """Return whether each level's view is a function of a lower level's view."""


class Encoder(Protocol):
    """Turns patches into vectors: an entry of `encoders`."""

    needs_weights: ClassVar[bool]
    uses_gpu: ClassVar[bool]

    @property
    def needs_plain_patches(self) -> bool:
        """Whether `find_weights` needs plain patches."""

    def files(self) -> list[str]:
        """Return the user's files that the encoder reads."""

    def find_weights(
        self, size: int, seed: int, device: str, plain: Callable[[], list[Bytes]], where: str
    ) -> "Weights":
        """Return which weights the encoder has, downloading them if needed."""

    def load(self, weights: "Weights | None", device: str) -> Callable[[list[Bytes]], Floats]:
        """Return a function from n patches to embeddings, float32 of shape (n, dim)."""


class Estimator(Protocol):
    """Estimates mutual information per level: an entry of `estimators`."""

    reads: ClassVar[frozenset[Representation]]
    reads_whole_pictures: ClassVar[bool]
    trains: ClassVar[bool]
    uses_gpu: ClassVar[bool]
    resumes: ClassVar[bool]
    tests: ClassVar[bool]
    comparable: ClassVar[bool]
    counts: ClassVar[bool]
    inherits: ClassVar[tuple[str, ...]]

    @property
    def pixel_pairs(self) -> int:
        """Number of pairs of pixel values to draw from the pictures."""

    @property
    def runs_on(self) -> Literal["auto", "cpu", "cuda"]:
        """The device to run on."""

    def estimate(
        self,
        x: NDArray[Any],
        y: NDArray[Any],
        groups: NDArray[Any] | None,
        levels: list[int],
        seed: int,
    ) -> "Frame | NDArray[Any]":
        """Return the tidy table (`leakage.estimators.tables.tidy`), or nats of shape (levels,)."""

    def estimate_pictures(
        self, pictures: Iterable[tuple[NDArray[Any], NDArray[Any]]], levels: list[int], seed: int
    ) -> "Frame | NDArray[Any]":
        """Return the same from whole pictures: plain pixels (n, channels), views (levels, …)."""


class Test(Protocol):
    """A test of "plain and view are independent", with a p-value per level."""

    def test(
        self, x: Floats, y: Floats, groups: NDArray[Any], levels: list[int], seed: int
    ) -> Frame:
        """Return one row per level and statistic, with `p_value`."""


class Measure(Protocol):
    """A classic measure of visual or statistical security."""

    name: ClassVar[str]

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of one picture."""


class Checks(Protocol):
    """Tests of a ciphertext that reviewers ask for, computed together."""

    tests: "ClassVar[tuple[Check, ...]]"

    def values(self, case: "Case") -> tuple[float, ...]:
        """Return the value of each test; NaN where it is not defined."""

    def accepted(self, shape: tuple[int, int, int]) -> "tuple[Accepted, ...]":
        """Return what each test accepts of random bytes of a shape."""


class Attack(Protocol):
    """An adversary's attempt to get a picture back: an entry of `attacks`."""

    threat: ClassVar[Literal["ciphertext_only", "known_plaintext", "chosen_plaintext"]]
    uses_gpu: ClassVar[bool]

    @property
    def largest(self) -> int | None:
        """Most pixels to attack: of a larger picture the middle; None: always whole pictures."""

    @property
    def pairs(self) -> int:
        """Number of known pairs to be given with each target."""

    @property
    def training(self) -> int:
        """Most pictures to train on, which are then not attacked; 0: the attack learns nothing."""

    @property
    def runs_on(self) -> Literal["auto", "cpu", "cuda"]:
        """The device to run on."""

    def applies(self, cipher: "Cipher", level: int) -> bool:
        """Return whether the attack makes sense on a cipher at a level above 0."""

    def fit(
        self, views: list[Bytes], plains: list[Bytes], cipher: "Cipher", level: int, seed: int
    ) -> Any:
        """Return what is learned from other pictures at a level, as `Target.learned`."""

    def about(self, learned: Any) -> Mapping[str, float | str]:
        """Return what `fit` found, by the name of its column."""

    def reconstruct(self, target: "Target") -> Bytes | None:
        """Return the picture, of the shape of the target's view; None if the attack gives up."""

    def judge(
        self, plain: Bytes, guess: Bytes, cipher: "Cipher", level: int
    ) -> Mapping[str, float]:
        """Return further numbers on a reconstruction, by the name of their column."""


class Wanted(NamedTuple):
    """A table that a figure reads."""

    estimator: str
    """a key of `estimators`, or `measures`, `analysis` or `attacks`"""
    representation: str
    """a representation; of `analysis` the table's name, of `attacks` a key of it"""
    scheme: str | None = None
    """a key of `encryption.schemes`; None: the figure's own scheme"""


class Analysis(Protocol):
    """A table made from other tables, in the folder `analysis` of the results."""

    per_scheme: ClassVar[bool]

    def tables(self, config: Configuration, pictures: int) -> Mapping[str, Wanted]:
        """Return the tables to read, by their role; of a dataset of at most `pictures`."""

    def table(self, tables: "Mapping[str, Table]", confidence: float) -> Frame:
        """Return the table from those that were asked for; `confidence` is that of verdicts."""


class Figure(Protocol):
    """A figure: which tables it reads, and how it is drawn."""

    reference: str
    title: str
    per_scheme: ClassVar[bool]
    per_compared: ClassVar[bool]
    per_representation: ClassVar[bool]
    reads_views: ClassVar[bool]
    adds_views: ClassVar[bool]

    @property
    def name(self) -> str:
        """Its name in paths."""

    @property
    def template(self) -> str:
        """Its caption, with fields for `numbers`."""

    def tables(self, config: Configuration, representation: str) -> Mapping[str, Wanted]:
        """Return the tables to read, by their role in the figure."""

    def draw(self, tables: Any) -> tuple[Canvas, Frame]:
        """Return the figure, and the table behind it."""

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return the numbers of the table behind it that its caption mentions."""


if TYPE_CHECKING:
    from leakage import (
        analysis,
        attacks,
        datasets,
        encoders,
        estimators,
        figures,
        measures,
        schemes,
        security,
    )
    from leakage.protocol.permutation_test import PermutationTest

    # The type checker compares the base classes with the Protocols.
    def _conform(
        dataset: datasets.Dataset,
        scheme: schemes.Cipher,
        encoder: encoders.Encoder,
        estimator: estimators.Estimator,
        test: PermutationTest,
        measure: measures.Measure,
        checks: security.Checks,
        attack: attacks.Attack,
        made: analysis.Analysis,
        figure: figures.Figure,
    ) -> tuple[
        Dataset, Scheme, Encoder, Estimator, Test, Measure, Checks, Attack, Analysis, Figure
    ]:
        return (
            *(dataset, scheme, encoder, estimator, test),
            *(measure, checks, attack, made, figure),
        )
