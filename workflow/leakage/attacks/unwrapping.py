"""Unwrapping: the picture from its low bits, if the most significant ones are encrypted.

Without its n most significant bits a pixel is known modulo 2^(8-n), as a phase is modulo 2 pi.
Where neighbouring pixels differ by less than half of that, their difference tells how often the
value has wrapped around. Pixels are joined in the order of their reliability: Herraez, Burton,
Lalor, Gdeisat, "Fast two-dimensional phase-unwrapping algorithm based on sorting by reliability
following a noncontinuous path", Applied Optics 41(35), 2002 (in scikit-image). Each channel is
unwrapped by itself. Then the multiple of 2^(8-n) is added that puts most pixels into 0 to 255.
"""

from typing import Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from leakage.attacks import Attack, Target
from leakage.interfaces import Bytes
from leakage.schemes import Cipher
from leakage.schemes.bitplanes import PLANES, BitPlaneCipher


class Unwrapping(Attack):
    """Unwrapping of the low bits."""

    needs_pixels = True

    method: Literal["unwrapping"] = "unwrapping"
    pixels: int = pydantic.Field(default=1_000_000, ge=64)
    """most pixels to unwrap; of a larger picture the middle is attacked"""

    @property
    def largest(self) -> int:
        """Most pixels to attack."""
        return self.pixels

    def applies(self, cipher: Cipher, level: int) -> bool:
        """Return whether exactly the most significant bits are encrypted, and some are not."""
        if not isinstance(cipher, BitPlaneCipher):
            return False
        period = int(~cipher.encrypted_bits(level)) + 1
        return 1 < period < 1 << PLANES and period.bit_count() == 1

    def reconstruct(self, target: Target) -> Bytes:
        """Return the unwrapped picture; its low bits are those of the ciphertext."""
        assert isinstance(target.cipher, BitPlaneCipher)
        clear = ~target.cipher.encrypted_bits(target.level)
        low = target.ciphertext & clear
        channels = np.moveaxis(low, -1, 0)
        return np.stack([unwrapped(each, int(clear) + 1) for each in channels], axis=-1)


def unwrapped(low: Bytes, period: int) -> Bytes:
    """Return a channel of which only the values modulo a period are known.

    Args:
        low: the values, uint8 of shape (height, width), below `period`.
        period: a power of 2, from 2 to 128.

    Returns:
        uint8 of shape (height, width), equal to `low` modulo `period`.
    """
    from skimage.restoration import unwrap_phase

    turn = 2 * np.pi / period
    # The function takes phases between -pi and pi.
    phase = unwrap_phase(low * turn - np.pi)
    turns = np.rint(((phase + np.pi) / turn - low) / period).astype(np.int64)
    turns = np.clip(turns + _shift(turns, 256 // period), 0, 256 // period - 1)
    found: Bytes = (low + period * turns).astype(np.uint8)
    return found


def _shift(turns: NDArray[np.int64], possible: int) -> int:
    """Return what to add to numbers so that most of them are at least 0 and below `possible`.

    If several do equally well, the middle one is returned.
    """
    lowest = int(turns.min())
    counts = np.bincount((turns - lowest).ravel())
    inside = np.convolve(counts, np.ones(possible, np.int64))
    # inside[i] counts the numbers from lowest + i - possible + 1 to lowest + i.
    best = np.flatnonzero(inside == inside.max())
    return possible - 1 - lowest - int(best[len(best) // 2])
