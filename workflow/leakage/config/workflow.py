"""The configuration as typed models, checked when the Snakefile is parsed; imports no torch.

Definitions (of datasets, schemes, encoders, estimators) are checked by the `Settings` of the
module that they name, so that a new module brings its own keys.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from leakage import (
    analysis,
    datasets,
    encoders,
    estimators,
    figures,
    plugins,
    schemes,
    truths,
)
from leakage.config.settings import (
    PathText,
    Settings,
    nearest,
    path,
    refuse_odd,
    shown,
    shown_key,
    validate,
)
from leakage.errors import LeakageError
from leakage.figures import Figure
from leakage.interfaces import Wanted
from leakage.schemes import keystream
from leakage.storage import shards

KEY = r"[A-Za-z0-9][A-Za-z0-9_.]*(-[A-Za-z0-9_.]+)*"
LONGEST_KEY = 64
# In a folder of its name a scheme's figures lie beside fig1.png, and so on.
TAKEN = (".png", ".pdf", ".csv", ".json", ".parquet", ".sha256", ".md", ".html", ".log", ".tsv")
# In place of an estimator in `Wanted`: the table of classic measures, exact tests or an analysis.
MEASURES, TESTS, ANALYSIS = "measures", "tests", "analysis"
# Jobs per stage, at most.
MOST_SHARDS = 10_000
TaskPairs = Annotated[int, pydantic.Field(ge=100, le=10**9)]
TaskDraws = Annotated[int, pydantic.Field(ge=1, le=1000)]
Pictures = Annotated[int, pydantic.Field(ge=4, le=100_000)]
RESERVED = ("pixels", MEASURES, TESTS, ANALYSIS)
# The key that says what a figure shows, where that is not `representations`.
DRAWN = {
    "estimators": "comparisons.estimators",
    "pretraining": "controls",
    "pixel_critics": "comparisons.pixel_critics",
}


class Dataset(Settings):
    """The pictures: the chosen kind of dataset, and one branch per kind."""

    name: str
    """the kind of dataset; only the branch of that name is read"""
    shard_size: int = pydantic.Field(default=1000, ge=1)
    """pictures per job; a larger dataset is encrypted and embedded in parts of this size"""
    grey: Literal["keep", "rgb"] = "keep"
    """grey pictures: keep their one channel, or encrypt them as RGB with three equal channels. The
    number of channels is never encrypted, so with `keep` even the scheme `full` tells grey pictures
    from coloured ones, and that is found as a leak"""
    coco: dict[str, Any] | None = None
    """the largest pictures of one split of COCO, downloaded from its host or a mirror"""
    photographs: dict[str, Any] | None = None
    """photographs in the packages scikit-image, scikit-learn and matplotlib, without a download"""
    folder: dict[str, Any] | None = None
    """your own pictures: all picture files in a folder and its subfolders"""


class Encryption(Settings):
    """The key and the encryption schemes."""

    key_file: PathText
    """file with the key of all schemes: 64 hexadecimal digits, as from `openssl rand -hex 32`"""
    schemes: dict[str, dict[str, Any] | None]
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
    """schemes in the figures `schemes`, `verdict` and `visual_security`"""
    estimators: list[str] = pydantic.Field(default=[])
    """held-out entries of `estimators` in the figure `estimators`"""
    reidentification: str = "reidentification"
    """the entry of `estimators` in the figures `reidentification` and `pretraining`"""
    pixel_critics: dict[str, str | None] = pydantic.Field(default={})
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
    tasks: dict[str, TaskPairs | None] = pydantic.Field(default={})
    """pairs per draw, by the name of the task; null removes the task"""
    only: list[str] = pydantic.Field(default=[])
    """run only these of the `tasks`; empty: all"""
    subsets: dict[str, list[str] | None] = pydantic.Field(default={})
    """by the name of an estimator, the `tasks` that it runs on; null: all"""
    seeds: int = pydantic.Field(default=3, ge=1, le=1000)
    """draws per task, for bias and standard deviation"""
    draws: dict[str, TaskDraws] = pydantic.Field(default={})
    """draws of single tasks in place of `seeds`, by the name of the task"""
    encoder: dict[str, Any] = pydantic.Field(default={"kind": "statistics"})
    """an entry as in `encoders`, for the tasks with encoded pictures; its weights must be on this
    machine or in its cache"""
    settings: dict[str, Any] = pydantic.Field(default={})
    """settings that replace those of each estimator, if it has them"""
    verdict_draws: int = pydantic.Field(default=1000, ge=1, le=100_000)
    """fewest families of levels without a leak, for the error of the verdict; a quarter as many are
    drawn for each strength of a leak, for its power"""
    verdict_trained: int = pydantic.Field(default=20, ge=0, le=100_000)
    """families of these on which the verdict's estimator is trained, which takes far longer"""
    verdict_pictures: list[Pictures] = pydantic.Field(default=[9, 30, 100])
    """numbers of pictures per family, each with equal and with unequal numbers of patches"""


