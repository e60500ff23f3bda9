"""What a report shows, as one JSON document: the argument of the step `report`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydantic

from leakage import figures
from leakage.config.settings import Settings, parse
from leakage.errors import LeakageError

if TYPE_CHECKING:
    from leakage.config.jobs import Jobs
    from leakage.config.workflow import Drawing, Workflow

FIGURE_FILES = ("png", "pdf", "csv")


class Drawn(Settings):
    """A figure of the run."""

    stem: Path
    """path of its files, without suffix"""
    module: str
    """the module that drew it"""
    title: str
    """what it shows"""
    name: str
    """its name, unique in the run"""
    of: str = ""
    """scheme and representation, if the run draws the figure for several"""

    @property
    def heading(self) -> str:
        """The title, with scheme and representation if need be."""
        return f"{self.title} ({self.of})" if self.of else self.title


class ReportInputs(Settings):
    """Everything that decides a report. All paths are those of finished files."""

    model_config = pydantic.ConfigDict(ser_json_inf_nan="constants")

    results: Path
    """folder with manifest.csv and benchmarks/; the report is written there"""
    configuration: dict[str, Any]
    """the merged configuration"""
    estimator: str
    """the key of the verdicts' estimator"""
    key: str = ""
    """fingerprint of the encryption key"""
    verdicts: Path | None = None
    """analysis/verdicts.parquet; without it the report has no answer"""
    claims: Path | None = None
    """analysis/claims.parquet, the verdicts on the paper's claims"""
    security: Path | None = None
    """analysis/security.parquet, the tests of ciphertexts"""
    throughput: dict[str, Path] = pydantic.Field(default={})
    """by scheme, the times of encryption (record/throughput/{scheme}/{level}.csv)"""
    estimates: list[Path] = pydantic.Field(default=[])
    """tables of estimates (.parquet)"""
    figures: list[Drawn] = pydantic.Field(default=[])
    """the figures: stem (path without suffix), module, title, name, of"""
    views: dict[str, list[Path]] = pydantic.Field(default={})
    """by scheme, a view per level; the report shows the first picture of each"""
    calibration: Path | None = None
    """calibration/table.parquet; without it the report quotes docs/calibration.md"""
    false_alarms: Path | None = None
    """calibration/verdict.parquet"""

    def as_json(self) -> str:
        """Return the document."""
        return self.model_dump_json(exclude_defaults=True)

    def files(self) -> dict[str, list[Path]]:
        """Return the files to read, by kind."""
        tables = [
            *(self.verdicts, self.claims, self.security),
            *(self.calibration, self.false_alarms),
        ]
        return {
            "manifest": [self.results / "manifest.csv"],
            "tables": [*filter(None, tables), *self.estimates],
            "throughput": [*self.throughput.values()],
            "views": [path for paths in self.views.values() for path in paths],
            "figures": [
                Path(f"{each.stem}.{suffix}") for each in self.figures for suffix in FIGURE_FILES
            ],
        }


def read(given: str) -> ReportInputs:
    """Return the inputs from a JSON document or from the path of a file that holds one."""
    text, where = given, "inputs"
    if not given.lstrip().startswith("{"):
        if not Path(given).is_file():
            raise LeakageError(
                f"{given}: no such file; expected a JSON document or the path of one (see "
                "`leakage report --help`)"
            )
        text, where = Path(given).read_text(encoding="utf-8"), given
    found: ReportInputs = parse(ReportInputs, text, where)
    return found


def of_run(workflow: "Workflow", configuration: Mapping[str, Any], jobs: "Jobs") -> ReportInputs:
    """Return the inputs of the report on a run."""
    results, config = Path(workflow.config.results), workflow.config
    drawings = workflow.figures()
    drawn = [
        Drawn(stem=results / "figures" / name, name=name, **_about(workflow, drawing))
        for name, drawing in drawings.items()
    ]
    own: dict[str, Any] = {}
    if jobs.shows_verdicts():
        own["verdicts"] = results / "analysis/verdicts.parquet"
    if "scorecard" in drawings:
        own["claims"] = results / "analysis/claims.parquet"
    if config.report.security and (throughput := jobs.throughput()):
        own["security"] = results / "analysis/security.parquet"
        own["throughput"] = throughput
    if config.report.calibration:
        own["calibration"] = results / "calibration/table.parquet"
        own["false_alarms"] = results / "calibration/verdict.parquet"
        stem = results / "calibration/calibration"
        title = figures.named("calibration").title
        drawn.append(Drawn(stem=stem, name="calibration", module="calibration", title=title))
    return ReportInputs(
        results=results,
        configuration=dict(configuration),
        estimator=config.verdict.estimator,
        key=workflow.key_fingerprint,
        estimates=sorted(
            jobs.paths.table(each.estimator, each.representation, each.scheme or "")
            for each in jobs.estimates()
        ),
        figures=drawn,
        views=jobs.report_views(),
        **own,
    )


def _about(workflow: "Workflow", drawing: "Drawing") -> dict[str, str]:
    """Return module and title of a figure, and scheme and representation if there are several."""
    config, figure = workflow.config, drawing.figure
    of = [drawing.scheme] if workflow.names_scheme(drawing) else []
    of += [drawing.representation] if len(config.representations) > 1 else []
    return {"module": figure.name, "title": figure.title, "of": ", ".join(filter(None, of))}
