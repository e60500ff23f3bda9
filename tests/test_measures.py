"""The classic measures of visual security, and the step that computes them at every level."""

import json
import math
import tracemalloc
from pathlib import Path

import not_pictures
import numpy as np
import pandas as pd
import pytest
import skimage.data
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from leakage import measures
from leakage.errors import LeakageError
from leakage.schemes import keystream
from leakage.steps import gather_measures
from leakage.steps import measure as step
from leakage.storage import files
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

KEY_FILE = Path(__file__).parents[1] / "workflow/keys/test.key"
SIDES = st.integers(1, 20)
SHAPES = st.tuples(SIDES, SIDES, st.sampled_from([1, 3]))
PICTURES = hnp.arrays(np.uint8, SHAPES)
GREYS = hnp.arrays(np.uint8, st.tuples(SIDES, SIDES, st.just(1)))
PAIRS = SHAPES.flatmap(lambda shape: st.tuples(*[hnp.arrays(np.uint8, shape)] * 2))
PHOTOGRAPH = skimage.data.astronaut()[:256, :256]
CORRELATIONS = tuple(f"correlation_{each}" for each in ("horizontal", "vertical", "diagonal"))
COLUMNS = (
    *("psnr", "ssim", "entropy", *CORRELATIONS, "edge_similarity", "npcr", "uaci"),
    *("luminance_similarity", "visual_information"),
)


