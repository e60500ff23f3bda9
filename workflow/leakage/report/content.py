"""The content of a report, gathered from the tables and figures of a run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leakage.analysis import enough
from leakage.analysis import tables as estimates
from leakage.analysis.tables import INFORMATION, by_level
from leakage.analysis.verdicts import sized
from leakage.report import answers, grid
from leakage.report.answers import Answer
from leakage.report.calibrations import Calibration
from leakage.report.grid import Grid, Picture
from leakage.report.illustrations import Group
from leakage.report.record import Record
from leakage.report.tables import Column, Table
from leakage.report.warnings import Warned

if TYPE_CHECKING:
    import pandas as pd

TITLE = "What leaks through the encryption?"
NO_VERDICT = "This run has no verdict, because none of its figures shows one."


@dataclass(frozen=True)
class Content:
    """All that page and summary show.

    Attributes:
        pictures: number of pictures in the manifest.
        estimator: the estimator of the verdicts.
        answers: one per scheme; empty if the run has no verdict.
        grids: verdicts and first picture of each scheme.
        warnings: what to know before quoting a number.
        groups: the figures, in the order of the argument.
        verdicts: one row per scheme, representation and level.
        claims: the paper's claims; None if the run has not tested them.
        estimates: held-out estimates, one row per level.
        calibration: how far the estimators are from known truths.
        record: configuration, versions, run times.
    """

    pictures: int
    estimator: str
    answers: tuple[Answer, ...]
    grids: tuple[Grid, ...]
    warnings: tuple[Warned, ...]
    groups: tuple[Group, ...]
    verdicts: Table | None
    claims: Table | None
    estimates: Table | None
    calibration: Calibration
    record: Record


def answered(verdicts: "pd.DataFrame | None") -> tuple[Answer, ...]:
    """Return the answers; none if the run has no verdict."""
    return () if verdicts is None else tuple(answers.answers(verdicts))


def grids(
    verdicts: "pd.DataFrame | None",
    pictures: Mapping[str, Mapping[int, Picture]],
    counts: Mapping[str, str],
) -> tuple[Grid, ...]:
    """Return a grid per scheme: those with a verdict, or else those with pictures.

    Args:
        verdicts: the table of verdicts.
        pictures: the first picture, by scheme and level.
        counts: what a level counts, by scheme.
    """
    schemes = pictures if verdicts is None else dict.fromkeys(verdicts["scheme"])
    return tuple(
        grid.grid(
            each,
            verdicts,
            pictures.get(each, {}),
            counts.get(each, "").removeprefix(f"{each}: "),
        )
        for each in schemes
    )


def verdict_table(verdicts: "pd.DataFrame | None") -> Table | None:
    """Return the verdicts as a table to sort; nats from too few pictures are left out."""
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
        "nats": Column("nats", ".3f"),
        "low": Column("low", ".3f"),
        "high": Column("high", ".3f"),
        "floor": Column("floor", ".3f"),
        "pictures": Column("units", ".0f"),
    }
    return _table(verdicts, columns)


def claim_table(claims: "pd.DataFrame | None") -> Table | None:
    """Return the paper's claims as a table to sort: one row per claim."""
    if claims is None:
        return None
    columns = {"claim": Column("claim"), "verdict": Column("verdict"), "remark": Column("remark")}
    return _table(claims.drop_duplicates("claim"), columns)


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
        "low": Column("low", ".3f"),
        "high": Column("high", ".3f"),
        "floor": Column("floor", ".3f"),
        "p_value": Column("p", ".2g"),
        "note": Column("carries no weight"),
    }
    return _table(pd.concat(parts), columns)


def _table(rows: "pd.DataFrame", columns: Mapping[str, Column]) -> Table:
    present = {name: column for name, column in columns.items() if rows[name].notna().any()}
    values: Sequence[Sequence] = rows[list(present)].astype(object).to_numpy().tolist()
    return Table(list(present.values()), values)
