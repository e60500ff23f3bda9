"""Photographs, folders of one's own, and what is read as a picture."""

import json
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from leakage import datasets
from leakage.config.settings import validate
from leakage.datasets import photographs
from leakage.datasets.folder import Folder
from leakage.datasets.photographs import Photographs
from leakage.errors import LeakageError
from leakage.storage import files, pictures
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
    """A user's folder: a grey and a colour picture, one of them below."""
    root = tmp_path / "own"
    (root / "beach").mkdir(parents=True)
    Image.fromarray(GREY).save(root / "a.png")
    Image.fromarray(COLOUR).save(root / "beach" / "b.TIFF")
    (root / "notes.txt").write_text("no picture, and no picture's suffix")
    return root


def test_every_kind_of_dataset_is_a_class_in_its_module():
    assert datasets.kinds() == ["coco", "folder", "photographs"]
    assert [datasets.dataset_class(kind).branch for kind in datasets.kinds()] == datasets.kinds()


def test_an_unknown_kind_is_refused_with_the_nearest():
    with pytest.raises(LeakageError, match="the nearest is photographs"):
        datasets.dataset_class("photos")


def test_importing_the_datasets_imports_nothing_slow():
    code = (
        "import sys; from leakage import datasets\n"
        "for kind in datasets.kinds(): datasets.dataset_class(kind)\n"
        "print(*{'torch', 'pandas', 'requests', 'PIL', 'skimage', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_photographs_are_copied_in_their_original_bytes(tmp_path):
    rows, skipped = collect(Photographs, tmp_path, patch_size=224)
    assert [row["image_id"] for row in rows] == list(photographs.PHOTOGRAPHS)
    assert skipped == []
    grey = {"camera", "moon", "coins", "brick", "grass", "gravel", "clock"}
    assert {row["image_id"] for row in rows if row["channels"] == 1} == grey
    astronaut = rows[0]
    assert (astronaut["file_name"], astronaut["width"]) == ("astronaut.png", 512)
    # The digest that scikit-image itself states for the file.
    assert astronaut["sha256"].startswith("88431cd9653ccd539741b555fb0a46b61558b301")
    assert files.sha256(tmp_path / "pictures" / "astronaut.png") == astronaut["sha256"]


def test_every_photograph_has_a_license_and_a_source(tmp_path):
    rows, _ = collect(Photographs, tmp_path)
    packages = tuple(photographs.PACKAGES)
    assert all(row["license"] and row["source"].startswith(packages) for row in rows)


def test_a_damaged_copy_of_a_photograph_is_made_anew(tmp_path):
    first = collect(Photographs, tmp_path, names=["coins"])
    (tmp_path / "pictures" / "coins.png").write_bytes(b"")
    assert collect(Photographs, tmp_path, names=["coins"]) == first


def test_a_photograph_that_the_package_lacks_is_refused_by_name(tmp_path, monkeypatch):
    lost = photographs.PHOTOGRAPHS["coins"]._replace(file="data/lost.png")
    monkeypatch.setitem(photographs.PHOTOGRAPHS, "coins", lost)
    assert "data/lost.png" in refusal(Photographs, tmp_path, names=["coins"])


@pytest.mark.parametrize("names", [["astronuat"], [], ["moon", "moon"]])
def test_names_that_are_unknown_absent_or_double_are_refused(names):
    with pytest.raises(LeakageError, match=r"dataset\.photographs\.names"):
        validate(Photographs, {"names": names}, "dataset.photographs")


def test_a_folder_is_listed_in_order_and_left_in_place(own, tmp_path):
    rows, _ = collect(Folder, tmp_path / "run", path=str(own), license="mine")
    assert [(r["image_id"], r["file_name"]) for r in rows] == [
        ("a", "a.png"),
        ("beach_b", "beach/b.TIFF"),
    ]
    assert [(r["width"], r["height"], r["channels"]) for r in rows] == [(30, 20, 1), (30, 20, 3)]
    assert {row["license"] for row in rows} == {"mine"}
    assert str(tmp_path) not in json.dumps(rows)
    assert not (tmp_path / "run").exists()


def test_two_pictures_with_one_id_are_refused_by_name(own, tmp_path):
    Image.fromarray(GREY).save(own / "beach_b.png")
    message = refusal(Folder, tmp_path, path=str(own))
    assert "beach/b.TIFF" in message and "beach_b.png" in message


@pytest.mark.parametrize("place", ["missing", "empty"])
def test_a_folder_without_pictures_is_one_message(tmp_path, place):
    (tmp_path / "empty").mkdir()
    assert f"{place}" in refusal(Folder, tmp_path, path=str(tmp_path / place))


def test_a_file_that_only_pretends_to_be_a_picture_is_refused_by_name(own, tmp_path):
    (own / "fake.jpg").write_text("text")
    assert "fake.jpg" in refusal(Folder, tmp_path, path=str(own))


def test_a_link_to_nothing_is_refused_by_name(own, tmp_path):
    (own / "lost.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(LeakageError, match=r"lost\.png is a link to a missing file"):
        Folder(path=str(own)).content()


def test_a_name_that_cannot_be_written_down_is_refused(own, tmp_path):
    (own / "a.png").rename(own / "a\n.png")
    assert "rename the file" in refusal(Folder, tmp_path, path=str(own))


def test_small_pictures_are_refused_with_the_two_remedies(own, tmp_path):
    Image.fromarray(GREY[:10]).save(own / "small.png")
    message = refusal(Folder, tmp_path, path=str(own))
    for part in ("small.png (30 x 10)", "1 of 3", "16 x 16", "too_small", "patches.size"):
        assert part in message


def test_small_pictures_are_left_out_and_listed(own, tmp_path):
    Image.fromarray(GREY[:10]).save(own / "small.png")
    rows, skipped = collect(Folder, tmp_path, path=str(own), too_small="skip")
    assert [row["image_id"] for row in rows] == ["a", "beach_b"]
    assert skipped == [
        {
            "image_id": "small",
            "file_name": "small.png",
            "width": 30,
            "height": 10,
            "reason": "smaller than a patch of 16 x 16 pixels",
        }
    ]


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
def test_stored_pixels_are_read_as_they_are(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(COLOUR).save(path, **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(pictures.read(path), COLOUR)


def test_a_grey_picture_has_one_channel(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "x.png")
    pixels = pictures.read(tmp_path / "x.png")
    assert pixels.shape == (20, 30, 1) and pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels[..., 0], GREY)


def test_a_picture_of_one_pixel_is_a_picture(tmp_path):
    Image.fromarray(GREY[:1, :1]).save(tmp_path / "x.png")
    assert pictures.read(tmp_path / "x.png").shape == (1, 1, 1)


def test_a_palette_becomes_three_channels(tmp_path):
    picture = Image.fromarray(COLOUR).quantize(8)
    picture.save(tmp_path / "x.png")
    np.testing.assert_array_equal(pictures.read(tmp_path / "x.png"), picture.convert("RGB"))


def test_a_rotation_by_exif_is_not_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLOUR).save(tmp_path / "x.jpg", exif=exif)
    assert pictures.read(tmp_path / "x.jpg").shape == (20, 30, 3)


def png_of_16_bit_colour():
    """Return a PNG that Pillow would read as 8-bit RGB without a word."""

    def chunk(name, content):
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes(12)) * 2)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


