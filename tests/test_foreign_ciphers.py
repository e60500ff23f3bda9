"""docs/ciphers.md: ciphers of other people's packages, through the public interfaces only."""

import sys
from pathlib import Path

import documented
import numpy as np
import pandas as pd
import pytest
from documented import run
from leakage.analysis.tables import by_level, read
from leakage.errors import LeakageError
from leakage.estimators import estimate, noisy
from leakage.schemes import KeyedScheme, cipher_class
from snake import REPOSITORY, TINY, copy_checkout

PAGE = "ciphers.md"
SCRAMBLERS = ("per_pixel_md5", "row_md5", "row_logistic", "row_column_logistic", "tomato_scramble")
BYTES = np.arange(256)
ODD = np.random.default_rng(0).integers(0, 256, (61, 43, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the page, in the working folder."""
    documented.write(PAGE, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scheme(file: str, **settings: object) -> KeyedScheme:
    cipher = cipher_class(file)(cipher=file, levels=[0, 1], **settings)
    return KeyedScheme("foreign", cipher, bytes(range(32)))


def nats(plain: np.ndarray, view: np.ndarray) -> pd.Series:
    """Return the row of the estimator `histogram`."""
    return estimate("histogram", plain.reshape(-1, 3), view.reshape(-1, 3)).iloc[0]


def of_dynamic_image_encryption() -> np.ndarray:
    """Return the ciphertext of every plain byte (rows) and key byte (columns): key mod 4 decides.

    0: the sum, 1: the difference, 2: XOR, 3: a rotation to the left by the lowest three bits.
    """
    plain, key = np.meshgrid(BYTES, BYTES, indexing="ij")
    rotated = plain << key % 8 | plain >> 8 - key % 8
    chosen = [key % 4 == 0, key % 4 == 1, key % 4 == 2]
    return np.select(chosen, [plain + key, plain - key, plain ^ key], rotated) % 256


def exact_leak() -> float:
    """Return I(P;C) in nats, for uniform plaintext and key, by counting all pairs of bytes."""
    counts = np.stack([np.bincount(row, minlength=256) for row in of_dynamic_image_encryption()])
    joint = counts / counts.sum()
    independent = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    return float((joint * np.log(joint / independent, where=joint > 0, out=0 * joint)).sum())


def test_the_counted_cipher_is_that_of_the_package():
    package = pytest.importorskip("image_encryption", reason="needs dynamic-image-encryption")
    for plain, expected in zip(BYTES.tolist(), of_dynamic_image_encryption(), strict=True):
        assert list(package.encrypt_bytes(bytes([plain] * 256), bytes(range(256)))) == list(
            expected
        )
    assert round(exact_leak() / np.log(2), 4) == 1.3025


def test_the_histogram_finds_the_leak_of_dynamic_image_encryption(folder):
    pytest.importorskip("image_encryption", reason="needs dynamic-image-encryption")
    plain = np.random.default_rng(1).integers(0, 256, (400, 500, 3), dtype=np.uint8)
    found = nats(plain, scheme("dynamic.py").encrypt("noise", plain, 1))
    # The bias that the estimator accepts, and the plug-in's, at most (Kx - 1)(Ky - 1) / 2N.
    assert abs(found["nats"] - exact_leak()) < noisy.SMALL
    assert 0 < found["plug_in"] - exact_leak() < 255**2 / (2 * 400 * 500)
    assert found["floor"] < noisy.SMALL
    view = scheme("aes.py", mode="ctr")
    nothing = nats(plain, view.view("noise", view.encrypt("noise", plain, 1), 1))
    assert abs(nothing["nats"]) < noisy.SMALL


@pytest.mark.parametrize("method", SCRAMBLERS)
def test_a_scrambler_moves_whole_pixels_and_gives_them_back(folder, method):
    pytest.importorskip("pyscramble", reason="needs pyscramble")
    of = scheme("scrambler.py", method=method)
    for plain in (ODD, ODD[..., :1]):
        moved = of.encrypt("cat", plain, 1)  # decrypt is checked
        kept = [np.sort(each.reshape(-1, each.shape[2]), axis=0) for each in (plain, moved)]
        assert np.array_equal(*kept) and not np.array_equal(moved, plain)
        if method.startswith("row_") and "column" not in method:
            assert np.array_equal(np.sort(moved[..., 0], axis=1), np.sort(plain[..., 0], axis=1))


@pytest.mark.parametrize(("mode", "size"), [("ecb", 61 * 43 * 3 + 3), ("ctr", 61 * 43 * 3 + 16)])
def test_aes_returns_more_bytes_than_the_picture_has(folder, mode, size):
    of = scheme("aes.py", mode=mode)
    ciphertext = of.encrypt("cat", ODD, 1)  # decrypt is checked
    assert len(ciphertext) == size
    view = of.view("cat", ciphertext, 1)
    assert view.shape == ODD.shape and not np.array_equal(view, ODD)
    assert np.array_equal(of.decrypt("cat", ciphertext, 1), ODD)


def test_ecb_shows_which_blocks_are_equal_and_ctr_does_not(folder):
    plain = np.zeros((32, 32, 1), np.uint8)
    plain[16:] = 200
    for mode, blocks in (("ecb", 2), ("ctr", 64)):
        of = scheme("aes.py", mode=mode)
        view = of.view("cat", of.encrypt("cat", plain, 1), 1)
        assert len(np.unique(view.reshape(-1, 16), axis=0)) == blocks


def test_the_files_of_another_program_are_read_as_bytes(folder):
    (folder / "encrypted").mkdir()
    content = np.random.default_rng(2).bytes(ODD.size + 16)
    (folder / "encrypted" / "cat.enc").write_bytes(content)
    of = scheme("encrypted_files.py", path="encrypted")
    ciphertext = of.encrypt("cat", ODD, 1)
    assert ciphertext == content and of.view("cat", ciphertext, 1).tobytes() == content[16:]
    assert list(of.about(1)["encrypted"]) == [str(Path("encrypted/cat.enc"))]
    with pytest.raises(LeakageError, match=r"read raised FileNotFoundError: .*dog\.enc"):
        of.encrypt("dog", ODD, 1)


def test_every_example_is_short():
    lines = {name: len(text.splitlines()) for name, text in documented.files(PAGE).items()}
    assert max(lines.values()) < 45, lines


@pytest.mark.slow
def test_the_commands_of_the_page_find_the_leaks(tmp_path):
    for package in ("image_encryption", "pyscramble"):
        pytest.importorskip(package, reason=f"needs {package}")
    checkout = copy_checkout(tmp_path)
    documented.write(PAGE, checkout)
    (checkout / "demo.yaml").write_bytes((REPOSITORY / TINY).read_bytes())
    for words in documented.commands(PAGE):
        words = [sys.executable, *words[1:]] if words[0] == "python" else words
        done = run(checkout, words, timeout=900)
        assert done.status == 0, (words, done.output)
    assert "exact 1.3025" in done.output
    estimates = checkout / "results/ciphers/estimates/histogram/pixels"
    found = {
        name: by_level(read(estimates / f"{name}.parquet"))["mean"].iloc[-1]
        for name in ("dynamic", "aes_ctr")
    }
    assert found["dynamic"] > 0.3 and abs(found["aes_ctr"]) < 0.02
