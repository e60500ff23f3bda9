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
    table = {
        "estimator": "mine",
        "level": [0, 8],
        "nats": [1.25, float("nan")],
        "exact": [True] * 2,
    }
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


@pytest.mark.parametrize("metadata", [{}, TRAINED])
def test_equal_tables_agree(compare, metadata):
    found = compare(rows(), rows(), metadata)
    assert (found.rows, found.largest, found.problem) == (2, 0, "")


@pytest.mark.parametrize(
    ("after", "problem"),
    [
        (rows(level=[0, 7]), "level: row 1: '8' became '7'"),
        (rows(level=[0.0, 8.0]), "level: int64 became float64"),
        (rows(nats=[1.25, 0.0]), "nats: differs by inf"),
        (rows(exact=[True, False]), "exact: row 1: 'True' became 'False'"),
        (rows(estimator="cca"), "estimator: row 0: 'mine' became 'cca'"),
        (rows(estimand="a bound"), "estimand: row 1: 'a count' became 'a bound'"),
        (rows().iloc[:1], "2 rows became 1"),
        (rows().drop(columns="nats"), "columns"),
    ],
)
@pytest.mark.parametrize("metadata", [{}, TRAINED])
def test_a_change_of_a_table_is_a_difference(compare, after, problem, metadata):
    assert problem in compare(rows(), after, metadata).problem


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


def test_other_words_in_a_description_are_named_and_are_no_difference(compare):
    found = compare(rows(), rows(estimand=["bound", "count"]))
    assert (found.note, found.problem) == ("other words in estimand", "")


def run(script, monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, "argv", ["compare_results", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        script.main()
    return stopped.value.code


def test_new_names_are_followed_in_paths_and_keys(script, monkeypatch, tmp_path, capsys):
    old, new = tmp_path / "old", tmp_path / "new"
    for before, after, key in (
        ("mine", "mine_training", "mine_training"),
        ("held", "mine", "mine"),
    ):
        write(old, f"estimates/{before}/clip/full.parquet", rows(estimator=before))
        write(new, f"estimates/{after}/clip/full.parquet", rows(estimator=key))
    write(old, "figures/held-clip.csv", rows(estimator="mine-bits"))
    write(new, "figures/mine-clip.csv", rows(estimator="mine-bits"))
    write(old, "embeddings/clip/full/0.parquet", rows(estimator="cca"))
    write(new, "embeddings/clip/plain/0.parquet", rows(estimator="cca"))
    names = ["--renamed", "mine=mine_training", "held=mine", "full/0=plain/0"]
    assert run(script, monkeypatch, old, new, *names) == 0
    assert "4 tables, 0 with a difference" in capsys.readouterr().out
    assert run(script, monkeypatch, old, new) == 1


def test_a_missing_table_and_folders_without_tables_fail(script, monkeypatch, tmp_path, capsys):
    old, new = tmp_path / "old", tmp_path / "new"
    assert run(script, monkeypatch, old, new) == 1
    write(new, "manifest.csv", rows())
    assert run(script, monkeypatch, old, new) == 0
    assert "only in the new results" in capsys.readouterr().out
    assert run(script, monkeypatch, new, old) == 1
    assert "manifest.csv" in (said := capsys.readouterr().out) and "missing" in said
