"""Luminance similarity score, the companion of the edge similarity score.

Mao and Wu, "A joint signal processing and cryptographic approach to multimedia encryption", IEEE
Trans. Image Processing 15(7), 2006. Each block of 8 x 8 pixels has a mean luminance, x in the plain
picture and y in the view. The score is the mean over the blocks of

    1 if |x - y| < beta / 2, otherwise -alpha round(|x - y| / beta),

with the paper's alpha = 0.1 and beta = 3.

Readings of ours, where the paper is open:

- Luminance is the luma (0.299 R + 0.587 G + 0.114 B, 0 to 255).
- Halves are rounded up.
- Blocks do not overlap. Those that are cut by the right or lower side of the picture count like
  whole ones.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from leakage.interfaces import Bytes, Floats
from leakage.measures import AT_ONCE, LUMA, Measure

BLOCK = 8
ALPHA, BETA = 0.1, 3.0


class LuminanceSimilarity(Measure):
    """Luminance similarity score, -8.5 to 1; symmetric; 1 for the same picture.

    A few grey levels of difference are enough for a value below 0, so a score means nothing without
    that of noise beside it.
    """

    name: ClassVar[str] = "luminance_similarity"

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of the view."""
        apart = np.abs(_block_means(plain) - _block_means(view))
        scores = np.where(apart < BETA / 2, 1.0, -ALPHA * np.floor(apart / BETA + 0.5))
        return float(scores.mean())


def _block_means(picture: Bytes) -> Floats:
    """Return the mean luma of each block, of shape (blocks down, blocks across)."""
    height, width, channels = picture.shape
    tall, wide = (_sizes(side) for side in (height, width))
    weights = np.array(LUMA if channels == 3 else (sum(LUMA),))
    strip = max(AT_ONCE // (width * channels * BLOCK), 1) * BLOCK
    sums = [_block_sums(picture[top : top + strip]) @ weights for top in range(0, height, strip)]
    # Sums of whole numbers are exact, so equal blocks have equal means.
    means: Floats = np.concatenate(sums) / (sum(LUMA) * np.outer(tall, wide))
    return means


def _block_sums(strip: Bytes) -> NDArray[np.int64]:
    """Return the sum of each block and channel, of shape (blocks down, blocks across, channels)."""
    height, width, channels = strip.shape
    down, right = -(-height // BLOCK), -(-width // BLOCK)
    whole = np.zeros((down * BLOCK, right * BLOCK, channels), np.uint8)
    whole[:height, :width] = strip
    # Sums of few bytes fit into uint16.
    rows = whole.reshape(down, BLOCK, -1).sum(axis=1, dtype=np.uint16)
    found: NDArray[np.int64] = rows.reshape(down, right, BLOCK, channels).sum(
        axis=2, dtype=np.int64
    )
    return found


def _sizes(side: int) -> NDArray[np.int64]:
    """Return the sizes of the blocks along a side."""
    return np.diff(np.append(np.arange(0, side, BLOCK), side))
