"""Encryption: invertible bit for bit, and what an observer reads off the ciphertext."""

import hashlib
import itertools

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from leakage import schemes
from leakage.errors import LeakageError
from leakage.schemes import keystream

KEY = bytes(range(32))
LEVELS = st.integers(0, 8)
SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]))
PICTURES = hnp.arrays(np.uint8, SHAPES, elements=st.integers(0, 255))
KEYED = sorted(set(schemes.names()) - {"folder"})
XORS = ["msb_xor", "lsb_xor", "bitplane_xor", "block_xor"]
PERMUTATIONS = ["pixel_permutation", "block_permutation"]
STREAM = keystream.Keystream(KEY, "000042")


def scheme(cipher: str, **settings: object) -> schemes.KeyedScheme:
    return schemes.KeyedScheme(cipher, schemes.cipher_class(cipher)(**settings), KEY)


def encrypted(pixels: np.ndarray, level: int, cipher: str = "msb_xor", **how: object) -> np.ndarray:
    return scheme(cipher, **how).encrypt("000042", pixels, level)


def seen(pixels: np.ndarray, level: int, cipher: str = "msb_xor", **how: object) -> np.ndarray:
    return scheme(cipher, **how).view("000042", encrypted(pixels, level, cipher, **how), level)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("cipher", KEYED)
@given(pixels=PICTURES)
@settings(max_examples=15)
def test_decryption_gives_the_picture_back_bit_for_bit_at_every_level(cipher, pixels):
    found = schemes.cipher_class(cipher)()
    for level in found.levels:
        ciphertext = found.encrypt(pixels, level, STREAM)
        assert ciphertext.dtype == np.uint8 and ciphertext.shape == pixels.shape
        back = found.decrypt(ciphertext, level, STREAM)
        assert back.dtype == np.uint8 and np.array_equal(back, pixels)


@pytest.mark.parametrize("cipher", KEYED)
@given(pixels=PICTURES)
@settings(max_examples=5)
def test_level_0_is_the_plain_picture(cipher, pixels):
    assert np.array_equal(encrypted(pixels, 0, cipher), pixels)
    assert np.array_equal(seen(pixels, 0, cipher), pixels)


@pytest.mark.parametrize("cipher", KEYED)
def test_another_key_or_another_picture_gives_another_ciphertext(cipher):
    pixels = noise(50, 60, 3)
    how = schemes.cipher_class(cipher)()
    level = max(how.levels)
    found = {
        schemes.KeyedScheme(cipher, how, key).encrypt(image_id, pixels, level).tobytes()
        for key, image_id in ((KEY, "a"), (KEY, "b"), (KEY[::-1], "a"))
    }
    assert len(found) == 3
    assert pixels.tobytes() not in found


@pytest.mark.parametrize("cipher", KEYED)
def test_a_level_outside_those_of_the_cipher_is_refused(cipher):
    model = schemes.cipher_class(cipher)
    assert model(levels=[0]).levels == [0]
    for levels in ([-1], [0, 11], [1, 1]):
        with pytest.raises(ValueError, match=r"level|named once"):
            model(levels=levels)


@given(PICTURES)
def test_level_8_is_the_keystream_over_the_whole_byte(pixels):
    stream = keystream.keystream(KEY, "000042", pixels.size).reshape(pixels.shape)
    for cipher, level in (("msb_xor", 8), ("lsb_xor", 8), ("block_xor", 8), ("full", 1)):
        assert np.array_equal(encrypted(pixels, level, cipher), pixels ^ stream)


@given(PICTURES, st.sampled_from(["scaled", "shifted"]))
def test_clear_part_of_level_8_is_zero(pixels, view):
    assert not seen(pixels, 8, view=view).any()


@given(PICTURES, LEVELS)
def test_scaled_view_is_the_plain_picture_moved_up_by_the_level(pixels, level):
    found = seen(pixels, level, view="scaled")
    assert found.dtype == np.uint8
    assert np.array_equal(found, (pixels.astype(int) << level) & 255)