class Report(Settings):
    """The parts of the report in addition to the figures."""

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
    encoders: dict[str, dict[str, Any] | None]
    """encoders, which turn patches into vectors, under names of your choice"""
    paper: Paper
    """the encoders and the scheme of figures 1 to 8"""
    comparisons: Comparisons = Comparisons()
    """what the figures beyond the paper compare"""
    figures_of: list[str] = pydantic.Field(default=[])
    """schemes that also get the whole set of figures, in figures/{scheme}/"""
    representations: list[str] = pydantic.Field(default=[])
    """encoders (or `pixels`) for the figures beyond the paper"""
    controls: dict[str, str | None] = pydantic.Field(default={})
    """the untrained version of each trained encoder, for the figure `pretraining`; null removes
    one"""
    estimators: dict[str, dict[str, Any] | None]
    """estimators of the leakage, under names of your choice"""
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
    def _a_folder_of_its_own(cls, results: str) -> str:
        found = path(results)
        if found.startswith("-") or found != found.strip() or set(found) & set("{}"):
            raise ValueError(
                f"found {shown(found)}; expected a folder without braces, which Snakemake takes "
                "for wildcards, without a dash before it or spaces around it"
            )
        place = Path(found).absolute()
        if file := next((each for each in (place, *place.parents) if each.is_file()), None):
            raise ValueError(f"found {shown(found)}; expected a folder, and {file} is none")
        # Half written files are looked for, and deleted, everywhere in it.
        if Path.cwd().is_relative_to(place.resolve()):
            raise ValueError(
                f"found {shown(found)}, which holds the folder where snakemake runs; expected one "
                "of its own, such as results/mine"
            )
        return found


@dataclass(frozen=True)
class Drawing:
    """A figure to draw.

    Attributes:
        figure: what is drawn.
        scheme: whose figure it is.
        representation: for those that are drawn once per representation; else empty.
    """

    figure: Figure
    scheme: str
    representation: str


