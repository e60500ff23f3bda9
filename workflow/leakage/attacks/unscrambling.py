"""Unscrambling: a permutation found from known pictures, if it is the same for every picture.

Pixels that change places keep their values. The values of one place in several known pictures are
its signature, which is found again at the place where the permutation has put it. With enough known
pictures each place has a signature of its own, and the permutation is known. It undoes every other
picture of the same shape. Zhao, Li, Chen et al. call such ciphers permutation-only: Li, Li, Chen,
Bourbakis, "A general quantitative cryptanalysis of permutation-only multimedia ciphers against
plaintext attacks", Signal Processing: Image Communication 23(3), 2008.
"""

from typing import Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from leakage import plugins
from leakage.attacks import KNOWN_PLAINTEXT, Attack, Target
from leakage.interfaces import Bytes
from leakage.schemes import Cipher
from leakage.schemes.block_permutation import BlockPermutation
from leakage.schemes.pixel_permutation import PixelPermutation

# An odd multiplier with well-mixed bits (Knuth's, from the golden ratio).
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


class Unscrambling(Attack):
    """A permutation found from known pairs."""

    needs_pixels = True
    threat = KNOWN_PLAINTEXT

    method: Literal["unscrambling"] = "unscrambling"
    known: int = pydantic.Field(default=8, ge=2)
    """known pairs of picture and ciphertext"""

    @property
    def pairs(self) -> int:
        """Number of known pairs."""
        return self.known

    def applies(self, cipher: Cipher, level: int) -> bool:
        """Return whether the cipher permutes, which of a plug-in nobody knows."""
        permutes = isinstance(cipher, PixelPermutation | BlockPermutation)
        return permutes or plugins.is_file(cipher.cipher)

    def reconstruct(self, target: Target) -> Bytes | None:
        """Return the picture, if one permutation explains all known pairs; else None.

        Whole pixels are tried first, then single values. Places with the same signature are told
        apart by their order, which may be wrong.
        """
        for size in dict.fromkeys((target.view.shape[-1], 1)):
            plain = signatures([each.plain for each in target.known], size)
            moved = signatures([each.ciphertext for each in target.known], size)
            home, away = (np.argsort(each, kind="stable") for each in (plain, moved))
            if len(home) == len(away) and np.array_equal(plain[home], moved[away]):
                found = np.empty((len(home), size), np.uint8)
                found[home] = target.ciphertext.reshape(-1, size)[away]
                return found.reshape(target.view.shape)
        return None


def signatures(pictures: list[Bytes], size: int) -> NDArray[np.uint64]:
    """Return a number for each place that depends on its values in all pictures.

    Args:
        pictures: uint8 of one shape.
        size: neighbouring values that make up a place: the channels of a pixel, or 1.

    Returns:
        uint64 of shape (places,); different values have the same number with probability 2^-64.
    """
    found = np.zeros(pictures[0].size // size, np.uint64)
    for picture in pictures:
        for values in picture.reshape(-1, size).T:
            found = (found ^ values) * MULTIPLIER
            found ^= found >> np.uint64(29)
    return found
