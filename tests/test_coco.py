"""The COCO dataset, from the host's layout on a real server: synthetic always, real if present."""

import csv
import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import mirror
import pytest
import servers
from leakage import datasets
from leakage.config.settings import validate
from leakage.datasets.coco import BASE_URL, Coco
from leakage.errors import LeakageError
from typer.testing import CliRunner

ZIP = "/annotations/annotations_trainval2017.zip"
LARGEST_FOUR = ["40", "10", "20", "60"]  # of mirror.SIZES; 10 and 20 are equally large
REAL = Path(__file__).parents[2] / "shared" / "coco-mirror"


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
    """Return the one line that a collection which must fail says."""
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


def test_the_largest_are_selected_and_of_equal_ones_the_lower_id(server, pictures):
    rows, skipped = collect(server, pictures)
    assert ids(rows) == LARGEST_FOUR
    assert skipped == []


def test_only_the_selected_pictures_are_asked_for(server, pictures):
    collect(server, pictures)
    asked = {path for path in server.paths() if path != ZIP}
    assert asked == {address(int(number)) for number in LARGEST_FOUR}
    assert jpegs(pictures) == sorted(Path(path).name for path in asked)


def test_the_list_is_read_by_range_and_not_the_whole_zip(server, root, pictures):
    collect(server, pictures)
    assert set(server.statuses(ZIP)) == {206}
    assert server.bytes_sent(ZIP) < (root / ZIP.lstrip("/")).stat().st_size / 4


def test_without_ranges_the_whole_zip_is_read_and_not_kept(server, pictures):
    server.ranges = False
    rows, _ = collect(server, pictures)
    assert ids(rows) == LARGEST_FOUR
    assert [path.name for path in pictures.glob("*annotations*")] == []


def test_a_row_holds_the_files_own_size_channels_and_digest(server, root, pictures):
    rows, _ = collect(server, pictures, count=6)
    assert all(tuple(row) == datasets.COLUMNS for row in rows)
    row = next(row for row in rows if row["image_id"] == "30")
    content = (root / address(30).lstrip("/")).read_bytes()
    assert row == {
        "image_id": "30",
        "file_name": "000000000030.jpg",
        "width": 40,
        "height": 40,
        "license": "Attribution License, http://creativecommons.org/licenses/by/2.0/",
        "source": "http://images.cocodataset.org/val2017/000000000030.jpg",
        "sha256": hashlib.sha256(content).hexdigest(),
        "channels": 1,
    }
    assert (pictures / "000000000030.jpg").read_bytes() == content


def test_a_second_run_asks_for_nothing(server, pictures):
    first = collect(server, pictures)
    server.requests.clear()
    assert collect(server, pictures) == first
    assert server.requests == []


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped"])
def test_a_second_run_fetches_only_what_is_missing_or_damaged(server, pictures, damage):
    first = collect(server, pictures)
    server.requests.clear()
    path = pictures / Path(address(40)).name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    if damage != "missing":
        path.write_bytes(content if damage == "flipped" else content[:-100])
    assert collect(server, pictures) == first
    assert server.paths() == [address(40)]


def test_pictures_put_there_by_hand_are_not_asked_for(server, root, pictures):
    shutil.copytree(root / "val2017", pictures)
    collect(server, pictures)
    assert set(server.paths()) == {ZIP}


def test_a_damaged_list_on_disk_is_read_anew(server, pictures):
    first = collect(server, pictures)
    (pictures / "coco-val2017-list.json").write_text('{"images": []}')
    assert collect(server, pictures) == first


def test_a_list_from_another_mirror_is_not_used(server, pictures, tmp_path):
    collect(server, pictures)
    other = mirror.make(tmp_path / "other", sizes=((80, 80), *mirror.SIZES))
    with servers.serving(other) as elsewhere:
        rows, _ = collect(elsewhere, pictures, count=1)
    assert (rows[0]["image_id"], rows[0]["width"]) == ("10", 80)


