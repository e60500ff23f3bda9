"""What the attacks get back: laws, and numbers on real photographs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skimage.data
from leakage import attacks, captions, schemes
from leakage.attacks import Known, Target, scores
from leakage.attacks.inpainting import noisy
from leakage.attacks.sign_recovery import smoothed
from leakage.attacks.unwrapping import unwrapped
from leakage.config.workflow import Workflow
from leakage.errors import LeakageError
from leakage.measures.similarity import Ssim
from leakage.schemes import KeyedScheme, blocks
from leakage.steps.attack import Pictures, Run, fitted, middle
from leakage.steps.view import Encryption
from leakage.storage.files import sha256
from PIL import Image
from snake import REPOSITORY, snakemake

KEY = bytes(range(32))
MIRROR = REPOSITORY.parent / "shared" / "coco-mirror" / "val2017"


def scheme(cipher: str, **settings) -> KeyedScheme:
    entry = schemes.cipher_class(cipher)(cipher=cipher, **settings)
    return KeyedScheme("mine", entry, KEY)


def attack(method: str, **settings) -> attacks.Attack:
    return attacks.attack_class(method)(method=method, **settings)


def target(keyed: KeyedScheme, plain: np.ndarray, level: int, **more) -> Target:
    """Return what the attacker of a picture can see."""
    ciphertext = keyed.encrypt("target", plain, level)
    view = keyed.view("target", ciphertext, level)
    return Target(view, ciphertext, level, keyed.cipher, seed=0, **more)


def ramp(height: int = 60, width: int = 80) -> np.ndarray:
    """Return a smooth picture that uses all values."""
    rows, columns = np.mgrid[:height, :width]
    grey = 255 * (rows / height + columns / width) / 2
    return np.stack([grey, grey[::-1], grey[:, ::-1]], axis=-1).astype(np.uint8)


# Unwrapping.


@pytest.mark.parametrize("view", ["scaled", "shifted", "full"])
@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_a_smooth_picture_is_recovered_from_its_low_bits(level, view):
    plain = ramp()
    found = attack("unwrapping").reconstruct(target(scheme("msb_xor", view=view), plain, level))
    assert np.array_equal(found, plain)


def test_unwrapping_keeps_the_low_bits_of_any_picture():
    low = np.random.default_rng(0).integers(0, 32, (20, 30), dtype=np.uint8)
    assert np.array_equal(unwrapped(low, 32) & 31, low)


def test_unwrapping_applies_where_exactly_the_high_bits_are_encrypted():
    found = {
        name: attacks.attacked(attack("unwrapping"), name, scheme(name, **settings).cipher)
        for name, settings in {
            "msb_xor": {},
            "lsb_xor": {},
            "bitplane_xor": {"planes": [7, 6, 0]},
            "full": {},
        }.items()
    }
    expected = {"msb_xor": [*range(1, 8)], "lsb_xor": [], "bitplane_xor": [1, 2], "full": []}
    assert found == expected


def test_ciphertexts_that_are_bytes_are_left_to_attacks_on_views(tmp_path):
    class OfViews(attacks.Attack):
        """An attack on views."""

    jpeg = scheme("jpeg_signs").cipher
    assert attacks.attacked(attack("unwrapping"), "jpeg", jpeg) == []
    levels = [level for level in jpeg.levels if level]
    assert attacks.attacked(OfViews(method="views"), "jpeg", jpeg) == levels


def test_a_scheme_that_is_limited_by_a_mask_is_left_to_attacks_on_views(tmp_path):
    Image.fromarray(np.full((60, 80), 255, np.uint8)).save(tmp_path / "target.png")
    masked = scheme("msb_xor", region={"mask": str(tmp_path)})
    assert attacks.attacked(attack("unwrapping"), "masked", masked.cipher) == []


def test_of_a_scheme_that_is_limited_to_boxes_the_largest_is_attacked(tmp_path):
    plain = np.tile(ramp(), (4, 4, 1))
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("image_id,left,top,width,height\nb,0,0,9,9\nb,80,60,80,60\n", encoding="utf-8")
    for name in ("a", "b"):
        Image.fromarray(plain).save(tmp_path / f"{name}.png")
    rows = [
        {"image_id": name, "file_name": f"{name}.png", "sha256": sha256(tmp_path / f"{name}.png")}
        for name in ("a", "b")
    ]
    boxed = scheme("msb_xor", region={"boxes": str(boxes)}, levels=[0, 2])
    pictures = Pictures(tmp_path, Encryption(scheme="boxed"), rows)
    found = pd.DataFrame(Run(attack("unwrapping"), boxed, pictures, "unwrapping", 0).rows([2]))
    row = found[found["attack"] == "unwrapping"].iloc[0]
    assert set(found["image_id"]) == {"b"} and row["recovered"]
    assert row[["left", "top", "width", "height"]].tolist() == [80, 60, 80, 60]


@pytest.mark.skipif(not MIRROR.is_dir(), reason="needs the pictures of the COCO mirror")
def test_unwrapping_of_photographs_has_the_known_numbers():
    ssims = {1: [], 3: []}
    for path in sorted(MIRROR.glob("*.jpg"))[:12]:
        plain = np.asarray(Image.open(path).convert("RGB"))[..., 1:2]
        for level, found in ssims.items():
            guess = unwrapped(plain[..., 0] & (255 >> level), 256 >> level)[..., None]
            found.append(Ssim().measure(plain, guess, guess))
    assert np.median(ssims[1]) == pytest.approx(0.80, abs=0.02)
    assert np.median(ssims[3]) == pytest.approx(0.345, abs=0.02)


# Inpainting.


@pytest.mark.parametrize("view", ["clear", "full"])
@pytest.mark.parametrize("origin", [(0, 0), (64, 128)])
def test_the_blocks_that_look_like_noise_are_the_encrypted_ones(view, origin):
    plain = skimage.data.astronaut()[:200, :300]
    keyed = scheme("block_xor", block=24, view=view)
    ciphertext = keyed.encrypt("target", plain, 4)
    part = ciphertext[origin[0] :, origin[1] :]
    changed = (ciphertext != plain).any(axis=-1)[origin[0] :, origin[1] :]
    found = noisy(part, 24, origin)
    assert (found | ~changed).all()
    assert (part == plain[origin[0] :, origin[1] :])[~found].all()
    assert found.mean() == pytest.approx(0.5, abs=0.1)


def test_inpainting_keeps_clear_pixels_and_comes_nearer_than_the_view():
    plain = skimage.data.chelsea()[:160, 100:300]
    given = target(scheme("block_xor"), plain, 4)
    found = attack("inpainting").reconstruct(given)
    clear = ~noisy(given.ciphertext, 16)
    assert np.array_equal(found[clear], plain[clear])
    view, guess = (scores.scores(plain, each)["ssim"] for each in (given.view, found))
    assert guess > view + 0.3


def test_a_linear_ramp_is_filled_exactly():
    plain = np.tile(np.arange(96, dtype=np.uint8), (96, 1))[..., None]
    found = attack("inpainting").reconstruct(target(scheme("block_xor"), plain, 2))
    assert np.abs(found.astype(int) - plain)[16:-16, 16:-16].max() <= 1


@pytest.mark.parametrize(
    ("coefficients", "level", "gain"),
    [("both", 2, 0.1), ("both", 4, 0.1), ("both", 8, 0.2), ("dc", 4, 0.2), ("ac", 8, 0.08)],
)
def test_recovered_signs_come_nearer_than_the_view(coefficients, level, gain):
    plain = np.ascontiguousarray(skimage.data.astronaut()[:256, 100:356])
    keyed = scheme("jpeg_signs", coefficients=coefficients)
    given = target(keyed, plain, level)
    found = attack("sign_recovery").reconstruct(given)
    view, guess = (scores.scores(plain, each)["ssim"] for each in (given.view, found))
    assert guess > view + gain


def test_the_signs_of_a_smooth_map_are_recovered_from_a_file_with_a_quarter_of_them_wrong():
    rows, columns = np.mgrid[:40, :40]
    truth = np.rint(200 * np.sin(rows / 9) * np.cos(columns / 11)).astype(np.int16)
    flipped = np.random.default_rng(0).random(truth.shape) < 0.25
    found = smoothed(np.where(flipped, -truth, truth), 0.25)
    large = np.abs(truth) > 50  # near 0 a sign says little
    assert np.mean((found == truth)[large]) > 0.97
    assert not smoothed(truth, 0.5).any()


# Unscrambling.

REUSING = """
from leakage.schemes import Cipher
from leakage.schemes.keystream import Keystream

