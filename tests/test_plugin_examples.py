"""The examples of docs/plugins.md, word for word, through the real workflow on tiny pictures."""

import shutil
from pathlib import Path

import documented
import numpy as np
import pandas as pd
import pytest
import skimage.data
from documented import run
from leakage import attacks, captions, encoders, estimators, figures, schemes
from leakage.analysis.tables import by_level, read
from leakage.storage import files
from leakage.storage.views import View
from PIL import Image
from snake import REPOSITORY, TINY, copy_checkout, snakemake

PAGE = "plugins.md"
NAMES = ("astronaut", "chelsea", "coffee", "camera", "coins", "rocket")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the files of the page in it, as a user has it."""
    folder = copy_checkout(tmp_path_factory.mktemp("mine"))
    documented.write(PAGE, folder)
    # What the page calls demo.yaml, smaller.
    shutil.copyfile(REPOSITORY / TINY, folder / "demo.yaml")
    (folder / "pictures").mkdir()
    for name in NAMES:
        Image.fromarray(getattr(skimage.data, name)()[::2, ::2]).save(
            folder / "pictures" / f"{name}.png"
        )
    for name in ("x", "y"):
        np.save(folder / f"{name}.npy", np.random.default_rng(0).normal(size=(40, 3)))
    return folder


@pytest.fixture(scope="module")
def ran(folder: Path) -> Path:
    """The folder after every command of the page."""
    for words in documented.commands(PAGE):
        done = run(folder, words)
        assert done.status == 0, (words, done.output)
    return folder


def summary(path: Path) -> pd.Series:
    table = pd.read_csv(path)
    return table[table["estimate"] == "held out"].set_index(["scheme", "level"])["mean"]


@pytest.mark.slow
def test_every_figure_that_the_page_asks_for_is_there(ran: Path) -> None:
    asked = [word for words in documented.commands(PAGE) for word in words if word.endswith(".png")]
    assert len(asked) == 7
    for name in asked:
        assert (ran / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_user_s_cipher_is_compared_with_the_built_in_ones(ran: Path) -> None:
    found = summary(ran / "results/my-cipher/figures/schemes-statistics.csv")
    assert found.index.get_level_values(0).unique().tolist() == ["msb_xor", "rotated", "full"]
    assert found["rotated"].index.tolist() == [0, 2, 4, 6, 8]
    assert found["rotated"][0] == found["msb_xor"][0]
    table, metadata = files.read_table(ran / "results/my-cipher/views/rotated/4.parquet")
    assert metadata["definition"]["cipher"] == "cut_and_rotate.py"
    plain, _ = files.read_table(ran / "results/my-cipher/views/plain/0.parquet")
    for view, whole in zip(table.to_pylist(), plain.to_pylist(), strict=True):
        assert view["pixels"] != whole["pixels"]
        assert sorted(view["pixels"]) == sorted(whole["pixels"])


@pytest.mark.slow
def test_the_views_of_pictures_encrypted_elsewhere_are_these_pictures(ran: Path) -> None:
    path = ran / "results/elsewhere/views/elsewhere/2.parquet"
    assert files.read_table(path)[1]["key_fingerprint"] is None
    view = dict(View(path))["coffee"]
    assert np.array_equal(view, np.asarray(Image.open(ran / "encrypted/2/coffee.png")))
    found = summary(ran / "results/elsewhere/figures/schemes-statistics.csv")
    assert found["elsewhere"].index.tolist() == [0, 1, 2]


@pytest.mark.slow
def test_verify_names_the_figures_of_a_changed_encrypted_picture(ran: Path) -> None:
    verify = ["python", "-m", "leakage", "verify", "results/elsewhere"]
    picture = ran / "encrypted/2/coffee.png"
    content = picture.read_bytes()
    before = run(ran, verify)
    assert before.status == 0, before.output
    picture.write_bytes(content + b" ")
    after = run(ran, verify)
    picture.write_bytes(content)
    assert after.status == 1
    told = "encrypted/2/coffee.png: the encrypted picture has changed"
    assert any("schemes-statistics: does not match" in line for line in after.lines_with(told))


@pytest.mark.slow
def test_a_user_s_encoder_estimator_and_figure_have_their_values_and_names(ran: Path) -> None:
    path = ran / "results/my-encoder/embeddings/histogram/msb_xor/4.parquet"
    _, metadata = files.read_table(path)
    assert metadata["label"] == "colour histogram (hand-made)" and metadata["dim"] == 3 * 32
    table = pd.read_csv(ran / "results/my-estimator/figures/estimators-statistics.csv")
    own = table[table["estimator"] == "first-component"].set_index("level")["mean"]
    assert own[0] > 3 and own[8] == 0
    stem = ran / "results/my-figure/figures/share_left-statistics"
    table = pd.read_csv(f"{stem}.csv")
    mean = by_level(read(ran / "results/my-figure/estimates/mine/statistics/msb_xor.parquet"))[
        "mean"
    ]
    assert table["share"].tolist() == pytest.approx((mean / mean[0]).tolist())
    share = captions.number(table["share"].iloc[-1], ".0%")
    assert captions.inside(f"{stem}.png").endswith(f"At the highest level, n = 8, it is {share}.")


def test_every_example_is_short() -> None:
    lines = {name: len(text.splitlines()) for name, text in documented.files(PAGE).items()}
    assert max(lines.values()) < 40, lines


def test_each_example_works_on_small_arrays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    cipher = schemes.cipher_class("cut_and_rotate.py")(cipher="cut_and_rotate.py", levels=[0, 2])
    scheme = schemes.KeyedScheme("rotated", cipher, bytes(32))
    assert not np.array_equal(scheme.encrypt("cat", pixels, 2), pixels)
    histogram = encoders.encoder_class("colour_histogram.py")(kind="colour_histogram.py", bins=32)
    found = histogram.load(None, "cpu")([pixels, pixels])
    assert found.dtype == np.float32 and len(found) == 2
    x = np.random.default_rng(0).normal(size=(40, 3))
    table = estimators.estimate("first_component.py", x, np.stack([x, -x]), levels=[0, 2])
    assert np.isfinite(table["nats"]).all()
    chosen = attacks.attack_class("fill_low_bits.py")(method="fill_low_bits.py", sigma=0.1)
    hidden = schemes.cipher_class("lsb_xor")()
    assert attacks.attacked(chosen, "lsb_xor", hidden) == list(range(1, 9))
    guess = attacks.reconstruct(chosen, attacks.Target(pixels & 248, pixels, 3, hidden, seed=0))
    assert np.abs(guess.astype(int) - pixels).max() <= 4
    share_left = figures.named("share_left.py")
    assert share_left.title and share_left.tables


@pytest.mark.slow
def test_a_changed_cipher_reruns_only_its_own_jobs(ran: Path) -> None:
    path = ran / "cut_and_rotate.py"
    words = next(each for each in documented.commands(PAGE) if "cipher.yaml" in each)
    assert "Nothing to be done" in run(ran, words).output
    text = path.read_text()
    path.write_text(text + "\n# A comment changes nothing.\n")
    assert "Nothing to be done" in run(ran, words).output
    path.write_text(text.replace("2**level", "3**level"))
    made = {Path(name) for name in run(ran, [*words[:2], "1", "-n", *words[3:]]).outputs()}
    path.write_text(text)
    views = {name for name in made if "views" in name.parts and name.suffix == ".parquet"}
    own = {Path(f"results/my-cipher/views/rotated/{level}.parquet") for level in (2, 4, 6, 8)}
    assert views == own
    estimates = {name.name for name in made if "estimates" in name.parts}
    assert estimates == {"rotated.parquet", "rotated.parquet.sha256"}


@pytest.mark.slow
def test_a_changed_encrypted_picture_reruns_only_its_level(ran: Path) -> None:
    path = ran / "encrypted/2/coffee.png"
    words = next(each for each in documented.commands(PAGE) if "folder.yaml" in each)
    assert "Nothing to be done" in run(ran, words).output
    Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    made = run(ran, [*words[:2], "1", "-n", *words[3:]]).outputs()
    views = {name for name in made if "/views/" in name and name.endswith(".parquet")}
    assert views == {"results/elsewhere/views/elsewhere/2.parquet"}


def test_a_faulty_cipher_stops_the_run_with_its_name_and_leaves_no_view(tmp_path: Path) -> None:
    plugin = tmp_path / "my cipher.py"
    plugin.write_text(
        "from leakage.schemes import Cipher\n\n\nclass Half(Cipher):\n"
        "    def encrypt(self, pixels, level, keystream):\n        return pixels / 2\n"
    )
    entry = {"cipher": str(plugin), "levels": [0, 1]}
    results = tmp_path / "results"
    config = {"encryption": {"schemes": {"mine": entry}}}
    done = snakemake(results, targets=("views/mine/1.parquet",), config=config)
    assert done.status != 0
    (line,) = done.lines_with("error: scheme mine")
    assert "my cipher.py" in line and "an array of float64 with shape" in line
    assert "Traceback" not in done.output
    assert not list(results.glob("views/mine/*"))