@given(PICTURES, LEVELS)
def test_shifted_view_is_the_low_bits_of_the_plain_picture(pixels, level):
    found = seen(pixels, level, view="shifted")
    assert found.dtype == np.uint8
    assert np.array_equal(found, pixels.astype(int) & (2 ** (8 - level) - 1))


@given(PICTURES, LEVELS)
def test_full_view_leaves_the_clear_bits_alone(pixels, level):
    found = seen(pixels, level, view="full")
    assert np.array_equal(found, encrypted(pixels, level))
    assert np.array_equal(found & (2 ** (8 - level) - 1), pixels & (2 ** (8 - level) - 1))


@given(PICTURES, LEVELS)
def test_the_control_hides_the_least_significant_bits(pixels, level):
    assert np.array_equal(seen(pixels, level, "lsb_xor"), pixels >> level << level)


@given(PICTURES, st.permutations(range(8)), LEVELS)
def test_a_level_of_bit_planes_hides_the_first_of_those_listed_and_no_other(pixels, planes, level):
    how = {"planes": planes, "levels": [level]}
    hidden = sum(1 << plane for plane in planes[:level])
    assert np.array_equal(seen(pixels, level, "bitplane_xor", **how), pixels & (255 - hidden))
    changed = encrypted(pixels, level, "bitplane_xor", **how) ^ pixels
    assert not (changed & (255 - hidden)).any()


def test_the_levels_of_bit_planes_are_as_many_as_the_planes():
    model = schemes.cipher_class("bitplane_xor")
    assert model(planes=[4, 2]).levels == [0, 1, 2]
    with pytest.raises(ValueError, match="found 3, and planes names 2"):
        model(planes=[4, 2], levels=[0, 3])
    for planes in ([8], [1, 1], []):
        with pytest.raises(ValueError, match="expected some of 7 to 0"):
            model(planes=planes)


@pytest.mark.parametrize("cipher", XORS)
def test_encrypted_and_clear_bits_make_a_byte(cipher):
    of = scheme(cipher)
    for level in of.cipher.levels:
        about = of.about(level)
        assert about["clear_bits"] == 8 * (1 - about["strength"]) and about["nested"]


@pytest.mark.parametrize("cipher", XORS)
def test_where_levels_are_nested_a_view_is_a_function_of_a_lower_level_s(cipher):
    """Where two pictures look the same at a level, they do at every higher one."""
    pixels = noise(20, 30, 3)
    # Each row differs in one bit plane at most.
    other = pixels ^ (
        noise(20, 30, 3)[::-1] & np.uint8(1) << np.arange(20, dtype=np.uint8)[:, None, None] % 8
    )
    views = [
        seen(pixels, n, cipher) == seen(other, n, cipher) for n in scheme(cipher).cipher.levels
    ]
    for lower, higher in itertools.pairwise(views):
        assert (higher >= lower).all()


@pytest.mark.parametrize("cipher", XORS)
def test_a_view_with_the_noise_of_encrypted_bits_is_no_function_of_a_lower_level_s(cipher):
    assert not scheme(cipher, view="full").about(1)["nested"]
    pixels = noise(20, 30, 3)
    lower = seen(pixels, 1, cipher, view="full")
    # Where two pictures look the same at level 1 under their own noise, they need not at level 4.
    assert not np.array_equal(lower, seen(pixels, 4, cipher, view="full"))


@pytest.mark.parametrize("cipher", [*PERMUTATIONS, "full"])
def test_what_draws_at_each_level_anew_is_not_nested(cipher):
    assert not scheme(cipher).about(1)["nested"]


