"""Ciphers: invertible bit for bit, with the views that their settings name."""

import hashlib
import itertools
from collections.abc import Callable

import not_pictures
import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from leakage import schemes
from leakage.errors import LeakageError
from leakage.schemes.keystream import Keystream, fingerprint, read_key

KEY = bytes(range(32))
LEVELS = st.integers(0, 8)
SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]))
PICTURES = hnp.arrays(np.uint8, SHAPES, elements=st.integers(0, 255))
KEYED = sorted(set(schemes.names()) - {"folder", "jpeg_signs"})
XORS = ["msb_xor", "lsb_xor", "bitplane_xor", "block_xor"]
STREAM = Keystream(KEY, "000042")
GREY = np.zeros((4, 5, 1), np.uint8)
few = settings(max_examples=15, deadline=None)


def scheme(cipher: str, **settings: object) -> schemes.KeyedScheme:
    return schemes.KeyedScheme(cipher, schemes.cipher_class(cipher)(**settings), KEY)


def encrypted(pixels: np.ndarray, level: int, cipher: str = "msb_xor", **how: object) -> np.ndarray:
    return scheme(cipher, **how).encrypt("000042", pixels, level)


def view(pixels: np.ndarray, level: int, cipher: str = "msb_xor", **how: object) -> np.ndarray:
    return scheme(cipher, **how).view("000042", encrypted(pixels, level, cipher, **how), level)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("cipher", KEYED)
@few
@given(pixels=PICTURES)
def test_decryption_gives_the_picture_back_at_every_level(cipher, pixels):
    found = schemes.cipher_class(cipher)()
    assert found.encrypts and found.has_inverse
    for level in found.levels[1:]:
        ciphertext = found.encrypt(pixels, level, STREAM)
        assert ciphertext.dtype == np.uint8 and ciphertext.shape == pixels.shape
        assert np.array_equal(found.decrypt(ciphertext, level, STREAM), pixels)
    assert np.array_equal(view(pixels, 0, cipher), pixels)


@pytest.mark.parametrize("cipher", KEYED)
def test_another_key_or_another_picture_gives_another_ciphertext(cipher):
    pixels, of = noise(50, 60, 3), scheme(cipher).cipher
    found = {
        schemes.KeyedScheme(cipher, of, key).encrypt(image_id, pixels, of.levels[-1]).tobytes()
        for key, image_id in ((KEY, "a"), (KEY, "b"), (KEY[::-1], "a"))
    }
    assert len(found | {pixels.tobytes()}) == 4


def refused(message: str, call: Callable[..., object], *given: object) -> None:
    with pytest.raises(LeakageError, match=message) as caught:
        call(*given)
    assert "\n" not in str(caught.value)


NOT_LEVELS = [-1, 99, 10**30, 1.0, np.float64(1), "1", None, True, np.True_, [1]]


@pytest.mark.parametrize("level", NOT_LEVELS, ids=repr)
@pytest.mark.parametrize("cipher", KEYED)
def test_a_level_that_a_cipher_does_not_have_is_refused(cipher, level):
    of = scheme(cipher)
    message = f"^level: found .*; expected a whole number from 0 to {of.cipher.strongest}, the"
    for call in (of.encrypt, of.decrypt, of.view):
        refused(message, call, "a", GREY, level)


@pytest.mark.parametrize("cipher", KEYED)
def test_every_level_of_a_cipher_is_accepted_also_unlisted_or_of_numpy(cipher):
    of = scheme(cipher, levels=[0, 1])
    for level in range(of.cipher.strongest + 1):
        found = of.encrypt("a", GREY, np.uint8(level))
        assert np.array_equal(of.decrypt("a", found, np.int64(level)), GREY)


def test_the_levels_of_bitplane_xor_are_its_planes():
    of = scheme("bitplane_xor", planes=[7, 3])
    assert of.encrypt("a", GREY, 2).shape == GREY.shape
    refused("^level: found 3; expected a whole number from 0 to 2,", of.encrypt, "a", GREY, 3)


@pytest.mark.parametrize(("wrong", "message"), not_pictures.CASES)
@pytest.mark.parametrize("level", [0, 1])
def test_what_is_not_a_picture_is_not_encrypted(wrong, message, level):
    refused(f"^plain: found {message}", scheme("msb_xor").encrypt, "a", wrong, level)


def test_the_check_of_a_picture_does_not_read_its_pixels():
    """A gigapixel of one byte in memory; copying or comparing it would take seconds."""
    huge = np.broadcast_to(np.uint8(0), (1 << 15, 1 << 15, 3))
    assert scheme("full").encrypt("a", huge, 0) is huge


@pytest.mark.parametrize("image_id", [7, None, b"a", ("a",)], ids=repr)
def test_an_image_id_that_is_not_text_is_refused(image_id):
    of = scheme("full")
    for call in (of.encrypt, of.decrypt, of.view):
        refused("^image_id: found .*; expected text", call, image_id, GREY, 1)


