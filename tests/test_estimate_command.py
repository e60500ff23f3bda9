"""The command `estimate` checks every option before it computes, and ignores none."""

import io
import tracemalloc
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
from leakage.steps import test as test_step
from leakage.storage import embeddings, files, views

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
    """Return the one line with which the command stops."""
    with pytest.raises(LeakageError) as caught:
        step.main(*arguments, **options)
    assert "\n" not in str(caught.value) and "delete" not in str(caught.value)
    return str(caught.value)


def refused_test(_, *arguments, **options) -> str:
    """Return the one line with which the command `test` stops."""
    with pytest.raises(LeakageError) as caught:
        test_step.main(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize("name", ["x.NPY", "x", "x.parquet", "x.csv"])
def test_an_array_is_known_by_its_content(arrays, tmp_path, name, capsys):
    (tmp_path / name).write_bytes(arrays["x"].read_bytes())
    step.main("cosine", tmp_path / name, [arrays["x"]])
    test_step.main(tmp_path / name, [arrays["x"]], permutations=9)
    assert "cosine" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"rows": "whole"}, "--rows: does nothing for arrays of your own, only for embeddings"),
        ({"limit": 3}, "--limit: does nothing for arrays of your own"),
        ({"seed": -1}, "--seed: found -1; expected a whole number from 0"),
        ({"output": Path("r.xlsx")}, "--output r.xlsx: expected a name that ends in .parquet"),
        ({"representation": "clip"}, "--representation: does nothing without --output; leave it"),
        ({"code": "1a"}, "--code: does nothing without --output; leave it out"),
    ],
    ids=str,
)
def test_wrong_options_of_the_command_test_are_refused(arrays, options, expected):
    said = refused_test("", arrays["x"], [arrays["y"]], **options)
    assert said.startswith(expected)


def test_an_input_is_never_overwritten(arrays, tmp_path):
    link = tmp_path / "link.csv"
    link.symlink_to(arrays["x"])
    before = arrays["x"].read_bytes()
    said = refused("cosine", link, [arrays["y"]], output=link)
    assert "is an input, which it would overwrite" in said and arrays["x"].read_bytes() == before


