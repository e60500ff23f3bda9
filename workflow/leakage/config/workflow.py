"""A checked configuration, and the tables, figures and calibrations that it asks for."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leakage import analysis, attacks, figures, plugins, truths
from leakage.attacks import Attack
from leakage.config.models import Config
from leakage.config.paths import (
    ANALYSIS,
    AT,
    ATTACKS,
    MEASURES,
    PARTS,
    PIXELS,
    PLAIN,
    SECURITY,
    TESTS,
    encoder_of,
    scheme_of,
)
from leakage.config.settings import nearest, refuse_odd, shown, validate
from leakage.datasets import Dataset
from leakage.datasets.folder import Folder
from leakage.encoders import Encoder
from leakage.errors import LeakageError
from leakage.estimators import Estimator
from leakage.figures import Figure
from leakage.interfaces import Wanted
from leakage.schemes import Cipher, keystream
from leakage.schemes.regions import Region
from leakage.storage import shards

# Most jobs per stage.
MOST_SHARDS = 10_000
# The key that decides what a figure shows, where it is not `representations`.
DRAWN = {
    "estimators": "comparisons.estimators",
    "pretraining": "controls",
    "pixel_critics": "comparisons.pixel_critics",
    "reconstruction": "attacks",
}


@dataclass(frozen=True)
class Drawing:
    """A figure to draw.

    Attributes:
        figure: the figure.
        scheme: the scheme that it shows.
        representation: for figures that are drawn once per representation; else empty.
    """

    figure: Figure
    scheme: str
    representation: str


class Workflow:
    """A checked configuration.

    Args:
        values: the merged configuration.

    Attributes:
        config: the configuration as typed models.
        dataset: the chosen dataset.
        pictures: the largest possible number of pictures.
        shards: the number of parts that a large dataset is divided into.
        schemes: the entries of `encryption.schemes`.
        encoders: the entries of `encoders`.
        estimators: the entries of `estimators`, with `device` and `confidence` filled in.
        attacks: the entries of `attacks`, with `device` filled in.
        calibration_encoder: the encoder of the calibration's pictures.
        key_fingerprint: of the key; the key itself is not kept.

    Raises:
        LeakageError: one line per problem, naming the key and the nearest right one.
    """

    def __init__(self, values: dict[str, Any]):
        refuse_odd(values)
        self.config: Config = validate(Config, values, "")
        config = self.config
        self.dataset: Dataset = config.dataset.chosen
        self.pictures = self.dataset.expected()
        self.shards = _shards(self.pictures, config.dataset.shard_size)
        self.schemes: dict[str, Cipher] = config.encryption.schemes
        self.encoders: dict[str, Encoder] = config.encoders
        self.estimators: dict[str, Estimator] = {
            name: entry.completed(device=config.device, confidence=config.verdict.confidence)
            for name, entry in config.estimators.items()
        }
        self.attacks: dict[str, Attack] = {
            name: entry.completed(config.device) for name, entry in config.attacks.items()
        }
        self.calibration_encoder: Encoder = config.calibration.encoder
        self.key_fingerprint = keystream.fingerprint(keystream.read_key(config.encryption.key_file))
        self._check()

    # Settings of the jobs.

    def dataset_settings(self) -> dict[str, Any]:
        """Return what the manifest depends on; for a folder also names and sizes of its files."""
        found: dict[str, Any] = {
            "name": self.config.dataset.name,
            "settings": self.dataset.model_dump(exclude=set(self.dataset.download_options)),
            "patch_size": self.config.patches.size,
        }
        if content := self.dataset.content():
            found["content"] = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
        return found

    def download_options(self) -> dict[str, Any]:
        """Return the settings of the dataset that do not change which pictures are downloaded."""
        return self.dataset.model_dump(include=set(self.dataset.download_options))

    def place_settings(self) -> dict[str, Any]:
        """Return what the places of the patches depend on."""
        patches = self.config.patches
        return {"seed": self.config.seed, "size": patches.size, "per_image": patches.per_image}

    def scheme_settings(self, scheme: str, levels: list[int]) -> dict[str, Any]:
        """Return what some levels of a scheme depend on; of the key, its fingerprint.

        The plain pictures (scheme `plain`) depend on no scheme.
        """
        grey = self.config.dataset.grey
        found: dict[str, Any] = {"scheme": scheme} | ({} if grey == "keep" else {"grey": grey})
        if scheme == PLAIN:
            return found
        found["definition"] = {**self.schemes[scheme].model_dump(), "levels": levels}
        if self.schemes[scheme].encrypts:
            found["key_file"] = self.config.encryption.key_file
            found["key_fingerprint"] = self.key_fingerprint
        return found

    def levels(self, scheme: str) -> list[int]:
        """Return the levels of a scheme, or of a part of one, in order."""
        return self.schemes[scheme_of(scheme)].levels

    def parts(self) -> list[str]:
        """Return the parts of all schemes with a region, as `faces@inside`."""
        regional = [name for name, scheme in self.schemes.items() if scheme.region is not None]
        return [f"{name}{AT}{part}" for name in regional for part in PARTS]

    def attacked(self, attack: str, scheme: str) -> list[int]:
        """Return the levels of a scheme that an attack attacks; empty if it does not apply."""
        return attacks.attacked(self.attacks[attack], scheme, self.schemes[scheme])

    # Verdicts and figures.

    @property
    def verdict_estimator(self) -> Estimator:
        """The held-out estimator of the verdict."""
        return self.estimators[self.config.verdict.estimator]

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
            scheme: of an analysis per scheme; else empty, for the paper's.
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
        """Return every requested figure, by its name below `figures/`.

        A figure beyond the paper is drawn once per representation, as `{figure}-{representation}`.
        Figures of another scheme than the paper's are in a folder of the scheme's name.
        """
        found = self.drawings(self.config.paper.scheme)
        for scheme in analysis.compared(self.config):
            drawings = self.drawings(scheme).items()
            found |= {name: each for name, each in drawings if each.figure.per_compared}
        for scheme in self.config.figures_of:
            found |= self.drawings(scheme)
        return found

    def drawings(self, scheme: str) -> dict[str, Drawing]:
        """Return the figures of one scheme; those that show all schemes belong to the paper's."""
        of_paper = scheme == self.config.paper.scheme
        found = {}
        for name in self.config.figures:
            figure = _figure(name)
            if not of_paper and not figure.per_scheme:
                continue
            for key in self.config.representations if figure.per_representation else [""]:
                full = f"{figure.name}-{key}" if key else figure.name
                full = full if of_paper else f"{scheme}/{full}"
                found[full] = Drawing(figure, scheme, key)
        return found

    def names_scheme(self, drawing: Drawing) -> bool:
        """Return whether a figure is drawn for several schemes, so that its heading names one."""
        figure = drawing.figure
        several = self.config.figures_of or (
            figure.per_compared and len(analysis.compared(self.config)) > 1
        )
        return bool(several and figure.per_scheme)

    def tables(self, drawing: Drawing) -> dict[str, Wanted]:
        """Return each table that a figure reads, by its role in it.

        Those of attacks that do not apply to the scheme are left out.
        """
        return {
            role: each
            for role, each in self._asked(drawing).items()
            if each.estimator != ATTACKS or self.attacked(each.representation, each.scheme or "")
        }

    def _asked(self, drawing: Drawing) -> dict[str, Wanted]:
        """Return each table that a figure asks for, by its role in it."""
        asked = drawing.figure.tables(self.config, drawing.representation)
        return _of_scheme(asked, drawing.scheme)

    # The calibration.

    def tasks(self) -> dict[str, int]:
        """Return the pairs of each calibration task that runs."""
        calibration = self.config.calibration
        chosen = calibration.only or calibration.tasks
        return {name: pairs for name, pairs in calibration.tasks.items() if name in chosen}

    def draws(self, task: str) -> int:
        """Return how often a calibration task is drawn."""
        return self.config.calibration.draws.get(task, self.config.calibration.seeds)

    def calibrations(self) -> list[tuple[str, str]]:
        """Return (estimator, task) of every calibration.

        The task `pixels`, pairs of bytes, runs on the estimators that are configured for pixels;
        all other tasks run on the other estimators.
        """
        found = []
        for estimator in self.config.calibration.estimators:
            reads_bytes = self.estimators[estimator].reads_bytes
            tasks = [task for task in self.tasks() if (task == PIXELS) == reads_bytes]
            subset = self.config.calibration.subsets.get(estimator)
            found += [(estimator, task) for task in tasks if subset is None or task in subset]
        return found

    def calibration_settings(self, estimator: str) -> dict[str, Any]:
        """Return an estimator's settings, replaced by `calibration.settings` where it has them."""
        entry = self.estimators[estimator]
        given = self.config.calibration.settings
        over = {key: value for key, value in given.items() if key in type(entry).model_fields}
        where = f"calibration.settings (for {estimator})"
        return validate(type(entry), {**entry.model_dump(), **over}, where).model_dump()

    def verdict_settings(self) -> dict[str, Any]:
        """Return the settings with which the verdict is calibrated: one seed and no floor."""
        chosen = {"seeds": 1, "floor": False, "bootstraps": 0}
        return self.verdict_estimator.model_copy(update=chosen).model_dump()

    # Checks of names.

    def _check(self) -> None:
        for where, name, known, noun in self._names():
            _refuse_undefined(name, known, where, noun)
        calibration = self.config.calibration
        for estimator in calibration.estimators:
            self.calibration_settings(estimator)
        entries = self.estimators.values()
        fields = {name for each in entries for name in type(each).model_fields}
        for key in calibration.settings:
            _refuse_undefined(key, sorted(fields), "calibration.settings", "setting")
        for key, encoder in self.encoders.items():
            _refuse_missing(encoder, f"encoders.{key}")
        _refuse_missing(self.calibration_encoder, "calibration.encoder")
        for key, scheme in self.schemes.items():
            if scheme.region is not None:
                _check_region(scheme.region, self.dataset, f"encryption.schemes.{key}.region")
        self._refuse_encrypted_among_plain()
        for trained, untrained in self.config.controls.items():
            if trained == untrained:
                raise LeakageError(
                    f"controls.{trained}: found the encoder itself; expected another entry of "
                    "encoders, such as the same network with weights: random"
                )
        self._check_estimators()
        self._check_attacks()
        for figure, drawing in self.figures().items():
            self._check_figure(figure, drawing)

    def _check_estimators(self) -> None:
        """Refuse estimators that the verdict or a figure cannot use."""
        config = self.config
        key = config.verdict.estimator
        if not self.verdict_estimator.tests:
            able = ", ".join(name for name, each in self.estimators.items() if each.tests)
            raise LeakageError(
                f"verdict.estimator: {key!r} has no held-out test of each level; expected one of "
                f"{able}"
            )
        for where, key, method in _by_method(config):
            if key not in self.estimators:  # an error only if a figure needs it
                continue
            found = self.estimators[key].method
            if found != method and not plugins.is_file(found):
                raise LeakageError(
                    f"{where}: the method of {key!r} is {found}; expected an entry of estimators "
                    f"with the method {method}"
                )
        for index, key in enumerate(config.comparisons.estimators):
            if not self.estimators[key].comparable:
                able = ", ".join(name for name, each in self.estimators.items() if each.comparable)
                raise LeakageError(
                    f"comparisons.estimators.{index}: {key!r} does not estimate held-out mutual "
                    f"information; expected some of {able}"
                )
        if (pair := config.comparisons.rescaled) is not None:
            plain, rescaled = self.estimators[pair.plain], self.estimators[pair.rescaled]
            by = [getattr(each, "rescale", None) for each in (plain, rescaled)]
            if plain.method != rescaled.method or by[0] == by[1]:
                raise LeakageError(
                    f"comparisons.rescaled: found {pair.plain!r} ({plain.method}, rescale {by[0]}) "
                    f"and {pair.rescaled!r} ({rescaled.method}, rescale {by[1]}); expected two "
                    "entries of estimators that differ in rescale"
                )

    def _check_attacks(self) -> None:
        """Refuse an attack on a named scheme, or on named levels, to which it does not apply."""
        for name, entry in self.attacks.items():
            if entry.levels and not any(self.attacked(name, scheme) for scheme in self.schemes):
                raise LeakageError(
                    f"attacks.{name}.levels: found {entry.levels}; no scheme has a level of these "
                    f"that {entry.method} applies to; name other levels, or remove the key to "
                    "attack all"
                )
            for index, scheme in enumerate(entry.schemes):
                if not self.attacked(name, scheme):
                    raise LeakageError(
                        f"attacks.{name}.schemes.{index}: {entry.method} does not apply to any "
                        f"level of the scheme {scheme} ({self.schemes[scheme].cipher}); leave the "
                        "scheme out, or attack other levels"
                    )

    def _refuse_encrypted_among_plain(self) -> None:
        """Refuse encrypted pictures below the dataset's folder, where they count as plain ones."""
        if not isinstance(self.dataset, Folder):
            return
        root = Path(self.dataset.path).resolve()
        for key, scheme in self.schemes.items():
            read = [file for level in scheme.levels for file in scheme.files(level)]
            if any(Path(file).resolve().is_relative_to(root) for file in read):
                raise LeakageError(
                    f"encryption.schemes.{key}.path: its pictures are inside "
                    f"dataset.folder.path ({self.dataset.path}) and would count as plain pictures; "
                    "move one of the two folders"
                )

    def _names(self) -> Iterator[tuple[str, str, Iterable[str], str]]:
        """Yield every name that refers to an entry: where, the name, known names, kind of entry."""
        config, estimators = self.config, self.estimators
        paper, compared, calibration = config.paper, config.comparisons, config.calibration
        representations = [*self.encoders, PIXELS]
        yield "paper.scheme", paper.scheme, self.schemes, "scheme"
        yield "paper.clip", paper.clip, self.encoders, "encoder"
        yield "paper.resnet", paper.resnet, self.encoders, "encoder"
        for index, key in enumerate(config.representations):
            yield f"representations.{index}", key, representations, "representation"
        for trained, untrained in config.controls.items():
            yield "controls", trained, self.encoders, "encoder"
            yield f"controls.{trained}", untrained, self.encoders, "encoder"
        for index, key in enumerate(config.figures_of):
            yield f"figures_of.{index}", key, self.schemes, "scheme"
        for index, key in enumerate(compared.schemes):
            yield f"comparisons.schemes.{index}", key, self.schemes, "scheme"
        for index, key in enumerate(compared.estimators):
            yield f"comparisons.estimators.{index}", key, estimators, "estimator"
        for critic, key in compared.pixel_critics.items():
            yield f"comparisons.pixel_critics.{critic}", key, estimators, "estimator"
        if (pair := compared.rescaled) is not None:
            yield "comparisons.rescaled.plain", pair.plain, estimators, "estimator"
            yield "comparisons.rescaled.rescaled", pair.rescaled, estimators, "estimator"
        yield "verdict.estimator", config.verdict.estimator, estimators, "estimator"
        if config.verdict.pixels is not None:
            yield "verdict.pixels", config.verdict.pixels, estimators, "estimator"
        for attack, entry in self.attacks.items():
            for index, key in enumerate(entry.schemes):
                yield f"attacks.{attack}.schemes.{index}", key, self.schemes, "scheme"
        for index, key in enumerate(calibration.estimators):
            yield f"calibration.estimators.{index}", key, estimators, "estimator"
        for key in (*calibration.tasks, *calibration.draws):
            where = "calibration.tasks" if key in calibration.tasks else "calibration.draws"
            yield where, key, truths.names(), "task"
        for key in calibration.only:
            yield "calibration.only", key, truths.names(), "task"
        for key, subset in calibration.subsets.items():
            yield "calibration.subsets", key, estimators, "estimator"
            for task in subset or []:
                yield f"calibration.subsets.{key}", task, truths.names(), "task"

    def _check_figure(self, figure: str, drawing: Drawing) -> None:
        """Refuse a figure that shows nothing, or reads a table that nothing defines."""
        tables = self._asked(drawing)
        if not tables and not drawing.figure.reads_views:
            name = drawing.figure.name
            raise LeakageError(
                f"{DRAWN.get(name, 'representations')}: found nothing that the figure {name} can "
                f"show; name something there, or remove {name} from figures"
            )
        for estimator, representation, _ in self.behind(tables.values()):
            if estimator in (MEASURES, SECURITY, ANALYSIS):
                continue
            if estimator == ATTACKS:
                _refuse_undefined(representation, self.attacks, f"attacks (for {figure})", "attack")
                continue
            where = f"estimators (for {figure})"
            if estimator != TESTS:
                _refuse_undefined(estimator, self.estimators, where, "estimator")
            known = [*self.encoders, PIXELS]
            _refuse_undefined(encoder_of(representation), known, f"figures ({figure})", "encoder")


