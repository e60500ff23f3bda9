"""The comparison of two results folders finds every change that is not a new name."""

import importlib
import json
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from leakage.storage import files

TRAINED = {"settings": {"method": "mine", "epochs": 3}}


@pytest.fixture
def script(monkeypatch):
    """The script as a module."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    return importlib.import_module("compare_results")


def rows(**columns) -> pd.DataFrame:
    table = {"estimator": "mine", "level": [0, 8], "nats": [1.25, float("nan")], "exact": True}
    return pd.DataFrame(table | {"estimand": ["a bound", "a count"]} | columns)


def write(folder: Path, name: str, table: pd.DataFrame, metadata: dict | None = None) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
        path.with_suffix(".json").write_text(json.dumps({"inputs": metadata or {}}))
    else:
        files.write_table(path, pa.Table.from_pandas(table), metadata or {})


@pytest.fixture
def compare(script, tmp_path):
    """Compare a table before with one after, and return the comparison."""

    def compare(before, after, metadata=None, name="estimates/mine/clip/full.parquet"):
        write(tmp_path / "old", name, before, {"code": "abc"} | (metadata or {}))
        write(tmp_path / "new", name, after, {"code": "def"} | (metadata or {}))
        (found,) = script.compare(tmp_path / "old", tmp_path / "new", {})
        return found

    return compare


@pytest.mark.parametrize(
    ("after", "problem"),
    [
        (rows(), ""),
        (rows(level=[0, 7]), "level: row 1: '8' became '7'"),
        (rows(level=[0.0, 8.0]), "level: int64 became float64"),
        (rows(nats=[1.25, 0.0]), "nats: differs by inf"),
        (rows(estimator="cca"), "estimator: row 0: 'mine' became 'cca'"),
        (rows(estimand="a bound"), "estimand: row 1: 'a count' became 'a bound'"),
        (rows(estimand=["bound", "count"]), ""),  # other words
        (rows().iloc[:1], "2 rows became 1"),
        (rows().drop(columns="nats"), "columns"),
    ],
)
@pytest.mark.parametrize("metadata", [{}, TRAINED])
def test_a_change_that_is_no_rewording_is_a_difference(compare, after, problem, metadata):
    found = compare(rows(), after, metadata)
    assert problem in found.problem and bool(problem) == bool(found.problem)


@pytest.mark.parametrize(
    ("metadata", "change", "differs"),
    [
        ({}, 1e-15, True),
        (TRAINED, 1e-7, False),
        (TRAINED, 1e-5, True),
        ({"source": {"weights": None}}, 1e-7, True),
        ({"source": {"weights": {"model": "resnet18"}}}, 1e-7, False),
    ],
)
@pytest.mark.parametrize("name", ["estimates/mine/clip/full.parquet", "figures/fig5.csv"])
def test_only_tables_of_trained_networks_have_a_tolerance(compare, metadata, change, differs, name):
    after = rows(nats=[1.25 + change, float("nan")])
    assert bool(compare(rows(), after, metadata, name).problem) == differs


def test_embeddings_are_compared_by_their_coordinates(compare):
    before, after = rows(embedding=[[1.0, 2.0]] * 2), rows(embedding=[[1.0, 2.0], [1.0, 2.5]])
    assert "embedding: differs by 0.25" in compare(before, after).problem
    assert compare(before, before).problem == ""


def test_new_names_are_followed_and_a_missing_table_or_none_fails(
    script, monkeypatch, tmp_path, capsys
):
    def run(*arguments) -> int:
        monkeypatch.setattr(sys, "argv", ["compare_results", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            script.main()
        return stopped.value.code

    old, new = tmp_path / "old", tmp_path / "new"
    assert run(old, new) == 1  # no table at all
    for before, after in (("mine", "mine_training"), ("held", "mine")):
        write(old, f"estimates/{before}/clip/full.parquet", rows(estimator=before))
        write(new, f"estimates/{after}/clip/full.parquet", rows(estimator=after))
    write(old, "figures/held-clip.csv", rows(estimator="mine-bits"))
    write(new, "figures/mine-clip.csv", rows(estimator="mine-bits"))
    write(old, "embeddings/clip/full/0.parquet", rows(estimator="cca"))
    write(new, "embeddings/clip/plain/0.parquet", rows(estimator="cca"))
    write(new, "manifest.csv", rows())
    names = ["--renamed", "mine=mine_training", "held=mine", "full/0=plain/0"]
    assert run(old, new, *names) == 0
    said = capsys.readouterr().out
    assert "5 tables, 0 with a difference" in said and "only in the new results" in said
    assert run(old, new) == 1 and run(new, new) == 0
    (new / "manifest.csv").rename(old / "manifest.csv")
    assert run(old, new, *names) == 1
    assert "missing in the new results" in capsys.readouterr().out
