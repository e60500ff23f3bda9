"""Photographs, the user's own folders, and the files that are accepted as pictures."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import odd_pictures
import pytest
import skimage.data
from leakage import datasets
from leakage.config.settings import validate
from leakage.datasets import photographs
from leakage.datasets.folder import Folder
from leakage.datasets.photographs import Photographs
from leakage.errors import LeakageError
from leakage.storage import files, listing, pictures, shards
from PIL import Image

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (20, 30), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)


def collect(dataset, run, patch_size=16, **values):
    return dataset(**values).collect(run / "pictures", patch_size)


def refusal(dataset, run, **values):
    with pytest.raises(LeakageError) as caught:
        collect(dataset, run, **values)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def own(tmp_path):
    """A user's folder: a grey picture, and a colour picture in a subfolder."""
    root = tmp_path / "own"
    (root / "beach").mkdir(parents=True)
    Image.fromarray(GREY).save(root / "a.png")
    Image.fromarray(COLOUR).save(root / "beach" / "b.TIFF")
    (root / "notes.txt").write_text("neither a picture nor a picture's suffix")
    return root


def test_importing_every_entry_of_a_configuration_imports_nothing_slow():
    code = (
        "import sys; from leakage import datasets, encoders, measures, schemes\n"
        "for kind in datasets.kinds(): datasets.dataset_class(kind)\n"
        "for name in schemes.names(): schemes.cipher_class(name)\n"
        "measures.all_measures(); [encoders.encoder_class(kind)() for kind in encoders.kinds()]\n"
        "slow = {'torch', 'timm', 'pandas', 'requests', 'PIL', 'skimage', 'scipy', 'sklearn'}\n"
        "print(*slow & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_photographs_are_copied_unchanged_with_licence_and_source(tmp_path):
    rows, skipped = collect(Photographs, tmp_path, patch_size=224)
    assert [row["image_id"] for row in rows] == list(photographs.PHOTOGRAPHS) and not skipped
    grey = {"camera", "moon", "coins", "brick", "grass", "gravel", "clock"}
    assert {row["image_id"] for row in rows if row["channels"] == 1} == grey
    packages = tuple(photographs.PACKAGES)
    assert all(row["license"] and row["source"].startswith(packages) for row in rows)
    astronaut, path = rows[0], tmp_path / "pictures" / "astronaut.png"
    assert (astronaut["file_name"], astronaut["width"]) == (path.name, 512)
    # The digest in scikit-image's registry.
    assert astronaut["sha256"].startswith("88431cd9653ccd539741b555fb0a46b61558b301")
    assert files.sha256(path) == astronaut["sha256"]
    path.write_bytes(b"")
    assert collect(Photographs, tmp_path, names=["astronaut"])[0] == [astronaut]


def test_wrong_names_of_photographs_are_refused(tmp_path, monkeypatch):
    for names in (["astronuat"], [], ["moon", "moon"]):
        with pytest.raises(LeakageError, match=r"dataset\.photographs\.names"):
            validate(Photographs, {"names": names}, "dataset.photographs")
    lost = photographs.PHOTOGRAPHS["coins"]._replace(file="data/lost.png")
    monkeypatch.setitem(photographs.PHOTOGRAPHS, "coins", lost)
    assert "data/lost.png" in refusal(Photographs, tmp_path, names=["coins"])


def test_a_folder_is_listed_in_order_and_left_in_place(own, tmp_path):
    rows, _ = collect(Folder, tmp_path / "run", path=str(own), license="mine")
    columns = ("image_id", "file_name", "width", "height", "channels", "license")
    assert [tuple(row[each] for each in columns) for row in rows] == [
        ("a", "a.png", 30, 20, 1, "mine"),
        ("beach_b", "beach/b.TIFF", 30, 20, 3, "mine"),
    ]
    assert str(tmp_path) not in json.dumps(rows) and not (tmp_path / "run").exists()
    dataset = Folder(path=str(own))
    assert dataset.folder(Path("run")) == own and dataset.expected() == 2


def test_a_folder_that_lacks_pictures_or_has_two_of_one_id_is_refused(own, tmp_path):
    (tmp_path / "empty").mkdir()
    for place in ("missing", "empty"):
        assert place in refusal(Folder, tmp_path, path=str(tmp_path / place))
    Image.fromarray(GREY).save(own / "beach_b.png")
    message = refusal(Folder, tmp_path, path=str(own))
    assert "beach/b.TIFF" in message and "beach_b.png" in message
    (own / "lost.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(LeakageError, match=r"lost\.png is a link to a missing file"):
        Folder(path=str(own)).content()


def test_small_pictures_are_refused_or_skipped(own, tmp_path):
    Image.fromarray(GREY[:10]).save(own / "small.png")
    message = refusal(Folder, tmp_path, path=str(own))
    for part in ("small.png (30 x 10)", "1 of 3", "16 x 16", "too_small", "patches.size"):
        assert part in message
    rows, skipped = collect(Folder, tmp_path, path=str(own), too_small="skip")
    assert [row["image_id"] for row in rows] == ["a", "beach_b"]
    (row,) = skipped
    assert tuple(row) == datasets.SKIPPED_COLUMNS and row["image_id"] == "small"
    assert row["reason"] == "smaller than a patch of 16 x 16 pixels"


@pytest.mark.parametrize("kind", odd_pictures.KINDS, ids=lambda kind: kind.title)
def test_every_kind_of_file_is_accepted_or_refused_by_name(tmp_path, kind):
    kind.make(tmp_path, np.random.default_rng(0))
    odd_pictures.check(kind, tmp_path, *odd_pictures.in_process(tmp_path))


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
def test_pixels_are_read_as_they_are_stored(tmp_path, suffix):
    path, palette = tmp_path / f"x.{suffix}", Image.fromarray(COLOUR).quantize(8)
    Image.fromarray(COLOUR).save(path, **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(pictures.read(path), COLOUR)
    for picture, expected in (
        (Image.fromarray(GREY), GREY[..., None]),
        (palette, palette.convert("RGB")),
    ):
        picture.save(tmp_path / "x.png")
        np.testing.assert_array_equal(pictures.read(tmp_path / "x.png"), expected)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp"])
def test_an_incomplete_or_missing_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(np.tile(COLOUR, (5, 5, 1))).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(0.6 * len(content))])
    with pytest.raises(LeakageError, match="not a complete picture"):
        pictures.read(path)
    path.unlink()
    with pytest.raises(LeakageError, match=rf"cut\.{suffix}: no such picture"):
        pictures.read(path)


def test_a_decompression_bomb_is_refused_and_a_camera_s_picture_is_not(tmp_path):
    (tmp_path / "bomb.png").write_bytes(odd_pictures.png(20_000, 20_000, 8, 0, b""))
    with pytest.raises(LeakageError, match=r"bomb\.png: .*(decompression bomb)"):
        pictures.read(tmp_path / "bomb.png")
    (tmp_path / "camera.png").write_bytes(odd_pictures.png(12_000, 9_000, 8, 0, b""))
    with pytest.raises(LeakageError, match="not a complete picture"):  # not for its size
        pictures.read(tmp_path / "camera.png")


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (".ipynb_checkpoints/a.png", "hidden folders"),
        (".thumbnails/a.png", "hidden folders"),
        ("._a.png", "hidden files"),
        ("@eaDir/a.png", "folders of programs"),
        ("__MACOSX/a.png", "folders of programs"),
        ("lost+found/a.png", "folders of programs"),
        ("Thumbnails/a.png", "folders of programs"),
        ("web/node_modules/logo/a.png", "folders of programs"),
        ("Catalog Previews.LRDATA/a.png", "folders of programs"),
        ("results/mine/figures/a.png", "results folders"),
        ("a.heic", "files with other endings"),
        ("a.png~", "files with other endings"),
        ("a.jpg.part", "files with other endings"),
    ],
)
def test_files_that_nobody_meant_are_left_out_and_the_run_says_so(own, place, reason):
    path = own / place
    path.parent.mkdir(parents=True, exist_ok=True)
    if reason == "results folders":
        (own / "results/mine/manifest.csv.sha256").write_text("")
    Image.fromarray(COLOUR[::-1]).save(path, "PNG")
    dataset = Folder(path=str(own))
    assert [name for name, _ in dataset.content()] == ["a.png", "beach/b.TIFF"]
    assert any(reason in line for line in dataset.notes())


