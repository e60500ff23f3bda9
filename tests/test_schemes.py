"""Encryption: invertible bit for bit, and what an observer reads off the ciphertext."""

import hashlib

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from leakage import schemes
from leakage.errors import LeakageError
from leakage.schemes import keystream, msb_xor

KEY = bytes(range(32))
LEVELS = st.integers(0, 8)
PICTURES = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=8), elements=st.integers(0, 255)
)


def encrypted(pixels: np.ndarray, level: int) -> np.ndarray:
    return msb_xor.encrypt(pixels, level, keystream.keystream(KEY, "000042", pixels.size))


def seen(pixels: np.ndarray, level: int, view: str) -> np.ndarray:
    return msb_xor.view(encrypted(pixels, level), level, msb_xor.Settings(view=view))


@given(PICTURES, LEVELS)
def test_decryption_gives_the_picture_back_bit_for_bit(pixels, level):
    stream = keystream.keystream(KEY, "000042", pixels.size)
    back = msb_xor.decrypt(encrypted(pixels, level), level, stream)
    assert back.dtype == np.uint8 and np.array_equal(back, pixels)


@given(PICTURES)
def test_level_0_is_the_plain_picture(pixels):
    assert np.array_equal(encrypted(pixels, 0), pixels)


@given(PICTURES)
def test_level_8_is_the_keystream_over_the_whole_byte(pixels):
    stream = keystream.keystream(KEY, "000042", pixels.size).reshape(pixels.shape)
    assert np.array_equal(encrypted(pixels, 8), pixels ^ stream)


@given(PICTURES, st.sampled_from(["scaled", "shifted"]))
def test_clear_part_of_level_8_is_zero(pixels, view):
    assert not seen(pixels, 8, view).any()


@given(PICTURES, LEVELS)
def test_scaled_view_is_the_plain_picture_moved_up_by_the_level(pixels, level):
    found = seen(pixels, level, "scaled")
    assert found.dtype == np.uint8
    assert np.array_equal(found, (pixels.astype(int) << level) & 255)


@given(PICTURES, LEVELS)
def test_shifted_view_is_the_low_bits_of_the_plain_picture(pixels, level):
    found = seen(pixels, level, "shifted")
    assert found.dtype == np.uint8
    assert np.array_equal(found, pixels.astype(int) & (2 ** (8 - level) - 1))


@given(PICTURES, LEVELS)
def test_full_view_leaves_the_clear_bits_alone(pixels, level):
    found = seen(pixels, level, "full")
    assert np.array_equal(found, encrypted(pixels, level))
    assert np.array_equal(found & (2 ** (8 - level) - 1), pixels & (2 ** (8 - level) - 1))


@given(LEVELS)
def test_encrypted_and_clear_bits_make_a_byte(level):
    assert int(msb_xor.encrypted_bits(level)).bit_count() + msb_xor.clear_bits(level) == 8


def test_keystream_differs_between_pictures_and_between_keys():
    streams = [
        keystream.keystream(KEY, "000042", 64),
        keystream.keystream(KEY, "000043", 64),
        keystream.keystream(KEY[::-1], "000042", 64),
    ]
    assert len({stream.tobytes() for stream in streams}) == 3


@given(st.text(max_size=5), st.integers(0, 200), st.integers(0, 200))
@settings(max_examples=30)
def test_a_shorter_keystream_is_the_start_of_a_longer_one(image_id, short, more):
    longer = keystream.keystream(KEY, image_id, short + more)
    assert np.array_equal(keystream.keystream(KEY, image_id, short), longer[:short])


def test_keystream_is_chacha20_with_the_hash_of_the_id_as_nonce():
    nonce = hashlib.sha256(b"000042").digest()[:12]
    cipher = Cipher(algorithms.ChaCha20(KEY, bytes(4) + nonce), mode=None).encryptor()
    expected = cipher.update(bytes(1000))
    assert keystream.keystream(KEY, "000042", 1000).tobytes() == expected


def test_keystream_is_that_of_rfc_8439(monkeypatch):
    # Appendix A.1, test vectors 1 and 2: key and nonce of zeros, block counters 0 and 1.
    class Zeros:
        def digest(self):
            return bytes(32)

    monkeypatch.setattr(keystream.hashlib, "sha256", lambda data: Zeros())
    found = keystream.keystream(bytes(32), "000042", 128).tobytes().hex()
    first, second = found[:128], found[128:]
    assert first.startswith("76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7")
    assert second.startswith("9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed")


def test_a_key_file_holds_64_hexadecimal_digits(tmp_path):
    (tmp_path / "my.key").write_text(KEY.hex() + "\n")
    assert keystream.read_key(tmp_path / "my.key") == KEY


@pytest.mark.parametrize(
    "content",
    [None, "", KEY.hex()[:-2], KEY.hex() + "00", KEY.hex()[:-1] + "x", "secret words " * 5],
)
def test_a_wrong_key_file_is_named_and_never_shown(tmp_path, content):
    path = tmp_path / "my.key"
    if content is not None:
        path.write_text(content)
    with pytest.raises(LeakageError) as caught:
        keystream.read_key(path)
    message = str(caught.value)
    assert message.startswith(f"encryption.key_file: {path}: ")
    assert "openssl rand -hex 32" in message
    assert not content or content[:12] not in message


def test_a_key_file_of_other_bytes_is_named_and_never_shown(tmp_path):
    (tmp_path / "my.key").write_bytes(b"\xff\xfe" * 16)
    with pytest.raises(LeakageError, match=r"my\.key: not a key"):
        keystream.read_key(tmp_path / "my.key")


@given(st.binary(min_size=32, max_size=32))
def test_the_fingerprint_is_neither_the_key_nor_its_plain_hash(key):
    found = keystream.fingerprint(key)
    assert len(found) == 16
    assert found not in key.hex() and found not in hashlib.sha256(key).hexdigest()


def test_an_unknown_cipher_names_the_nearest():
    with pytest.raises(LeakageError, match="'msb_xro' is not known; the nearest is 'msb_xor'"):
        schemes.module("msb_xro")