@pytest.mark.parametrize("cipher", PERMUTATIONS)
@given(pixels=PICTURES)
@settings(max_examples=15)
def test_a_permutation_leaves_the_histogram_as_it_is(cipher, pixels):
    colours = np.sort(pixels.reshape(-1, pixels.shape[2]), axis=0)
    for level in scheme(cipher).cipher.levels:
        moved = encrypted(pixels, level, cipher).reshape(colours.shape)
        assert np.array_equal(np.sort(moved, axis=0), colours)


@pytest.mark.parametrize("level", [1, 3])
def test_pixels_stay_in_their_square(level):
    side = 2**level
    number = np.arange(20 * 30).reshape(20, 30)
    square = number // 30 // side * 100 + number % 30 // side
    pixels = np.repeat(square.astype(np.uint8)[..., None], 3, axis=2)
    assert np.array_equal(encrypted(pixels, level, "pixel_permutation"), pixels)
    moved = encrypted(noise(20, 30, 1), level, "pixel_permutation")
    assert (moved != noise(20, 30, 1)).mean() > 0.5


def test_the_highest_level_moves_a_pixel_anywhere_and_uniformly():
    """The places of one pixel under many keys, counted: chi squared against the uniform."""
    pixels = np.zeros((4, 4, 1), np.uint8)
    pixels[0, 0] = 1
    how = schemes.cipher_class("pixel_permutation")()
    counts = np.zeros((4, 4))
    for index in range(2000):
        counts += schemes.KeyedScheme("p", how, KEY).encrypt(f"{index}", pixels, 10)[..., 0]
    assert ((counts - 125) ** 2 / 125).sum() < 37.7  # 15 degrees of freedom, 99.9 %


def test_blocks_move_whole_and_those_of_a_strip_among_themselves():
    side, height, width = 4, 18, 23
    rows, columns = np.arange(height) // side, np.arange(width) // side
    pixels = (rows[:, None] * 6 + columns).astype(np.uint8)[..., None]
    moved = encrypted(pixels, 6, "block_permutation")
    whole = moved[:16, :20].reshape(4, 4, 5, 4)
    assert (whole == whole[:, :1, :, :1]).all()
    assert sorted(whole[:, 0, :, 0].ravel()) == sorted(pixels[:16:4, :20:4].ravel())
    assert sorted(moved[:16:4, 20].ravel()) == sorted(pixels[:16:4, 20].ravel())
    assert (moved[16:, 20:] == pixels[16:, 20:]).all()
    assert not np.array_equal(moved, pixels)


@pytest.mark.parametrize("level", [2, 4, 7])
def test_a_level_hides_its_eighths_of_the_blocks_whole(level):
    pixels = noise(64, 96, 3) | 1
    found = seen(pixels, level, "block_xor", block=8)
    black = (found == 0).reshape(8, 8, 12, 8, 3)
    assert set(black.sum((1, 3, 4)).ravel()) <= {0, 8 * 8 * 3}
    assert (found == 0).mean() == level / 8
    assert np.array_equal(found[found > 0], pixels[found > 0])


def test_an_unknown_view_or_cipher_level_of_full_is_refused():
    assert schemes.cipher_class("full")().levels == [0, 1]
    assert scheme("full").about(1)["clear_bits"] == 0 and scheme("full").about(1)["strength"] == 1
    with pytest.raises(ValueError, match=r"outside 0\.\.1"):
        schemes.cipher_class("full")(levels=[0, 2])


def test_a_key_is_not_shown_by_what_holds_it():
    assert KEY.hex() not in repr(STREAM) and repr(KEY) not in repr(STREAM)


@given(st.integers(1, 300), st.text(max_size=3))
@settings(max_examples=20)
def test_a_keyed_permutation_is_one_and_the_purpose_makes_it_another(count, purpose):
    found = STREAM.permutation(count, purpose)
    assert sorted(found) == list(range(count))
    assert np.array_equal(found, STREAM.permutation(count, purpose))
    if count > 20:
        assert not np.array_equal(found, STREAM.permutation(count, purpose + "another"))


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
        schemes.cipher_class("msb_xro")
