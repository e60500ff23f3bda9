"""ChaCha20 keystreams: one key for a run, one nonce per picture (and purpose)."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from leakage.errors import LeakageError

KEY_BYTES = 32
# What is encrypted to have the keystream alone, in pieces that the processor's cache holds.
ZEROS = memoryview(bytes(1 << 16))


def read_key(path: Path | str) -> bytes:
    """Return the 32-byte key that a file holds as 64 hexadecimal digits.

    Raises:
        LeakageError: the file is missing or holds something else. Its content is not shown.
    """
    expected = f"expected {2 * KEY_BYTES} hexadecimal digits; make one with: openssl rand -hex 32"
    # Not one that never ends, such as a device.
    if not Path(path).is_file():
        raise LeakageError(f"encryption.key_file: {path}: no such file; {expected}")
    try:
        key = bytes.fromhex(Path(path).read_text().strip())
    except (OSError, ValueError):
        raise LeakageError(f"encryption.key_file: {path}: not a key; {expected}") from None
    if len(key) != KEY_BYTES:
        raise LeakageError(f"encryption.key_file: {path}: {len(key)} bytes found; {expected}")
    return key


def fingerprint(key: bytes) -> str:
    """Return what may be shown of a key: 16 digits of a SHA-256 that is used for nothing else."""
    return hashlib.sha256(b"leakage key fingerprint" + key).hexdigest()[:16]


def keystream(key: bytes, image_id: str, length: int, purpose: str = "") -> np.ndarray:
    """Return `length` uint8 of ChaCha20 keystream (RFC 8439) for one picture.

    The 96-bit nonce is a hash of the image id (and of the purpose, where there is one), the block
    counter starts at 0.
    """
    # Imported here: the settings of a scheme are read at every parse of the Snakefile.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

    named = f"{image_id}\0{purpose}" if purpose else image_id
    nonce = hashlib.sha256(named.encode()).digest()[:12]
    counter = bytes(4)
    encryptor = Cipher(algorithms.ChaCha20(key, counter + nonce), mode=None).encryptor()
    stream = np.empty(length, np.uint8)
    for start in range(0, length, len(ZEROS)):
        part = stream[start : start + len(ZEROS)]
        encryptor.update_into(ZEROS[: len(part)], part)
    return stream


@dataclass(frozen=True)
class Keystream:
    """What is random in the encryption of one picture: the same for the same key and picture.

    Every call starts anew; what shall be independent has another `purpose`.
    """

    key: bytes = field(repr=False)
    image_id: str

    def bytes(self, count: int, purpose: str = "") -> np.ndarray:
        """Return `count` uint8, uniform."""
        return keystream(self.key, self.image_id, count, purpose)

    def words(self, count: int, purpose: str = "") -> np.ndarray:
        """Return `count` uint64, uniform."""
        return self.bytes(8 * count, purpose).view("<u8")

    def permutation(self, count: int, purpose: str = "") -> np.ndarray:
        """Return a uniform permutation of `count` numbers, int64."""
        return np.argsort(self.words(count, purpose), kind="stable")
