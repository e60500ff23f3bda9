"""The configuration as types; docs/configuration.md and the JSON schema are made from them.

An entry of a dataset, scheme, encoder or estimator is an object of the class that it names
(`leakage.config.entries`). Importing this module imports no torch.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from leakage import attacks, encoders, estimators, schemes
from leakage.attacks import Attack
from leakage.config.entries import Choice, at_key, by_name
from leakage.config.paths import (
    ANALYSIS,
    ATTACKS,
    MEASURES,
    NOISE,
    PIXELS,
    PLAIN,
    SECURITY,
    TESTS,
    WHOLE,
)
from leakage.config.settings import PathText, Settings, path, shown
from leakage.datasets.coco import Coco
from leakage.datasets.folder import Folder
from leakage.datasets.photographs import Photographs
from leakage.encoders import Encoder
from leakage.estimators import Estimator
from leakage.schemes import Cipher

KEY = r"[A-Za-z0-9][A-Za-z0-9_.]*(-[A-Za-z0-9_.]+)*"
LONGEST_KEY = 64
# The figures of a scheme are in a folder of its name, beside files such as fig1.png.
TAKEN = (".png", ".pdf", ".csv", ".json", ".parquet", ".sha256", ".md", ".html", ".log", ".tsv")
RESERVED = (PIXELS, PLAIN, NOISE, MEASURES, SECURITY, TESTS, ANALYSIS, ATTACKS)
CIPHERS = Choice("cipher", schemes.names, schemes.cipher_class, named=True)
ENCODERS = Choice("kind", encoders.kinds, encoders.encoder_class)
ESTIMATORS = Choice("method", estimators.names, estimators.estimator_class, named=True)
ATTACK_METHODS = Choice("method", attacks.names, attacks.attack_class, named=True)


def _name(key: str) -> str:
    import re

    fits = len(key) <= LONGEST_KEY and re.fullmatch(KEY, key) is not None
    if not fits or key.endswith((WHOLE, *TAKEN)) or key in RESERVED:
        raise ValueError(
            f"a name is part of file names; expected at most {LONGEST_KEY} letters, digits, _ . "
            f"and -, not ending in {WHOLE} or like a file ({', '.join(TAKEN)}), and not "
            f"{', '.join(RESERVED)}"
        )
    return key


Name = Annotated[str, pydantic.AfterValidator(_name)]
TaskPairs = Annotated[int, pydantic.Field(ge=100, le=10**9)]
TaskDraws = Annotated[int, pydantic.Field(ge=1, le=1000)]
Pictures = Annotated[int, pydantic.Field(ge=4, le=100_000)]
EncoderEntry = Annotated[Encoder, ENCODERS]
Schemes = Annotated[
    dict[Name, Annotated[Cipher, CIPHERS]], pydantic.BeforeValidator(by_name(CIPHERS))
]
Encoders = Annotated[dict[Name, EncoderEntry], pydantic.BeforeValidator(by_name(ENCODERS))]
Estimators = Annotated[
    dict[Name, Annotated[Estimator, ESTIMATORS]], pydantic.BeforeValidator(by_name(ESTIMATORS))
]
Attacks = Annotated[
    dict[Name, Annotated[Attack, ATTACK_METHODS]], pydantic.BeforeValidator(by_name(ATTACK_METHODS))
]


def _without_null(branch: object) -> object:
    """Return a branch without the entries that are null, which a later file removed."""
    if not isinstance(branch, dict):
        return branch
    return {key: value for key, value in branch.items() if value is not None}


Removable = pydantic.BeforeValidator(_without_null)


class Dataset(Settings):
    """The pictures: the chosen kind of dataset, and one branch per kind."""

    name: Literal["coco", "photographs", "folder"]
    """the kind of dataset; only the branch with this name is used"""
    shard_size: int = pydantic.Field(default=1000, ge=1)
    """pictures per job; a larger dataset is encrypted and embedded in parts of this size"""
    grey: Literal["keep", "rgb"] = "keep"
    """grey pictures: keep their one channel, or encrypt them as RGB with three equal channels. The
    number of channels is never encrypted, so with `keep` even the scheme `full` tells grey pictures
    from coloured ones, and that is found as a leak"""
    coco: Coco | None = None
    """the largest pictures of one split of COCO, downloaded from its host or a mirror"""
    photographs: Photographs | None = None
    """photographs in the packages scikit-image, scikit-learn and matplotlib, without a download"""
    folder: Folder | None = None
    """your own pictures: all picture files in a folder and its subfolders"""

    @pydantic.model_validator(mode="after")
    def _chosen_is_there(self) -> "Dataset":
        _ = self.chosen
        return self

    @property
    def chosen(self) -> Coco | Photographs | Folder:
        """The branch of the chosen kind."""
        branches = {"coco": self.coco, "photographs": self.photographs, "folder": self.folder}
        if (found := branches[self.name]) is None:
            raise at_key(self.name, "missing; the chosen kind of dataset needs its branch")
        return found


class Encryption(Settings):
    """The key and the encryption schemes."""

    key_file: PathText
    """file with the key of all schemes: 64 hexadecimal digits, as from `openssl rand -hex 32`"""
    schemes: Schemes
    """the schemes, under names of your choice, which appear in paths, tables and figures"""


class Patches(Settings):
    """The patches of a view, and how many of them an estimator reads."""

    size: int = pydantic.Field(default=224, ge=8, le=65_536)
    """side of a patch, in pixels; patches are cut out, never resized"""
    per_image: int = pydantic.Field(default=9, ge=1, le=10_000)
    """patches per picture; their places are random, and the same at every level"""
    per_estimate: int = pydantic.Field(default=10_000, ge=3)
    """most patches for one estimate, from as many pictures as possible"""


class Paper(Settings):
    """The encoders and the scheme of figures 1 to 8."""

    clip: str
    """the encoder in place of the paper's CLIP"""
    resnet: str
    """the encoder in place of the paper's ResNet"""
    scheme: str = "msb_xor"
    """the scheme in place of the paper's XOR of most significant bits"""
    histogram: str = "histogram"
    """the entry of `estimators` that counts pairs of pixel values, for Figure 2"""
    cosine: str = "cosine"
    """the entry of `estimators` for Figure 3a"""
    rounded_histogram: str = "rounded_histogram"
    """the entry of `estimators` for Figure 3b"""
    training: str = "mine_training"
    """the entry of `estimators` with MINE's training curves, for Figures 4 to 8"""


