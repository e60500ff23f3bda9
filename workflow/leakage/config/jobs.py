"""The inputs and arguments of every job, as the rules hand them to Snakemake.

A job runs again when one of its params changes. Two params decide: `settings`, the job's own branch
of the configuration as one JSON text, and `code`, the digest of the modules that its step imports.
Snakemake compares params as a set of values without their names. So each option is one text with
its name, as in `--seed 0`: otherwise two equal numbers could change places unseen.
"""

import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from leakage import analysis, measures, plugins, security
from leakage.config.paths import (
    ANALYSIS,
    NOISE,
    PIXELS,
    PLAIN,
    SECURITY,
    TESTS,
    WHOLE,
    Paths,
    encoder_of,
    part_of,
    scheme_of,
)
from leakage.config.workflow import Drawing, Workflow
from leakage.encoders import Encoder
from leakage.interfaces import Wanted
from leakage.storage.digest import code_digest
from leakage.truths import ENCODED
from leakage.truths.encoded import SIZE

# Most pictures of a large dataset that are measured, spread evenly over the manifest.
MEASURED_PICTURES = 1000
# Up to FEW_PICTURES, one job measures all pictures at all levels. Above that, a job measures one
# level of at most PART_OF_PICTURES.
FEW_PICTURES, PART_OF_PICTURES = 24, 100
# Most pictures whose ciphertexts are tested, spread evenly over the manifest.
TESTED_PICTURES = 100


def as_json(value: Any) -> str:
    """Return a nested value as one text, in which order and type of everything count."""
    return json.dumps(value, sort_keys=True)


def options(pairs: Iterable[tuple[str, object]]) -> str:
    """Return names and values as command-line options: `--table a=b --seed 0`."""
    return " ".join(f"--{name} {shlex.quote(str(value))}" for name, value in pairs)


def code(step: str, *entries: object) -> str:
    """Return the digest of the code that `python -m leakage STEP` runs.

    Args:
        step: the step.
        entries: entries of the configuration, whose modules the step loads by name.
    """
    sources = [plugins.source_of(entry) for entry in entries]
    if step == "measure":
        sources += measures.modules()
    if step == "security":
        sources += security.modules()
    return code_digest("leakage.__main__", f"leakage.steps.{step}", *sources)