class Workflow:
    """A checked configuration, with every definition as its module's `Settings`.

    Args:
        values: the merged configuration.

    Raises:
        LeakageError: one line per problem, naming the key and the nearest right one.
    """

    def __init__(self, values: dict[str, Any]):
        refuse_odd(values)
        self.config: Config = validate(Config, values, "")
        config, dataset = self.config, self.config.dataset
        kind = datasets.dataset_class(dataset.name)
        self.dataset: datasets.Dataset = validate(
            kind, getattr(dataset, dataset.name), f"dataset.{dataset.name}"
        )
        self.pictures = self.dataset.expected()
        self.shards = _shards(self.pictures, dataset.shard_size)
        self.schemes = _definitions(config.encryption.schemes, "encryption.schemes", _scheme)
        self.encoders = _definitions(config.encoders, "encoders", _named_encoder)
        self.estimators = _definitions(config.estimators, "estimators", self._estimator)
        self.key_fingerprint = keystream.fingerprint(keystream.read_key(config.encryption.key_file))
        self.calibration_encoder = _encoder(config.calibration.encoder, "calibration.encoder")
        self._check_names()

    def dataset_settings(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what the manifest depends on, and what only says how its pictures are fetched.

        Of a folder, the names and sizes of its files count as well.
        """
        how = set(self.dataset.download_options)
        what = {
            "name": self.config.dataset.name,
            "settings": self.dataset.model_dump(exclude=how),
            "patch_size": self.config.patches.size,
        }
        if content := self.dataset.content():
            listed = json.dumps(content).encode()
            what["content"] = hashlib.sha256(listed).hexdigest()[:16]
        return what, self.dataset.model_dump(include=how)

    def place_settings(self) -> dict[str, Any]:
        """Return what the places of the patches depend on."""
        patches = self.config.patches
        return {"seed": self.config.seed, "size": patches.size, "per_image": patches.per_image}

    def view_settings(self, scheme: str, level: int) -> dict[str, Any]:
        """Return what a view depends on: not on other levels, and at level 0 on no scheme."""
        if level == 0:
            return {"scheme": scheme, **self._grey()}
        return self.scheme_settings(scheme, [level])

    def scheme_settings(self, scheme: str, levels: list[int]) -> dict[str, Any]:
        """Return what the encryption of some levels depends on; of a key, its fingerprint."""
        encryption, definition = self.config.encryption, self.schemes[scheme]
        found = {"scheme": scheme, "definition": {**definition.model_dump(), "levels": levels}}
        found |= self._grey()
        if definition.encrypts:
            found["key_file"] = encryption.key_file
            found["key_fingerprint"] = self.key_fingerprint
        return found

    def _grey(self) -> dict[str, str]:
        """Return how grey pictures are read, unless they are as stored."""
        grey = self.config.dataset.grey
        return {} if grey == "keep" else {"grey": grey}

    def encrypted_files(self, scheme: str, level: int) -> list[str]:
        """Return the files of a level that another program encrypted; none of other schemes."""
        return self.schemes[scheme].files(level)

    def levels(self, scheme: str) -> list[int]:
        """Return the levels of a scheme, in order."""
        return self.schemes[scheme].levels

    def controls(self) -> dict[str, str]:
        """Return the untrained encoder beside each trained one that has one."""
        return {key: value for key, value in self.config.controls.items() if value is not None}

    def tasks(self) -> dict[str, int]:
        """Return the pairs of each calibration task that is run; a null takes a task out."""
        tasks, only = self.config.calibration.tasks, self.config.calibration.only
        return {
            name: pairs
            for name, pairs in tasks.items()
            if pairs is not None and (not only or name in only)
        }

    def draws(self, task: str) -> int:
        """Return how often a calibration task is drawn."""
        return self.config.calibration.draws.get(task, self.config.calibration.seeds)

    def calibrations(self) -> list[tuple[str, str]]:
        """Return (estimator, task) of every calibration.

        Pairs of bytes go to who counts them and to whom the configuration says how to read them,
        all else to the others.
        """
        found = []
        for estimator in self.config.calibration.estimators:
            entry = self.estimators[estimator]
            reads_bytes = entry.method == "histogram" or "pixels" in entry.model_fields_set
            tasks = [task for task in self.tasks() if (task == "pixels") == reads_bytes]
            subset = self.config.calibration.subsets.get(estimator)
            if subset is not None:
                tasks = [task for task in tasks if task in subset]
            found += [(estimator, task) for task in tasks]
        return found

    def calibration_settings(self, estimator: str) -> dict[str, Any]:
        """Return an estimator's settings with the calibration's own over those that it has."""
        entry = self.estimators[estimator]
        given = self.config.calibration.settings
        over = {key: value for key, value in given.items() if key in type(entry).model_fields}
        where = f"calibration.settings (for {estimator})"
        return validate(type(entry), {**entry.model_dump(), **over}, where).model_dump()

    def verdict_settings(self) -> dict[str, Any]:
        """Return the settings under which the verdict is measured: one seed and no floor."""
        entry = self.estimators[self.config.verdict.estimator]
        chosen = {"seeds": 1, "floor": False, "bootstraps": 0}
        return entry.model_copy(update=chosen).model_dump()

    def analyses(self) -> list[str]:
        """Return the names of all tables of `analysis`, as `{name}` or `{name}/{scheme}`."""
        return [
            f"{name}/{scheme}" if scheme else name
            for name in analysis.ANALYSES
            for scheme in (self.schemes if analysis.named(name).per_scheme else [""])
        ]

    def analysed(self, name: str, scheme: str) -> dict[str, Wanted]:
        """Return each table that an analysis reads, by its role in it.

        Args:
            name: of the analysis.
            scheme: of an analysis per scheme, else empty, for the paper's.
        """
        asked = analysis.named(name).tables(self.config, self.pictures)
        return _of_scheme(asked, scheme or self.config.paper.scheme)

    def behind(self, tables: Iterable[Wanted]) -> set[Wanted]:
        """Return tables, and those that the analyses among them read."""
        found = set(tables)
        for each in tuple(found):
            if each.estimator == ANALYSIS:
                found |= self.behind(self.analysed(each.representation, each.scheme or "").values())
        return found

    def figures(self) -> dict[str, Drawing]:
        """Return every figure that is asked for, by its name.

        A figure beyond the paper is drawn once per representation, as `{module}-{representation}`;
        those of another scheme than the paper's lie in a folder of its name.
        """
        found = self.drawings(self.config.paper.scheme)
        for scheme in self.config.figures_of:
            found |= self.drawings(scheme)
        return found

    def drawings(self, scheme: str) -> dict[str, Drawing]:
        """Return the figures of one scheme: of the paper's, those of all schemes as well."""
        of_paper = scheme == self.config.paper.scheme
        found = {}
        for name in self.config.figures:
            figure = _module(figures.named, name, "figures")
            if name == "calibration":
                raise LeakageError("figures: calibration is a target of its own; take it out here")
            if not of_paper and not figure.per_scheme:
                continue
            for key in self.config.representations if figure.per_representation else [""]:
                full = f"{figure.name}-{key}" if key else figure.name
                full = full if of_paper else f"{scheme}/{full}"
                found[full] = Drawing(figure, scheme, key)
        return found

    def tables(self, drawing: Drawing) -> dict[str, Wanted]:
        """Return each table that a figure reads, by its role in it."""
        asked = drawing.figure.tables(self.config, drawing.representation)
        return _of_scheme(asked, drawing.scheme)

    def _estimator(self, key: str, values: dict[str, Any]) -> Settings:
        where = f"estimators.{key}"
        method = values.get("method", key)
        model = _module(estimators.estimator_class, method, f"{where}.method")
        common = {"device": self.config.device, "confidence": self.config.verdict.confidence}
        common = {name: value for name, value in common.items() if name in model.model_fields}
        return validate(model, {"method": method, **common, **values}, where)

    def _check_names(self) -> None:
        paper, config = self.config.paper, self.config
        _defined(paper.scheme, self.schemes, "paper.scheme", "scheme")
        for part in ("clip", "resnet"):
            _defined(getattr(paper, part), self.encoders, f"paper.{part}", "encoder")
        for index, key in enumerate(config.representations):
            known = [*self.encoders, "pixels"]
            _defined(key, known, f"representations.{index}", "representation")
        for where, key in self._named_estimators():
            _defined(key, self.estimators, where, "estimator")
        _defined(config.verdict.estimator, self.estimators, "verdict.estimator", "estimator")
        self._verdict_tests()
        for index, key in enumerate(config.calibration.estimators):
            _defined(key, self.estimators, f"calibration.estimators.{index}", "estimator")
            self.calibration_settings(key)
        for task in config.calibration.tasks:
            _defined(task, truths.names(), "calibration.tasks", "task")
        for task in config.calibration.draws:
            _defined(task, truths.names(), "calibration.draws", "task")
        for task in config.calibration.only:
            _defined(task, config.calibration.tasks, "calibration.only", "task")
        for estimator, subset in config.calibration.subsets.items():
            _defined(estimator, self.estimators, "calibration.subsets", "estimator")
            for task in subset or []:
                known = config.calibration.tasks
                _defined(task, known, f"calibration.subsets.{estimator}", "task")
        for trained, untrained in self.controls().items():
            _defined(trained, self.encoders, "controls", "encoder")
            _defined(untrained, self.encoders, f"controls.{trained}", "encoder")
        lists = {"comparisons.schemes": config.comparisons.schemes, "figures_of": config.figures_of}
        for key, listed in lists.items():
            for index, scheme in enumerate(listed):
                _defined(scheme, self.schemes, f"{key}.{index}", "scheme")
        for figure, drawing in self.figures().items():
            tables = self.tables(drawing)
            if not tables and not drawing.figure.reads_views:
                name = drawing.figure.name
                raise LeakageError(
                    f"{DRAWN.get(name, 'representations')}: found nothing that the figure {name} "
                    f"can show; name something there, or take {name} out of figures"
                )
            for estimator, representation, _ in self.behind(tables.values()):
                if estimator in (MEASURES, ANALYSIS):
                    continue
                if estimator != TESTS:
                    _defined(estimator, self.estimators, f"estimators (for {figure})", "estimator")
                encoder = representation.removesuffix("-whole")
                _defined(encoder, [*self.encoders, "pixels"], f"figures ({figure})", "encoder")

    def _named_estimators(self) -> Iterable[tuple[str, str]]:
        """Yield every key of the configuration that names an estimator, and the name."""
        compared = self.config.comparisons
        for index, key in enumerate(compared.estimators):
            yield f"comparisons.estimators.{index}", key
        for critic, each in compared.pixel_critics.items():
            if each is not None:
                yield f"comparisons.pixel_critics.{critic}", each
        if compared.rescaled is not None:
            yield "comparisons.rescaled.plain", compared.rescaled.plain
            yield "comparisons.rescaled.rescaled", compared.rescaled.rescaled
        if self.config.verdict.pixels is not None:
            yield "verdict.pixels", self.config.verdict.pixels

    def _verdict_tests(self) -> None:
        """Refuse an estimator for the verdict that tests nothing."""
        key = self.config.verdict.estimator
        if not self.estimators[key].tests:
            able = [name for name, each in self.estimators.items() if each.tests]
            raise LeakageError(
                f"verdict.estimator: {key!r} has no held-out test of each level; expected one of "
                f"{', '.join(able)}"
            )


def module_of(entry: Settings) -> str:
    """Return what `digest.code_digest` calls the module of a validated definition."""
    if isinstance(entry, estimators.Estimator):
        return plugins.source_of(entry)
    for package, key in (("schemes", "cipher"), ("encoders", "kind")):
        if hasattr(entry, key):
            return plugins.reference(f"leakage.{package}", getattr(entry, key))
    return type(entry).__module__


def _of_scheme(tables: Mapping[str, Wanted], scheme: str) -> dict[str, Wanted]:
    """Return tables with a scheme for those that name none."""
    return {
        role: each if each.scheme is not None else each._replace(scheme=scheme)
        for role, each in tables.items()
    }


def _shards(pictures: int, size: int) -> int:
    found = shards.count(pictures, size)
    if found > MOST_SHARDS:
        raise LeakageError(
            f"dataset.shard_size: found {size}, which divides {pictures} pictures into {found} "
            f"parts; expected at most {MOST_SHARDS}, so raise it or ask for fewer pictures"
        )
    return found


def _definitions(branch: dict[str, Any], where: str, parse: Any) -> dict[str, Any]:
    """Return the definitions of a branch; an entry that is null was taken out by a later file."""
    present = {key: values for key, values in branch.items() if values is not None}
    for key in present:
        if not _is_name(key):
            raise LeakageError(
                f"{where}.{shown_key(key)}: a name stands in file names; expected at most "
                f"{LONGEST_KEY} letters, digits, _ . and -, not ending in -whole or as a file does "
                f"({', '.join(TAKEN)}), and not {', '.join(RESERVED)}"
            )
    return {key: parse(key, values) for key, values in present.items()}


def _is_name(key: str) -> bool:
    import re

    fits = len(key) <= LONGEST_KEY and re.fullmatch(KEY, key) is not None
    return fits and not key.endswith(("-whole", *TAKEN)) and key not in RESERVED


def _scheme(key: str, values: dict[str, Any]) -> schemes.Cipher:
    where = f"encryption.schemes.{key}"
    cipher = values.get("cipher", key)
    model = _module(schemes.cipher_class, cipher, f"{where}.cipher")
    return validate(model, {"cipher": cipher, **values}, where)


def _named_encoder(key: str, values: dict[str, Any]) -> encoders.Encoder:
    return _encoder(values, f"encoders.{key}")


def _encoder(values: dict[str, Any], where: str) -> encoders.Encoder:
    if "kind" not in values:
        raise LeakageError(f"{where}.kind: missing; expected one of {', '.join(encoders.kinds())}")
    model = _module(encoders.encoder_class, values["kind"], f"{where}.kind")
    entry: encoders.Encoder = validate(model, values, where)
    if absent := [file for file in entry.files() if not Path(file).is_file()]:
        raise LeakageError(
            f"{where}.weights: {absent[0]}: no such file; give the path of a .safetensors file, a "
            "tag, or random for the untrained network"
        )
    return entry


def _module(find: Any, name: object, where: str) -> Any:
    if not isinstance(name, str):
        raise LeakageError(f"{where}: found {shown(name)}; expected a name")
    try:
        return find(name)
    except LeakageError as error:
        raise LeakageError(f"{where}: {error}") from None


def _defined(name: str, known: Iterable[str], where: str, what: str) -> None:
    known = list(known)
    if name not in known:
        close = f"; the nearest is {nearest(name, known)!r}" if known else ""
        raise LeakageError(
            f"{where}: {what} {shown(name)} is not defined{close} (defined: {', '.join(known)})"
        )