@pytest.mark.parametrize(
    ("key", "found"),
    [("ab" * 32, "a str"), (b"ab", "2 bytes"), (bytes(64), "64 bytes"), (b"", "0 bytes")],
)
def test_a_key_of_another_length_or_type_is_refused_and_not_shown(key, found):
    cipher = schemes.cipher_class("full")()
    message = f"^key: found {found}; expected 32 bytes; .* bytes.fromhex$"
    refused(message, schemes.KeyedScheme, "full", cipher, key)


def test_a_level_or_cipher_that_does_not_exist_is_refused():
    found = schemes.cipher_class("msb_xor")
    assert found(levels=[0]).levels == [0]
    for levels in ([-1], [0, 11], [1, 1]):
        with pytest.raises(ValueError, match=r"level|named once"):
            found(levels=levels)
    bitplane = schemes.cipher_class("bitplane_xor")
    assert bitplane(planes=[4, 2]).levels == [0, 1, 2]
    with pytest.raises(ValueError, match="found 3, and planes names 2"):
        bitplane(planes=[4, 2], levels=[0, 3])
    with pytest.raises(ValueError, match="expected some of 7 to 0"):
        bitplane(planes=[1, 1])
    with pytest.raises(LeakageError, match="'msb_xro' is not known; the nearest is 'msb_xor'"):
        schemes.cipher_class("msb_xro")


@few
@given(PICTURES)
def test_the_highest_level_is_the_whole_byte_xored_with_the_keystream(pixels):
    stream = STREAM.bytes(pixels.size).reshape(pixels.shape)
    for cipher, level in (("msb_xor", 8), ("lsb_xor", 8), ("block_xor", 8), ("full", 1)):
        assert np.array_equal(encrypted(pixels, level, cipher), pixels ^ stream)


@given(PICTURES, LEVELS)
def test_the_views_of_msb_xor_and_lsb_xor_are_functions_of_the_clear_bits(pixels, level):
    scaled, shifted, full = (
        view(pixels, level, view=each) for each in ("scaled", "shifted", "full")
    )
    low = 2 ** (8 - level) - 1
    assert scaled.dtype == shifted.dtype == np.uint8
    assert np.array_equal(scaled, (pixels.astype(int) << level) & 255)
    assert np.array_equal(shifted, pixels & low)
    assert np.array_equal(full, encrypted(pixels, level)) and np.array_equal(full & low, shifted)
    assert np.array_equal(view(pixels, level, "lsb_xor"), pixels >> level << level)


@given(PICTURES, st.permutations(range(8)), LEVELS)
def test_bitplane_xor_hides_the_first_of_the_listed_planes(pixels, planes, level):
    how = {"planes": planes, "levels": [level]}
    clear = 255 - sum(1 << plane for plane in planes[:level])
    assert np.array_equal(view(pixels, level, "bitplane_xor", **how), pixels & clear)
    assert not ((encrypted(pixels, level, "bitplane_xor", **how) ^ pixels) & clear).any()


@pytest.mark.parametrize("cipher", [*XORS, "full"])
def test_encrypted_and_clear_bits_add_up_to_a_byte(cipher):
    of = scheme(cipher)
    for level in of.cipher.levels[1:]:
        about = of.about(level)
        assert about["clear_bits"] == 8 * (1 - about["strength"])
    assert about["strength"] == 1


@pytest.mark.parametrize("cipher", XORS)
def test_pixels_that_are_equal_in_a_nested_view_stay_equal_at_higher_levels(cipher):
    assert scheme(cipher).about(1)["nested"]
    assert not scheme(cipher, view="full").about(1)["nested"]
    pixels, bit = noise(20, 30, 3), np.uint8(1) << np.arange(20, dtype=np.uint8) % 8
    # A row differs in one bit plane at most.
    other = pixels ^ (noise(20, 30, 3)[::-1] & bit[:, None, None])
    levels = scheme(cipher).cipher.levels
    equal = [view(pixels, level, cipher) == view(other, level, cipher) for level in levels]
    assert all((higher >= lower).all() for lower, higher in itertools.pairwise(equal))


@pytest.mark.parametrize("cipher", ["pixel_permutation", "block_permutation"])
@few
@given(pixels=PICTURES)
def test_a_permutation_does_not_change_the_histogram(cipher, pixels):
    assert not scheme(cipher).about(1)["nested"]
    colours = np.sort(pixels.reshape(-1, pixels.shape[2]), axis=0)
    for level in scheme(cipher).cipher.levels:
        moved = encrypted(pixels, level, cipher).reshape(colours.shape)
        assert np.array_equal(np.sort(moved, axis=0), colours)


def test_pixel_permutation_keeps_pixels_in_their_square():
    side, number = 8, np.arange(20 * 30).reshape(20, 30)
    square = number // 30 // side * 100 + number % 30 // side
    pixels = square.astype(np.uint8)[..., None]
    assert np.array_equal(encrypted(pixels, 3, "pixel_permutation"), pixels)
    moved = encrypted(noise(20, 30, 1), 3, "pixel_permutation")
    assert (moved != noise(20, 30, 1)).mean() > 0.5


