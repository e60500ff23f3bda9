r"""Compare the tables of two results folders, to show that a change of the code changed no result.

    python benchmarks/compare_results.py results/before results/after \
        --renamed mine=mine_training mine-held-out=mine held_out=estimators msb_xor/0=plain/0

Prints a line per table. Exits with 1 if a table differs or is missing.

Tables must be equal value by value. If a trained network stands behind a table, its numbers may
differ by the tolerance, relative to values above 1 and absolute below. Descriptions may be
reworded, but equal ones must stay equal and different ones different. Metadata (code digests,
versions, checksums) is not compared.
"""

import argparse
import json
import math
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

PATTERNS = (
    *("manifest.csv", "skipped.csv", "patches.csv", "scorecard.csv", "figures/**/*.csv"),
    *("views/**/*.parquet", "embeddings/**/*.parquet", "estimates/**/*.parquet"),
    *("tests/**/*.parquet", "measures/**/*.parquet", "security/**/*.parquet"),
    "analysis/**/*.parquet",
)
TOLERANCE = 1e-6
# Columns of descriptions. All other texts are keys.
DESCRIPTIONS = ("claim", "encoder", "estimand", "label", "method", "networks", "quantity", "remark")
# If one of these is in a table's metadata, a trained network stands behind the table. The table of
# verdicts names the jobs behind it.
TRAINED = {"epochs", "weights", "behind"}
Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Comparison:
    """The comparison of one table.

    Attributes:
        name: path of the table in the new folder.
        rows: number of rows.
        trained: whether the tolerance applies.
        largest: the largest difference between two numbers.
        note: what else was found: columns with other words, or a table that only one folder has.
        problem: how the tables differ; empty if they agree.
    """

    name: str
    rows: int = 0
    trained: bool = False
    largest: float = 0.0
    note: str = ""
    problem: str = ""


def main() -> None:
    """Compare, print the table, and exit with 1 if there is a difference."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path, help="results of the earlier run")
    parser.add_argument("new", type=Path, help="results of the later run")
    parser.add_argument(
        "--renamed",
        nargs="*",
        default=[],
        metavar="OLD=NEW",
        help="an entry, a figure or a part of a path, by its old and its new name",
    )
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="default: %(default)g")
    given = parser.parse_args()
    for each in given.renamed:
        if "=" not in each:
            parser.error(f"--renamed: expected OLD=NEW, got {each!r}")
    names = dict(each.split("=", 1) for each in given.renamed)
    found = list(compare(given.old, given.new, names, given.tolerance))
    print(document(found))
    wrong = sum(bool(each.problem) for each in found)
    print(f"\n{len(found)} tables, {wrong} with a difference; tolerance {given.tolerance:g}")
    sys.exit(1 if wrong or not found else 0)


def compare(
    old: Path, new: Path, names: Mapping[str, str], tolerance: float = TOLERANCE
) -> Iterator[Comparison]:
    """Yield a comparison per table of either folder.

    Args:
        old: results of the earlier run.
        new: results of the later run.
        names: the new name by the old one.
        tolerance: for tables behind which a trained network stands.
    """
    before = {renamed(name, names): path for name, path in tables(old).items()}
    after = tables(new)
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield Comparison(name, problem="missing in the new results")
        elif name not in before:
            yield Comparison(name, note="only in the new results")
        else:
            yield compare_tables(name, before[name], after[name], names, tolerance)


def tables(folder: Path) -> dict[str, Path]:
    """Return the tables of a results folder by their path in it."""
    found = {path for pattern in PATTERNS for path in folder.glob(pattern)}
    return {path.relative_to(folder).as_posix(): path for path in found}


def renamed(path: str, names: Mapping[str, str]) -> str:
    """Return the path of a table with the new names; a figure's may end in `-{representation}`."""
    longest_first = sorted(names, key=len, reverse=True)
    if not longest_first:
        return path
    end = r"(?=[-/.])" if path.startswith("figures/") else r"(?=[/.])"
    pattern = rf"(?<=/)({'|'.join(map(re.escape, longest_first))}){end}"
    return re.sub(pattern, lambda found: names[found[0]], path)


