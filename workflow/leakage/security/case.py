"""One picture with its ciphertext, and the means to encrypt and decrypt again."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property

from leakage.errors import LeakageError
from leakage.interfaces import Bytes
from leakage.schemes import KeyedScheme


@dataclass(frozen=True)
class Case:
    """A picture under test.

    Attributes:
        image_id: the picture; it decides the nonce.
        plain: the picture, uint8 of shape (height, width, channels).
        ciphertext: of `plain` at `level`, uint8 of the same shape.
        scheme: the cipher with its key.
        level: the level of encryption.
    """

    image_id: str
    plain: Bytes
    ciphertext: Bytes
    scheme: KeyedScheme
    level: int

    def encrypted(self, plain: Bytes) -> Bytes | None:
        """Return the ciphertext of a picture under the same key and nonce.

        None if another program encrypts the pictures.
        """
        return _encrypted(self.scheme, self.image_id, plain, self.level)

    def encrypted_with_other_key(self) -> Bytes | None:
        """Return the ciphertext of the plain picture under a key with one bit flipped."""
        return _encrypted(self._other_key, self.image_id, self.plain, self.level)

    def decrypted(self, ciphertext: Bytes) -> Bytes | None:
        """Return the picture of a ciphertext; None if the cipher has no inverse or refuses it."""
        return _decrypted(self.scheme, self.image_id, ciphertext, self.level)

    def decrypted_with_other_key(self) -> Bytes | None:
        """Return the picture that a key with one bit flipped gives; None as above."""
        return _decrypted(self._other_key, self.image_id, self.ciphertext, self.level)

    @cached_property
    def _other_key(self) -> KeyedScheme:
        key = self.scheme.key or b""
        return dataclasses.replace(self.scheme, key=bytes(each ^ 1 for each in key[:1]) + key[1:])


def _encrypted(scheme: KeyedScheme, image_id: str, plain: Bytes, level: int) -> Bytes | None:
    if not scheme.cipher.encrypts:
        return None
    return scheme.encrypt(image_id, plain, level, check=False)


def _decrypted(scheme: KeyedScheme, image_id: str, ciphertext: Bytes, level: int) -> Bytes | None:
    if not scheme.cipher.has_inverse:
        return None
    try:
        return scheme.decrypt(image_id, ciphertext, level)
    except LeakageError:
        # A cipher with an authentication tag refuses a damaged ciphertext and a wrong key.
        return None
