"""The COCO dataset, downloaded over HTTP from a small mirror, and from the real one if present."""

import csv
import hashlib
import json
import shutil
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


def test_without_ranges_the_whole_zip_is_downloaded_and_then_deleted(server, pictures):
    server.ranges = False
    assert ids(collect(server, pictures)[0]) == LARGEST_FOUR
    assert not list(pictures.glob("*annotations*"))


def test_a_row_has_the_size_channels_and_digest_of_the_file(server, root, pictures):
    rows, _ = collect(server, pictures, count=6)
    assert all(tuple(row) == datasets.COLUMNS for row in rows)
    content = (root / address(30).lstrip("/")).read_bytes()
    assert next(row for row in rows if row["image_id"] == "30") == {
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


@pytest.mark.parametrize("damage", ["none", "missing", "cut", "flipped"])
def test_a_second_run_downloads_only_missing_and_damaged_pictures(server, pictures, damage):
    first = collect(server, pictures)
    server.requests.clear()
    path = pictures / Path(address(40)).name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= damage == "flipped"
    path.write_bytes(content[:-100] if damage == "cut" else content)
    if damage == "missing":
        path.unlink()
    assert collect(server, pictures) == first
    assert server.paths() == ([] if damage == "none" else [address(40)])


def test_pictures_copied_by_hand_are_not_downloaded(server, root, pictures):
    shutil.copytree(root / "val2017", pictures)
    collect(server, pictures)
    assert set(server.paths()) == {ZIP}


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


def test_a_count_above_the_split_s_is_refused_with_both_numbers(server, pictures):
    message = refusal(server, pictures, count=7)
    assert "found 7" in message and "lists 6" in message


@pytest.mark.parametrize(
    "split, path",
    [
        ("train2014", "annotations/annotations_trainval2014.zip"),
        ("test2017", "annotations/image_info_test2017.zip"),
        ("test-dev2017", "annotations/image_info_test2017.zip"),
        ("unlabeled2017", "annotations/image_info_unlabeled2017.zip"),
    ],
)
def test_the_list_of_every_split_has_its_address(split, path):
    dataset = Coco(split=split)
    assert dataset.annotations_url() == f"{BASE_URL}/{path}" and BASE_URL.startswith("https://")
    folder = split.replace("-dev", "")
    assert dataset.picture_url("1.jpg") == f"{BASE_URL}/{folder}/1.jpg"
    assert Coco(split=split, count="all").expected() > 20_000


@pytest.mark.parametrize(
    "values, key",
    [
        ({"base_url": "ftp://host/coco"}, "dataset.coco.base_url"),
        ({"base_url": "images.cocodataset.org"}, "dataset.coco.base_url"),
        ({"base_url": "https://me:secret@host"}, "dataset.coco.base_url"),
        ({"base_url": "https://[host"}, "dataset.coco.base_url"),
        ({"split": "../val2017"}, "dataset.coco.split"),
        ({"split": "mine"}, "dataset.coco"),
        ({"split": "val2099", "count": "all"}, "dataset.coco"),
        ({"count": 0}, "dataset.coco.count"),
        ({"count": "many"}, "dataset.coco.count"),
        ({"too_small": "drop"}, "dataset.coco.too_small"),
        ({"cuont": 3}, r"dataset\.coco\.cuont: .*count"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_key(values, key):
    with pytest.raises(LeakageError, match=key):
        validate(Coco, values, "dataset.coco")


def test_another_split_and_another_place_of_the_list_can_be_configured(tmp_path, pictures):
    own = mirror.make(tmp_path / "own", split="mine")
    (own / "annotations").rename(own / "lists")
    with servers.serving(own) as server:
        path = "lists/annotations_trainval2017.zip"
        rows, _ = collect(server, pictures, split="mine", annotations=path)
    assert ids(rows) == LARGEST_FOUR


def test_a_zip_without_the_split_is_refused(server, pictures):
    assert "contains no list of train2017" in refusal(server, pictures, split="train2017")


@pytest.mark.parametrize(
    "name", ["../x.jpg", "a/b.jpg", "..\\x.jpg", ".hidden.jpg", "x.jpg\n", "x.sh", "", "/x.jpg"]
)
def test_a_file_name_that_leads_out_of_the_folder_is_refused(tmp_path, root, pictures, name):
    entries = [mirror.entry(1, name, 64, 64, "val2017")]
    mirror.write_zip(root, "val2017", {"images": entries, "licenses": []})
    with servers.serving(root) as server:
        message = refusal(server, pictures, count=1)
        assert set(server.paths()) == {ZIP}
    assert "images.0.file_name" in message and repr(name) in message
    assert not list(tmp_path.rglob("x.jpg"))


@pytest.mark.parametrize("listing", [[], "text", {"pictures": []}, {"images": [{"id": "1"}]}])
def test_a_list_of_another_shape_is_refused(root, server, pictures, listing):
    mirror.write_zip(root, "val2017", listing)
    assert "its list of pictures is invalid" in refusal(server, pictures)


def test_a_list_that_names_a_picture_twice_is_refused(tmp_path, pictures):
    root = mirror.make(tmp_path / "twice", file_names={10: "same.jpg", 20: "same.jpg"})
    with servers.serving(root) as server:
        assert "'same.jpg' twice" in refusal(server, pictures)


def damage(content: bytearray, archive: zipfile.ZipFile) -> None:
    start = archive.getinfo("annotations/captions_val2017.json").header_offset
    content[start + 80 : start + 120] = bytes(40)


def misdirect(content: bytearray, archive: zipfile.ZipFile) -> None:
    entry = content.rfind(b"PK\x01\x02")
    content[entry + 42 : entry + 46] = (1234).to_bytes(4, "little")


def replace(content: bytearray, archive: zipfile.ZipFile) -> None:
    content[:] = b"<html>not a zip</html>"


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("change", [damage, misdirect, replace])
def test_a_damaged_zip_is_one_message(server, root, pictures, ranges, change):
    path = root / ZIP.lstrip("/")
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        change(content, archive)
    path.write_bytes(content)
    server.ranges = ranges
    assert "the zip cannot be read" in refusal(server, pictures)


def test_the_list_is_read_in_spite_of_interruptions_and_errors(server, pictures):
    server.faults[ZIP] = [servers.status(503), servers.cut(100), None, servers.cut(9, reset=True)]
    assert ids(collect(server, pictures)[0]) == LARGEST_FOUR


def test_a_missing_picture_is_one_message_and_the_others_stay(server, root, pictures):
    (root / address(60).lstrip("/")).unlink()
    message = refusal(server, pictures, connections=1)
    assert server.url + address(60) in message and "404" in message
    assert jpegs(pictures) == [Path(address(n)).name for n in (10, 20, 40)]
    assert not list(pictures.glob(".*"))


WHOLE = mirror.jpeg(64, 64, seed=3)


@pytest.mark.parametrize(
    "content, words",
    [
        (WHOLE[:-2], "not a complete JPEG"),
        (WHOLE[:-300], "not a complete JPEG"),
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


def test_the_step_writes_the_same_manifest_from_any_mirror(root, tmp_path):
    for run in ("one", "two"):
        with servers.serving(root) as server:
            result = run_step(server, tmp_path / run)
        assert result.exit_code == 0 and "4 pictures" in result.stderr, result.output
    one, two = ((tmp_path / run / "manifest.csv").read_bytes() for run in ("one", "two"))
    assert one == two and b"\r" not in one
    lines = one.decode().split("\n")
    assert lines[0] == "image_id,file_name,width,height,license,source,sha256,channels"
    assert [row["image_id"] for row in csv.DictReader(lines)] == LARGEST_FOUR
    skipped = (tmp_path / "one" / "skipped.csv").read_text()
    assert skipped == "image_id,file_name,width,height,reason\n"


def test_the_step_writes_no_manifest_if_it_fails(server, root, tmp_path):
    (root / address(40).lstrip("/")).unlink()
    result = run_step(server, tmp_path / "run")
    assert isinstance(result.exception, LeakageError)
    assert not (tmp_path / "run" / "manifest.csv").exists()


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no {REAL.name} folder beside the repository")
def test_the_100_largest_pictures_of_the_real_mirror_are_downloaded(pictures):
    with zipfile.ZipFile(REAL / ZIP.lstrip("/")) as archive:
        listed = json.loads(archive.read("annotations/captions_val2017.json"))["images"]
    listed.sort(key=lambda entry: (-entry["width"] * entry["height"], entry["id"]))
    with servers.serving(REAL) as server:
        rows, skipped = collect(server, pictures, patch_size=224, count=100)
        downloaded = {path for path in server.paths() if path != ZIP}
    assert ids(rows) == [str(entry["id"]) for entry in listed[:100]] and skipped == []
    assert downloaded == {f"/val2017/{entry['file_name']}" for entry in listed[:100]}
    assert {row["channels"] for row in rows} == {1, 3}
    assert all(", http" in row["license"] for row in rows)