def test_the_highest_level_of_pixel_permutation_moves_a_pixel_uniformly():
    """Chi squared of the places of one pixel in many pictures."""
    pixels = np.zeros((4, 4, 1), np.uint8)
    pixels[0, 0] = 1
    of = scheme("pixel_permutation")
    counts = sum(of.encrypt(f"{index}", pixels, 10)[..., 0].astype(int) for index in range(2000))
    assert ((counts - 125) ** 2 / 125).sum() < 37.7  # 15 degrees of freedom, 99.9 %


def test_block_permutation_moves_blocks_of_one_shape_among_themselves():
    side, height, width = 4, 18, 23
    rows, columns = np.arange(height) // side, np.arange(width) // side
    pixels = (rows[:, None] * 6 + columns).astype(np.uint8)[..., None]
    moved = encrypted(pixels, 6, "block_permutation")
    whole = moved[:16, :20].reshape(4, 4, 5, 4)
    assert (whole == whole[:, :1, :, :1]).all()
    assert sorted(whole[:, 0, :, 0].ravel()) == sorted(pixels[:16:4, :20:4].ravel())
    assert sorted(moved[:16:4, 20].ravel()) == sorted(pixels[:16:4, 20].ravel())
    assert (moved[16:, 20:] == pixels[16:, 20:]).all() and not np.array_equal(moved, pixels)


def test_block_xor_hides_the_level_s_eighths_of_the_blocks():
    pixels = noise(64, 96, 3) | 1
    found = view(pixels, 3, "block_xor", block=8)
    black = (found == 0).reshape(8, 8, 12, 8, 3)
    assert set(black.sum((1, 3, 4)).ravel()) <= {0, 8 * 8 * 3}
    assert (found == 0).mean() == 3 / 8
    assert np.array_equal(found[found > 0], pixels[found > 0])


def test_a_substitution_keeps_equal_bytes_equal_and_different_ones_different():
    pixels = noise(30, 40, 3)
    found = encrypted(pixels, 1, "substitution")
    pairs = {*zip(pixels.ravel().tolist(), found.ravel().tolist(), strict=True)}
    assert len(pairs) == len(set(pixels.ravel())) == len(set(found.ravel()))
    assert (found != pixels).mean() > 0.9


@pytest.mark.parametrize("level", [1, 3])
def test_rows_with_the_same_keystream_give_the_difference_of_two_rows_of_the_picture(level):
    pixels, apart = noise(30, 40, 3), 2 ** (level - 1)
    found = encrypted(pixels, level, "repeated_xor")
    assert np.array_equal(found[apart:] ^ found[:-apart], pixels[apart:] ^ pixels[:-apart])
    stream = (found ^ pixels)[:apart]
    assert np.array_equal(stream.ravel(), STREAM.bytes(stream.size))
    assert len(np.unique(stream, axis=0)) == apart


def test_a_keyed_permutation_depends_on_the_purpose():
    found, other = (STREAM.permutation(100, purpose) for purpose in ("one", "another"))
    assert sorted(found) == sorted(other) == list(range(100))
    assert np.array_equal(found, STREAM.permutation(100, "one"))
    assert not np.array_equal(found, other)


@few
@given(st.text(max_size=5), st.integers(0, 200_000))
def test_a_keystream_is_chacha20_with_the_hash_of_the_id_as_nonce(image_id, count):
    nonce = hashlib.sha256(image_id.encode()).digest()[:12]
    cipher = Cipher(algorithms.ChaCha20(KEY, bytes(4) + nonce), mode=None).encryptor()
    assert Keystream(KEY, image_id).bytes(count).tobytes() == cipher.update(bytes(count))


DIGITS = KEY.hex().encode()


@pytest.mark.parametrize("content", [None, b"", DIGITS[:-2], DIGITS[:-1] + b"x", b"\xff\xfe" * 16])
def test_a_wrong_key_file_is_named_but_not_shown(tmp_path, content):
    path = tmp_path / "my.key"
    for right in (DIGITS + b"\n", b"\xef\xbb\xbf" + DIGITS):  # a byte order mark, as of Windows
        path.write_bytes(right)
        assert read_key(path) == KEY
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(LeakageError) as caught:
        read_key(path)
    message = str(caught.value)
    assert message.startswith(f"encryption.key_file: {path}: ")
    assert "openssl rand -hex 32" in message and DIGITS[:12].decode() not in message


def test_neither_the_fingerprint_nor_the_representation_of_an_object_shows_the_key():
    found = fingerprint(KEY)
    assert len(found) == 16
    assert found not in KEY.hex() and found not in hashlib.sha256(KEY).hexdigest()
    assert repr(KEY) not in repr(STREAM) + repr(scheme("full"))
    with pytest.raises(LeakageError, match="there is no keystream"):
        Keystream(None, "000042").bytes(1)