@pytest.mark.parametrize(
    ("text", "found"),
    [('{"epochs": 1, "epochs": 2}', "the key 'epochs' is given twice"), ('{"a": NaN}', "NaN")],
)
def test_json_that_would_lose_a_setting_is_refused(arrays, text, found):
    assert found in refused("mine", arrays["x"], [arrays["y"]], settings=text)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"label": "mine"}, "--label: does nothing without --output"),
        ({"rows": "whole"}, "--rows: does nothing for arrays of your own, only for embeddings"),
        ({"checkpoint_every": 1.0}, "--checkpoint-every: does nothing for arrays of your own"),
        ({"seed": -1}, "--seed: found -1; expected a whole number from 0"),
        ({"output": Path("r.xlsx")}, "--output r.xlsx: expected a name that ends in .parquet or"),
        ({"settings": "{"}, "--settings: not JSON"),
        ({"settings": "[]"}, "--settings: found []; expected a JSON object"),
        ({"settings": '{"epoch": 3}'}, "mine.epoch: unknown key"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("nothing_runs")
def test_wrong_options_for_arrays_are_refused_before_work(arrays, options, expected):
    assert refused("mine", arrays["x"], [arrays["y"]], **options).startswith(expected)


@pytest.mark.parametrize(
    ("name", "kind", "options", "expected"),
    [
        ("mine", "embeddings", {"rows": "Whole"}, "--rows: found 'Whole'; expected patches or"),
        ("mine", "embeddings", {"limit": 0}, "--limit: found 0; expected at least 1"),
        ("mine", "embeddings", {"groups": Path("g")}, "--groups: does nothing for embeddings, on"),
        (
            *("mine", "embeddings", {"checkpoint_every": 5.0}),
            "--checkpoint-every: found 5; expected at least 0 seconds, and --checkpoint",
        ),
        (
            *("cosine", "embeddings", {"checkpoint": Path("c")}),
            "--checkpoint: estimator cosine keeps no state",
        ),
        ("histogram", "views", {"rows": "whole"}, "--rows: does nothing for views"),
        ("cosine", "views", {}, "estimator cosine: reads only embeddings, but "),
    ],
    ids=str,
)
@pytest.mark.usefixtures("nothing_runs")
def test_wrong_options_for_files_of_a_run_are_refused_before_work(
    kept, name, kind, options, expected
):
    plain, *rest = kept[kind]
    assert refused(name, plain, [plain, *rest], **options).startswith(expected)


@pytest.mark.usefixtures("nothing_runs")
def test_a_file_of_another_kind_is_refused(arrays, tmp_path):
    (tmp_path / "a.csv").write_text("noise")
    (tmp_path / "a.npy").touch()
    (tmp_path / "b.npy").write_bytes(b"\x89PNG\r\n\x1a\n")
    np.savez(tmp_path / "a.npz", first=np.zeros(2), second=np.ones(2))
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    files.write_table(tmp_path / "estimate.parquet", pa.table({"a": [1]}), {"estimator": "mine"})
    for name, expected in {
        "a.csv": "found text ('noise'; read it with numpy.loadtxt); expected an array",
        "a.npz": "found a zip or .npz archive with first, second (save one array with numpy.save)",
        "a.npy": "found an empty file; expected an array",
        "b.npy": "found a PNG picture; expected an array",
        "a.parquet": "not a file that the workflow made; expected an array",
        "estimate.parquet": "a file of another stage; expected an array",
    }.items():
        for command in (refused, refused_test):
            said = command("mine", arrays["x"], [tmp_path / name])
            assert said.startswith(f"{tmp_path / name}: {expected}")


@pytest.mark.usefixtures("nothing_runs")
def test_plain_items_and_views_must_be_of_one_kind(arrays, kept):
    plain, other = kept["embeddings"]
    said = refused("mine", arrays["x"], [other])
    assert said.endswith("holds arrays of your own; give the same kind")
    assert "give the same kind" in refused("mine", plain, [kept["views"][0]])
    assert "np.stack them" in refused("mine", arrays["x"], [arrays["y"], arrays["y"]])
    assert refused("mine", Path("nowhere.npy"), [other]).startswith("nowhere.npy: no such file")


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:-8],
        lambda whole: whole[:6] + b"\xff" * 200,
        lambda whole: whole.replace(b"(40", b"(4" + b"0" * 18),  # an impossible size
        lambda whole: whole.replace(b"}", b" "),  # text that Python cannot read
    ],
)
@pytest.mark.parametrize("which", ["x", "groups"])
def test_the_message_names_a_damaged_array(arrays, which, damage):
    arrays[which].write_bytes(damage(arrays[which].read_bytes()))
    said = refused("cosine", arrays["x"], [arrays["y"]], groups=arrays["groups"])
    assert said.startswith(f"{arrays[which]}: not an array of numbers in a .npy file (")


def test_groups_saved_as_objects_are_refused_with_the_conversion(arrays):
    np.save(arrays["groups"], np.array([f"p{index}" for index in range(40)], object))
    said = refused("cosine", arrays["x"], [arrays["y"]], groups=arrays["groups"])
    assert said.startswith(f"{arrays['groups']}: found an array of Python objects; expected")
    assert ".astype(str) for text" in said
    np.save(arrays["groups"], np.load(arrays["groups"], allow_pickle=True).astype(str))
    step.main("cosine", arrays["x"], [arrays["y"]], groups=arrays["groups"])


