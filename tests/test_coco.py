"""The COCO dataset, downloaded over HTTP from a small mirror."""

import csv
import hashlib
import json
import zipfile
from pathlib import Path

import mirror
import pytest
import servers
from leakage import cli, datasets
from leakage.config.settings import validate
from leakage.datasets.coco import BASE_URL, Coco
from leakage.errors import LeakageError
from typer.testing import CliRunner

ZIP = "/annotations/annotations_trainval2017.zip"
LARGEST_FOUR = ["40", "10", "20", "60"]  # of mirror.SIZES; 10 and 20 are equally large


@pytest.fixture(autouse=True)
def quick():
    with servers.quick_retries():
        yield


@pytest.fixture
def root(tmp_path):
    return mirror.make(tmp_path / "mirror")


@pytest.fixture
def server(root):
    with servers.serving(root) as server:
        yield server


@pytest.fixture
def pictures(tmp_path):
    return tmp_path / "run" / "pictures"


def collect(server, pictures, patch_size=16, **values):
    values = {"base_url": server.url, "count": 4, "retries": 2, "timeout": 5.0} | values
    return validate(Coco, values, "dataset.coco").collect(pictures, patch_size)


def refusal(server, pictures, **values):
    """Return the one-line message of a collection that must fail."""
    with pytest.raises(LeakageError) as caught:
        collect(server, pictures, **values)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def ids(rows):
    return [row["image_id"] for row in rows]


def jpegs(pictures):
    return sorted(path.name for path in pictures.glob("*.jpg"))


def address(number):
    return f"/val2017/{number:012d}.jpg"


def test_only_the_largest_pictures_are_downloaded_and_ties_go_to_the_lower_id(
    server, root, pictures
):
    rows, skipped = collect(server, pictures)
    assert ids(rows) == LARGEST_FOUR and skipped == []
    downloaded = {path for path in server.paths() if path != ZIP}
    assert downloaded == {address(int(number)) for number in LARGEST_FOUR}
    assert jpegs(pictures) == sorted(Path(path).name for path in downloaded)
    # Of the zip, only the list was read.
    assert set(server.statuses(ZIP)) == {206}
    assert server.bytes_sent(ZIP) < (root / ZIP.lstrip("/")).stat().st_size / 4


def test_a_row_has_the_size_channels_and_digest_of_the_file(server, root, pictures):
    rows, _ = collect(server, pictures, count=6)
    content = (root / address(30).lstrip("/")).read_bytes()
    row = next(row for row in rows if row["image_id"] == "30")
    assert tuple(row) == datasets.COLUMNS and row == {
        "image_id": "30",
        "file_name": "000000000030.jpg",
        "width": 40,
        "height": 40,
        "license": "Attribution License, http://creativecommons.org/licenses/by/2.0/",
        "source": "http://images.cocodataset.org/val2017/000000000030.jpg",
        "sha256": hashlib.sha256(content).hexdigest(),
        "channels": 1,
        "similar_to": "",
    }
    assert (pictures / "000000000030.jpg").read_bytes() == content


def test_a_second_run_downloads_only_missing_and_damaged_pictures(server, pictures):
    first = collect(server, pictures)
    server.requests.clear()
    missing, flipped, by_hand = (pictures / Path(address(each)).name for each in (40, 20, 10))
    missing.unlink()
    by_hand.with_name(f"{by_hand.name}.sha256").unlink()  # as if it was copied there
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    assert collect(server, pictures) == first == collect(server, pictures)
    assert sorted(server.paths()) == [address(20), address(40)]


def test_a_kept_list_is_read_again_if_it_is_damaged_or_from_another_mirror(
    server, pictures, tmp_path
):
    first = collect(server, pictures)
    (pictures / "coco-val2017-list.json").write_text('{"images": []}')
    assert collect(server, pictures) == first
    other = mirror.make(tmp_path / "other", sizes=((80, 80), *mirror.SIZES))
    with servers.serving(other) as elsewhere:
        rows, _ = collect(elsewhere, pictures, count=1)
    assert (rows[0]["image_id"], rows[0]["width"]) == ("10", 80)


def test_a_development_split_has_its_own_list_and_the_pictures_of_the_test():
    dataset = Coco(split="test-dev2017", count="all")
    assert dataset.annotations_url() == f"{BASE_URL}/annotations/image_info_test2017.zip"
    assert dataset.picture_url("1.jpg") == f"{BASE_URL}/test2017/1.jpg"
    assert dataset.expected() > 20_000 and BASE_URL.startswith("https://")


def test_a_wrong_setting_is_refused_by_its_key():
    for values, key in (
        ({"base_url": "ftp://host/coco"}, "dataset.coco.base_url"),
        ({"base_url": "https://me:secret@host"}, "dataset.coco.base_url"),
        ({"split": "../val2017"}, "dataset.coco.split"),
        ({"split": "val2099", "count": "all"}, "dataset.coco"),
    ):
        with pytest.raises(LeakageError, match=key):
            validate(Coco, values, "dataset.coco")


def test_another_split_and_place_of_the_list_on_a_server_without_ranges(tmp_path, pictures):
    own = mirror.make(tmp_path / "own", split="mine")
    (own / "annotations").rename(own / "lists")
    with servers.serving(own, ranges=False) as server:
        path = "lists/annotations_trainval2017.zip"
        rows, _ = collect(server, pictures, split="mine", annotations=path)
    assert ids(rows) == LARGEST_FOUR
    assert not list(pictures.glob("*annotations*"))