class Rescaled(Settings):
    """Two estimators whose values must be equal: one with rescaled views and one without."""

    plain: str
    """the entry of `estimators` without rescaling"""
    rescaled: str
    """the entry of `estimators` with `rescale`"""


class Comparisons(Settings):
    """The schemes and estimators that the figures beyond the paper compare."""

    schemes: list[str] = pydantic.Field(default=[])
    """schemes in the figures `schemes`, `verdict`, `visual_security` and `classics`"""
    estimators: list[str] = pydantic.Field(default=[])
    """held-out entries of `estimators` in the figure `estimators`"""
    reidentification: str = "reidentification"
    """the entry of `estimators` in the figures `reidentification`, `pretraining` and `classics`"""
    pixel_critics: Annotated[dict[str, str], Removable] = pydantic.Field(default={})
    """entries of `estimators` in the figure `pixel_critics`, by how the critic reads a byte"""
    rescaled: Rescaled | None = None
    """the pair in the figure `consistency`; null leaves the check out"""


class Tests(Settings):
    """The exact permutation tests of independence over whole pictures."""

    permutations: int = pydantic.Field(default=999, ge=19, le=1_000_000)
    """random orders of the pictures; all distinct orders are used if there are fewer"""
    pairs: int = pydantic.Field(default=1000, ge=20, le=10_000)
    """most patches in a test, from as many pictures as possible; the run time grows with the square
    of this number"""


class Verdict(Settings):
    """How the verdict is decided: by the exact tests and a held-out estimator."""

    estimator: str = "mine"
    """a held-out entry of `estimators`; its value is shown with the verdict, and its p-values count
    with those of the exact tests"""
    pixels: str | None = None
    """the entry of `estimators` in its place for the representation `pixels`; null: none"""
    confidence: float = pydantic.Field(default=0.95, gt=0.5, lt=1)
    """1 minus the chance of any false leak among the levels of a scheme; also the confidence of the
    held-out estimators' intervals"""