def test_links_pipes_and_wrong_folders_are_named(own, tmp_path):
    (own / "loop").symlink_to(own)
    os.mkfifo(own / "pipe.png")
    notes = "; ".join(Folder(path=str(own)).notes())
    assert "links to folders: loop" in notes and "not files: pipe.png" in notes
    with pytest.raises(LeakageError, match="is a file, not a folder"):
        Folder(path=str(own / "a.png")).expected()
    (own / "patches.csv.sha256").write_text("")
    with pytest.raises(LeakageError, match="is the results folder of a run"):
        Folder(path=str(own)).expected()


def test_a_folder_that_may_not_be_read_is_named():
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        Path(root, "secret").mkdir(mode=0)
        try:
            if user == 0:
                os.seteuid(65534)
            with pytest.raises(LeakageError, match=r"secret: the folder cannot be read .*make it"):
                listing.below(Path(root))
        finally:
            os.seteuid(user)


def test_a_name_that_is_too_long_for_a_file_is_said_to_be(tmp_path):
    path = tmp_path / f"{'a' * 250}.csv"
    with (
        pytest.raises(LeakageError, match=r"a\.csv: .*shorten the name of the picture"),
        files.whole_file(path) as temporary,
    ):
        temporary.write_text("")


@pytest.mark.parametrize("how", ["copy", "link", "saved again", "grey as RGB"])
def test_a_picture_that_occurs_twice_is_refused_or_skipped_by_name(own, tmp_path, how):
    second = own / "c.png"
    if how == "copy":
        second.write_bytes((own / "a.png").read_bytes())
    elif how == "link":
        second.symlink_to(own / "a.png")
    elif how == "saved again":
        Image.fromarray(GREY).save(second, compress_level=1)
    else:
        Image.fromarray(GREY).convert("RGB").save(second)
    message = refusal(Folder, tmp_path, path=str(own))
    for part in ("1 of 3", "c.png", "as a.png", "dataset.folder.duplicates"):
        assert part in message
    rows, skipped = collect(Folder, tmp_path, path=str(own), duplicates="skip")
    assert [row["image_id"] for row in rows] == ["a", "beach_b"]
    assert [row["file_name"] for row in skipped] == ["c.png"] and "as a.png" in skipped[0]["reason"]


