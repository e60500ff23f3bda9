"""Shards: every picture is in one of them, and together they are the whole dataset."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_views
from hypothesis import given
from hypothesis import strategies as st
from leakage.errors import LeakageError
from leakage.steps import embed
from leakage.storage import embeddings, files, shards, views
from snake import TinyRun, snakemake

SIZE = 96


@given(st.integers(1, 5000), st.integers(1, 500))
def test_every_picture_is_in_one_shard_and_no_shard_is_too_large(pictures, size):
    count = shards.count(pictures, size)
    bounds = [shards.bounds(pictures, shard, count) for shard in range(count)]
    assert [first for first, _ in bounds] == [0, *(end for _, end in bounds[:-1])]
    assert bounds[-1][1] == pictures
    assert all(0 < end - first <= size for first, end in bounds)
    with pytest.raises(LeakageError, match=r"dataset\.shard_size: 3 shards were planned"):
        shards.bounds(2, 0, 3)


@pytest.mark.parametrize("at_once", [1, 3, 100])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_rows_of_all_shards_are_the_table(tmp_path, monkeypatch, at_once, count):
    monkeypatch.setattr(shards, "ROWS_AT_ONCE", at_once)
    # Ids may look like a number or a missing value.
    ids = ["007", "007", "NA", "NA", "NA", "", "b"]
    pd.DataFrame({"image_id": ids, "patch": range(7)}).to_csv(tmp_path / "t.csv", index=False)
    parts = [shards.rows(tmp_path / "t.csv", shard, count) for shard in range(count)]
    assert pd.concat(parts)["image_id"].tolist() == ids
    assert pd.concat(parts)["patch"].tolist() == list(range(7))
    owners = [set(part["image_id"]) for part in parts]
    assert sum(map(len, owners)) == len(set(ids)) and all(owners)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A view in two shards, each of two pictures."""
    pixels = np.arange(4 * 48, dtype=np.uint8).reshape(4, 6, 8, 1)
    for shard in range(2):
        pictures = ((str(i), pixels[i]) for i in (2 * shard, 2 * shard + 1))
        metadata = {"level": 1, "shard": shard, "shards": 2}
        views.write(tmp_path / "1" / views.shard_name(shard), pictures, metadata)
    return tmp_path / "1"


def test_a_folder_of_shards_is_read_as_one_view(folder: Path) -> None:
    view = views.View(folder)
    assert len(view) == 4 and view.metadata["level"] == 1
    assert [image_id for image_id, _ in view] == ["0", "1", "2", "3"]
    assert [int(pixels[0, 0, 0]) for _, pixels in view] == [0, 48, 96, 144]


def test_a_shard_that_is_damaged_missing_or_of_another_number_is_named(folder: Path) -> None:
    path = folder / views.shard_name(1)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(LeakageError, match=r"1\.parquet: damaged"):
        list(views.View(folder))
    views.write(path, [("9", np.zeros((2, 2, 1), np.uint8))], {"level": 1, "shard": 1, "shards": 3})
    with pytest.raises(LeakageError, match=r"one of 3 shards, but .*0\.parquet is one of 2"):
        list(views.View(folder))
    path.unlink()
    with pytest.raises(LeakageError, match=r"1\.parquet: no such file"):
        views.View(folder)


def test_gathered_embeddings_equal_those_of_the_whole_view(tmp_path: Path) -> None:
    def embedded(view: Path, output: Path) -> None:
        entry = json.dumps({"kind": "statistics", "grid": 2})
        embed.main(view, places, output, "hand", entry, SIZE, "0123abcd")

    places = small_views.write_places(tmp_path / "places.csv", small_views.places(SIZE))
    whole = small_views.write_view(tmp_path / "whole.parquet", 2)
    paths = []
    for shard, picture in enumerate(views.View(whole)):
        part = tmp_path / "parts" / f"{shard}.parquet"
        described = {"scheme": "msb_xor", "level": 2, "shard": shard, "shards": 3}
        views.write(part, [picture], described)
        paths.append(tmp_path / f"{shard}.parquet")
        embedded(part, paths[-1])
    embedded(whole, tmp_path / "all.parquet")
    embeddings.gather(paths, tmp_path / "gathered.parquet")
    found, expected = (files.read_table(tmp_path / f"{n}.parquet") for n in ("gathered", "all"))
    assert found[0].equals(expected[0]) and "shard" not in found[1]["view"]
    with pytest.raises(LeakageError, match=r"all\.parquet: made differently from .*0\.parquet"):
        embeddings.gather([paths[0], tmp_path / "all.parquet"], tmp_path / "mixed.parquet")
    assert not (tmp_path / "mixed.parquet").exists()


@pytest.mark.parametrize("limit", [1, 5, 99])
def test_a_limit_takes_as_many_pictures_as_possible_and_always_the_same(
    tmp_path: Path, limit: int
) -> None:
    rows = [(image_id, patch, 0, 0) for image_id in "abc" for patch in (0, 1, 2, 3, -1)]
    values = np.arange(len(rows), dtype=np.float32)[:, None]
    path = tmp_path / "e.parquet"
    embeddings.write(path, [(rows, values)], 1, {})
    image_ids, found, _ = embeddings.read(path, "patches", limit, seed=1)
    assert len(found) == min(limit, 12) and len(set(image_ids)) == min(limit, 3)
    assert [rows[int(value)][0] for value in found[:, 0]] == image_ids.tolist()
    assert (np.diff(found[:, 0]) > 0).all()
    again = embeddings.read(path, "patches", limit, seed=1)
    assert np.array_equal(again[1], found)


def test_a_run_in_shards_gives_the_tables_of_a_run_without(
    tiny_run: TinyRun, tmp_path: Path
) -> None:
    names = ("histogram/pixels", "cosine/statistics-whole", "ksg/statistics")
    targets = tuple(f"estimates/{name}/msb_xor.parquet" for name in names)
    shards = tmp_path / "shards"
    run = snakemake(shards, targets=targets, config={"dataset": {"shard_size": 2}})
    assert run.status == 0, run.output
    assert (shards / "views" / "msb_xor" / "4" / "2.parquet").is_file()
    for name in targets:
        found, expected = (pd.read_parquet(each / name) for each in (shards, tiny_run.results))
        pd.testing.assert_frame_equal(found, expected)
