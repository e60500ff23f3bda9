"""The command `estimate`: every option is checked before anything is computed, none is ignored."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import small_views
from leakage import estimators
from leakage.errors import LeakageError
from leakage.steps import estimate as step
from leakage.storage import embeddings, files

LEVELS = (0, 3)


@pytest.fixture
def arrays(tmp_path) -> dict[str, Path]:
    values = np.random.default_rng(0).normal(size=(40, 2))
    paths = {name: tmp_path / f"{name}.npy" for name in ("x", "y", "groups")}
    np.save(paths["x"], values)
    np.save(paths["y"], values[None])
    np.save(paths["groups"], np.arange(40) // 2)
    return paths


@pytest.fixture
def kept(tmp_path) -> dict[str, list[Path]]:
    """Views and embeddings at two levels, as the workflow keeps them."""
    views = [small_views.write_view(tmp_path / f"view-{level}.parquet", level) for level in LEVELS]
    values = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    rows = [(f"p{index // 2}", index % 2 - (index % 2 == 1) * 2, 0, 0) for index in range(60)]
    embedded = []
    for level in LEVELS:
        path = tmp_path / f"embedding-{level}.parquet"
        view = {"level": level, "scheme": "msb_xor", "clear_bits": 8 - level}
        about = {"level": level, "scheme": "msb_xor", "view": view}
        embeddings.write(path, [(rows, values + level)], 4, about)
        embedded.append(path)
    return {"views": views, "embeddings": embedded}


@pytest.fixture
def nothing_runs(monkeypatch):
    """Make every computation, and every reading of items, an error."""

    def refuse(*_args, **_kwargs):
        raise AssertionError("an estimator ran")

    monkeypatch.setattr(estimators, "run", refuse)
    monkeypatch.setattr(files, "read_array", refuse)
    monkeypatch.setattr(embeddings, "read", refuse)


def refused(*arguments, **options) -> str:
    with pytest.raises(LeakageError) as caught:
        step.main(*arguments, **options)
    assert "\n" not in str(caught.value) and "delete" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"rows": "whole"}, "--rows: does nothing for arrays of your own, only for embeddings"),
        ({"limit": 5}, "--limit: does nothing for arrays of your own"),
        ({"checkpoint": Path("c")}, "--checkpoint: does nothing for arrays of your own"),
        ({"checkpoint_every": 1.0}, "--checkpoint-every: does nothing for arrays of your own"),
        ({"seed": -1}, "--seed: found -1; expected a whole number from 0"),
        ({"output": Path("r.xlsx")}, "--output r.xlsx: expected a name that ends in .parquet or"),
        ({"output": Path("r")}, "--output r: expected a name that ends in .parquet or .csv"),
        ({"settings": "{"}, "--settings: not JSON"),
        ({"settings": "[]"}, "--settings: found []; expected a JSON object"),
        ({"settings": '{"epoch": 3}'}, "mine.epoch: unknown key"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("nothing_runs")
def test_options_of_arrays_are_refused_before_work(arrays, options, expected):
    assert refused("mine", arrays["x"], [arrays["y"]], **options).startswith(expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"rows": "Whole"}, "--rows: found 'Whole'; expected patches or whole"),
        ({"rows": ""}, "--rows: found ''; expected patches or whole"),
        ({"limit": 0}, "--limit: found 0; expected at least 1"),
        ({"limit": -5}, "--limit: found -5; expected at least 1"),
        ({"groups": Path("g.npy")}, "--groups: does nothing for embeddings, only for arrays"),
        ({"checkpoint_every": 5.0}, "--checkpoint-every: found 5; expected seconds from 0, beside"),
        (
            {"checkpoint_every": -5.0, "checkpoint": Path("c")},
            "--checkpoint-every: found -5; expected seconds from 0",
        ),
    ],
    ids=str,
)
@pytest.mark.usefixtures("nothing_runs")
def test_options_of_embeddings_are_refused_before_work(kept, options, expected):
    plain, *rest = kept["embeddings"]
    assert refused("mine", plain, [plain, *rest], **options).startswith(expected)


@pytest.mark.usefixtures("nothing_runs")
def test_a_checkpoint_is_refused_where_an_estimator_keeps_no_state(kept, tmp_path):
    plain, *rest = kept["embeddings"]
    said = refused("cosine", plain, [plain, *rest], checkpoint=tmp_path / "c")
    assert said.startswith("--checkpoint: estimator cosine keeps no state")


@pytest.mark.parametrize("option", ["rows", "limit", "groups"])
@pytest.mark.usefixtures("nothing_runs")
def test_options_of_other_items_are_refused_for_views(kept, option):
    value = {"rows": "whole", "limit": 3, "groups": Path("g.npy")}[option]
    plain, *rest = kept["views"]
    said = refused("histogram", plain, [plain, *rest], **{option: value})
    assert said.startswith(f"--{option}: does nothing for views")


@pytest.mark.usefixtures("nothing_runs")
def test_a_folder_that_cannot_be_written_is_found_before_work(arrays, tmp_path):
    (tmp_path / "file").write_text("")
    said = refused("mine", arrays["x"], [arrays["y"]], output=tmp_path / "file" / "r.csv")
    assert "cannot be written" in said
    (tmp_path / "folder.csv").mkdir()
    said = refused("mine", arrays["x"], [arrays["y"]], output=tmp_path / "folder.csv")
    assert said.endswith("is a folder; expected the name of a file")


def files_of_others(folder: Path) -> dict[str, Path]:
    """Make files that are not read here."""
    pd.DataFrame({"a": [1]}).to_csv(folder / "a.csv")
    np.savez(folder / "a.npz", x=np.zeros(3))
    (folder / "a.txt").write_text("1")
    (folder / "plain").write_text("1")
    pq.write_table(pa.table({"a": [1]}), folder / "a.parquet")
    (folder / "noise.parquet").write_bytes(b"noise")
    files.write_table(folder / "estimate.parquet", pa.table({"a": [1]}), {"estimator": "mine"})
    return {path.name: path for path in folder.iterdir() if path.suffix != ".sha256"}


OTHERS = {
    "a.csv": "ends in .csv; expected an array in a .npy file",
    "a.npz": "ends in .npz; expected an array in a .npy file",
    "a.txt": "ends in .txt; expected an array",
    "plain": "ends in nothing; expected an array",
    "a.parquet": "not a file that the workflow made; expected an array in a .npy file",
    "noise.parquet": "not a file that the workflow made",
    "estimate.parquet": "a file of another stage; expected an array",
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("side", ["x", "y"])
@pytest.mark.usefixtures("nothing_runs")
def test_a_file_of_another_kind_is_refused_and_never_to_be_deleted(name, side, arrays, tmp_path):
    (tmp_path / "others").mkdir()
    path = files_of_others(tmp_path / "others")[name]
    given = {"x": arrays["x"], "y": arrays["y"]} | {side: path}
    said = refused("mine", given["x"], [given["y"]])
    assert said.startswith(f"{path}: {OTHERS[name]}")
    assert path.exists()


@pytest.mark.usefixtures("nothing_runs")
def test_items_are_of_one_kind(arrays, kept):
    plain, other = kept["embeddings"]
    said = refused("mine", arrays["x"], [other])
    assert said.endswith("holds arrays of your own; give the same kind")
    assert "give the same kind" in refused("mine", plain, [kept["views"][0]])
    assert "np.stack them" in refused("mine", arrays["x"], [arrays["y"], arrays["y"]])
    assert refused("mine", Path("nowhere.npy"), [other]).startswith("nowhere.npy: no such file")


def damaged(path: Path) -> list[bytes]:
    whole = path.read_bytes()
    return [b"", whole[:5], whole[:40], whole[:-8], b"\x93NUMPY" + b"\xff" * 200, b"noise" * 50]


@pytest.mark.parametrize("kind", range(6))
@pytest.mark.parametrize("which", ["x", "y", "groups"])
def test_a_damaged_array_is_named(arrays, which, kind):
    arrays[which].write_bytes(damaged(arrays[which])[kind])
    said = refused("cosine", arrays["x"], [arrays["y"]], groups=arrays["groups"])
    assert said.startswith(f"{arrays[which]}: not an array of numbers in a .npy file (")


def test_an_array_that_claims_to_be_huge_is_named(arrays):
    header = arrays["x"].read_bytes()[:128].replace(b"(40, 2), }  ", b"(2**9,), }  ")
    huge = np.lib.format
    with open(arrays["x"], "wb") as stream:
        shape = {"descr": "<f8", "fortran_order": False, "shape": (1 << 60, 2)}
        huge.write_array_header_1_0(stream, shape)
    assert header and "not an array of numbers" in refused("cosine", arrays["x"], [arrays["y"]])


def test_an_empty_file_gives_one_line_in_the_shell(arrays):
    arrays["y"].write_bytes(b"")
    line = [sys.executable, "-m", "leakage", "estimate", "cosine", arrays["x"], arrays["y"]]
    done = subprocess.run(line, capture_output=True, text=True, env=os.environ, timeout=60)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"error: {arrays['y']}: not an array of numbers in a .npy file (")
    assert "the file is empty" in done.stderr and len(done.stderr.splitlines()) == 1


def test_options_that_do_something_do_it(kept, arrays, tmp_path, capsys):
    plain, *rest = kept["embeddings"]
    output = tmp_path / "new" / "table.csv"
    for rows, limit, items in ((None, None, 30), ("whole", None, 30), ("patches", 7, 7)):
        step.main("finite_set", plain, [plain, *rest], output, rows=rows, limit=limit)
        assert pd.read_csv(output)["ceiling"].to_numpy() == pytest.approx(np.log(items))
    step.main("finite_set", arrays["x"], [arrays["y"]], groups=arrays["groups"])
    assert pd.read_csv(pd.io.common.StringIO(capsys.readouterr().out))["pictures"].item() == 20


def test_the_shell_reads_bytes_as_the_library_does(tmp_path, capsys):
    """Settings that are not given stay so: `pixels` would have bytes read as bits."""
    x = np.random.default_rng(0).integers(0, 256, (60, 1), dtype=np.uint8)
    for name in ("x", "y"):
        np.save(tmp_path / f"{name}.npy", x)
    quick = {"epochs": 1, "hidden": 4, "device": "cpu", "permutations": 0, "bootstraps": 0}
    seen = {}

    def record(estimator, *items):
        seen["estimator"] = estimator
        raise LeakageError("stop")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimators, "run", record)
        refused("mine", tmp_path / "x.npy", [tmp_path / "y.npy"], settings=json.dumps(quick))
    assert "pixels" not in seen["estimator"].model_fields_set
