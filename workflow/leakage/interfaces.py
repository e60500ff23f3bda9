"""What the parts of the workflow expect of each other: one Protocol per noun.

An entry of the configuration is an object of one of these kinds: it carries its settings as
attributes and does the work in its methods. Each folder of nouns has a base class with the defaults
(`leakage.schemes.Cipher`, `leakage.encoders.Encoder`, …), from which the modules of the folder and
plug-ins derive. What an entry can do is declared in class attributes.

Shapes: a picture is uint8 of shape (height, width, channels) with 1 or 3 channels. Pairs are
x of shape (pairs, dim_x) and y of shape (levels, pairs, dim_y).
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Drawn

    from leakage.analysis.tables import Table
    from leakage.config.models import Config
    from leakage.encoders.weights import Weights
    from leakage.schemes.keystream import Keystream

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Row = dict[str, Any]
Representation = Literal["pixels", "embeddings"]


class Dataset(Protocol):
    """The pictures: an entry of `dataset`."""

    download_options: ClassVar[frozenset[str]]
    """settings that say how pictures are downloaded, and do not change which"""

    def expected(self) -> int:
        """Return the largest possible number of pictures, known before any download."""

    def content(self) -> list[tuple[str, int]]:
        """Return name and size in bytes of every file of the user's that belongs to the dataset."""

    def folder(self, run: Path) -> Path:
        """Return the folder that `file_name` in the manifest is relative to.

        Args:
            run: the folder `pictures` of the run.
        """

    def collect(self, pictures: Path, patch_size: int) -> tuple[list[Row], list[Row]]:
        """Return the rows of the manifest, and those of the skipped pictures."""


class Scheme(Protocol):
    """A cipher with its settings: an entry of `encryption.schemes`."""

    level_label: ClassVar[str]
    """what a level counts, for axes"""
    encrypts: ClassVar[bool]
    """False if the pictures come encrypted: then `read` is called, and no key is needed"""
    has_inverse: ClassVar[bool]
    """whether `decrypt` gives the picture back"""

    @property
    def levels(self) -> list[int]:
        """The levels to measure, sorted; 0 is the plain picture."""

    def encrypt(self, pixels: Bytes, level: int, keystream: "Keystream") -> Bytes:
        """Return the ciphertext of a picture at a level above 0, of the same shape."""

    def decrypt(self, pixels: Bytes, level: int, keystream: "Keystream") -> Bytes:
        """Return the picture of a ciphertext."""

    def read(self, image_id: str, plain: Bytes, level: int) -> Bytes:
        """Return a picture that another program encrypted, of the shape of `plain`."""

    def files(self, level: int) -> list[str]:
        """Return the files that `read` reads at a level."""

    def view_of(self, ciphertext: Bytes, level: int, keystream: "Keystream") -> Bytes:
        """Return the view of a ciphertext, of the same shape."""

    def clear_bits(self, level: int) -> float | None:
        """Return the largest number of bits per pixel that a view reveals; None if unknown."""

    def strength(self, level: int) -> float | None:
        """Return the strength of a level from 0 (plain) to 1; None if unknown."""

    def nested(self) -> bool:
        """Return whether each level's view is a function of a lower level's view."""


class Encoder(Protocol):
    """Turns patches into vectors: an entry of `encoders`."""

    needs_weights: ClassVar[bool]
    """whether `find_weights` has to run before `load`"""
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

    def load(self, weights: "Weights | None", device: str) -> "LoadedEncoder":
        """Return the encoder, ready to run; `weights` is None if it does not need them."""


class LoadedEncoder(Protocol):
    """An encoder that is ready to run."""

    @property
    def label(self) -> str:
        """Its name in figures."""

    @property
    def untrained(self) -> bool:
        """Whether it is a network with random weights."""

    @property
    def batch_size(self) -> int:
        """Patches per call."""

    @property
    def device(self) -> str:
        """Where it runs: `cpu` or `cuda`."""

    @property
    def libraries(self) -> tuple[str, ...]:
        """The distributions that the embeddings depend on, besides numpy."""

    def __call__(self, patches: list[Bytes]) -> NDArray[np.float32]:
        """Return the embeddings of n patches, float32 of shape (n, dim)."""