UNSUITABLE = {
    "grey16.png": lambda path: Image.fromarray(GREY.astype(np.uint16) * 257).save(path),
    "colour16.png": lambda path: path.write_bytes(png_of_16_bit_colour()),
    "float.tif": lambda path: Image.fromarray(GREY.astype(np.float32)).save(path),
    "bits.png": lambda path: Image.fromarray(GREY > 99).save(path),
    "cmyk.jpg": lambda path: Image.fromarray(COLOUR).convert("CMYK").save(path),
    "alpha.png": lambda path: Image.fromarray(COLOUR).convert("RGBA").save(path),
    "grey_alpha.png": lambda path: Image.fromarray(GREY).convert("LA").save(path),
    "palette.png": lambda path: Image.fromarray(COLOUR).quantize(8).save(path, transparency=0),
    "colour_key.png": lambda path: Image.fromarray(COLOUR).save(path, transparency=(1, 2, 3)),
}


@pytest.mark.parametrize("name", UNSUITABLE)
def test_what_is_neither_8_bit_grey_nor_rgb_is_refused_by_name_and_mode(tmp_path, name):
    UNSUITABLE[name](tmp_path / name)
    with pytest.raises(LeakageError, match=rf"{name}: mode \w.* is not accepted; convert it"):
        pictures.read(tmp_path / name)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp"])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.6])
def test_a_file_that_was_cut_is_refused_by_name(tmp_path, suffix, kept):
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(np.tile(COLOUR, (5, 5, 1))).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(LeakageError, match="not a complete picture"):
        pictures.read(path)


def test_a_picture_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(LeakageError, match=r"lost\.png: no such picture"):
        pictures.read(tmp_path / "lost.png")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [10_000, 20_000])
def test_a_decompression_bomb_is_refused(tmp_path, side):
    Image.new("1", (side, side)).save(tmp_path / "bomb.png")
    with pytest.raises(LeakageError, match=r"bomb\.png: .*(decompression bomb)"):
        pictures.read(tmp_path / "bomb.png")


def test_a_wide_picture_is_a_picture(tmp_path):
    Image.new("L", (20_000, 3)).save(tmp_path / "wide.png")
    assert pictures.read(tmp_path / "wide.png").shape == (3, 20_000, 1)