def compare_tables(
    name: str, old: Path, new: Path, names: Mapping[str, str], tolerance: float
) -> Comparison:
    """Return the comparison of one table."""
    before, after = read(old), read(new)
    trained = is_trained(old)
    result = Comparison(name, len(before), trained)
    if list(before) != list(after):
        return replace(result, problem=f"columns {list(before)} became {list(after)}")
    if len(before) != len(after):
        return replace(result, problem=f"{len(before)} rows became {len(after)}")
    largest, reworded, problems = 0.0, [], []
    for column in before:
        one, other = before[column], after[column]
        if one.dtype != other.dtype:
            problems.append(f"{column}: {one.dtype} became {other.dtype}")
        elif one.dtype.kind == "f" or _holds_arrays(one):
            difference = largest_difference(_numbers(one), _numbers(other))
            largest = max(largest, difference)
            if difference > (tolerance if trained else 0):
                problems.append(f"{column}: differs by {difference:.2g}")
        else:
            mapped = one.replace(dict(names))
            same = (mapped == other) | (mapped.isna() & other.isna())
            if same.all():
                continue
            if column in DESCRIPTIONS and _is_rewording(one, other):
                reworded.append(column)
            else:
                at = int((~same).to_numpy().argmax())
                problems.append(f"{column}: row {at}: '{mapped[at]}' became '{other[at]}'"[:200])
    note = f"other words in {', '.join(reworded)}" if reworded else ""
    return replace(result, largest=largest, note=note, problem="; ".join(problems))


def read(path: Path) -> pd.DataFrame:
    """Return a table with its numbers as they were written."""
    if path.suffix == ".csv":
        return pd.read_csv(path)
    return pd.read_parquet(path)


def is_trained(path: Path) -> bool:
    """Return whether a trained network stands behind a table.

    Parquet files say so in their metadata, and figures in the JSON file beside their CSV file.
    """
    if path.suffix == ".parquet":
        return _mentions_training(json.loads(pq.read_schema(path).metadata.get(b"leakage", b"{}")))
    beside = path.with_suffix(".json")
    if not beside.is_file():
        return path.name == "scorecard.csv"
    return _mentions_training(json.loads(beside.read_text(encoding="utf-8"))["inputs"])


def largest_difference(one: Array, other: Array) -> float:
    """Return the largest difference, relative to numbers above 1; infinite if a number is missing.

    Both arrays have the shape (rows,) or (rows, dim).
    """
    if one.shape != other.shape:
        return math.inf
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    if same.all():
        return 0.0
    one, other = one[~same], other[~same]
    with np.errstate(invalid="ignore"):
        found = np.abs(one - other) / np.maximum(1, np.abs(one))
    return float(np.nan_to_num(found, nan=math.inf, posinf=math.inf).max())


def document(found: list[Comparison]) -> str:
    """Return the comparisons as a text table."""
    rows = [
        {
            "table": each.name,
            "rows": each.rows,
            "rule": "tolerance" if each.trained else "exact",
            "difference": f"{each.largest:.1g}",
            "result": f"DIFFERS: {each.problem}" if each.problem else each.note or "equal",
        }
        for each in found
    ]
    return pd.DataFrame(rows).to_string(index=False, justify="left") if rows else "no tables"


def _mentions_training(metadata: Any) -> bool:
    if isinstance(metadata, list):
        return any(map(_mentions_training, metadata))
    if not isinstance(metadata, dict):
        return False
    named = any(metadata.get(key) is not None for key in TRAINED)
    return named or any(map(_mentions_training, metadata.values()))


def _holds_arrays(column: "pd.Series[Any]") -> bool:
    return len(column) > 0 and isinstance(column.iloc[0], np.ndarray)


def _numbers(column: "pd.Series[Any]") -> Array:
    return np.stack(column.tolist()) if _holds_arrays(column) else column.to_numpy()


def _is_rewording(one: "pd.Series[Any]", other: "pd.Series[Any]") -> bool:
    """Return whether each text became one other text, and no two texts became the same."""
    pairs = pd.DataFrame({"one": one, "other": other}).drop_duplicates()
    return bool(pairs["one"].is_unique and pairs["other"].is_unique)


if __name__ == "__main__":
    main()
