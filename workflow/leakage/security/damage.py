"""Robustness: what the right key gives back of a damaged ciphertext, as PSNR in dB.

There is no right value: a cipher that spreads damage resists manipulation, one that does not
survives a noisy channel. So the values are not judged.

- Noise: 1 % of the values, at random places, become 0 or 255.
- Cropping: a block of half the height and a quarter of the width, in the middle, becomes 0.
"""

from typing import ClassVar

import numpy as np

from leakage.interfaces import Bytes
from leakage.measures.similarity import psnr
from leakage.security import UNDEFINED, Check, Checks
from leakage.security.case import Case

SHARE = 0.01


class Damage(Checks):
    """PSNR of the decrypted picture after noise and after cropping."""

    tests: ClassVar[tuple[Check, ...]] = (
        Check("noise_psnr", "PSNR after 1 % salt-and-pepper noise", "dB"),
        Check("crop_psnr", "PSNR after a block of 1/8 is cut out", "dB"),
    )

    def values(self, case: Case) -> tuple[float, ...]:
        """Return the PSNR of the decrypted picture; NaN if the cipher cannot decrypt it."""
        return tuple(
            UNDEFINED
            if (found := case.decrypted(each(case.ciphertext))) is None
            else psnr(case.plain, found)
            for each in (noisy, cropped)
        )


def noisy(picture: Bytes) -> Bytes:
    """Return a picture with salt and pepper in 1 % of its values."""
    generator = np.random.default_rng(0)
    found = picture.copy()
    places = generator.integers(0, found.size, round(SHARE * found.size))
    found.ravel()[places] = generator.choice(np.array([0, 255], np.uint8), len(places))
    return found


def cropped(picture: Bytes) -> Bytes:
    """Return a picture with an eighth of it black, in the middle."""
    height, width, _ = picture.shape
    found = picture.copy()
    top, left = height // 4, width * 3 // 8
    found[top : top + height // 2, left : left + width // 4] = 0
    return found