CHANGES = {
    "smaller": lambda image: image.resize((image.width // 2, image.height // 2)),
    "cropped": lambda image: image.crop((5, 5, image.width - 5, image.height - 5)),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "grey": lambda image: image.convert("L"),
    "brighter": lambda image: image.point(lambda value: min(255, int(1.2 * value))),
}


def test_nearly_equal_pictures_are_warned_of_and_different_ones_are_not(tmp_path):
    rows, _ = collect(Photographs, tmp_path)
    assert not datasets.near_duplicates(rows)
    own = tmp_path / "near"
    own.mkdir()
    with Image.open(tmp_path / "pictures" / "astronaut.png") as image:
        image.save(own / "a.png")
        image.save(own / "recompressed.jpg", quality=40)
        for name, change in CHANGES.items():
            change(image).save(own / f"{name}.png")
    Image.fromarray(GREY).resize((300, 200)).save(own / "b.png")
    rows, _ = collect(Folder, tmp_path, path=str(own))
    unlike = {row["image_id"] for row in rows if not row["similar_to"]}
    assert unlike == {"a", "b"}
    assert "mirrored and " in datasets.near_duplicates(rows)


def test_all_damaged_pictures_are_named_at_once(own, tmp_path):
    content = bytearray((own / "a.png").read_bytes())
    content[content.index(b"IDAT") + 8] ^= 1
    (own / "flipped.png").write_bytes(content)
    (own / "page.jpg").write_bytes(b"<!DOCTYPE html><html>")
    (own / "phone.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(60))
    (own / "nothing.webp").write_bytes(b"")
    with pytest.raises(LeakageError) as caught:
        collect(Folder, tmp_path, path=str(own))
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    for name, why in (
        ("flipped.png", ""),
        ("page.jpg", "a web page"),
        ("phone.jpg", "HEIC"),
        ("nothing.webp", "empty"),
    ):
        assert any(f"{name}: not a complete picture" in line and why in line for line in lines)


def test_a_wrong_checksum_in_a_png_is_refused(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "x.png")
    content = bytearray((tmp_path / "x.png").read_bytes())
    content[-13] ^= 1  # the last byte before IEND: of the checksum
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(LeakageError, match=r"x\.png: not a complete picture"):
        pictures.read(tmp_path / "x.png")


def test_an_id_is_the_same_however_a_file_system_stores_accents():
    assert listing.image_id("e\u0301.png") == listing.image_id("\u00e9.PNG") == "\u00e9"


@pytest.mark.parametrize("name", ["NA", "nan", "001", "1e5", "True", "=1", 'a,"b'])
def test_names_that_look_like_values_stay_ids(own, tmp_path, name):
    Image.fromarray(COLOUR[::-1]).save(own / f"{name}.png")
    status, output = odd_pictures.in_process(own)
    assert status == 0, output
    ids = [each for part in shards.parts(own / "manifest.csv", 10) for each in part["image_id"]]
    assert name in ids


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("damage", ["zeros", "noise", "cut out"])
def test_a_jpeg_damaged_in_the_middle_is_refused(tmp_path, channels, damage):
    picture = skimage.data.astronaut() if channels == 3 else skimage.data.camera()
    Image.fromarray(picture).save(tmp_path / "x.jpg", quality=90)
    whole = (tmp_path / "x.jpg").read_bytes()
    rows, _ = collect(Folder, tmp_path / "run", path=str(tmp_path))
    assert len(rows) == 1
    middle = len(whole) // 2
    noise = np.random.default_rng(0).bytes(2048)
    new = {"zeros": bytes(2048), "noise": noise, "cut out": b""}[damage]
    (tmp_path / "x.jpg").write_bytes(whole[:middle] + new + whole[middle + 2048 :])
    with pytest.raises(LeakageError, match=r"x\.jpg: (a damaged JPEG|not a complete)"):
        collect(Folder, tmp_path / "run", path=str(tmp_path))