def test_more_than_the_split_lists_is_refused_with_both_numbers(server, pictures):
    message = refusal(server, pictures, count=7)
    assert "found 7" in message and "lists 6" in message


def test_any_split_can_be_had(server, pictures, tmp_path):
    with servers.serving(mirror.make(tmp_path / "train", split="train2017")) as train:
        rows, _ = collect(train, pictures, split="train2017")
    assert ids(rows) == LARGEST_FOUR


@pytest.mark.parametrize(
    "split, path",
    [
        ("train2014", "annotations/annotations_trainval2014.zip"),
        ("test2017", "annotations/image_info_test2017.zip"),
        ("test-dev2017", "annotations/image_info_test2017.zip"),
        ("unlabeled2017", "annotations/image_info_unlabeled2017.zip"),
    ],
)
def test_every_split_of_coco_has_the_place_of_its_list(split, path):
    settings = Coco(split=split)
    assert settings.annotations_url() == f"{BASE_URL}/{path}"


def test_the_pictures_of_test_dev_lie_among_those_of_test():
    settings = Coco(split="test-dev2017")
    assert settings.picture_url("1.jpg") == f"{BASE_URL}/test2017/1.jpg"


def test_the_host_is_reached_over_tls_unless_the_configuration_says_otherwise():
    assert Coco().base_url.startswith("https://")


