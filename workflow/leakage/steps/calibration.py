"""Put all calibrations together: bias and spread of every estimator, errors of the verdict."""

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pyarrow as pa
import typer

from leakage import files
from leakage.steps import calibrate_verdict
from leakage.steps.calibrate_verdict import PATCHES


def main(
    output: Annotated[Path, typer.Argument(help="path without suffix; .parquet, .csv, .md")],
    verdict: Annotated[Path, typer.Option(help="what calibrate_verdict made")],
    table: Annotated[list[Path], typer.Option(help="what calibrate made, each")],
) -> None:
    """Write the table of bias and standard deviation, as Parquet, CSV and Markdown."""
    draws = pd.concat([files.read_table(path)[0].to_pandas() for path in table])
    found, metadata = files.read_table(verdict)
    rows = summary(draws)
    metadata |= {
        "calibrated": sorted(set(draws["estimator"])),
        "inputs": {
            role: [digest for path in paths for digest in files.recorded(path)]
            for role, paths in {"draws": table, "verdict": [verdict]}.items()
        },
    }
    text = page(rows, errors(found.to_pandas()))
    files.write_table(
        output.with_suffix(".parquet"), pa.Table.from_pandas(rows, preserve_index=False), metadata
    )
    with files.whole_file(output.with_suffix(".csv")) as temporary:
        rows.to_csv(temporary, index=False)
    with files.whole_file(output.with_suffix(".md")) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")


def summary(draws: pd.DataFrame) -> pd.DataFrame:
    """Return mean, bias, standard deviation and range over the draws, in nats, in their order."""
    keys = ["task", "level", "estimator", "pairs"]
    groups = draws.groupby(keys, sort=False)
    rows = groups.agg(
        truth=("truth", "mean"),
        mean=("nats", "mean"),
        standard_deviation=("nats", "std"),
        low=("nats", "min"),
        high=("nats", "max"),
        draws=("nats", "size"),
    ).reset_index()
    rows.insert(6, "bias", rows["mean"] - rows["truth"])
    return rows


def errors(found: pd.DataFrame) -> pd.DataFrame:
    """Return how often families and levels were called a leak.

    One row per rule, number of pictures, patches and strength: `families`, the share of
    `families_with_a_leak` with its `standard_error`, and of `levels_with_a_leak`; `p_below_0.05` is
    the share of levels whose p-value is at most 0.05, of the exact tests or of the rule's.
    """
    keys = ["pictures", "patches", "strength"]
    parts = []
    for rule in calibrate_verdict.RULES:
        judged = found[found[rule].notna()]
        column = "p_critics" if rule == calibrate_verdict.CRITICS_ALONE else "p_value"
        column = "p_exact" if rule.startswith("exact") else column
        leak = judged.assign(leak=judged[rule] == "leak", p_low=judged[column] <= 0.05)
        families = leak.groupby([*keys, "family"])["leak"].any().groupby(keys)
        levels = leak.groupby(keys)
        rows = pd.DataFrame(
            {
                "nats": levels["nats"].first() + 0.0,  # no -0.0
                "families": families.size(),
                "families_with_a_leak": families.mean(),
                "levels_with_a_leak": levels["leak"].mean(),
                "p_below_0.05": levels["p_low"].mean(),
            }
        ).reset_index()
        parts.append(rows.assign(rule=rule))
    rows = pd.concat(parts, ignore_index=True)
    share = rows["families_with_a_leak"]
    rows["standard_error"] = np.sqrt(share * (1 - share) / rows["families"])
    return rows.assign(confidence=found["confidence"].iloc[0])


def page(rows: pd.DataFrame, wrong: pd.DataFrame) -> str:
    """Return both tables as Markdown: a row per task and level, a column per estimator."""
    parts = [HEAD]
    for numbers, title in (("value", "Estimates"), ("bias", "Bias")):
        parts += [f"## {title}", "", f"{TEXTS[numbers]}", "", *_wide(rows, numbers), ""]
    parts += ["## The verdict", "", TEXTS["verdict"], ""]
    parts += _markdown(_beside(wrong))
    patches = f"{PATCHES} patches of each picture, or 1 to {2 * PATCHES - 1}"
    parts += ["", f"{patches}; stated confidence {wrong['confidence'].iloc[0]}."]
    return "\n".join(parts) + "\n"


HEAD = """# Calibration: every estimator against known truths

Made by `snakemake --cores 2 calibration`, which anyone can run (a smaller one: with
`--configfile demo.yaml --`); do not edit.

Each estimator is given pairs whose mutual information is known (`workflow/leakage/truths.py`),
through the same call and with the same settings as in the workflow, one seed, five folds, held out.
The 20-dimensional Gaussian staircase and its cube; 25-dimensional Gaussians with all, and with two,
coordinates correlated; a Gaussian turned by a spiral; Student's t of two degrees of freedom
("Beyond Normal", Czyż et al., NeurIPS 2023); independent pairs, once with a random effect
per picture; pairs of pixels of photographs, whose exact value is an entropy.
`mine-held-out` is the default.
"""
TEXTS = {
    "value": "Mean over the draws ± standard deviation, nats.",
    "bias": "Mean less truth, nats.",
    "verdict": (
        "Families of four levels at once. Where nats are 0, the share of families in which any "
        "level is called a leak is the verdict's error, ± its standard error; elsewhere the share "
        "of levels that are found is its power. A column is a rule, on the same draws; in brackets "
        "how many families. The last rule is critics alone, Holm, and a refusal where a fold has "
        "too few pictures: the verdict as it was before the exact tests."
    ),
}


def _beside(wrong: pd.DataFrame) -> pd.DataFrame:
    """Return the verdict's table for the page: a row per design, a column per rule."""
    null = wrong["strength"] == 0
    error = wrong["families_with_a_leak"].map("{:.3f}".format)
    error += " ± " + wrong["standard_error"].map("{:.3f}".format)
    text = error.where(null, wrong["levels_with_a_leak"].map("{:.3f}".format))
    text += " (" + wrong["families"].astype(str) + ")"
    index = ["pictures", "patches", "nats"]
    rows = wrong.assign(text=text, nats=wrong["nats"].round(3))
    wide = rows.pivot(index=index, columns="rule", values="text")
    kept = [rule for rule in calibrate_verdict.RULES if rule in wide]
    return wide[kept].fillna("").reset_index()


def _wide(rows: pd.DataFrame, numbers: str) -> list[str]:
    if numbers == "bias":
        text = rows["bias"].map("{:+.3f}".format)
    else:
        spread = rows["standard_deviation"].map("{:.3f}".format)
        text = rows["mean"].map("{:.3f}".format) + " ± " + spread
    index = ["task", "pairs", "level", "truth"]
    estimators = list(dict.fromkeys(rows["estimator"]))
    kept = rows.assign(text=text, truth=rows["truth"].round(3))
    order = kept[index].drop_duplicates()
    wide = kept.pivot(index=index, columns="estimator", values="text")
    wide = wide.loc[pd.MultiIndex.from_frame(order), estimators].fillna("").reset_index()
    return _markdown(wide)


def _markdown(table: pd.DataFrame) -> list[str]:
    lines = ["| " + " | ".join(map(str, table.columns)) + " |", "|" + "---|" * table.shape[1]]
    return lines + [
        "| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)
    ]
