"""Inpainting: encrypted blocks continued from the clear ones around them.

Blocks that the cipher has encrypted look like noise, so the adversary sees which they are. They are
filled with the smoothest surface that fits the clear pixels at their borders, the solution of the
biharmonic equation: Damelin, Hoang, "On surface completion and image inpainting by biharmonic
functions: numerical aspects", Int. J. Mathematics and Mathematical Sciences, 2018 (scikit-image).
"""

from typing import Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from leakage.attacks import Attack, Target
from leakage.interfaces import Bytes
from leakage.schemes import Cipher, blocks
from leakage.schemes.block_xor import BlockXor

# The mean absolute difference of neighbouring uniform bytes is 85.3; photographs are far below.
NOISE = 64


class Inpainting(Attack):
    """Inpainting of encrypted blocks."""

    needs_pixels = True

    method: Literal["inpainting"] = "inpainting"
    pixels: int = pydantic.Field(default=300_000, ge=64)
    """most pixels to attack; of a larger picture the middle is attacked"""

    @property
    def largest(self) -> int:
        """Most pixels to attack."""
        return self.pixels

    def applies(self, cipher: Cipher, level: int) -> bool:
        """Return whether some blocks are encrypted and some are not."""
        return isinstance(cipher, BlockXor) and level < cipher.strongest

    def reconstruct(self, target: Target) -> Bytes | None:
        """Return the picture with its encrypted blocks filled; None if none of it is clear."""
        from skimage.restoration import inpaint_biharmonic

        assert isinstance(target.cipher, BlockXor)
        encrypted = noisy(target.ciphertext, target.cipher.block, target.origin)
        if encrypted.all():
            return None
        filled = inpaint_biharmonic(target.ciphertext, encrypted, channel_axis=-1)
        found: Bytes = np.clip(np.rint(255 * filled), 0, 255).astype(np.uint8)
        return found


def noisy(pixels: Bytes, side: int, origin: tuple[int, int] = (0, 0)) -> NDArray[np.bool_]:
    """Return whether each pixel is in a block that looks like uniform noise.

    Args:
        pixels: uint8 of shape (height, width, channels).
        side: of a block.
        origin: row and column of the first pixel in the picture that is cut into blocks.

    Returns:
        bool of shape (height, width).
    """
    height, width = pixels.shape[:2]
    top, left = origin
    number = blocks.numbers(top + height, left + width, side)[top:, left:]
    total, count = np.zeros(number.max() + 1), np.zeros(number.max() + 1)
    for axis in (0, 1):
        here, there = np.delete(number, -1, axis), np.delete(number, 0, axis)
        inside = here == there
        step = np.abs(np.diff(pixels.astype(np.int16), axis=axis)).mean(axis=-1)
        total += np.bincount(here[inside], step[inside], len(total))
        count += np.bincount(here[inside], minlength=len(count))
    mean = total / np.maximum(count, 1)
    return np.asarray(mean[number] > NOISE)
