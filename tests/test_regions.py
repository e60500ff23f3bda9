"""Regions: encrypted inside, untouched outside, and leakage told apart by patch."""

import dataclasses
import json
import zlib

import numpy as np
import odd_pictures
import pandas as pd
import pytest
import small_regions
from leakage import analysis, schemes
from leakage.analysis import tables, verdicts
from leakage.config.jobs import Jobs
from leakage.config.paths import PARTS, part_of, scheme_of, title
from leakage.config.settings import validate
from leakage.config.workflow import Workflow
from leakage.errors import LeakageError
from leakage.interfaces import Wanted
from leakage.schemes.regions import Region
from leakage.steps import estimate, verify
from leakage.storage import embeddings
from leakage.storage.views import View
from PIL import Image
from snake import REPOSITORY, snakemake
from test_config import DEMO, PAPER, edited, merged

KEY = bytes(range(32))
ALL = {name: schemes.cipher_class(name) for name in schemes.names()}
KEYED = [name for name, each in ALL.items() if each.encrypts and not each.returns_bytes]
PIXELWISE = [name for name in KEYED if ALL[name].pixelwise]
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


def test_a_region_is_refused_where_the_ciphertext_is_a_file():
    with pytest.raises(ValueError, match="ciphertext of jpeg_signs is not a picture"):
        scheme("jpeg_signs", {"box": (0, 0, 0.5, 0.5)})


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
        ("", "found the columns of an empty file; expected either image_id or file_name"),
        ("image_id,left\na,1\n", "found the columns image_id, left; expected"),
        (f"{HEAD}\na,1,1,2.5,3\n", "line 2: found image_id 'a' and 1, 1, 2.5, 3; expected"),
        (f"{HEAD}\na,-1,1,2,3\n", "whole numbers of pixels"),
        (f"{HEAD}\na,1,1,0,3\n", "width and height from 1"),
        (f"{HEAD}\n,1,1,2,3\n", "expected a picture"),
        (f"{HEAD}\na,1,1\n", "whole numbers of pixels"),
        (f"{HEAD}\na,0,0,5,5\na,4,4,5,5\n", "line 3, picture a: the boxes .* overlap"),
        (f"{HEAD}\na,0,0,5,5\na,1,000,20,30,40\n", "line 3: found 6 values; expected 5, as in the"),
        (f"{HEAD},left\na,0,0,5,5,9\n", "image_id, left, top, width, height, left; .* each once"),
        (f"{HEAD},image_id\na,0,0,5,5,b\n", "height, image_id; .* each once"),
        (f"{HEAD},file_name\na,0,0,5,5,b.png\n", "expected either image_id or file_name, and"),
        (f"{HEAD}\n", "found no box; expected a row per box below the header"),
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


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize(
    ("palette", "black"),
    [([255, 255, 255, 0, 0, 0], 1), ([0, 0, 128, 0, 0, 0], 1), ([0, 0, 0, 255, 0, 0], 0)],
)
def test_a_mask_with_a_palette_is_read_by_its_colours(tmp_path, mask, palette, black, bits):
    indices = np.arange(2000, dtype=np.uint8).reshape(SHAPE[:2]) % 2
    picture = Image.fromarray(indices)
    picture.putpalette(palette)
    picture.save(tmp_path / "masks" / "a.png", bits=bits)
    with Image.open(tmp_path / "masks" / "a.png") as saved:
        assert saved.mode == "P"
    assert np.array_equal(Region(**mask).inside("a", SHAPE), indices != black)


@pytest.mark.parametrize("mode", ["1", "L", "I;16", "RGB", "P"])
def test_a_mask_is_the_same_region_in_every_mode(tmp_path, mask, mode):
    inside = Region(**mask).inside("a", SHAPE)
    grey = Image.fromarray(inside.astype(np.uint16 if mode == "I;16" else np.uint8))
    picture = Image.fromarray(inside) if mode == "1" else grey.convert(mode)
    picture.save(tmp_path / "masks" / "a.png")
    with Image.open(tmp_path / "masks" / "a.png") as saved:
        assert saved.mode == mode
    assert np.array_equal(Region(**mask).inside("a", SHAPE), inside)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_a_mask_with_transparency_is_refused_in_every_mode(tmp_path, mask, mode):
    how = {} if mode.endswith("A") else {"transparency": (0, 0, 0) if mode == "RGB" else 0}
    Image.new(mode, SHAPE[1::-1]).save(tmp_path / "masks" / "a.png", **how)
    with pytest.raises(LeakageError, match=r"a\.png: found a mask with transparency; expected"):
        Region(**mask).inside("a", SHAPE)


