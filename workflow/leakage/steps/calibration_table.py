"""Combine all calibrations: bias and spread of every estimator, errors of the verdict."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pandas as pd
import pyarrow as pa
import typer

from leakage.analysis.calibration import RULES, errors, summary, worst
from leakage.steps.calibrate_verdict import PATCHES
from leakage.storage import files


def main(
    output: Annotated[
        Path, typer.Argument(help="output path without suffix, for .parquet, .csv and .md")
    ],
    verdict: Annotated[Path, typer.Option(help="table of the step calibrate_verdict")],
    table: Annotated[
        list[Path], typer.Option(help="table of the step calibrate_estimator; repeat it")
    ],
    peers: Annotated[
        Path | None, typer.Option(help="CSV of other packages' values on the same tasks")
    ] = None,
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
    # A row without a value means that the peer was stopped.
    others = None if peers is None else pd.read_csv(peers).dropna(subset="nats")
    text = page(rows, errors(found.to_pandas()), others)
    files.write_table(
        output.with_suffix(".parquet"), pa.Table.from_pandas(rows, preserve_index=False), metadata
    )
    with files.whole_file(output.with_suffix(".csv")) as temporary:
        rows.to_csv(temporary, index=False)
    with files.whole_file(output.with_suffix(".md")) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")


def page(rows: pd.DataFrame, wrong: pd.DataFrame, peers: pd.DataFrame | None = None) -> str:
    """Return the page as Markdown.

    `peers` has the columns `task, level, pairs, peer, version, nats`. Its values are shown beside
    the first estimator's for the same task, level and number of pairs.
    """
    parts = [HEAD, "## The worst case of each estimator", "", TEXTS["worst"], ""]
    parts += [*_markdown(_worst_cases(rows)), ""]
    parts += ["## Estimates", "", TEXTS["estimates"], ""]
    for part in _parts(rows):
        parts += [*_markdown(_wide(part)), ""]
    if peers is not None:
        versions = peers[["peer", "version"]].drop_duplicates()
        names = (f"{each.peer} ({each.version})" for each in versions.itertuples())
        parts += ["## Other packages", "", f"{TEXTS['peers']} {', '.join(names)}.", ""]
        parts += [*_markdown(_with_peers(rows, peers)), ""]
    parts += ["## The verdict", "", TEXTS["verdict"], ""]
    parts += _markdown(_beside(wrong))
    patches = f"{PATCHES} patches of each picture, or 1 to {2 * PATCHES - 1}"
    parts += ["", f"{patches}; stated confidence {wrong['confidence'].iloc[0]}."]
    return "\n".join(parts) + "\n"


def _worst_cases(rows: pd.DataFrame) -> pd.DataFrame:
    cases = worst(rows)
    columns = cases[["estimator", "task", "level", "pairs"]]
    return columns.assign(
        truth=_truths(cases),
        found=cases["mean"].map("{:.3f}".format),
        **{"off by": cases["bias"].map("{:+.3f}".format)},
    )


def _truths(rows: pd.DataFrame) -> pd.Series:
    """Return the truths as text, or as `0.24 to 0.31` for a range."""
    exact = rows["truth"].round(3).astype(str)
    low, high = (rows[side].map("{:.3f}".format) for side in ("lower", "upper"))
    return exact.where(rows["lower"] == rows["upper"], low + " to " + high)


HEAD = """# Calibration: every estimator against known truths

```sh
snakemake --cores 2 calibration
```

This measures how far each estimator is from a mutual information that is known exactly, in about an
hour. For a smaller calibration, put `--configfile demo.yaml --` before the target. This page is the
run's `calibration/table.md`; do not edit it.

All tasks use the workflow's settings with one seed. Values are in nats; those of estimators that
train are held out in five folds. `staircase` and others rise with the level, which only numbers
their cases.

The tasks (`workflow/leakage/truths/`):

- Gaussians: a staircase, dense and sparse correlations, two sides of one space
- injective maps of Gaussians, Student's t, uniform noise ("Beyond Normal", Czyż et al., NeurIPS
  2023)
- mixtures of Gaussians
- discrete and mixed variables: quantised values, bits through a channel, erasure, repeated rows
- pictures with known information: blobs, rectangles, two digits of one class
- pixels of photographs, where the truth is an entropy
- encoded pictures: erasure, a channel between the classes of two pictures
- independent pairs, with and without a random effect per picture
"""
TEXTS = {
    "worst": (
        "The task and level farthest from the truth. If the truth is a range, any value within it "
        "is right."
    ),
    "estimates": "Mean over the draws ± standard deviation. An empty cell was not run.",
    "peers": (
        "One run each, on one draw of the same tasks with as many pairs and the package's default "
        "settings (`benchmarks/peers.py`). An empty cell was not run, was stopped after three "
        "minutes, or gave no number. Versions:"
    ),
    "verdict": (
        "A column is a rule; all rules judge the same simulated experiments of four levels each. "
        "Rows with 0 nats give the error: the share of experiments with any level called a leak, "
        "± its standard error. Other rows give the power: the share of levels found. The number "
        "of experiments is in brackets. The last rule uses critics alone and gives no answer if a "
        "fold has too few pictures."
    ),
}
# Their pairs are pixels, which other estimators do not read.
PIXEL_TASKS = ("pixels",)
ROW = ["task", "pairs", "level", "truth"]


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
    kept = [rule for rule in RULES if rule in wide]
    return wide[kept].fillna("").reset_index()


def _parts(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the rows of pixel tasks and of all other tasks, which share no estimator."""
    on_pixels = rows["task"].isin(PIXEL_TASKS)
    for part in (rows[~on_pixels], rows[on_pixels]):
        if len(part):
            yield part


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the estimates as text: a row per task and level, a column per estimator."""
    # A single draw has no standard deviation.
    spread = rows["standard_deviation"].map(" ± {:.3f}".format).where(rows["draws"] > 1, "")
    text = rows["mean"].map("{:.3f}".format) + spread
    kept = rows.assign(text=text, truth=_truths(rows))[[*ROW, "estimator", "text"]]
    order = kept[ROW].drop_duplicates()
    columns = list(dict.fromkeys(kept["estimator"]))
    wide = kept.pivot(index=ROW, columns="estimator", values="text")
    return wide.loc[pd.MultiIndex.from_frame(order), columns].reset_index().fillna("")


def _with_peers(rows: pd.DataFrame, peers: pd.DataFrame) -> pd.DataFrame:
    """Return other packages' values beside the first estimator's, as text."""
    first = rows[rows["estimator"] == rows["estimator"].iloc[0]]
    values = peers.assign(nats=peers["nats"].map("{:.3f}".format))
    same = ["task", "level", "pairs"]
    others = values.pivot(index=same, columns="peer", values="nats").reset_index()
    beside = _wide(first).merge(others, on=same)
    return beside[[*_wide(first).columns, *dict.fromkeys(peers["peer"])]].fillna("")


def _markdown(table: pd.DataFrame) -> list[str]:
    lines = ["| " + " | ".join(map(str, table.columns)) + " |", "|" + "---|" * table.shape[1]]
    return lines + [
        "| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)
    ]