class Estimator(Protocol):
    """Estimates mutual information per level: an entry of `estimators`."""

    reads: ClassVar[frozenset[Representation]]
    """which representations it accepts"""
    reads_whole_pictures: ClassVar[bool]
    """whether it reads all pixels, through `estimate_pictures`, and not drawn pairs"""
    trains: ClassVar[bool]
    """whether it trains networks, and so profits from several threads"""
    uses_gpu: ClassVar[bool]
    resumes: ClassVar[bool]
    """whether it accepts a checkpoint and resumes after an interruption"""
    tests: ClassVar[bool]
    """whether a verdict can rest on it: its table has a held-out p-value per level"""

    @property
    def pixel_pairs(self) -> int:
        """Number of pairs of pixel values to draw from the pictures."""

    @property
    def runs_on(self) -> Literal["auto", "cpu", "cuda"]:
        """The device to run on."""

    inherits: ClassVar[tuple[str, ...]]
    """settings that default to the top-level ones of the configuration"""

    def estimate(
        self,
        x: NDArray[Any],
        y: NDArray[Any],
        groups: NDArray[Any] | None,
        levels: list[int],
        seed: int,
    ) -> "pd.DataFrame | NDArray[Any]":
        """Return the tidy table (`leakage.estimators.tables.tidy`), or nats of shape (levels,).

        If the estimator `resumes`, it accepts a `checkpoint` as well.
        """

    def estimate_pictures(
        self, pictures: Iterable[tuple[NDArray[Any], NDArray[Any]]], levels: list[int], seed: int
    ) -> "pd.DataFrame | NDArray[Any]":
        """Return the same from whole pictures, one by one.

        Args:
            pictures: plain pixels (pixels, channels) and views (levels, pixels, channels).
            levels: the levels' names.
            seed: random seed.
        """


class Test(Protocol):
    """A test of "plain and view are independent", with a p-value per level."""

    def test(
        self, x: Floats, y: Floats, groups: NDArray[Any], levels: list[int], seed: int
    ) -> "pd.DataFrame":
        """Return one row per level and statistic, with `p_value`."""


class Measure(Protocol):
    """A classic measure of visual or statistical security."""

    name: ClassVar[str]
    """its column in the table of measures"""

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of one picture."""


class Wanted(NamedTuple):
    """A table that a figure reads."""

    estimator: str
    """a key of `estimators`, `measures` or `analysis`"""
    representation: str
    scheme: str | None = None
    """a key of `encryption.schemes`; None: the figure's own scheme"""


class Analysis(Protocol):
    """A table made from other tables, in the folder `analysis` of the results."""

    per_scheme: ClassVar[bool]
    """whether there is a table for each scheme"""

    def tables(self, config: "Config", pictures: int) -> Mapping[str, Wanted]:
        """Return the tables to read, by their role.

        Args:
            config: the whole configuration.
            pictures: the largest possible number of pictures in the dataset.
        """

    def table(self, tables: "Mapping[str, Table]", confidence: float) -> "pd.DataFrame":
        """Return the table from those that were asked for; `confidence` is that of verdicts."""


class Figure(Protocol):
    """A figure: which tables it reads, and how it is drawn."""

    reference: str
    """its name in the configuration, or the path of a file"""
    title: str
    """a few words on its content, for the report"""
    per_scheme: ClassVar[bool]
    """whether it shows one scheme, and so is drawn for each of `figures_of`"""
    per_representation: ClassVar[bool]
    """whether it is drawn once for each of `representations`"""
    reads_views: ClassVar[bool]
    """whether `draw` is given views and no tables"""

    @property
    def name(self) -> str:
        """Its name in paths."""

    @property
    def template(self) -> str:
        """Its caption, with fields for `numbers`."""

    def tables(self, config: "Config", representation: str) -> Mapping[str, Wanted]:
        """Return the tables to read, by their role in the figure."""

    def draw(self, tables: Any) -> "tuple[Drawn, pd.DataFrame]":
        """Return the figure, and the table behind it.

        Args:
            tables: `leakage.analysis.tables.Table` by role; if `reads_views`, a list of views.
        """

    def numbers(self, table: "pd.DataFrame") -> dict[str, Any]:
        """Return the numbers of the table behind it that its caption mentions."""


if TYPE_CHECKING:
    from leakage import analysis, datasets, encoders, estimators, figures, measures, schemes
    from leakage.protocol.permutation_test import PermutationTest

    # The type checker compares the base classes with the Protocols.
    def _dataset(found: datasets.Dataset) -> Dataset:
        return found

    def _scheme(found: schemes.Cipher) -> Scheme:
        return found

    def _encoder(found: encoders.Encoder) -> Encoder:
        return found

    def _loaded(found: encoders.LoadedEncoder) -> LoadedEncoder:
        return found

    def _estimator(found: estimators.Estimator) -> Estimator:
        return found

    def _test(found: PermutationTest) -> Test:
        return found

    def _measure(found: measures.Measure) -> Measure:
        return found

    def _analysis(found: analysis.Analysis) -> Analysis:
        return found

    def _figure(found: figures.Figure) -> Figure:
        return found