def _by_method(config: Config) -> Iterator[tuple[str, str, str]]:
    """Yield the keys whose estimator must have a certain method: key, estimator, method."""
    paper = config.paper
    yield "paper.histogram", paper.histogram, "histogram"
    yield "paper.cosine", paper.cosine, "cosine"
    yield "paper.rounded_histogram", paper.rounded_histogram, "rounded_histogram"
    yield "paper.training", paper.training, "mine_training"
    found = config.comparisons.reidentification
    yield "comparisons.reidentification", found, "reidentification"


def _of_scheme(tables: Mapping[str, Wanted], scheme: str) -> dict[str, Wanted]:
    """Return tables with a scheme for those that name none."""
    return {
        role: each if each.scheme is not None else each._replace(scheme=scheme)
        for role, each in tables.items()
    }


def _figure(name: str) -> Figure:
    if name == "calibration":
        raise LeakageError("figures: calibration is a target, not a figure; leave it out")
    try:
        return figures.named(name)
    except LeakageError as error:
        raise LeakageError(f"figures: {error}") from None


def _refuse_missing(encoder: Encoder, where: str) -> None:
    if absent := [file for file in encoder.files() if not Path(file).is_file()]:
        raise LeakageError(
            f"{where}.weights: {absent[0]}: no such file; give the path of a .safetensors file, a "
            "tag, or random for the untrained network"
        )


def _check_region(region: Region, dataset: Dataset, where: str) -> None:
    """Refuse a region that does not fit the pictures, as far as these are known before any job."""
    if not (found := dataset.pictures()):
        return
    # Imported here: it takes time, and most runs have no region.
    from leakage.storage import pictures

    try:
        region.refuse_unknown(found)
        for image_id in region.named():
            if (size := pictures.size(found[image_id])) is not None:
                region.refuse_unfit(image_id, size)
    except LeakageError as error:
        raise LeakageError(f"{where}: {error}") from None


def _shards(pictures: int, size: int) -> int:
    found = shards.count(pictures, size)
    if found > MOST_SHARDS:
        raise LeakageError(
            f"dataset.shard_size: found {size}, which divides {pictures} pictures into {found} "
            f"parts; expected at most {MOST_SHARDS}; raise it or ask for fewer pictures"
        )
    return found


def _refuse_undefined(name: str, known: Iterable[str], where: str, noun: str) -> None:
    known = list(known)
    if name not in known:
        close = f"; the nearest is {nearest(name, known)!r}" if known else ""
        raise LeakageError(
            f"{where}: {noun} {shown(name)} is not defined{close} (defined: {', '.join(known)})"
        )
