"""Shared by the ciphers that XOR bit planes: plane 7 is the most significant bit, 0 the least."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from leakage.interfaces import Bytes
from leakage.schemes import Cipher
from leakage.schemes.keystream import Keystream

PLANES = 8


class BitPlaneCipher(Cipher):
    """A cipher that XORs n of the 8 bits of every pixel with a keystream at level n.

    A class derived from it says which bits, in `encrypted_bits`.
    """

    pixelwise: ClassVar[bool] = True
    strongest: ClassVar[int] = PLANES

    if TYPE_CHECKING:  # each class has this field, with values of its own
        view: str

    def encrypted_bits(self, level: int) -> np.uint8:
        """Return the mask of the bits that a level encrypts."""
        raise NotImplementedError

    def encrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture with its encrypted bits XORed with the keystream."""
        return xor(pixels, self.encrypted_bits(level), keystream)

    def decrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture: XOR is its own inverse."""
        return self.encrypt(pixels, level, keystream)

    def view_of(self, ciphertext: Bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the clear bits of a ciphertext, with zeros in place of the encrypted ones."""
        return ciphertext if self.view == "full" else clear(ciphertext, self.encrypted_bits(level))

    def clear_bits(self, level: int) -> int:
        """Return the number of clear bits per pixel, which limits the view's information."""
        return PLANES - level

    def strength(self, level: int) -> float:
        """Return the share of encrypted bits."""
        return level / PLANES

    def nested(self) -> bool:
        """Return False for the view `full`: a lower level does not determine its encrypted bits."""
        return self.view != "full"


def mask(planes: Iterable[int]) -> np.uint8:
    """Return the byte with the bits of some planes set."""
    return np.uint8(sum(1 << plane for plane in planes))


def xor(pixels: Bytes, encrypted: np.uint8, keystream: Keystream) -> Bytes:
    """Return `pixels` with the bits of a mask XORed with the keystream."""
    found = keystream.bytes(pixels.size).reshape(pixels.shape)
    # In place: a new array per operation would take as long as the keystream.
    found &= encrypted
    found ^= pixels
    return found


def clear(ciphertext: Bytes, encrypted: np.uint8) -> Bytes:
    """Return `ciphertext` with the bits of a mask set to 0."""
    return ciphertext & ~encrypted
