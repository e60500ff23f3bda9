"""Embedding files: written by the step `embed`, and read back."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import small_views
from leakage import encoders
from leakage.encoders.statistics import statistics
from leakage.errors import LeakageError
from leakage.steps import embed
from leakage.storage import embeddings, files

SIZE = 96
ENTRY = json.dumps({"kind": "statistics", "grid": 2})


@pytest.fixture
def places(tmp_path):
    return small_views.write_places(tmp_path / "places.csv", small_views.places(SIZE))


def embedded(tmp_path, places, level=0):
    """Run the step on the photographs at a level and return the file that it made."""
    view = small_views.write_view(tmp_path / f"view-{level}.parquet", level)
    output = tmp_path / f"{level}.parquet"
    embed.main(view, places, output, "hand", ENTRY, SIZE, "0123abcd")
    return output


def test_patches_and_whole_pictures_are_read_back_separately_unless_damaged(tmp_path):
    rows = [("7", 0, 1, 2), ("7", 1, 3, 4), ("7", -1, -1, -1), ("b", 0, 0, 0), ("b", -1, -1, -1)]
    values = np.arange(15, dtype=np.float32).reshape(5, 3)
    parts = [(rows[:2], values[:2]), (rows[2:], values[2:])]
    embeddings.write(tmp_path / "e.parquet", parts, 3, {"encoder": "x"})
    image_ids, found, metadata = embeddings.read(tmp_path / "e.parquet", "patches")
    assert image_ids.tolist() == ["7", "7", "b"] and metadata == {"encoder": "x"}
    assert found.dtype == np.float32 and np.array_equal(found, values[[0, 1, 3]])
    image_ids, found, _ = embeddings.read(tmp_path / "e.parquet", "whole")
    assert image_ids.tolist() == ["7", "b"] and np.array_equal(found, values[[2, 4]])
    content = (tmp_path / "e.parquet").read_bytes()
    (tmp_path / "e.parquet").write_bytes(content[:50] + b"x" + content[51:])
    with pytest.raises(LeakageError, match=r"e\.parquet: damaged"):
        embeddings.read(tmp_path / "e.parquet", "patches")


def test_rows_are_the_embeddings_of_the_patches_and_then_of_the_picture_in_the_view_s_order(
    tmp_path, places
):
    table = pq.read_table(embedded(tmp_path, places)).to_pylist()
    assert [(row["image_id"], row["patch"]) for row in table] == [
        (name, patch) for name in small_views.photographs() for patch in (0, 1, 2, 3, -1)
    ]
    for row in table:
        picture = small_views.photographs()[row["image_id"]]
        top, left = row["top"], row["left"]
        seen = picture[top : top + SIZE, left : left + SIZE]
        if row["patch"] == embeddings.WHOLE:
            seen = encoders.resize_whole(picture, SIZE)
        assert row["embedding"] == pytest.approx(statistics(seen, 2))


def test_metadata_holds_everything_that_an_embedding_depends_on(tmp_path, places):
    _, found, metadata = embeddings.read(embedded(tmp_path, places, level=3), "patches")
    versions = metadata.pop("versions")
    assert metadata == {
        "encoder": "hand",
        "label": "statistics (hand-made, no weights)",
        "untrained": False,
        "weights": None,
        "scheme": "msb_xor",
        "level": 3,
        "view": {"scheme": "msb_xor", "level": 3, "definition": {"view": "scaled"}},
        "patch_size": SIZE,
        "dim": found.shape[1],
        "device": "cpu",
        "code": "0123abcd",
        "inputs": {
            name: [files.sha256(path)]
            for name, path in (("view", tmp_path / "view-3.parquet"), ("places", places))
        },
    }
    assert versions.keys() == {"python", "numpy"}


def test_places_and_view_of_different_pictures_are_refused(tmp_path):
    table = small_views.places(SIZE)
    fewer = small_views.write_places(tmp_path / "fewer.csv", table[table.image_id != "camera"])
    with pytest.raises(LeakageError, match="picture camera of the view is missing from the places"):
        embedded(tmp_path, fewer)
    table.loc[len(table)] = ("lake", 0, 0, 0)
    more = small_views.write_places(tmp_path / "more.csv", table)
    with pytest.raises(LeakageError, match="picture lake of the places is missing from the view"):
        embedded(tmp_path, more)
    assert not (tmp_path / "0.parquet").exists()


def test_a_network_without_a_record_and_an_embedding_that_is_not_finite_are_refused(
    tmp_path, places
):
    view = small_views.write_view(tmp_path / "view.parquet", 0)
    settings = json.dumps({"kind": "torchvision", "weights": "random"})
    with pytest.raises(LeakageError, match=r"encoders\.resnet \(torchvision\): --weights is"):
        embed.main(view, places, tmp_path / "o.parquet", "resnet", settings, SIZE, "")
    rows = [("a", 0, 0, 0), ("b", 0, 0, 0)]
    with pytest.raises(LeakageError, match=r"encoders\.clip: the embedding of picture b is not"):
        embed.refuse_nan(rows, np.array([[0.0, 1.0], [np.nan, 1.0]]), "encoders.clip")