def uniform(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def step_edge(angle: float, size: int = 64) -> np.ndarray:
    """Return a picture of straight edges, all at an angle (in degrees) to the vertical."""
    down, right = np.indices((size, size))
    phase = right * np.cos(np.radians(angle)) + down * np.sin(np.radians(angle))
    return (127 + 120 * np.sin(phase / 3)).astype(np.uint8)[..., None]


def value(name: str, plain: np.ndarray, view: np.ndarray | None = None) -> float:
    """Return one measure of a view (by default the plain picture), which is also the ciphertext."""
    view = plain if view is None else view
    return measures.measure(plain, view, view)[name]


@given(PICTURES)
def test_a_view_that_is_the_plain_picture_has_the_best_value_of_every_measure(picture):
    found = measures.measure(picture, picture, picture)
    assert tuple(found) == measures.names() == COLUMNS
    assert found["psnr"] == math.inf and found["npcr"] == 0 and found["uaci"] == 0
    # SSIM needs a window of 3 x 3.
    small = min(picture.shape[:2]) < 3
    assert found["ssim"] == (pytest.approx(math.nan, nan_ok=True) if small else pytest.approx(1))
    assert found["edge_similarity"] in (pytest.approx(1), 0.5)
    assert found["luminance_similarity"] == 1
    # VIF needs a window of 17 x 17, and a plain picture that is not constant.
    assert found["visual_information"] == 1 or np.isnan(found["visual_information"])


def test_a_photograph_is_as_similar_as_possible_to_itself():
    found = measures.measure(*[PHOTOGRAPH] * 3)
    for name in ("ssim", "edge_similarity", "luminance_similarity", "visual_information"):
        assert found[name] == pytest.approx(1)


@pytest.mark.parametrize("shape", [(7, 7, 1), (3, 50, 3), (61, 40, 3), (130, 33, 1)])
@pytest.mark.parametrize("at_once", [1, 1000, measures.AT_ONCE])
def test_strips_of_any_height_give_the_values_of_the_definitions(monkeypatch, shape, at_once):
    monkeypatch.setattr(measures, "AT_ONCE", at_once)
    monkeypatch.setattr("leakage.measures.edge_similarity.AT_ONCE", at_once)
    plain = np.resize(PHOTOGRAPH, shape)
    view = plain << np.uint8(3)
    found = measures.measure(plain, view, view)
    side = min(7, *shape[:2])
    given = {"win_size": side - 1 + side % 2, "data_range": 255, "channel_axis": 2}
    assert found["ssim"] == pytest.approx(structural_similarity(plain, view, **given), rel=1e-9)
    expected = peak_signal_noise_ratio(plain, view, data_range=255)
    assert found["psnr"] == pytest.approx(expected, rel=1e-12)
    changes = np.abs(plain.astype(int) - view)
    assert found["uaci"] == pytest.approx(100 * changes.mean() / 255, rel=1e-12)
    pairs = [(view[:, :-1, c].ravel(), view[:, 1:, c].ravel()) for c in range(shape[2])]
    correlation = np.mean([np.corrcoef(*pair)[0, 1] for pair in pairs])
    assert found["correlation_horizontal"] == pytest.approx(correlation, rel=1e-9)
    turned = measures.measure(*(each[:, ::-1] for each in (plain, view, view)))
    assert turned["ssim"] == pytest.approx(found["ssim"], rel=1e-9)


def test_memory_of_the_measures_is_a_few_copies_of_the_picture():
    plain = np.resize(PHOTOGRAPH, (500, 4000, 3))
    view = plain << np.uint8(2)
    tracemalloc.start()
    measures.measure(plain, view, view)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * plain.nbytes


def test_independent_uniform_noise_has_the_expected_values():
    # 200,000 values: a share has a standard deviation of at most 0.12 %.
    view = uniform(1, 256, 256, 3)
    found = measures.measure(uniform(0, 256, 256, 3), view, view)
    assert found["ssim"] == pytest.approx(0, abs=0.01)
    assert found["npcr"] == pytest.approx(100 * 255 / 256, abs=0.06)
    assert found["uaci"] == pytest.approx(100 * 257 / 768, abs=0.25)
    assert found["psnr"] == pytest.approx(10 * math.log10(255**2 * 6 / (256**2 - 1)), abs=0.05)
    assert found["entropy"] == pytest.approx(8, abs=0.002)
    assert [found[name] for name in CORRELATIONS] == pytest.approx([0, 0, 0], abs=0.01)
    # The mean cosine of eight directions.
    expected = np.abs(np.cos(np.arange(8) * np.pi / 8)).mean()
    edges = value("edge_similarity", uniform(2, 512, 512, 1), uniform(3, 512, 512, 1))
    assert edges == pytest.approx(expected, abs=0.05)
    assert value("visual_information", PHOTOGRAPH, view[:256, :256]) == pytest.approx(0, abs=0.01)


# If all changes are of 255, UACI equals NPCR.
@example((np.zeros((1, 1, 3), np.uint8), np.array([[[255, 0, 0]]], np.uint8)))
@given(PAIRS)
def test_every_measure_stays_in_its_range_and_a_comparison_is_symmetric(pair):
    one, other = pair
    found, turned = measures.measure(one, other, other), measures.measure(other, one, one)
    for name in ("psnr", "ssim", "edge_similarity", "luminance_similarity", "npcr", "uaci"):
        assert found[name] == pytest.approx(turned[name], nan_ok=True)
    assert 0 <= found["entropy"] <= 8 + 1e-9
    assert 0 <= found["edge_similarity"] <= 1 + 1e-9
    assert 0 <= found["uaci"] <= found["npcr"] <= 100
    assert -8.5 <= found["luminance_similarity"] <= 1
    assert not found["visual_information"] < 0
    assert not np.abs([found[name] for name in CORRELATIONS]).max() > 1
    assert not abs(found["ssim"]) > 1 + 1e-9


@given(PICTURES)
def test_transposing_a_picture_swaps_horizontal_and_vertical_correlation(picture):
    found, turned = (
        [measures.measure(each, each, each)[name] for name in CORRELATIONS]
        for each in (picture, picture.transpose(1, 0, 2))
    )
    horizontal, vertical, diagonal = found
    assert [vertical, horizontal, diagonal] == pytest.approx(turned, nan_ok=True)


@given(GREYS)
def test_a_grey_picture_has_the_values_of_its_three_equal_channels(picture):
    other = picture[::-1]
    grey = measures.measure(picture, other, other)
    colour = measures.measure(*(np.repeat(each, 3, axis=2) for each in (picture, other, other)))
    assert colour == pytest.approx(grey, nan_ok=True)


def test_a_constant_picture_has_no_entropy_no_correlation_and_no_edge():
    found = measures.measure(*[np.full((9, 9, 3), 7, np.uint8)] * 3)
    assert found["entropy"] == 0 and found["edge_similarity"] == 0.5
    assert np.isnan(value("visual_information", np.full((40, 40, 1), 7, np.uint8)))
    assert all(np.isnan(found[name]) for name in CORRELATIONS)


@pytest.mark.parametrize("angle", [0, 22.5, 67.5, 90, 157.5])
def test_edges_turned_by_a_multiple_of_22_5_degrees_score_its_cosine(angle):
    found = value("edge_similarity", step_edge(0), step_edge(angle))
    # The border is mirrored, which turns the directions of some blocks.
    assert found == pytest.approx(abs(math.cos(math.radians(angle))), abs=0.08)


def test_a_step_is_an_edge_from_16_grey_levels_on():
    picture = np.zeros((8, 8, 1), np.uint8)
    picture[:, 4:] = 16
    assert value("edge_similarity", picture) == pytest.approx(1)
    assert value("edge_similarity", picture, picture // 16 * np.uint8(15)) == 0


def test_a_ramp_is_correlated_along_itself_and_a_chessboard_across():
    ramp = np.tile(np.arange(32, dtype=np.uint8), (8, 1))[..., None]
    assert value("correlation_horizontal", ramp) == pytest.approx(1)
    chessboard = (255 * (np.indices((9, 9)).sum(axis=0) % 2)).astype(np.uint8)[..., None]
    assert value("correlation_horizontal", chessboard) == pytest.approx(-1)
    assert value("correlation_diagonal", chessboard) == pytest.approx(1)
    # A channel without a correlation does not count.
    padded = np.concatenate([chessboard, np.zeros((9, 9, 2), np.uint8)], axis=2)
    assert value("correlation_horizontal", padded) == pytest.approx(-1)


def test_luminance_similarity_counts_the_steps_of_three_grey_levels_of_each_block():
    plain = np.full((24, 20, 1), 100, np.uint8)
    view = plain.copy()
    view[:8, :8] += 1  # less than half a step
    view[:8, 8:16] += 2  # one step
    view[:8, 16:] -= 9  # three steps, in a block that the right side cuts
    view[8:16, :8] = 255  # 155 / 3 = 51.7 steps
    expected = (1 - 0.1 - 0.3 - 5.2 + 5 * 1) / 9
    assert value("luminance_similarity", plain, view) == pytest.approx(expected)
    black = np.zeros((16, 16, 3), np.uint8)
    assert value("luminance_similarity", black, ~black) == pytest.approx(-8.5)


def test_luminance_similarity_of_colours_is_that_of_their_luma():
    plain, view = np.zeros((2, 8, 8, 3), np.uint8)
    view[..., 1] = 10  # a luma of 5.87: two steps
    assert value("luminance_similarity", plain, view) == pytest.approx(-0.2)


# Of sewar 0.4.10 (`vifp`) on the green channel, and of piq 0.8.0 (`vif_p`, float64) on colours.
@pytest.mark.parametrize(
    ("seen", "grey", "colour"),
    [
        (lambda picture: picture << np.uint8(3), 0.3357754100, 0.1658259333),
        (lambda picture: picture // 2, 0.7119552835, 0.7109893094),
        (lambda picture: picture[::-1], 0.0291460326, 0.0305301649),
        (lambda picture: 255 - picture, 0, 0),
    ],
)
def test_visual_information_has_the_values_of_other_implementations(seen, grey, colour):
    green = PHOTOGRAPH[..., 1:2]
    assert value("visual_information", green, seen(green)) == pytest.approx(grey, abs=1e-7)
    assert value("visual_information", PHOTOGRAPH, seen(PHOTOGRAPH)) == pytest.approx(
        colour, abs=1e-7
    )


def test_visual_information_is_above_1_with_more_contrast_and_0_in_a_black_view():
    faint = PHOTOGRAPH // 4
    assert value("visual_information", faint, faint * np.uint8(3)) > 1.1
    assert value("visual_information", PHOTOGRAPH, np.zeros_like(PHOTOGRAPH)) == 0


def test_visual_information_of_the_largest_contrast_is_finite():
    stripes = np.where(np.arange(300)[None, :, None] // 8 % 2, 255, 0).astype(np.uint8)
    stripes = np.repeat(stripes, 200, axis=0)
    assert value("visual_information", stripes) == 1


@pytest.mark.parametrize("shape", [(17, 300, 1), (16, 300, 1), (150, 149, 3)])
def test_visual_information_is_the_same_in_tiles_of_any_size(monkeypatch, shape):
    plain = np.resize(PHOTOGRAPH, shape)
    found = value("visual_information", plain, plain << np.uint8(1))
    monkeypatch.setattr("leakage.measures.TILE", (6, 10))
    tiled = value("visual_information", plain, plain << np.uint8(1))
    assert tiled == pytest.approx(found, rel=1e-9, nan_ok=True)
    assert np.isnan(found) == (shape[0] < 17)


OTHER_SHAPE = np.zeros((4, 4, 3), np.uint8), r"shape \(4, 4, 3\), and plain has \(4, 4, 1\); exp"


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        *(("plain", *case) for case in not_pictures.CASES),
        *(("view", *case) for case in (*not_pictures.CASES, OTHER_SHAPE)),
        *(("ciphertext", *case) for case in (*not_pictures.CASES, OTHER_SHAPE)),
    ],
)
def test_what_is_not_a_picture_of_the_same_shape_is_not_measured(name, wrong, message):
    given = dict.fromkeys(("plain", "view", "ciphertext"), not_pictures.PICTURE) | {name: wrong}
    with pytest.raises(LeakageError, match=f"^{name}: found {message}") as caught:
        measures.measure(**given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ciphertext", [b"not a picture", bytearray(b"not a picture")])
def test_of_a_ciphertext_of_bytes_the_measures_read_the_view(ciphertext):
    plain, view = uniform(0, 20, 20, 3), uniform(1, 20, 20, 3)
    expected = measures.measure(plain, view, view)
    assert measures.measure(plain, view, ciphertext) == expected


def encryption(**definition: object) -> str:
    key = keystream.fingerprint(keystream.read_key(KEY_FILE))
    entry = {"cipher": "msb_xor", "levels": [0, 3, 8], **definition}
    given = {"scheme": "some", "key_file": str(KEY_FILE), "key_fingerprint": key}
    return json.dumps(given | {"definition": entry})


@pytest.fixture
def manifest(tmp_path):
    """Return a manifest of five pictures, one of them grey."""
    rows = []
    for index in range(5):
        pixels, path = PHOTOGRAPH[: 40 + index, 100:140], tmp_path / f"{index}.png"
        Image.fromarray(pixels[..., 0] if index == 2 else pixels).save(path)
        rows.append((f"{index:03}", path.name, files.sha256(path)))
    with files.kept_file(tmp_path / "manifest.csv") as temporary:
        table = pd.DataFrame(rows, columns=["image_id", "file_name", "sha256"])
        table.to_csv(temporary, index=False)
    return tmp_path / "manifest.csv"


def run(manifest: Path, levels: str = "0,3,8,noise", limit: int = 1000, **definition: str):
    output = manifest.with_name("measures.parquet")
    chosen = encryption(**definition)
    step.main(manifest, output, manifest.parent, levels, chosen, limit, code="abc")
    table, metadata = files.read_table(output)
    return table.to_pandas(), metadata


def test_the_table_has_a_row_per_picture_and_level_and_one_of_noise(manifest):
    rows, metadata = run(manifest)
    assert rows.columns.tolist() == ["image_id", "scheme", "level", *COLUMNS]
    assert rows["image_id"].tolist() == [f"{i:03}" for i in range(5) for _ in range(4)]
    assert rows["level"].tolist() == [0, 3, 8, -1] * 5
    assert rows["scheme"].tolist() == ["some", "some", "some", "noise"] * 5
    assert metadata["levels"] == [0, 3, 8] and metadata["pictures"] == 5
    assert metadata["code"] == "abc" and "key" not in metadata
    means = rows.groupby("level")[list(COLUMNS)].mean()
    assert means.loc[0, "psnr"] == math.inf and means.loc[0, "npcr"] == 0
    assert means.loc[8, "npcr"] == pytest.approx(means.loc[-1, "npcr"], abs=0.5)
    assert means.loc[8, "uaci"] == pytest.approx(means.loc[-1, "uaci"], abs=1)
    assert np.isnan(means.loc[8, "correlation_vertical"])  # a black view


def test_the_view_changes_neither_npcr_nor_uaci_nor_the_noise(manifest):
    clear, full = (run(manifest, view=view)[0] for view in ("scaled", "full"))
    for name in ("npcr", "uaci"):
        assert clear[name].equals(full[name])
    assert (clear["ssim"] != full["ssim"])[clear["level"] == 3].all()
    assert clear[clear["level"] == -1].equals(full[full["level"] == -1])
    assert not np.array_equal(step.noise("a", (9, 9, 1)), step.noise("b", (9, 9, 1)))


def test_the_rows_hold_the_measures_of_the_encrypted_picture(manifest):
    rows, _ = run(manifest, levels="3", view="full")
    plain = PHOTOGRAPH[:41, 100:140]
    stream = keystream.Keystream(keystream.read_key(KEY_FILE), "001").bytes(plain.size)
    ciphertext = plain ^ (stream & 0b11100000).reshape(plain.shape)
    expected = measures.measure(plain, ciphertext, ciphertext)
    found = rows[(rows["image_id"] == "001") & (rows["level"] == 3)].iloc[0]
    assert found[list(COLUMNS)].to_dict() == pytest.approx(expected)


def test_at_most_limit_pictures_are_measured_spread_over_the_manifest(manifest):
    rows, metadata = run(manifest, limit=2)
    assert rows["image_id"].unique().tolist() == ["000", "002"]
    assert metadata["pictures"] == 2 and metadata["limit"] == 2
    for count in (3, 7, 10**7):
        taken = step.spread(count, 7)
        gaps = np.diff([*taken, count])
        assert len(taken) == min(count, 7) and taken[0] == 0
        assert gaps.min() >= 1 and gaps.max() - gaps.min() <= 1


def test_wrong_levels_and_pictures_are_refused(manifest):
    with pytest.raises(LeakageError, match=r"--levels 0;3: expected integers and noise"):
        run(manifest, levels="0;3")
    manifest.with_name("3.png").write_bytes(b"another")
    with pytest.raises(LeakageError, match=r"3\.png: the picture differs from the manifest"):
        run(manifest)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_plain_picture_that_is_measured_again_has_the_same_values(frozen):
    plain, view = PHOTOGRAPH.copy(), uniform(1, *PHOTOGRAPH.shape)
    first = measures.measure(plain, view, view)
    plain.flags.writeable = not frozen
    assert measures.measure(plain, view, view) == first
    assert measures.measure(plain, plain, plain)["edge_similarity"] == pytest.approx(1)
    if not frozen:
        plain[:] = view
        assert measures.measure(plain, view, view)["edge_similarity"] == pytest.approx(1)


def test_a_white_picture_that_is_one_pixel_wide_and_very_tall_has_exact_sums():
    tall = np.full((200_000, 1, 1), 255, np.uint8)
    tall[::2] = 254
    assert value("correlation_vertical", tall) == pytest.approx(-1)


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_levels_and_parts_gathered_are_the_table_of_one_job(manifest, parts):
    expected, whole = run(manifest)
    paths = []
    for level in ("0", "3", "8", "noise"):
        for part in range(parts):
            paths.append(manifest.with_name(f"{level}-{part}.parquet"))
            given = paths[-1], manifest.parent, level, encryption()
            step.main(manifest, *given, limit=1000, part=part, parts=parts, code="abc")
    output = manifest.with_name("gathered.parquet")
    gather_measures.main(output, paths)
    table, metadata = files.read_table(output)
    pd.testing.assert_frame_equal(table.to_pandas(), expected)
    whole["inputs"] = {"parts": [files.recorded(path)[0] for path in paths]}
    assert metadata == whole
