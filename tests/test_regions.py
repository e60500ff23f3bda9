"""Regions: encrypted inside, untouched outside, and leakage told apart by patch."""

import json

import numpy as np
import pytest
from leakage import schemes
from leakage.config.jobs import Jobs
from leakage.config.settings import validate
from leakage.config.workflow import Workflow
from leakage.errors import LeakageError
from leakage.schemes.regions import Region
from PIL import Image
from snake import REPOSITORY
from test_config import DEMO, PAPER, edited, merged

KEY = bytes(range(32))
KEYED = sorted(set(schemes.names()) - {"folder", "jpeg_signs"})
PIXELWISE = [name for name in KEYED if schemes.cipher_class(name).pixelwise]
HEAD = "image_id,left,top,width,height"
BOXES = [(3, 5, 17, 11), (25, 2, 8, 30)]
SHAPE = (40, 50, 3)


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch):
    """The key file is named relative to it."""
    monkeypatch.chdir(REPOSITORY)


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def boxes(tmp_path):
    path = tmp_path / "boxes.csv"
    rows = [f"a,{','.join(map(str, box))}" for box in BOXES]
    path.write_text("\n".join([HEAD, *rows]) + "\n")
    return {"boxes": str(path)}


@pytest.fixture
def mask(tmp_path):
    (tmp_path / "masks").mkdir()
    inside = np.hypot(*np.ogrid[-20:20, -25:25]) < 14
    Image.fromarray(inside).save(tmp_path / "masks" / "a.png")  # of one bit
    return {"mask": str(tmp_path / "masks")}


def scheme(cipher, region, **how):
    found = schemes.cipher_class(cipher)(region=region, **how)
    return schemes.KeyedScheme(cipher, found, KEY)


def encrypted_part(image_id="a", shape=SHAPE):
    inside = np.zeros(shape[:2], bool)
    for left, top, width, height in BOXES if image_id == "a" else []:
        inside[top : top + height, left : left + width] = True
    return inside


@pytest.mark.parametrize("cipher", KEYED)
def test_boxes_leave_every_cipher_invertible_and_the_rest_of_the_picture_plain(cipher, boxes):
    of, pixels, inside = scheme(cipher, boxes), noise(*SHAPE), encrypted_part()
    for level in of.cipher.levels[1:]:
        ciphertext = of.encrypt("a", pixels, level)
        assert np.array_equal(of.decrypt("a", ciphertext, level), pixels)
        for found in (ciphertext, of.view("a", ciphertext, level)):
            assert np.array_equal(found[~inside], pixels[~inside])
        assert np.array_equal(of.encrypt("b", pixels, level), pixels)  # it has no box
    assert (ciphertext[inside] != pixels[inside]).mean() > 0.9


@pytest.mark.parametrize("cipher", PIXELWISE)
def test_a_mask_leaves_ciphers_of_single_pixels_invertible(cipher, mask):
    of, pixels = scheme(cipher, mask), noise(*SHAPE)
    inside = of.cipher.region.inside("a", SHAPE)
    assert 0 < inside.mean() < 0.5
    for level in of.cipher.levels[1:]:
        ciphertext = of.encrypt("a", pixels, level)
        assert np.array_equal(of.decrypt("a", ciphertext, level), pixels)
        for found in (ciphertext, of.view("a", ciphertext, level)):
            assert np.array_equal(found[~inside], pixels[~inside])
        assert np.array_equal(of.encrypt("b", pixels, level), pixels)
    assert (ciphertext[inside] != pixels[inside]).mean() > 0.9


@pytest.mark.parametrize("cipher", sorted(set(KEYED) - set(PIXELWISE)))
def test_a_mask_is_refused_for_ciphers_that_move_pixels(cipher, mask):
    with pytest.raises(ValueError, match=f"cipher {cipher} does not change each pixel by itself"):
        scheme(cipher, mask)


def test_every_box_has_a_keystream_of_its_own(tmp_path):
    path = tmp_path / "boxes.csv"
    path.write_text(f"{HEAD}\na,0,0,10,10\na,20,0,10,10\n")
    black = np.zeros(SHAPE, np.uint8)
    found = scheme("full", {"boxes": str(path)}).encrypt("a", black, 1)
    whole = schemes.KeyedScheme("full", schemes.cipher_class("full")(), KEY).encrypt("a", black, 1)
    streams = [found[:10, :10], found[:10, 20:30], whole[:10, :10]]
    assert len({each.tobytes() for each in streams}) == 3


def test_a_box_in_shares_covers_its_share_of_every_picture():
    region = Region(box=(0.25, 0.5, 0.5, 0.5))
    assert region.inside("a", (40, 80)).sum() == 20 * 40
    assert region.inside("a", (40, 80))[20:, 20:60].all()
    thin = Region(box=(0.999, 0.0, 0.001, 1.0)).inside("a", (10, 7))
    assert thin.sum() == 10 and thin[:, 6].all()