def test_a_split_or_a_count_that_the_list_lacks_is_refused(server, pictures):
    message = refusal(server, pictures, count=7)
    assert "found 7" in message and "lists 6" in message
    assert "contains no list of train2017" in refusal(server, pictures, split="train2017")


def test_a_file_name_that_leads_out_of_the_folder_is_refused(tmp_path, root, server, pictures):
    for name in ("../x.jpg", "..\\x.jpg", ".hidden.jpg", "x.sh"):
        entries = [mirror.entry(1, name, 64, 64, "val2017")]
        mirror.write_zip(root, "val2017", {"images": entries, "licenses": []})
        message = refusal(server, pictures, count=1)
        assert "images.0.file_name" in message and repr(name) in message
    assert set(server.paths()) == {ZIP}
    assert not list(tmp_path.rglob("x.jpg"))


def test_a_list_of_another_shape_or_with_a_picture_twice_is_refused(root, server, pictures):
    twice = [mirror.entry(number, "same.jpg", 64, 64, "val2017") for number in (10, 20)]
    for listing, words in (
        ("text", "its list of pictures is invalid"),
        ({"images": [{"id": "1"}]}, "its list of pictures is invalid"),
        ({"images": twice, "licenses": []}, "'same.jpg' twice"),
    ):
        mirror.write_zip(root, "val2017", listing)
        assert words in refusal(server, pictures, count=2)


def test_a_damaged_zip_is_one_message(server, root, pictures):
    path = root / ZIP.lstrip("/")
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("annotations/captions_val2017.json").header_offset
    content[start + 80 : start + 120] = bytes(40)
    for damaged in (content, b"<html>not a zip</html>"):
        path.write_bytes(damaged)
        assert "the zip cannot be read" in refusal(server, pictures)


def test_a_missing_picture_is_one_message_and_the_others_stay(server, root, pictures):
    (root / address(60).lstrip("/")).unlink()
    message = refusal(server, pictures, connections=1)
    assert server.url + address(60) in message and "404" in message
    assert jpegs(pictures) == [Path(address(n)).name for n in (10, 20, 40)]
    assert not list(pictures.glob(".*"))


@pytest.mark.parametrize(
    "content, words",
    [
        (mirror.jpeg(64, 64)[:-2], "not a complete JPEG"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "it is not a JPEG"),
        (mirror.jpeg(48, 64), "48 x 64 pixels, but the list says 64 x 64"),
    ],
)
def test_a_wrong_picture_is_refused_after_all_attempts(server, root, pictures, content, words):
    (root / address(40).lstrip("/")).write_bytes(content)
    message = refusal(server, pictures)
    assert words in message and server.url + address(40) in message
    assert Path(address(40)).name not in jpegs(pictures)
    assert server.statuses(address(40)) == [200] * 3


def test_an_unreachable_host_is_one_message_with_the_ways_out(pictures):
    class Nowhere:
        url = f"http://127.0.0.1:{servers.closed_port()}"

    message = refusal(Nowhere, pictures)
    for part in (Nowhere.url, "Connection refused", "base_url", "photographs or folder"):
        assert part in message
    assert not pictures.exists()


def test_small_pictures_are_refused_or_skipped_before_any_download(server, pictures):
    message = refusal(server, pictures, patch_size=56)
    assert "3 of 4" in message and "too_small" in message and "patches.size" in message
    assert "4 of 4" in refusal(server, pictures, patch_size=500, too_small="skip")
    assert set(server.paths()) == {ZIP}
    rows, skipped = collect(server, pictures, patch_size=48, too_small="skip", count=5)
    assert ids(rows) == LARGEST_FOUR
    assert [tuple(row) for row in skipped] == [datasets.SKIPPED_COLUMNS]
    assert (skipped[0]["image_id"], skipped[0]["width"], skipped[0]["height"]) == ("30", 40, 40)
    assert address(30) not in server.paths()


def run_step(server, folder):
    settings = {"base_url": server.url, "count": 4}
    text = json.dumps({"name": "coco", "settings": settings, "patch_size": 16})
    paths = [folder / name for name in ("manifest.csv", "pictures", "skipped.csv")]
    output, pictures, skipped = map(str, paths)
    arguments = [output, "--pictures", pictures, "--skipped", skipped, "--settings", text]
    return CliRunner().invoke(cli.app, ["manifest", *arguments])


def test_the_step_writes_the_same_manifest_from_any_mirror_and_none_if_it_fails(root, tmp_path):
    for run in ("one", "two"):
        with servers.serving(root) as server:
            result = run_step(server, tmp_path / run)
        assert result.exit_code == 0 and "4 pictures" in result.stderr, result.output
    one, two = ((tmp_path / run / "manifest.csv").read_bytes() for run in ("one", "two"))
    assert one == two and b"\r" not in one
    lines = one.decode().split("\n")
    assert lines[0] == "image_id,file_name,width,height,license,source,sha256,channels,similar_to"
    assert [row["image_id"] for row in csv.DictReader(lines)] == LARGEST_FOUR
    skipped = (tmp_path / "one" / "skipped.csv").read_text()
    assert skipped == "image_id,file_name,width,height,reason\n"
    (root / address(40).lstrip("/")).unlink()
    with servers.serving(root) as server:
        assert isinstance(run_step(server, tmp_path / "run").exception, LeakageError)
    assert not (tmp_path / "run" / "manifest.csv").exists()