def test_groups_that_cannot_be_read_are_refused_with_the_reason(arrays, tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path, expected in {
        tmp_path: f"{tmp_path}: is a folder; expected a .npy file",
        Path(""): ".: is a folder; expected a .npy file",
        tmp_path / "none": f"{tmp_path / 'none'}: cannot be read (No such file or directory)",
        loop: f"{loop}: cannot be read (Too many levels of symbolic links)",
    }.items():
        assert refused("cca", arrays["x"], [arrays["y"]], groups=path).startswith(expected)
        assert refused_test("", arrays["x"], [arrays["y"]], groups=path).startswith(expected)


@pytest.mark.usefixtures("nothing_runs")
def test_a_folder_without_views_is_refused_as_such(arrays, tmp_path):
    expected = f"{tmp_path}: found a folder without 0.parquet, so it holds no views; expected an"
    assert refused("ksg", arrays["x"], [tmp_path]).startswith(expected)
    assert refused("ksg", tmp_path, [tmp_path]).startswith(expected)
    assert refused_test("", arrays["x"], [tmp_path]).startswith(expected)


def test_options_for_rows_limit_and_groups_are_followed(kept, arrays, tmp_path, capsys):
    plain, *rest = kept["embeddings"]
    output = tmp_path / "new" / "table.csv"
    for rows, limit, items in ((None, None, 30), ("whole", None, 30), ("patches", 7, 7)):
        step.main("finite_set", plain, [plain, *rest], output, rows=rows, limit=limit)
        assert pd.read_csv(output)["ceiling"].to_numpy() == pytest.approx(np.log(items))
    step.main("finite_set", arrays["x"], [arrays["y"]], groups=arrays["groups"])
    assert pd.read_csv(io.StringIO(capsys.readouterr().out))["pictures"].item() == 20


def test_settings_that_are_not_given_stay_unset(arrays, monkeypatch):
    """Otherwise `pixels` would decide how bytes are read, unlike in a library call."""
    seen = []

    def record(estimator, *items):
        seen.append(estimator)
        raise LeakageError("stop")

    monkeypatch.setattr(estimators, "run", record)
    refused("mine", arrays["x"], [arrays["y"]], settings='{"epochs": 1}')
    assert seen[0].model_fields_set == {"method", "epochs"}


@pytest.mark.parametrize("command", ["estimate", "test"])
@pytest.mark.parametrize("grouped", [False, True])
def test_a_note_says_that_each_pair_is_its_own_picture_without_groups(
    arrays, capsys, command, grouped
):
    options = {"groups": arrays["groups"]} if grouped else {}
    given = arrays["x"], [arrays["y"]]
    if command == "estimate":
        step.main("finite_set", *given, **options)
    else:
        test_step.main(*given, **options)
    printed = capsys.readouterr()
    assert ("give --groups" in printed.err) is not grouped
    assert "note" not in printed.out


def test_embeddings_of_another_level_scheme_or_encoder_are_refused(kept, tmp_path):
    plain, strong = kept["embeddings"]
    values = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    rows = [(f"p{index // 2}", index % 2 - (index % 2 == 1) * 2, 0, 0) for index in range(60)]

    def made(name, **about):
        view = {"level": 4, "scheme": "msb_xor", "clear_bits": 4} | about
        described = {"level": view["level"], "scheme": view["scheme"], "view": view}
        if label := about.get("label"):
            described["label"] = label
        embeddings.write(tmp_path / name, [(rows, values)], 4, described)
        return tmp_path / name

    assert "expected the embedding of the plain" in refused("cca", strong, [plain, strong])
    assert "a second file of level 3" in refused("cca", plain, [plain, strong, strong])
    other = made("other.parquet", scheme="full")
    assert "several schemes (msb_xor, full)" in refused("cca", plain, [plain, strong, other])
    other = made("encoder.parquet", label="another")
    assert "one encoder" in refused("cca", plain, [plain, other])


def test_a_file_with_two_arrays_is_refused(arrays):
    with open(arrays["x"], "ab") as stream:
        np.save(stream, np.zeros(3))
    assert "more follows the first array" in refused("cca", arrays["x"], [arrays["y"]])


def test_too_few_pictures_are_noted(arrays, tmp_path, capsys):
    groups = tmp_path / "few.npy"
    np.save(groups, np.arange(40) // 4)
    step.main("cca", arrays["x"], [arrays["y"]], groups=groups)
    assert "10 pictures, at least 20 needed" in capsys.readouterr().err
    np.save(groups, np.arange(40) // 2)
    step.main("cca", arrays["x"], [arrays["y"]], groups=groups)
    assert "too few" not in capsys.readouterr().err


def test_memory_of_an_estimate_from_pixels_does_not_grow_with_the_pictures(tmp_path):
    one, four = (peaks(tmp_path, count) for count in (1, 4))
    assert four["whole pictures"] < 1.1 * one["whole pictures"]
    assert four["drawn pixels"] < 0.5  # not even a copy of one picture


def peaks(folder: Path, count: int) -> dict[str, float]:
    """Return the memory, in pictures, of reading this many views of one size at four levels."""
    picture = np.resize(np.arange(256, dtype=np.uint8), (1000, 1000, 3))
    paths = [folder / f"{count}-{level}.parquet" for level in range(4)]
    for level, path in enumerate(paths):
        about = {"scheme": "msb_xor", "level": level, "definition": {"view": "scaled"}}
        pictures = ((f"p{index}", picture << np.uint8(level)) for index in range(count))
        views.write(path, pictures, about)
    opened = [views.View(path) for path in paths]
    uses = {
        "whole pictures": lambda: step.main("histogram", paths[0], paths, folder / "table.csv"),
        "drawn pixels": lambda: step._draw_pixels(opened[0], opened, pairs=400, seed=0),
    }
    found = {}
    for name, use in uses.items():
        tracemalloc.start()
        use()
        found[name] = tracemalloc.get_traced_memory()[1] / picture.nbytes
        tracemalloc.stop()
    return found
