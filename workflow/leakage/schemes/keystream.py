"""ChaCha20 keystreams: one key for a run, one nonce per picture (and purpose)."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leakage.errors import LeakageError
from leakage.interfaces import Bytes

KEY_BYTES = 32
# ChaCha20 encrypts zeros to give its keystream, in pieces that fit into the processor's cache.
ZEROS = memoryview(bytes(1 << 16))


def read_key(path: Path | str) -> bytes:
    """Return the 32-byte key that a file holds as 64 digits; no message shows its content."""
    expected = f"expected {2 * KEY_BYTES} hexadecimal digits; make one with: openssl rand -hex 32"
    if not Path(path).exists():
        raise LeakageError(f"encryption.key_file: {path}: no such file; {expected}")
    # A device such as /dev/zero never ends.
    if not Path(path).is_file():
        raise LeakageError(f"encryption.key_file: {path}: a folder or device; expected a file")
    try:
        key = bytes.fromhex(Path(path).read_text(encoding="utf-8-sig").strip())
    except OSError as error:
        raise LeakageError(
            f"encryption.key_file: {path}: cannot be read ({error.strerror}); make it readable"
        ) from None
    except ValueError:
        raise LeakageError(f"encryption.key_file: {path}: not a key; {expected}") from None
    if len(key) != KEY_BYTES:
        raise LeakageError(f"encryption.key_file: {path}: {len(key)} bytes found; {expected}")
    return key


def fingerprint(key: bytes) -> str:
    """Return 16 digits that identify a key and may be shown: a SHA-256 with no other use."""
    return hashlib.sha256(b"leakage key fingerprint" + key).hexdigest()[:16]


@dataclass(frozen=True)
class Keystream:
    """Random numbers for the encryption of one picture, the same for the same key and picture.

    They are the keystream of ChaCha20 (RFC 8439). The 96-bit nonce is a hash of the image id and
    the purpose, if there is one. The block counter starts at 0, so every call starts at the
    beginning. Use a different `purpose` for independent streams.
    """

    key: bytes | None = field(repr=False)
    image_id: str

    def bytes(self, count: int, purpose: str = "") -> Bytes:
        """Return `count` uniform uint8."""
        # Imported here: Snakemake imports this module whenever it reads the configuration.
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

        if self.key is None:
            raise LeakageError(
                f"picture {self.image_id}: another program encrypts the pictures, so there is no "
                "keystream; remove its use from the cipher"
            )
        named = f"{self.image_id}\0{purpose}" if purpose else self.image_id
        counter, nonce = b"\0\0\0\0", hashlib.sha256(named.encode()).digest()[:12]
        encryptor = Cipher(algorithms.ChaCha20(self.key, counter + nonce), mode=None).encryptor()
        stream = np.empty(count, np.uint8)
        for start in range(0, count, len(ZEROS)):
            part = stream[start : start + len(ZEROS)]
            encryptor.update_into(ZEROS[: len(part)], part.data)
        return stream

    def words(self, count: int, purpose: str = "") -> NDArray[np.uint64]:
        """Return `count` uniform uint64."""
        return self.bytes(8 * count, purpose).view("<u8")

    def permutation(self, count: int, purpose: str = "") -> NDArray[np.int64]:
        """Return a uniform permutation of 0 to count - 1."""
        return np.argsort(self.words(count, purpose), kind="stable")
