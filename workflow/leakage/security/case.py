"""One picture with its ciphertext, and the means to encrypt and decrypt again."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property

from leakage.errors import LeakageError
from leakage.interfaces import Bytes
from leakage.schemes import Ciphertext, KeyedScheme


@dataclass(frozen=True)
class Case:
    """A picture under test.

    Attributes:
        image_id: the picture; it decides the nonce.
        plain: the picture, uint8 of shape (height, width, channels).
        content: the ciphertext of `plain` at `level`, as the cipher returns it.
        scheme: the cipher with its key.
        level: the level of encryption.
    """

    image_id: str
    plain: Bytes
    content: Bytes | Ciphertext
    scheme: KeyedScheme
    level: int

    @cached_property
    def ciphertext(self) -> Bytes:
        """The ciphertext as a picture of the shape of `plain`: of bytes, their view."""
        return _picture(self.scheme, self.image_id, self.content, self.level)

    @property
    def size(self) -> int:
        """Size of the ciphertext in bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.nbytes

    def encrypted(self, plain: Bytes) -> Bytes | None:
        """Return the ciphertext of a picture under the same key and nonce.

        None if another program encrypts the pictures.
        """
        return _encrypted(self.scheme, self.image_id, plain, self.level)

    def encrypted_with_other_key(self) -> Bytes | None:
        """Return the ciphertext of the plain picture under a key with one bit flipped."""
        return _encrypted(self._other_key, self.image_id, self.plain, self.level)

    def decrypted(self, ciphertext: Bytes) -> Bytes | None:
        """Return the picture of a changed ciphertext.

        None if the cipher has no inverse or refuses it, or if ciphertexts are not pictures.
        """
        if self.scheme.cipher.returns_bytes:
            return None
        return _decrypted(self.scheme, self.image_id, ciphertext, self.level)

    def decrypted_with_other_key(self) -> Bytes | None:
        """Return the picture that a key with one bit flipped gives; None if it refuses it."""
        return _decrypted(self._other_key, self.image_id, self.content, self.level)

    @cached_property
    def _other_key(self) -> KeyedScheme:
        key = self.scheme.key
        return dataclasses.replace(self.scheme, key=key and bytes([key[0] ^ 1]) + key[1:])


def _encrypted(scheme: KeyedScheme, image_id: str, plain: Bytes, level: int) -> Bytes | None:
    if not scheme.cipher.encrypts:
        return None
    return _picture(scheme, image_id, scheme.encrypt(image_id, plain, level, check=False), level)


def _picture(
    scheme: KeyedScheme, image_id: str, ciphertext: Bytes | Ciphertext, level: int
) -> Bytes:
    if isinstance(ciphertext, bytes):
        return scheme.view(image_id, ciphertext, level)
    return ciphertext


def _decrypted(
    scheme: KeyedScheme, image_id: str, ciphertext: Bytes | Ciphertext, level: int
) -> Bytes | None:
    if not scheme.cipher.has_inverse:
        return None
    try:
        return scheme.decrypt(image_id, ciphertext, level)
    except LeakageError:
        # A cipher with an authentication tag refuses a damaged ciphertext and a wrong key.
        return None