class Calibration(Settings):
    """The estimators and tasks of the calibration, and the pairs and draws of each."""

    estimators: list[str] = pydantic.Field(default=[])
    """the entries of `estimators` to calibrate"""
    tasks: Annotated[dict[str, TaskPairs], Removable] = pydantic.Field(default={})
    """pairs per draw, by the name of the task; null removes the task"""
    only: list[str] = pydantic.Field(default=[])
    """run only these of the `tasks`; empty: all"""
    subsets: dict[str, list[str] | None] = pydantic.Field(default={})
    """by the name of an estimator, the `tasks` that it runs on; null: all"""
    seeds: int = pydantic.Field(default=3, ge=1, le=1000)
    """draws per task, for bias and standard deviation"""
    draws: dict[str, TaskDraws] = pydantic.Field(default={})
    """draws of single tasks in place of `seeds`, by the name of the task"""
    encoder: EncoderEntry = pydantic.Field(default={"kind": "statistics"}, validate_default=True)
    """an entry as in `encoders`, for the tasks with encoded pictures; its weights must be on this
    machine or in its cache"""
    settings: dict[str, Any] = pydantic.Field(default={})
    """settings that replace those of each estimator, if it has them"""
    verdict_draws: int = pydantic.Field(default=1000, ge=1, le=100_000)
    """fewest families of levels without a leak, for the error of the verdict; a quarter as many are
    drawn for each strength of a leak, for its power"""
    verdict_trained: int = pydantic.Field(default=20, ge=0, le=100_000)
    """families of these on which the verdict's estimator is trained, which takes far longer"""
    verdict_pictures: list[Pictures] = pydantic.Field(default=[9, 30, 100], min_length=1)
    """numbers of pictures per family, each with equal and with unequal numbers of patches"""


class Report(Settings):
    """The parts of the report in addition to the figures."""

    security: bool = True
    """whether the report has the table that reviewers of image encryption ask for: NPCR, UACI,
    chi-square and others, at the strongest level of each compared scheme"""
    calibration: bool = False
    """whether the report runs and shows the calibration (that of config.yaml takes an hour) instead
    of quoting docs/calibration.md"""


class Config(Settings):
    """The whole configuration."""

    results: str
    """folder of all results of the run"""
    seed: int = pydantic.Field(default=0, ge=0, lt=2**32)
    """random seed of patch places, untrained networks and estimators"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where networks and critics run; auto: the GPU if there is one, otherwise the CPU"""
    dataset: Dataset
    """the pictures"""
    encryption: Encryption
    """the key and the schemes"""
    patches: Patches = Patches()
    """size and number of patches"""
    encoders: Encoders
    """encoders, which turn patches into vectors, under names of your choice"""
    paper: Paper
    """the encoders, the scheme and the estimators of figures 1 to 8"""
    comparisons: Comparisons = Comparisons()
    """schemes and estimators that the figures beyond the paper compare"""
    figures_of: list[str] = pydantic.Field(default=[])
    """other schemes that get all figures too, in figures/{scheme}/"""
    representations: list[str] = pydantic.Field(default=[])
    """encoders (or `pixels`) for the figures beyond the paper"""
    controls: Annotated[dict[str, str], Removable] = pydantic.Field(default={})
    """the untrained version of each trained encoder, for the figure `pretraining`; null removes
    one"""
    estimators: Estimators
    """estimators of the leakage, under names of your choice"""
    attacks: Attacks = pydantic.Field(default={})
    """attacks on the schemes, under names of your choice, for the figure `reconstruction`"""
    tests: Tests = Tests()
    """tests of independence that need few pictures"""
    verdict: Verdict = Verdict()
    """how the verdict is decided"""
    calibration: Calibration = Calibration()
    """the target `calibration`: estimators on known truths"""
    report: Report = Report()
    """the parts of the target `report` in addition to the figures"""
    figures: list[str]
    """figures of the target `figures`: names, or paths of Python files"""

    @pydantic.field_validator("results")
    @classmethod
    def _usable_folder(cls, results: str) -> str:
        found = path(results)
        if found.startswith("-") or found != found.strip() or set(found) & set("{}"):
            raise ValueError(
                f"found {shown(found)}; expected a folder without braces, which "
                "Snakemake expands, and without a leading dash or spaces around it"
            )
        place = Path(found).absolute()
        if file := next((each for each in (place, *place.parents) if each.is_file()), None):
            raise ValueError(f"found {shown(found)}; expected a folder, but {file} is a file")
        # Temporary files of killed jobs are deleted everywhere in it.
        if Path.cwd().is_relative_to(place.resolve()):
            raise ValueError(
                f"found {shown(found)}, which contains the folder where snakemake runs; "
                "expected a separate folder, such as results/first"
            )
        return found
