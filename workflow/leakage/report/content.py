"""The content of a report, gathered from the tables and figures of a run."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leakage.analysis import enough
from leakage.analysis import tables as estimates
from leakage.analysis.tables import INFORMATION, by_level
from leakage.analysis.verdicts import sized
from leakage.config.paths import PART_SEPARATOR
from leakage.interfaces import Frame
from leakage.report import answers, calibrations, grid, illustrations, record, reviewers, warnings
from leakage.report.inputs import ReportInputs
from leakage.report.tables import Column, Table, from_frame
from leakage.storage import files
from leakage.storage.shards import ROWS_AT_ONCE, parts
from leakage.storage.views import View


@dataclass(frozen=True)
class Content:
    """What page and summary show."""

    pictures: int
    estimator: str
    answers: tuple[answers.Answer, ...]
    grids: tuple[grid.Grid, ...]
    warnings: tuple[warnings.Warned, ...]
    groups: tuple[illustrations.Group, ...]
    reviewers: reviewers.Reviewers | None
    verdicts: Table | None
    claims: Table | None
    estimates: Table | None
    calibration: calibrations.Calibration
    record: record.Record


def collect(inputs: ReportInputs) -> Content:
    """Return the content of the report, read from the files of the run."""
    import pandas as pd

    manifest = pd.concat(parts(files.check(inputs.results / "manifest.csv"), ROWS_AT_ONCE))
    verdicts = None
    counts: dict[str, str] = {}
    if inputs.verdicts:
        verdicts, metadata = _read(inputs.verdicts)
        verdicts, counts = answers.distinct(verdicts), metadata.get("level_labels", {})
    claims = _read(inputs.claims)[0] if inputs.claims else None
    found = [estimates.read(path) for path in inputs.estimates]
    pictures = {
        scheme: dict(grid.picture(View(path)) for path in paths)
        for scheme, paths in inputs.views.items()
    }
    return Content(
        pictures=len(manifest),
        estimator=inputs.estimator,
        answers=() if verdicts is None else tuple(answers.answers(verdicts)),
        grids=grids(verdicts, pictures, counts),
        warnings=(
            *warnings.of_estimates(found),
            *warnings.of_verdicts(verdicts),
            *warnings.of_claims(claims),
            *warnings.of_pictures(manifest),
            *warnings.of_channels(
                manifest["channels"].tolist(),
                inputs.configuration.get("dataset", {}).get("grey", "keep"),
            ),
            *warnings.of_key(inputs.key, record.TEST_KEY),
        ),
        reviewers=_reviewers(inputs),
        groups=tuple(illustrations.groups(inputs.figures)),
        verdicts=verdict_table(verdicts),
        claims=claim_table(claims),
        estimates=estimate_table(found),
        calibration=_calibration(inputs),
        record=record.record(inputs.configuration, inputs.key, inputs.results / "benchmarks"),
    )


def grids(
    verdicts: "Frame | None",
    pictures: Mapping[str, Mapping[int, grid.Picture]],
    counts: Mapping[str, str],
) -> tuple[grid.Grid, ...]:
    """Return a grid per scheme with a verdict; without any verdict, per scheme with pictures."""
    if verdicts is None:
        return tuple(grid.grid(each, None, shown) for each, shown in pictures.items())
    return tuple(
        grid.grid(
            each,
            rows,
            pictures.get(each.partition(PART_SEPARATOR)[0], {}),
            counts.get(each, "").removeprefix(f"{each}: "),
        )
        for each, rows in estimates.grouped(verdicts, "scheme")
    )


def verdict_table(verdicts: "Frame | None") -> Table | None:
    """Return the verdicts; nats from too few pictures are left out."""
    if verdicts is None:
        return None
    values = ["nats", "low", "high", "floor"]
    verdicts = verdicts.assign(**verdicts[values].where(sized(verdicts)))
    columns = {
        "scheme": Column("scheme"),
        "label": Column("representation"),
        "level": Column("n", "d"),
        "verdict": Column("verdict"),
        "corrected_p": Column("p, corrected", ".2g"),
        **{name: Column(name, ".3f") for name in values},
        "pictures": Column("units", ".0f"),
    }
    return from_frame(verdicts, columns)


def claim_table(claims: "Frame | None") -> Table | None:
    """Return the paper's claims, one row per claim."""
    if claims is None:
        return None
    columns = {name: Column(name) for name in ("claim", "verdict", "remark")}
    return from_frame(claims.drop_duplicates("claim"), columns)


def estimate_table(tables: Iterable[estimates.Table]) -> Table | None:
    """Return the held-out estimates of mutual information, one row per level."""
    import pandas as pd

    parts = [
        by_level(each).assign(
            scheme=each.scheme,
            label=each.label,
            estimator=each.metadata["estimator"],
            note=enough.shortage(each) or None,
        )
        for each in tables
        if "p_value" in each.rows and (each.rows["statistic"] == INFORMATION).any()
    ]
    if not parts:
        return None
    columns = {
        "scheme": Column("scheme"),
        "label": Column("representation"),
        "estimator": Column("estimator"),
        "level": Column("n", "d"),
        "mean": Column("nats", ".3f"),
        **{name: Column(name, ".3f") for name in ("low", "high", "floor")},
        "p_value": Column("p", ".2g"),
        "note": Column("carries no weight"),
    }
    return from_frame(pd.concat(parts), columns)


def _reviewers(inputs: ReportInputs) -> reviewers.Reviewers | None:
    if inputs.security is None:
        return None
    return reviewers.reviewers(_read(inputs.security)[0], inputs.throughput)


def _calibration(inputs: ReportInputs) -> calibrations.Calibration:
    if inputs.calibration:
        errors = _read(inputs.false_alarms)[0] if inputs.false_alarms else None
        return calibrations.measured(_read(inputs.calibration)[0], errors, inputs.estimator)
    configuration = shlex.quote(str(inputs.results / record.CONFIGURATION))
    command = f"snakemake --cores 8 --configfile {configuration} -- calibration"
    return calibrations.quoted(record.PUBLISHED, command)


def _read(path: Path) -> tuple[Frame, dict[str, Any]]:
    table, metadata = files.read_table(path)
    return table.to_pandas(), metadata
