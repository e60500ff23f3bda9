"""The scheme jpeg_signs: real JPEG files whose signs come back bit for bit."""

import io
import itertools
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jpeglib
import numpy as np
import pytest
import skimage.data
from leakage import measures, schemes, security
from leakage.errors import LeakageError
from leakage.schemes.keystream import Keystream
from leakage.security.case import Case
from PIL import Image

KEY = bytes(range(32))
STREAM = Keystream(KEY, "cat")
CAT = skimage.data.chelsea()[40:203, 90:291]
RANDOM = np.random.default_rng(0).integers(0, 256, (43, 61, 3), dtype=np.uint8)
EXTREME = np.kron(RANDOM[:, :, :1] & 1, np.ones((4, 4, 1), np.uint8)) * np.uint8(255)
PICTURES = {
    "real": CAT,
    "real, grey": CAT[..., :1],
    "random": RANDOM,
    "random, grey": RANDOM[..., 1:2],
    "8 x 8": RANDOM[:8, :8],
    "one pixel": RANDOM[:1, :1],
    "one row, grey": RANDOM[:1, :, :1],
    "black": np.zeros((20, 30, 3), np.uint8),
    "black and white": EXTREME,
}


def cipher(**settings: object) -> schemes.Cipher:
    return schemes.cipher_class("jpeg_signs")(**settings)


def scheme(**settings: object) -> schemes.KeyedScheme:
    return schemes.KeyedScheme("jpeg_signs", cipher(**settings), KEY)


def coefficients(content: bytes) -> list[np.ndarray]:
    """Return the quantised coefficients of each component, shape (blocks, 64)."""
    with tempfile.NamedTemporaryFile(suffix=".jpeg") as file:
        Path(file.name).write_bytes(content)
        found = jpeglib.read_dct(file.name)
        parts = [found.Y, found.Cb, found.Cr] if found.has_chrominance else [found.Y]
        return [part.reshape(-1, 64) for part in parts]


def together(content: bytes) -> np.ndarray:
    return np.concatenate(coefficients(content))


@pytest.mark.parametrize("subsampling", [444, 422, 420])
@pytest.mark.parametrize("quality", [1, 75, 95])
@pytest.mark.parametrize("name", PICTURES)
def test_decryption_gives_every_coefficient_back(name, quality, subsampling):
    of = cipher(quality=quality, subsampling=subsampling)
    coded = of.coded(PICTURES[name])
    plain = coefficients(coded)
    for level in (1, 8):
        ciphertext = of.encrypt(PICTURES[name], level, STREAM)
        back = of.switched(ciphertext, level, STREAM)
        for one, hidden, restored in zip(
            plain, coefficients(ciphertext), coefficients(back), strict=True
        ):
            assert np.array_equal(one, restored)
            assert np.array_equal(np.abs(one), np.abs(hidden))
        picture = np.asarray(Image.open(io.BytesIO(coded))).reshape(PICTURES[name].shape)
        assert np.array_equal(of.decrypt(ciphertext, level, STREAM), picture)


@pytest.mark.parametrize("name", PICTURES)
def test_the_ciphertext_is_a_jpeg_file_and_the_view_what_another_decoder_shows(name):
    of, pixels = scheme(), PICTURES[name]
    ciphertext = of.encrypt("cat", pixels, 8)
    opened = Image.open(io.BytesIO(ciphertext))
    opened.load()
    assert opened.format == "JPEG" and opened.mode == ("L" if pixels.shape[2] == 1 else "RGB")
    view = of.view("cat", ciphertext, 8)
    assert view.dtype == np.uint8 and view.shape == pixels.shape
    assert np.array_equal(np.asarray(opened).reshape(pixels.shape), view)


def changed(level: int, **settings: object) -> np.ndarray:
    """Return which signs differ from those of the file that is not encrypted."""
    of = cipher(**settings)
    return together(of.coded(CAT)) != together(of.encrypt(CAT, level, STREAM))


def test_half_of_the_level_s_eighths_of_the_signs_change():
    signs = np.count_nonzero(together(cipher().coded(CAT)))
    for level in (2, 5, 8):
        share = level / 16
        error = np.sqrt(share * (1 - share) / signs)
        assert abs(changed(level).sum() / signs - share) < 4 * error < 0.05


def test_a_sign_that_changed_at_a_level_is_changed_at_every_higher_level():
    found = [changed(level) for level in range(1, 9)]
    for lower, higher in itertools.pairwise(found):
        assert (higher >= lower).all() and higher.sum() > lower.sum()


def test_dc_is_the_mean_of_each_block_and_ac_the_rest():
    dc, ac = changed(8, coefficients="dc"), changed(8, coefficients="ac")
    assert dc[:, 0].any() and not dc[:, 1:].any()
    assert ac[:, 1:].any() and not ac[:, 0].any()
    assert np.array_equal(dc | ac, changed(8))


def test_another_key_or_another_picture_changes_other_signs():
    of = cipher()
    keys = (Keystream(KEY, "cat"), Keystream(KEY, "dog"), Keystream(KEY[::-1], "cat"))
    assert len({of.encrypt(CAT, 8, stream) for stream in keys}) == 3
    wrong = of.decrypt(of.encrypt(CAT, 8, keys[0]), 8, keys[1])
    assert np.abs(wrong.astype(int) - CAT).mean() > 20


def test_level_0_is_the_plain_picture_and_not_its_jpeg():
    of = scheme(quality=5)
    assert of.encrypt("cat", CAT, 0) is CAT
    assert np.array_equal(of.view("cat", CAT, 0), CAT)
    assert not np.array_equal(of.cipher.decrypt(of.encrypt("cat", CAT, 1), 1, STREAM), CAT)


def test_a_level_promises_no_more_than_it_holds():
    about = scheme().about(4)
    assert about["strength"] == 0.5 and about["clear_bits"] is None and not about["nested"]


def test_the_measures_of_the_change_read_the_view():
    of = scheme()
    ciphertext = of.encrypt("cat", CAT, 8)
    view = of.view("cat", ciphertext, 8)
    assert measures.measure(CAT, view, ciphertext)["npcr"] == 100 * np.mean(view != CAT)


def test_threads_take_turns():
    of = cipher()
    parts = [CAT[:height] for height in range(8, 160, 8)] * 4
    expected = [of.encrypt(part, 8, STREAM) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda part: of.encrypt(part, 8, STREAM), parts)) == expected


def test_a_picture_that_no_jpeg_can_hold_is_refused():
    with pytest.raises(LeakageError, match=r"65501 x 1 pixels; expected sides of at most 65500"):
        cipher().encrypt(np.zeros((1, 65501, 1), np.uint8), 1, STREAM)
    with pytest.raises(ValueError, match="95"):
        cipher(quality=96)
    with pytest.raises(ValueError, match="of jpeg_signs is not a picture, so no region"):
        cipher(region={"box": [0, 0, 0.5, 0.5]})


def test_the_reviewers_table_reads_the_view_and_the_size_of_the_file():
    of = scheme()
    content = of.encrypt("cat", CAT, 8)
    case = Case("cat", CAT, content, of, 8)
    assert np.array_equal(case.ciphertext, of.view("cat", content, 8))
    found = {each.test: each.value for each in security.judged(case)}
    assert found["growth"] == len(content) / CAT.size < 0.5
    assert case.decrypted(case.ciphertext) is None
    assert np.abs(case.decrypted_with_other_key().astype(int) - CAT).mean() > 20