class Jobs:
    """The inputs and arguments of the jobs of a run.

    Args:
        workflow: the checked configuration.
    """

    def __init__(self, workflow: Workflow):
        self.workflow = workflow
        self.config = workflow.config
        self.paths = Paths(Path(workflow.config.results), workflow.shards)

    # Stage 1: the dataset.

    def pictures(self) -> Path:
        """Return the folder that file names in the manifest are relative to."""
        return self.workflow.dataset.folder(self.paths.results / "pictures")

    # Stage 2: views.

    def view_settings(self, scheme: str, level: int) -> str:
        """Return the settings that a view depends on; those of other levels are not among them."""
        return as_json(self.workflow.scheme_settings(scheme, [level]))

    def view_code(self, scheme: str) -> str:
        """Return the digest of the code that makes a view."""
        return code("view", *([] if scheme == PLAIN else [self.workflow.schemes[scheme]]))

    def encrypted_files(self, scheme: str, levels: Iterable[int]) -> list[str]:
        """Return the user's files that levels of a scheme read: encrypted pictures, the region."""
        if scheme == PLAIN:
            return []
        entry, levels = self.workflow.schemes[scheme], list(levels)
        found = [path for level in levels for path in entry.files(level)]
        return found + (self.region_files(scheme) if any(levels) else [])

    def region_files(self, scheme: str) -> list[str]:
        """Return the user's files that say where the region of a scheme is, if it has one."""
        region = self.workflow.schemes[scheme].region
        return [] if region is None else region.files()

    def measured_apart(self) -> bool:
        """Return whether each level and part of the pictures is measured by its own job."""
        return self.workflow.pictures > FEW_PICTURES

    def measure_parts(self, scheme: str) -> list[Path]:
        """Return the tables of measures of each level and part of the pictures, then of noise."""
        measured = min(self.workflow.pictures, MEASURED_PICTURES)
        parts = range(-(-measured // PART_OF_PICTURES))
        folder = self.paths.results / "measures" / scheme
        levels = [*self.workflow.levels(scheme), NOISE]
        return [folder / f"{level}-{part}.parquet" for level in levels for part in parts]

    def measured_levels(self, scheme: str, level: str = "") -> list[int]:
        """Return the levels of a job of measures: one, none for noise, or all without a level."""
        if level == NOISE:
            return []
        return [int(level)] if level else self.workflow.levels(scheme)

    def measure_settings(self, scheme: str, level: str = "") -> str:
        """Return the settings that the measures of a scheme, or of one level, depend on."""
        if level == NOISE:
            return as_json(self.workflow.scheme_settings(PLAIN, []))
        levels = self.measured_levels(scheme, level)
        return as_json(self.workflow.scheme_settings(scheme, levels))

    def measure_options(self, scheme: str, level: str = "", part: str = "0") -> str:
        """Return the pictures and levels to measure."""
        levels = [level] if level else [*self.workflow.levels(scheme), NOISE]
        parts = 1
        if level:
            parts = len(self.measure_parts(scheme)) // (len(self.workflow.levels(scheme)) + 1)
        chosen = ",".join(map(str, levels))
        given = [("limit", MEASURED_PICTURES), ("levels", chosen), ("part", part), ("parts", parts)]
        return options(given)

    def security_options(self, level: int) -> str:
        """Return the pictures and the level whose ciphertexts are tested."""
        return options([("limit", TESTED_PICTURES), ("level", level)])

    def attack_settings(self, attack: str, scheme: str) -> str:
        """Return the settings of the scheme that an attack depends on, at the levels attacked."""
        # Of a scheme to which it does not apply all, so that the step can say so.
        levels = self.workflow.attacked(attack, scheme) or self.workflow.levels(scheme)
        return as_json(self.workflow.scheme_settings(scheme, levels))

    def attack_options(self, attack: str) -> str:
        """Return an attack's entry and seed."""
        entry = as_json(self.workflow.attacks[attack].model_dump())
        return options([("attack", entry), ("seed", self.config.seed)])

    def attack_code(self, attack: str, scheme: str) -> str:
        """Return the digest of the code of an attack on a scheme."""
        return code("attack", self.workflow.attacks[attack], self.workflow.schemes[scheme])

    # Stage 3: embeddings.

    def encoder_settings(self, encoder: str) -> str:
        """Return an encoder's entry."""
        return as_json(self.workflow.encoders[encoder].model_dump())

    def plain_patches(self, encoder: str) -> dict[str, Path]:
        """Return the plain patches that the BatchNorm statistics of an untrained network need."""
        if not self.workflow.encoders[encoder].needs_plain_patches:
            return {}
        return {"view": self.paths.view_files(PLAIN, 0)[0], "places": self.paths.places}

    def weights_record(self, encoder: str) -> list[Path]:
        """Return the record of an encoder's weights, if it needs any."""
        if not self.workflow.encoders[encoder].needs_weights:
            return []
        return [self.paths.weights_record(encoder)]

    def networks(self) -> list[str]:
        """Return the encoders with weights that the requested figures read."""
        read = {
            encoder_of(each.representation)
            for each in self._tables()
            if each.estimator in self.workflow.estimators or each.estimator == TESTS
        }
        return [key for key in sorted(read - {PIXELS}) if self.workflow.encoders[key].needs_weights]

    def networks_with_sizes(self) -> dict[str, tuple[Encoder, int]]:
        """Return the encoders with weights, and the side of their patches, by their place.

        The place is the key of an entry in the configuration. The calibration's is among them,
        because a report or a target may ask for it.
        """
        size = self.config.patches.size
        found = {f"encoders.{key}": (self.workflow.encoders[key], size) for key in self.networks()}
        if self.workflow.calibration_encoder.needs_weights:
            found["calibration.encoder"] = (self.workflow.calibration_encoder, SIZE)
        return found

    def weights_records(self) -> list[Path]:
        """Return the records of all encoders that the requested figures read."""
        return [path for key in self.networks() for path in self.weights_record(key)]

    # Stage 4: estimates and tests.

    def represented(self, representation: str, scheme: str, levels: Iterable[int]) -> list[Path]:
        """Return levels of a representation as a step reads them: one path per level."""
        return [self.paths.represented(representation, scheme, level) for level in levels]

    def represented_files(
        self, representation: str, scheme: str, levels: Iterable[int]
    ) -> list[Path]:
        """Return the files of levels of a representation."""
        files = (self.paths.represented_files(representation, scheme, level) for level in levels)
        return [path for of_level in files for path in of_level]

    def rows(self, representation: str, scheme: str = "") -> str:
        """Return which rows of the embeddings a step reads; of pixels it reads all, or a part."""
        part = [("part", part_of(scheme))] if part_of(scheme) else []
        if representation == PIXELS:
            return options(part)
        rows = "whole" if representation.endswith(WHOLE) else "patches"
        given: list[tuple[str, object]] = [("rows", rows)]
        given += [("limit", self.config.patches.per_estimate), *part]
        return options(given + [("parts", self.paths.regions(scheme)) for _ in part])

    def part_files(self, representation: str, scheme: str) -> list[Path]:
        """Return the files that tell a part of a scheme from the others; none for a whole one."""
        if not part_of(scheme):
            return []
        if representation == PIXELS:
            return [Path(each) for each in self.region_files(scheme_of(scheme))]
        return [self.paths.regions(scheme)]

    def region_settings(self, scheme: str) -> str:
        """Return what the parts of a scheme's patches depend on: the region, the patches' size."""
        region = self.workflow.schemes[scheme].region
        told = None if region is None else region.model_dump()
        return as_json({"region": told, "size": self.config.patches.size})

    def checkpoint(self, estimator: str, representation: str, scheme: str) -> str:
        """Return where an estimator that can resume keeps its state."""
        if not self.workflow.estimators[estimator].resumes:
            return ""
        return options([("checkpoint", self.paths.checkpoint(estimator, representation, scheme))])

    def estimates(self) -> set[Wanted]:
        """Return the estimates that the requested figures read, directly or through an analysis."""
        return {each for each in self._tables() if each.estimator in self.workflow.estimators}

    def trained_estimates(self) -> int:
        """Return how many of these estimates train networks."""
        return sum(self.workflow.estimators[each.estimator].trains for each in self.estimates())

    def shows_verdicts(self) -> bool:
        """Return whether a requested figure shows a verdict."""
        return Wanted(ANALYSIS, "verdicts", "") in self._tables()

    def _tables(self) -> set[Wanted]:
        drawings = self.workflow.figures().values()
        return self.workflow.behind(
            table for each in drawings for table in self.workflow.tables(each).values()
        )

    # Stage 5: analysis.

    def analysis_tables(self, name: str) -> dict[str, Path]:
        """Return the tables that an analysis reads, by role.

        Args:
            name: `{analysis}`, or `{analysis}/{scheme}` of an analysis per scheme.
        """
        analysed = self.workflow.analysed(*name.partition("/")[::2])
        return {role: self.paths.table(*each) for role, each in analysed.items()}

    def throughput(self) -> dict[str, Path]:
        """Return the times of encryption of the levels in the table of security, by scheme."""
        tested = self.workflow.analysed(SECURITY, "").values()
        return {
            each.scheme: self.paths.throughput(each.scheme, int(each.representation))
            for each in tested
            if each.scheme
        }

    def figure_tables(self, drawing: Drawing) -> dict[str, Path]:
        """Return the tables that a figure reads, by role."""
        wanted = self.workflow.tables(drawing).items()
        return {role: self.paths.table(*each) for role, each in wanted}

    def figure_views(self, drawing: Drawing) -> list[Path]:
        """Return the views that a figure shows: of each level the first shard."""
        if not (drawing.figure.reads_views or drawing.figure.adds_views):
            return []
        scheme = drawing.scheme
        return [self.paths.view_files(scheme, each)[0] for each in self.workflow.levels(scheme)]

    # Stage 7: the report.

    def report_views(self) -> dict[str, list[Path]]:
        """Return by scheme the views that the report shows: of each level the first shard."""
        paper = self.config.paper.scheme
        shown = analysis.compared(self.config) if self.shows_verdicts() else [paper]
        return {
            scheme: [
                self.paths.view_files(scheme, each)[0] for each in self.workflow.levels(scheme)
            ]
            for scheme in shown
        }

    # Calibration.

    def calibration_options(self, task: str) -> str:
        """Return what a calibration depends on besides its estimator."""
        found: list[tuple[str, object]] = [
            ("pairs", self.workflow.tasks()[task]),
            ("draws", self.workflow.draws(task)),
            ("seed", self.config.seed),
        ]
        if task in ENCODED:
            found.append(("encoder", as_json(self.workflow.calibration_encoder.model_dump())))
        return options(found)

    def calibration_code(self, estimator: str, task: str) -> str:
        """Return the digest of the code of a calibration."""
        encoder = [self.workflow.calibration_encoder] if task in ENCODED else []
        return code("calibrate_estimator", self.workflow.estimators[estimator], *encoder)

    def verdict_calibration_options(self) -> str:
        """Return what the calibration of the verdict depends on besides its estimator."""
        chosen = self.config.calibration
        return options(
            [
                ("draws", chosen.verdict_draws),
                ("trained", chosen.verdict_trained),
                ("seed", self.config.seed),
                *(("pictures", each) for each in chosen.verdict_pictures),
            ]
        )

    # For the record beside each figure.

    def digests(self) -> dict[str, str]:
        """Return the code digest of every kind of job but the figures', by step and entry."""
        found = {
            "manifest": code("manifest", self.workflow.dataset),
            "places": code("places"),
            "regions": code("regions"),
            "view plain": code("view"),
            "test": code("test"),
            "calibration_table": code("calibration_table"),
            "calibrate_verdict": code("calibrate_verdict", self.workflow.verdict_estimator),
        }
        for name in analysis.ANALYSES:
            found[f"analyse {name}"] = code("analyse", analysis.named(name))
        kinds: dict[tuple[str, ...], Mapping[str, object]] = {
            ("view", "measure", "security"): self.workflow.schemes,
            ("find_weights", "embed"): self.workflow.encoders,
            ("estimate", "calibrate_estimator"): self.workflow.estimators,
            ("attack",): self.workflow.attacks,
        }
        for steps, entries in kinds.items():
            for name, entry in entries.items():
                found |= {f"{step} {name}": code(step, entry) for step in steps}
        return found