class Reusing(Cipher):
    def encrypt(self, pixels, level, keystream):
        keystream = Keystream(keystream.key, "the same for every picture")
        {body}
"""
SCRAMBLING = """order = keystream.permutation(pixels.shape[0] * pixels.shape[1])
        return pixels.reshape(-1, pixels.shape[2])[order].reshape(pixels.shape)"""
SCRAMBLED_VALUES = """order = keystream.permutation(pixels.size)
        return pixels.ravel()[order].reshape(pixels.shape)"""
XORING = "return pixels ^ keystream.bytes(pixels.size).reshape(pixels.shape)"


def plug_in(folder: Path, body: str) -> KeyedScheme:
    """Return a scheme that encrypts every picture with the same random numbers."""
    path = folder / "reusing.py"
    path.write_text(REUSING.format(body=body))
    return scheme(str(path), levels=[0, 1])


def known(keyed: KeyedScheme, level: int, shape: tuple[int, ...], count: int) -> list[Known]:
    generator = np.random.default_rng(1)
    plains = [generator.integers(0, 256, shape, dtype=np.uint8) for _ in range(count)]
    return [
        Known(plain, keyed.encrypt(f"known {index}", plain, level))
        for index, plain in enumerate(plains)
    ]


@pytest.mark.parametrize("body", [SCRAMBLING, SCRAMBLED_VALUES])
def test_a_permutation_that_is_used_twice_is_undone_bit_for_bit(tmp_path, body):
    plain, keyed = ramp(), plug_in(tmp_path, body)
    given = target(keyed, plain, 1, known=known(keyed, 1, plain.shape, 4))
    assert np.array_equal(attack("unscrambling").reconstruct(given), plain)


def test_too_few_pairs_recover_a_share(tmp_path):
    plain, keyed = ramp()[..., :1], plug_in(tmp_path, SCRAMBLING)
    given = target(keyed, plain, 1, known=known(keyed, 1, plain.shape, 1))
    share = scores.scores(plain, attack("unscrambling").reconstruct(given))["exact"]
    assert 0.02 < share < 0.5


@pytest.mark.parametrize("cipher", ["pixel_permutation", "block_permutation"])
def test_the_built_in_permutations_resist_known_pairs(cipher):
    plain, keyed = ramp(), scheme(cipher)
    given = target(keyed, plain, 4, known=known(keyed, 4, plain.shape, 8))
    assert attack("unscrambling").reconstruct(given) is None


# The jigsaw.


def test_flat_blocks_do_not_mislead_the_others():
    plain = skimage.data.astronaut()  # with black blocks, which fit each other exactly
    given = target(scheme("block_permutation"), plain, 2)
    found = attack("jigsaw").reconstruct(given)
    assert attack("jigsaw").judge(plain, found, given.cipher, 2)["neighbours"] == 1


@pytest.mark.parametrize(("level", "least"), [(2, 1.0), (3, 0.95)])
def test_large_blocks_of_a_photograph_find_their_neighbours(level, least):
    plain, solver = skimage.data.chelsea(), attack("jigsaw")
    given = target(scheme("block_permutation"), plain, level)
    found = solver.reconstruct(given)
    share, before = (
        solver.judge(plain, each, given.cipher, level)["neighbours"] for each in (found, given.view)
    )
    assert before < 0.3 and share >= least


def test_the_jigsaw_only_moves_whole_blocks():
    plain = np.random.default_rng(0).integers(0, 256, (70, 90, 1), dtype=np.uint8)
    given = target(scheme("block_permutation"), plain, 4)
    found = attack("jigsaw").reconstruct(given)
    assert np.array_equal(found[64:], given.ciphertext[64:])
    before, after = (
        sorted(each.tobytes() for each in blocks.cut(whole[:64, :80], 16, 16))
        for whole in (given.ciphertext, found)
    )
    assert before == after


def test_a_jigsaw_with_too_many_blocks_is_given_up():
    given = target(scheme("block_permutation"), ramp(), 6)
    assert attack("jigsaw", most_blocks=50).reconstruct(given) is None


# Keystream reuse.


def oracle(keyed: KeyedScheme, level: int):
    return lambda plain: keyed.encrypt("chosen", plain, level)


def test_two_pictures_under_one_keystream_give_their_xor(tmp_path):
    keyed, first, second = plug_in(tmp_path, XORING), ramp(), ramp()[::-1]
    ciphertexts = [keyed.encrypt(f"{index}", each, 1) for index, each in enumerate((first, second))]
    assert np.array_equal(ciphertexts[0] ^ ciphertexts[1], first ^ second)


def test_a_keystream_that_is_used_twice_is_found_bit_for_bit(tmp_path):
    plain, keyed = ramp(), plug_in(tmp_path, XORING)
    pairs = known(keyed, 1, plain.shape, 1)
    given = target(keyed, plain, 1, known=pairs, oracle=oracle(keyed, 1))
    assert np.array_equal(attack("keystream_reuse").reconstruct(given), plain)


@pytest.mark.parametrize("cipher", ["msb_xor", "lsb_xor", "bitplane_xor", "block_xor", "full"])
def test_the_built_in_keystreams_are_not_reused(cipher):
    plain, keyed = ramp(), scheme(cipher)
    pairs = known(keyed, 1, plain.shape, 1)
    given = target(keyed, plain, 1, known=pairs, oracle=oracle(keyed, 1))
    assert attack("keystream_reuse").reconstruct(given) is None


# What every attack is given and judged by.


def test_a_recovered_picture_has_the_best_scores_and_no_guess_has_none():
    plain = ramp()
    assert scores.scores(plain, plain) == {
        "ssim": 1,
        "psnr": np.inf,
        "exact": 1,
        "recovered": True,
    }
    nothing = scores.scores(plain, None)
    assert np.isnan(nothing["ssim"]) and not nothing["recovered"]


def test_the_mean_picture_leaves_the_attacked_picture_out():
    dark, light = np.zeros((5, 9, 3), np.uint8), np.full((70, 80, 1), 200, np.uint8)
    others = {"dark": scores.small(dark), "light": scores.small(light)}
    assert (scores.mean_picture(others, "dark", (10, 20, 1)) == 200).all()
    assert (scores.mean_picture(others, "light", (10, 20, 3)) == 0).all()
    assert (scores.mean_picture({}, "dark", (10, 20, 3)) == 128).all()


def test_of_a_large_picture_the_middle_is_attacked_from_a_multiple_of_64():
    rows, columns = middle((3000, 4000, 3), 1_000_000)
    assert rows.start % 64 == columns.start % 64 == 0
    assert (rows.stop - rows.start) * (columns.stop - columns.start) <= 1_000_000
    assert abs((rows.start + rows.stop) / 2 - 1500) <= 64
    assert middle((30, 40, 3), 1200) == (slice(0, 30), slice(0, 40))


@pytest.mark.parametrize("shape", [(30, 40, 3), (100, 200, 1), (5, 500, 3)])
def test_known_pictures_get_the_shape_of_the_target(shape):
    assert fitted(ramp(), shape).shape == shape


def test_a_plug_in_that_returns_another_shape_is_named(tmp_path):
    path = tmp_path / "half.py"
    path.write_text(
        "from leakage.attacks import Attack\n\n\nclass Half(Attack):\n"
        "    def reconstruct(self, target):\n        return target.view[::2]\n"
    )
    with pytest.raises(LeakageError, match=r"half.py: reconstruct returned .* \(30, 80, 3\)"):
        attacks.reconstruct(attack(str(path)), target(scheme("msb_xor"), ramp(), 1))


# The configuration.


def configured(monkeypatch, **changes) -> Workflow:
    import yaml

    monkeypatch.chdir(REPOSITORY)
    values = yaml.safe_load(Path("config.yaml").read_text())
    return Workflow({**values, **changes})


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"unwraping": {}}, "attacks.unwraping.*nearest is 'unwrapping'"),
        ({"unwrapping": {"schemes": ["fuul"]}}, "'fuul' is not defined; the nearest is 'full'"),
        ({"unwrapping": {"schemes": ["full"]}}, "does not apply to any level of the scheme full"),
        ({"unwrapping": {"pixel": 3}}, "attacks.unwrapping.pixel: .*nearest known one is pixels"),
    ],
)
def test_a_mistake_in_an_attack_is_named_before_the_run(monkeypatch, entry, message):
    with pytest.raises(LeakageError, match=message):
        configured(monkeypatch, attacks=entry)


# The step, through Snakemake.


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Path:
    results = tmp_path_factory.mktemp("run") / "results"
    entries = {"unwrapping": {"pictures": 3, "shown": 2, "pixels": 100_000}}
    figures = ("figures/reconstruction.png", "figures/pixel_permutation/reconstruction.png")
    done = snakemake(results, targets=figures, config={"attacks": entries})
    assert done.status == 0, done.output
    return results / "attacks" / "unwrapping"


def test_a_table_has_the_attack_and_both_baselines_of_each_picture(ran):
    table = pd.read_parquet(ran / "msb_xor.parquet")
    assert table["level"].unique().tolist() == [4]
    assert table["image_id"].nunique() == 3
    names = {"unwrapping", scores.VIEW, scores.MEAN}
    assert all(set(part["attack"]) == names for _, part in table.groupby("image_id"))
    assert table[["ssim", "psnr", "exact"]].notna().all(axis=None)
    assert not table["whole"].any() and (table["height"] * table["width"] <= 100_000).all()


def test_the_first_pictures_are_kept_and_are_those_of_the_scores(ran):
    table = pd.read_parquet(ran / "msb_xor.parquet")
    kept = table[table["png"].notna()]
    names = [f"{row.image_id}-{row.level}.png" for row in kept.itertuples()]
    assert sorted(path.name for path in (ran / "msb_xor").glob("*.png")) == sorted(names)
    assert len(names) == 2
    row = kept.iloc[0]
    guess = np.asarray(Image.open(ran / "msb_xor" / names[0]))
    plain = skimage.data.astronaut()[
        row["top"] : row["top"] + row["height"], row["left"] : row["left"] + row["width"]
    ]
    assert row["image_id"] == "astronaut"
    assert scores.scores(plain, guess)["ssim"] == row["ssim"]


def test_the_table_names_threat_scheme_and_settings(ran):
    from leakage.storage import files

    metadata = files.read_table(ran / "msb_xor.parquet")[1]
    assert metadata["threat"] == "ciphertext_only" and metadata["levels"] == [4]
    assert metadata["settings"]["pixels"] == 100_000
    assert KEY.hex() not in json.dumps(metadata)


# The figure.


def behind(ran: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(ran.parents[1] / "figures" / name / "reconstruction.csv")


def test_the_figure_has_the_best_attack_and_the_baselines_of_each_level(ran):
    table = behind(ran, "")
    best = table[table["best"]]
    assert best["level"].tolist() == [4] and best["attack"].tolist() == ["unwrapping"]
    rows = pd.read_parquet(ran / "msb_xor.parquet")
    own = rows[rows["attack"] == "unwrapping"]["ssim"]
    assert best["mean_ssim"].iloc[0] == pytest.approx(own.mean())
    assert best["ssim"].iloc[0] == pytest.approx(own.iloc[0])
    assert set(table.loc[table["level"] == 4, "attack"]) == {"unwrapping", scores.VIEW, scores.MEAN}
    # Nothing is left to unwrap there.
    assert table.loc[table["level"] == 8, "attack"].isna().all()


def test_the_figure_is_drawn_where_no_attack_applies_and_says_so(ran):
    stem = ran.parents[1] / "figures" / "pixel_permutation" / "reconstruction.png"
    assert "No attack of this run applies" in captions.inside(stem)
    assert behind(ran, "pixel_permutation")["attack"].isna().all()


def test_the_figure_needs_an_attack(monkeypatch):
    with pytest.raises(LeakageError, match="attacks: found nothing that the figure reconstruction"):
        configured(monkeypatch, attacks={})


def test_every_compared_scheme_has_its_own_figure(monkeypatch):
    flow = configured(monkeypatch, figures=["reconstruction"])
    others = [each for each in flow.config.comparisons.schemes if each != "msb_xor"]
    expected = {"reconstruction", *(f"{each}/reconstruction" for each in others)}
    assert set(flow.figures()) == expected
