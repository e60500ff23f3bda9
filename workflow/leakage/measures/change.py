"""Change between a plain picture and its ciphertext: NPCR and UACI.

Both compare the plain picture with its whole ciphertext, including the encrypted bits. They are not
the differential test of Wu, Noonan and Agaian ("NPCR and UACI randomness tests for image
encryption", 2011), which compares the ciphertexts of two pictures that differ in one pixel. So they
say nothing about differential attacks.

Where the ciphertext is not a picture of the plain picture's shape (a cipher with `returns_bytes`,
such as `jpeg_signs`), they compare with the view.
"""

from typing import ClassVar

import numpy as np

from leakage.interfaces import Bytes
from leakage.measures import Measure, strips


class Npcr(Measure):
    """Number of changed pixels rate, in percent of all values: 0 to 100.

    Two independent uniform pictures give 255/256 = 99.609 % on average.
    """

    name: ClassVar[str] = "npcr"

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of the ciphertext."""
        return npcr(plain, ciphertext)


class Uaci(Measure):
    """Unified average changed intensity, in percent of 255: 0 to 100.

    Two independent uniform pictures give 257/768 = 33.464 % on average. A plain picture is not
    uniform: under a perfect cipher, its value depends on its brightness, from 25 % (all mid-grey)
    to 50 % (all black or white). So compare it with noise in place of the ciphertext.
    """

    name: ClassVar[str] = "uaci"

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of the ciphertext."""
        return uaci(plain, ciphertext)


def npcr(one: Bytes, other: Bytes) -> float:
    """Return the share of values in which two pictures differ, in percent."""
    return float(100 * np.count_nonzero(one != other) / one.size)


def uaci(one: Bytes, other: Bytes) -> float:
    """Return the mean absolute difference of two pictures, in percent of 255."""
    total = 0
    for rows in strips(one):
        difference = np.maximum(one[rows], other[rows]) - np.minimum(one[rows], other[rows])
        total += int(difference.sum(dtype=np.int64))
    # One division, as for NPCR, so that they are equal if every change is one of 255.
    return 100 * total / (255 * one.size)
