"""What the attacks get back: laws, and numbers on real photographs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skimage.data
from leakage import attacks, schemes
from leakage.attacks import Target, scores
from leakage.attacks.unwrapping import unwrapped
from leakage.config.workflow import Workflow
from leakage.errors import LeakageError
from leakage.measures.similarity import Ssim
from leakage.schemes import KeyedScheme
from leakage.steps.attack import fitted, middle
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
    """Return what an adversary has of a picture."""
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
    done = snakemake(
        results, targets=("attacks/unwrapping/msb_xor.parquet",), config={"attacks": entries}
    )
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