def test_a_mask_of_deep_colours_is_refused(tmp_path, mask):
    """Pillow reads 16 bits per colour as 8, so that a dark colour becomes black."""
    dark = b"\0" + b"\0\1" * 3 * SHAPE[1]
    deep = odd_pictures.png(SHAPE[1], SHAPE[0], 16, 2, zlib.compress(dark * SHAPE[0]))
    (tmp_path / "masks" / "a.png").write_bytes(deep)
    with pytest.raises(LeakageError, match=r"a\.png: found a mask with 16 bits per colour; exp"):
        Region(**mask).inside("a", SHAPE)


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


# Leakage of each part.

CCA = {"permutations": 99, "bootstraps": 100, "device": "cpu"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run of the scheme `full` on the left part of every picture."""
    return small_regions.Run(tmp_path_factory.mktemp("run"), small_regions.REGION).make()


def test_patches_are_told_apart_by_their_pixels(run):
    told = pd.read_csv(run.path("regions.csv"), dtype={"image_id": str})
    places = pd.read_csv(run.path("patches.csv"), dtype={"image_id": str})
    assert told[["image_id", "patch"]].equals(places[["image_id", "patch"]])
    width, left, size = round(0.6 * small_regions.SIZE), places["left"], small_regions.PATCH
    expected = np.where(
        left + size <= width, "inside", np.where(left >= width, "outside", "across")
    )
    assert told["part"].tolist() == expected.tolist()
    share = np.clip(width - left, 0, size) / size
    assert np.allclose(told["encrypted"], share)
    assert all((told["part"] == part).sum() >= 30 for part in PARTS)


def test_the_parts_share_out_the_embeddings(run):
    """Together they are all patches, and no patch is in two."""
    from leakage.storage import parts

    path = run.level("embedding", 0)
    chosen = [parts.read(run.path("regions.csv"), part) for part in PARTS]
    assert len(frozenset.union(*chosen)) == sum(map(len, chosen))
    rows = [embeddings.read(path, "patches", only=only)[1] for only in chosen]
    everything = embeddings.read(path, "patches")[1]
    assert sorted(map(bytes, np.concatenate(rows))) == sorted(map(bytes, everything))


def test_a_fully_encrypted_region_is_null_inside_and_exact_outside(run):
    found = {part: tables.read(run.estimated("cca", part, **CCA)) for part in PARTS[:2]}
    inside, outside = (tables.by_level(found[part]).set_index("level") for part in PARTS[:2])
    assert inside.loc[0, "at_ceiling"]
    assert inside.loc[1, "low"] <= 0 <= inside.loc[1, "high"] and inside.loc[1, "p_value"] > 0.05
    assert outside.loc[1].equals(outside.loc[0]) and outside.loc[1, "at_ceiling"]
    exact = {part: run.tested(part).query("statistic == 'combined'") for part in PARTS}
    p_value = {part: rows.set_index("level")["p_value"] for part, rows in exact.items()}
    assert p_value["inside"][1] > 0.05 and p_value["inside"][0] == 0.005
    assert p_value["outside"][1] == p_value["across"][1] == 0.005
    assert found["inside"].scheme == "faces, inside"
    assert set(found["inside"].rows["scheme"]) == {"faces, inside"}


def test_outside_the_region_the_view_is_the_plain_picture_bit_for_bit(run):
    plain, view = (View(run.level("view", level)) for level in (0, 1))
    width = round(0.6 * small_regions.SIZE)
    for (_, before), (_, after) in zip(plain, view, strict=True):
        assert np.array_equal(before[:, width:], after[:, width:])
        assert (before[:, :width] != after[:, :width]).mean() > 0.98
    assert view.metadata["clear_bits"] == 8 and view.metadata["clear_bits_inside"] == 0


def test_verify_finds_a_changed_file_of_boxes(run, tmp_path):
    boxes = tmp_path / "boxes.csv"
    boxes.write_text(f"{HEAD}\n0,0,0,20,20\n")
    changed = dataclasses.replace(run, folder=tmp_path, region={"boxes": str(boxes)})
    for name in ("pictures", "manifest.csv", "manifest.csv.sha256"):
        (tmp_path / name).symlink_to(run.path(name))
    changed.encrypt(1)
    view = changed.level("view", 1)
    digest = small_regions.files.sha256(view)
    assert verify.Present(tmp_path)._of_file(view, digest) == []
    boxes.write_text(f"{HEAD}\n0,0,0,20,21\n")
    (problem,) = verify.Present(tmp_path)._of_file(view, digest)
    assert problem == f"{boxes}: the file of a region has changed or is missing"


def test_a_box_of_an_unknown_picture_stops_the_view_before_any_picture(run, tmp_path):
    boxes = tmp_path / "boxes.csv"
    changed = dataclasses.replace(run, folder=tmp_path, region={"boxes": str(boxes)})
    for name in ("pictures", "manifest.csv", "manifest.csv.sha256"):
        (tmp_path / name).symlink_to(run.path(name))
    for row, message in (
        ("nobody,0,0,20,20", "picture 'nobody' is not in the dataset"),
        ("35,0,0,65,20", "picture 35: box 65 x 20 at left 0, top 0 is not inside"),
    ):
        boxes.write_text(f"{HEAD}\n{row}\n")
        with pytest.raises(LeakageError, match=message):
            changed.encrypt(1)
        assert not changed.level("view", 1).exists()


def test_pixels_are_counted_inside_and_outside(run):
    found = {
        part: tables.read(run.estimated("histogram", part, "view"))
        for part in ("inside", "outside")
    }
    inside, outside = (tables.by_level(each).set_index("level") for each in found.values())
    assert abs(inside.loc[1, "mean"] - inside.loc[1, "floor"]) < 0.005 < inside.loc[0, "mean"]
    assert outside.loc[1].equals(outside.loc[0])
    assert found["inside"].nothing_left == [1] and found["outside"].nothing_left == []
    with pytest.raises(LeakageError, match="a pixel is inside the region or outside"):
        run.estimated("histogram", "across", "view")


def test_pairs_of_pixels_are_drawn_inside_or_outside(run):
    plain, views = View(run.level("view", 0)), [View(run.level("view", 1))]
    for part, equal in (("inside", False), ("outside", True)):
        inside = estimate._inside(part, views[0].metadata)
        pictures = estimate._pictures(plain, inside)
        x, y, ids = estimate._draw_pixels(plain, views, 1000, 0, inside, pictures)
        assert len(x) == len(ids) == 1000 and len(set(ids)) == small_regions.PICTURES
        assert (x == y[0]).all() if equal else (x == y[0]).mean() < 0.02


@pytest.mark.parametrize(
    ("box", "pictures"), [([0.0, 0.0, 0.05, 0.05], 0), ([0.0, 0.0, 0.3, 1.0], 5)]
)
def test_a_part_with_few_patches_has_too_few_pictures_for_a_verdict(run, tmp_path, box, pictures):
    from leakage.steps import regions

    few = dataclasses.replace(run, folder=tmp_path)
    for path in run.folder.glob("*.parquet*"):
        (tmp_path / path.name).symlink_to(path)
    told = json.dumps({"region": {"box": box}, "size": small_regions.PATCH})
    given = run.path("manifest.csv"), run.path("patches.csv"), few.path("regions.csv")
    regions.main(*given, told)
    table = pd.read_csv(few.path("regions.csv"))
    keep = table["image_id"].isin(sorted(set(table["image_id"][table["part"] == "inside"]))[:5])
    told_apart = table["part"].where(keep | (table["part"] != "inside"), "across")
    few.path("regions.csv.sha256").unlink()
    with small_regions.files.kept_file(few.path("regions.csv")) as temporary:
        table.assign(part=told_apart).to_csv(temporary, index=False)
    for path in tmp_path.glob("tests-*"), tmp_path.glob("cca-*"):
        [each.unlink() for each in path]
    few.tested("inside")
    read = tables.read(few.path("tests-inside.parquet"))
    estimated = tables.read(few.estimated("cca", "inside", **CCA))
    assert np.isnan(estimated.rows["mean"]).all()
    role = "faces, inside/statistics"
    found = verdicts.table({role: read}, {role: estimated}, 0.95)
    assert set(found["pictures"]) == {pictures}
    if pictures == 0:
        assert set(found["verdict"]) == {verdicts.TOO_FEW_PICTURES}
    assert found["scheme"].tolist() == ["faces, inside"] * 2


def test_a_part_of_pixels_that_no_picture_has_is_missing_in_the_table(run, tmp_path):
    whole = small_regions.Run(tmp_path, {"box": [0.0, 0.0, 1.0, 1.0]}).make()
    found = tables.read(whole.estimated("histogram", "outside", "view"))
    assert np.isnan(found.rows["nats"]).all() and set(found.rows["pictures"]) == {0}


def test_the_options_of_a_part_must_fit(run):
    for change, message in (
        ({"part": "middle"}, "found 'middle'; expected one of inside, outside, across"),
        ({"rows": "whole"}, "whole pictures are not told apart"),
        ({"parts": None}, "give both"),
    ):
        given = {
            "part": "inside",
            "parts": run.path("regions.csv"),
            "output": run.path("x.parquet"),
        }
        paths = run.level("embedding", 0), [run.level("embedding", 1)]
        with pytest.raises(LeakageError, match=message):
            small_regions.test.main(*paths, **(given | change))


# The jobs.


def with_region(**more):
    change = {"encryption": {"schemes": {"full": {"region": {"box": [0, 0, 0.5, 0.5]}}}}}
    return Workflow(merged(merged(PAPER, change), more))


def test_the_parts_of_a_scheme_have_estimates_of_their_own_and_share_its_views():
    workflow = with_region()
    jobs = Jobs(workflow)
    assert workflow.parts() == ["full@inside", "full@outside", "full@across"]
    for part in workflow.parts():
        assert jobs.represented("clip", part, [0, 1]) == jobs.represented("clip", "full", [0, 1])
        assert workflow.levels(part) == [0, 1]
        told = f"--part {part_of(part)} --parts results/paper/regions/full.csv"
        assert jobs.rows("clip", part) == f"--rows patches --limit 10000 {told}"
        assert [str(each) for each in jobs.part_files("clip", part)] == [told.split()[-1]]
        assert jobs.rows("pixels", part) == f"--part {part_of(part)}"
        assert jobs.paths.table("mine", "clip", part).name == f"{part}.parquet"
    assert jobs.rows("clip", "full") == "--rows patches --limit 10000"
    assert jobs.part_files("clip", "full") == [] and "regions" in jobs.digests()
    assert title(scheme_of("full@inside"), part_of("full@inside")) == "full, inside"


def test_verdicts_and_figures_ask_for_the_parts_and_measures_for_the_whole():
    workflow = with_region(representations=["clip", "pixels"])
    asked = analysis.parted(workflow.config, ["clip", "pixels"])
    assert [each for each in asked if scheme_of(each[0]) == "full"] == [
        *(("full@inside", each) for each in ("clip", "pixels")),
        *(("full@outside", each) for each in ("clip", "pixels")),
        ("full@across", "clip"),
    ]
    found = workflow.analysed("verdicts", "")
    assert found["tests full, across/clip"] == Wanted("tests", "clip", "full@across")
    assert found["estimates full, inside/pixels"] == Wanted("mine-bits", "pixels", "full@inside")
    measured = workflow.analysed("visual_security", "")
    assert measured["full/measures"].scheme == measured["full/pixels"].scheme == "full"
    assert not any("@" in (each.scheme or "") for each in measured.values())


def test_a_run_without_a_region_asks_for_what_it_did():
    workflow = Workflow(PAPER)
    assert workflow.parts() == []
    asked = analysis.parted(workflow.config, ["clip", "pixels"])
    schemes_asked = analysis.compared(workflow.config)
    assert asked == [(scheme, each) for scheme in schemes_asked for each in ("clip", "pixels")]


REGIONAL = {
    "encryption": {"schemes": {"full": {}, "msb_xor": {"levels": [0, 8]}}},
    "dataset": {"grey": "rgb"},
    "comparisons": {"schemes": ["full"]},
    "figures": ["verdict", "schemes", "visual_security"],
}


@pytest.mark.slow
def test_a_change_of_the_boxes_makes_the_views_of_that_scheme_again_and_nothing_else(tmp_path):
    boxes = tmp_path / "boxes.csv"
    names = ["astronaut", "chelsea", "coffee", "camera", "coins", "rocket"]
    boxes.write_text("\n".join([HEAD, *(f"{name},40,40,150,150" for name in names)]) + "\n")
    config = merged(
        REGIONAL, {"encryption": {"schemes": {"full": {"region": {"boxes": str(boxes)}}}}}
    )
    results = tmp_path / "results"
    done = snakemake(results, config=config)
    assert done.status == 0, done.output
    for name in ("verdict.csv", "schemes-statistics.csv"):
        table = pd.read_csv(results / "figures" / name)
        assert {f"full, {part}" for part in PARTS} | {"msb_xor"} == set(table["scheme"])
    again = snakemake(results, "-n", config=config)
    assert not again.outputs(), again.output
    boxes.write_text(boxes.read_text().replace("150,150", "150,151"))
    again = snakemake(results, "-n", config=config)
    made = {path.removeprefix(f"{results}/") for path in again.outputs()}
    first = {path for path in made if not path.startswith(("figures/", "analysis/"))}
    assert not [path for path in first if "msb_xor" in path or "plain" in path]
    assert "manifest.csv" not in made and "patches.csv" not in made
    for path in ("views/full/1.parquet", "regions/full.csv", "measures/full.parquet"):
        assert path in made
    for part in PARTS:
        assert f"tests/statistics/full@{part}.parquet" in made
        assert f"estimates/mine/statistics/full@{part}.parquet" in made