@pytest.mark.parametrize(
    "values, key",
    [
        ({"base_url": "ftp://host/coco"}, "dataset.coco.base_url"),
        ({"base_url": "images.cocodataset.org"}, "dataset.coco.base_url"),
        ({"base_url": "https://me:secret@host"}, "dataset.coco.base_url"),
        ({"base_url": "https://[host"}, "dataset.coco.base_url"),
        ({"split": "../val2017"}, "dataset.coco.split"),
        ({"split": "mine"}, "dataset.coco"),
        ({"count": 0}, "dataset.coco.count"),
        ({"count": "many"}, "dataset.coco.count"),
        ({"too_small": "drop"}, "dataset.coco.too_small"),
        ({"cuont": 3}, "dataset.coco.count"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_key(values, key):
    with pytest.raises(LeakageError, match=key):
        validate(Coco, values, "dataset.coco")


def test_a_list_of_ones_own_is_found_where_annotations_says(server, root, pictures, tmp_path):
    own = mirror.make(tmp_path / "own", split="mine")
    (own / "annotations").rename(own / "lists")
    with servers.serving(own) as server:
        rows, _ = collect(
            server, pictures, split="mine", annotations="lists/annotations_trainval2017.zip"
        )
    assert ids(rows) == LARGEST_FOUR


def test_a_zip_without_the_split_is_refused_by_name(server, pictures):
    message = refusal(server, pictures, split="train2017")
    assert "contains no list of train2017" in message


@pytest.mark.parametrize(
    "name", ["../x.jpg", "a/b.jpg", "..\\x.jpg", ".hidden.jpg", "x.jpg\n", "x.sh", "", "/x.jpg"]
)
def test_a_listed_name_that_could_leave_the_folder_is_refused(tmp_path, pictures, name):
    root = mirror.make(tmp_path / "mirror")
    entries = [mirror.entry(1, name, 64, 64, "val2017")]
    mirror.write_zip(root, "val2017", {"images": entries, "licenses": []})
    with servers.serving(root) as server:
        message = refusal(server, pictures, count=1)
        assert server.paths() == [path for path in server.paths() if path == ZIP]
    assert "images.0.file_name" in message and repr(name) in message
    assert not list(tmp_path.rglob("x.jpg"))


@pytest.mark.parametrize("listing", [[], "text", {"pictures": []}, {"images": [{"id": "1"}]}])
def test_a_list_of_another_shape_is_refused(tmp_path, pictures, listing):
    root = mirror.make(tmp_path / "mirror")
    mirror.write_zip(root, "val2017", listing)
    with servers.serving(root) as server:
        assert "its list of pictures is invalid" in refusal(server, pictures)


def test_a_list_that_names_a_picture_twice_is_refused(tmp_path, pictures):
    root = mirror.make(tmp_path / "mirror", file_names={10: "same.jpg", 20: "same.jpg"})
    with servers.serving(root) as server:
        assert "'same.jpg' twice" in refusal(server, pictures)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_zip_that_is_damaged_is_one_message(server, root, pictures, ranges):
    path = root / ZIP.lstrip("/")
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("annotations/captions_val2017.json").header_offset
    content[start + 80 : start + 120] = bytes(40)
    path.write_bytes(content)
    server.ranges = ranges
    assert "the zip cannot be read" in refusal(server, pictures)


def test_a_zip_whose_directory_points_elsewhere_is_one_message(server, root, pictures):
    path = root / ZIP.lstrip("/")
    content = bytearray(path.read_bytes())
    entry = content.rfind(b"PK\x01\x02")
    content[entry + 42 : entry + 46] = (1234).to_bytes(4, "little")
    path.write_bytes(content)
    assert "the zip cannot be read" in refusal(server, pictures)


def test_a_file_that_is_no_zip_is_one_message(server, root, pictures):
    (root / ZIP.lstrip("/")).write_bytes(b"<html>no zip</html>")
    assert "the zip cannot be read" in refusal(server, pictures)


def test_the_list_survives_a_cut_a_reset_and_an_error(server, pictures):
    server.faults[ZIP] = [servers.status(503), servers.cut(100), None, servers.cut(9, reset=True)]
    rows, _ = collect(server, pictures)
    assert ids(rows) == LARGEST_FOUR


def test_a_picture_is_resumed_after_a_cut_and_retried_after_a_503(tmp_path, pictures):
    root = mirror.make(tmp_path / "mirror", sizes=((256, 256), (256, 248)))
    with servers.serving(root) as server:
        server.faults[address(10)] = [servers.cut(9000)]
        server.faults[address(20)] = [servers.status(503)]
        rows, _ = collect(server, pictures, count=2)
    assert ids(rows) == ["10", "20"]
    assert server.statuses(address(10)) == [200, 206]
    assert server.statuses(address(20)) == [503, 200]


def test_a_missing_picture_is_one_message_and_the_good_ones_stay(server, root, pictures):
    (root / address(60).lstrip("/")).unlink()
    message = refusal(server, pictures, connections=1)
    assert server.url + address(60) in message and "404" in message
    assert jpegs(pictures) == [Path(address(n)).name for n in (10, 20, 40)]
    assert not list(pictures.glob(".*"))


@pytest.mark.parametrize("lost", [2, 300])
def test_a_jpeg_without_its_end_is_refused(server, root, pictures, lost):
    path = root / address(40).lstrip("/")
    path.write_bytes(path.read_bytes()[:-lost])
    message = refusal(server, pictures)
    assert "not a complete JPEG" in message and server.url + address(40) in message
    assert Path(address(40)).name not in jpegs(pictures)
    assert server.statuses(address(40)) == [200] * 3


def test_a_file_that_is_no_jpeg_is_refused(server, root, pictures):
    (root / address(40).lstrip("/")).write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert "it is not a JPEG" in refusal(server, pictures)


def test_a_jpeg_of_another_size_than_the_listed_is_refused(server, root, pictures):
    (root / address(40).lstrip("/")).write_bytes(mirror.jpeg(48, 64))
    message = refusal(server, pictures)
    assert "48 x 64" in message and "64 x 64" in message


def test_a_picture_that_is_not_the_one_its_etag_names_is_refused(server, pictures):
    server.faults[address(40)] = [servers.body(mirror.jpeg(64, 64, seed=99))] * 9
    assert "ETag" in refusal(server, pictures)
    assert Path(address(40)).name not in jpegs(pictures)


def test_a_wrong_picture_is_fetched_anew_until_it_is_right(server, pictures):
    server.faults[address(40)] = [
        servers.body(mirror.jpeg(64, 64, seed=99)),
        servers.cut_unannounced(700),
    ]
    rows, _ = collect(server, pictures)
    assert ids(rows) == LARGEST_FOUR
    assert server.statuses(address(40)) == [200, 200, 200]


def test_a_host_that_cannot_be_reached_is_one_message_with_the_ways_out(pictures):
    class Nowhere:
        url = f"http://127.0.0.1:{servers.closed_port()}"

    message = refusal(Nowhere, pictures)
    for part in (Nowhere.url, "Connection refused", "base_url", "photographs or folder"):
        assert part in message
    assert not pictures.exists()


def test_too_small_pictures_are_refused_before_any_is_downloaded(server, pictures):
    message = refusal(server, pictures, patch_size=56)
    assert "3 of 4" in message and "too_small" in message and "patches.size" in message
    assert set(server.paths()) == {ZIP}


def test_too_small_pictures_are_left_out_of_the_largest_and_listed(server, pictures):
    rows, skipped = collect(server, pictures, patch_size=48, too_small="skip", count=5)
    assert ids(rows) == LARGEST_FOUR
    assert [tuple(row) for row in skipped] == [datasets.SKIPPED_COLUMNS]
    assert (skipped[0]["image_id"], skipped[0]["width"], skipped[0]["height"]) == ("30", 40, 40)
    assert address(30) not in server.paths()


def test_nothing_left_is_refused_even_where_small_ones_are_skipped(server, pictures):
    assert "4 of 4" in refusal(server, pictures, patch_size=500, too_small="skip")


def run_step(output, pictures, name, settings, patch_size=16):
    from leakage import cli

    text = json.dumps({"name": name, "settings": settings, "patch_size": patch_size})
    skipped = output.with_name("skipped.csv")
    arguments = [str(output), "--pictures", str(pictures), "--skipped", str(skipped)]
    return CliRunner().invoke(cli.app, ["manifest", *arguments, "--settings", text])


def test_the_step_writes_the_same_bytes_from_any_mirror_and_in_any_folder(root, tmp_path):
    written = []
    for run in ("one", "two"):
        with servers.serving(root) as server:
            output = tmp_path / run / "manifest.csv"
            settings = {"base_url": server.url, "count": 4}
            result = run_step(output, tmp_path / run / "pictures", "coco", settings)
        assert result.exit_code == 0, result.output
        assert "4 pictures" in result.stderr
        written.append(output.read_bytes())
    assert written[0] == written[1]
    lines = written[0].decode().split("\n")
    assert lines[0] == "image_id,file_name,width,height,license,source,sha256,channels"
    assert [row["image_id"] for row in csv.DictReader(lines)] == LARGEST_FOUR
    assert b"\r" not in written[0]
    skipped = (tmp_path / "one" / "skipped.csv").read_text()
    assert skipped == "image_id,file_name,width,height,reason\n"


def test_the_step_leaves_no_manifest_where_it_fails(server, root, tmp_path):
    (root / address(40).lstrip("/")).unlink()
    output = tmp_path / "run" / "manifest.csv"
    settings = {"base_url": server.url, "count": 4}
    result = run_step(output, tmp_path / "run" / "pictures", "coco", settings)
    assert isinstance(result.exception, LeakageError)
    assert not output.exists()


real = pytest.mark.skipif(not REAL.is_dir(), reason=f"no {REAL.name} folder beside the repository")


@real
def test_the_hundred_largest_of_the_real_mirror_are_downloaded_and_nothing_else(pictures):
    with zipfile.ZipFile(REAL / ZIP.lstrip("/")) as archive:
        listed = json.loads(archive.read("annotations/captions_val2017.json"))["images"]
    listed.sort(key=lambda entry: (-entry["width"] * entry["height"], entry["id"]))
    with servers.serving(REAL) as server:
        rows, skipped = collect(server, pictures, patch_size=224, count=100)
        asked = {path for path in server.paths() if path != ZIP}
    assert ids(rows) == [str(entry["id"]) for entry in listed[:100]]
    assert asked == {f"/val2017/{entry['file_name']}" for entry in listed[:100]}
    assert {row["channels"] for row in rows} == {1, 3}
    assert all(", http" in row["license"] for row in rows)
    assert skipped == []