def test_boxes_name_pictures_by_id_or_by_file(tmp_path):
    path = tmp_path / "boxes.csv"
    path.write_text("file_name,left,top,width,height\nfaces/one.jpg,0,0,2,3\n")
    region = Region(boxes=str(path))
    assert region.named() == {"faces_one"}
    assert region.inside("faces_one", (5, 5)).sum() == 6


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ({}, "found nothing; expected one of boxes, mask, box"),
        ({"box": [0, 0, 1, 1], "mask": "docs"}, "found mask and box; expected one of"),
        ({"box": [0.5, 0, 0.6, 1]}, "left \\+ width"),
        ({"box": [0, 0, 0, 1]}, "as shares of the picture"),
        ({"boxes": "missing.csv"}, "missing.csv: no such file; give a CSV file of boxes"),
        ({"mask": "missing"}, "missing: no folder with PNG files"),
        ({"boxes": "{x}.csv"}, "without braces"),
        ({"faces": "x"}, "unknown key; the nearest known one is"),
    ],
)
def test_a_region_that_is_not_one_is_refused(region, message):
    with pytest.raises(LeakageError, match=message) as caught:
        validate(Region, region, "region")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found the columns of an empty file; expected image_id or file_name"),
        ("image_id,left\na,1\n", "found the columns image_id, left; expected"),
        (f"{HEAD}\na,1,1,2.5,3\n", "line 2: found image_id 'a' and 1, 1, 2.5, 3; expected"),
        (f"{HEAD}\na,-1,1,2,3\n", "whole numbers of pixels"),
        (f"{HEAD}\na,1,1,0,3\n", "width and height from 1"),
        (f"{HEAD}\n,1,1,2,3\n", "expected a picture"),
        (f"{HEAD}\na,1,1\n", "whole numbers of pixels"),
        (f"{HEAD}\na,0,0,5,5\na,4,4,5,5\n", "line 3, picture a: the boxes .* overlap"),
    ],
)
def test_a_file_of_boxes_with_an_error_is_refused_before_any_job(tmp_path, text, message):
    path = tmp_path / "boxes.csv"
    path.write_text(text)
    with pytest.raises(LeakageError, match=message) as caught:
        validate(Region, {"boxes": str(path)}, "region")
    assert str(caught.value).startswith(f"region.boxes: {path}: ")
    path.write_text(f"{HEAD}\na,0,0,5,5\na,5,0,5,5\n")  # side by side
    assert len(Region(boxes=str(path)).boxes_in("a", (5, 10))) == 2


def test_boxes_outside_and_of_unknown_pictures_are_refused_before_any_job(tmp_path):
    """The photographs are installed, so their names and sizes are known."""
    path = tmp_path / "boxes.csv"
    for row, message in (
        ("astronaut,500,0,13,20", "13 x 20 at left 500, top 0 is not inside the picture of 512"),
        ("astronot,0,0,10,10", "picture 'astronot' is not in the dataset"),
    ):
        path.write_text(f"{HEAD}\n{row}\n")
        with pytest.raises(LeakageError, match=message) as caught:
            change = {"encryption": {"schemes": {"full": {"region": {"boxes": str(path)}}}}}
            Workflow(merged(PAPER, merged(DEMO, change)))
        assert str(caught.value).startswith(f"encryption.schemes.full.region: {path}: ")


def test_a_mask_of_another_size_or_with_transparency_is_refused(tmp_path, mask):
    region = Region(**mask)
    with pytest.raises(LeakageError, match=r"a\.png: 50 x 40 pixels, and the picture has 50 x 41"):
        region.refuse_unfit("a", (41, 50))
    Image.new("RGBA", (50, 40)).save(tmp_path / "masks" / "a.png")
    with pytest.raises(LeakageError, match="with transparency"):
        region.inside("a", (40, 50))


def test_pictures_encrypted_elsewhere_must_be_plain_outside_the_region(tmp_path, mask):
    plain, inside = noise(*SHAPE), Region(**mask).inside("a", SHAPE)
    (tmp_path / "cipher" / "1").mkdir(parents=True)
    of = scheme("folder", mask, path=str(tmp_path / "cipher"))
    ciphertext = np.where(inside[..., None], 255 - plain, plain)
    Image.fromarray(ciphertext).save(tmp_path / "cipher" / "1" / "a.png")
    assert np.array_equal(of.encrypt("a", plain, 1), ciphertext)
    Image.fromarray(255 - plain).save(tmp_path / "cipher" / "1" / "a.png")
    with pytest.raises(LeakageError, match="pixels outside the region differ"):
        of.encrypt("a", plain, 1)


def test_without_a_region_the_settings_of_the_jobs_are_as_before():
    jobs = Jobs(Workflow(PAPER))
    for name in jobs.workflow.schemes:
        assert "region" not in jobs.view_settings(name, 1) + jobs.measure_settings(name)
        assert jobs.encrypted_files(name, [0, 1]) == []


def test_the_files_of_a_region_are_inputs_of_the_encrypted_levels(boxes):
    jobs = Jobs(Workflow(edited("encryption.schemes.full.region", boxes)))
    assert jobs.encrypted_files("full", [0, 1]) == [boxes["boxes"]]
    assert jobs.encrypted_files("full", [0]) == jobs.encrypted_files("msb_xor", [1]) == []
    assert json.loads(jobs.view_settings("full", 1))["definition"]["region"] == {
        **boxes,
        "mask": None,
        "box": None,
    }
