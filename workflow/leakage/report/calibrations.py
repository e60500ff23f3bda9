"""Calibration in the report: that of this run, or the published one, quoted."""

from dataclasses import dataclass
from pathlib import Path

from leakage.interfaces import Frame
from leakage.report.tables import Column, Table, from_markdown

WORST = "## The worst case of each estimator"


@dataclass(frozen=True)
class Calibration:
    """How far the estimators are from known truths."""

    text: str
    table: Table | None
    command: str = ""


def measured(table: Frame, errors: "Frame | None", estimator: str) -> Calibration:
    """Return the calibration of this run."""
    text = (
        "Measured in this run, on pairs with known mutual information: the largest error over the "
        f"levels of a task, in nats, of {estimator} and of the best estimator on that task."
    )
    if errors is not None:
        text = f"{text} {false_alarms(errors)}"
    own = estimator if estimator in set(table["estimator"]) else None
    rows = []
    for task, part in table.dropna(subset="bias").groupby("task", sort=False):
        worst = part.assign(error=part["bias"].abs()).sort_values("error", kind="stable")
        worst = worst.drop_duplicates("estimator", keep="last")
        of_own = worst.loc[worst["estimator"] == own, "bias"]
        best = worst.iloc[0]
        error = float(of_own.iloc[0]) if len(of_own) else None
        truths = (float(part["truth"].min()), float(part["truth"].max()))
        name = str(task).replace("_", " ")
        rows.append((name, *truths, error, float(best["bias"]), best["estimator"]))
    columns = [
        *(Column("task"), Column("least truth", ".2f"), Column("largest truth", ".2f")),
        *(Column(f"error of {estimator}", "+.2f"), Column("smallest error", "+.2f"), Column("by")),
    ]
    return Calibration(text, Table(columns, rows))


def quoted(page: Path, command: str) -> Calibration:
    """Return the published calibration's worst cases, read from docs/calibration.md."""
    table = from_markdown(page.read_text(encoding="utf-8"), WORST) if page.is_file() else None
    if table is None:
        return Calibration("The estimators were not calibrated in this run.", None, command)
    text = (
        "Not measured in this run, but quoted from docs/calibration.md: the estimators as shipped, "
        "with the settings of config.yaml, on pairs with known mutual information. For each "
        "estimator, the task and level farthest from the truth, in nats."
    )
    return Calibration(text, table, command)


def false_alarms(found: Frame) -> str:
    """Return how often the verdict called a leak where there was none."""
    # Imported here because it loads pandas.
    from leakage.analysis import calibration

    null = calibration.errors(found)
    null = null[null["strength"] == 0].sort_values("families")
    rules = null.drop_duplicates("rule", keep="last")
    worst = rules.sort_values(["families", "families_with_a_leak"]).iloc[-1]
    return (
        f"Where nothing leaks, the verdict found a leak in {worst['families_with_a_leak']:.1%} of "
        f"{worst['families']:.0f} families of levels (allowed: {1 - worst['confidence']:.0%})."
    ).replace("%", " %")
