"""Edge similarity score.

Mao and Wu, "A joint signal processing and cryptographic approach to multimedia encryption", IEEE
Trans. Image Processing 15(7), 2006. Each block of 8 x 8 pixels has an index e: 0 without an edge,
otherwise the dominant one of 8 directions, 22.5 degrees apart. With their angles phi(e), the score
is

    sum over blocks of w / sum over blocks of c,
    w = |cos(phi(e1) - phi(e2))| if both blocks have an edge, otherwise 0,
    c = 0 if neither block has an edge, otherwise 1.

It is 0.5 if no block of either picture has an edge, by convention. If all blocks have edges of
unrelated directions it is 0.63, so a score means nothing without that of noise beside it.

Readings of ours, where the paper is open:

- Directions are those of the Sobel gradient of the luma (0.299 R + 0.587 G + 0.114 B, 0 to 255),
  with a mirrored border. Edges lie across the gradient, which changes no difference of directions.
- A pixel is an edge if the response is at least 16, where a step of s grey levels responds with s.
- The dominant direction of a block has the largest sum of its edge pixels' responses; the first of
  equal ones.
- Blocks that are cut by the right or lower side of the picture count like whole ones.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from leakage.interfaces import Bytes
from leakage.measures import Measure

BLOCK = 8
DIRECTIONS = 8
EDGE = 16.0
NO_EDGE_ANYWHERE = 0.5
# Thousandths of red, green and blue in luma (ITU-R BT.601); whole numbers keep grey exact.
LUMA = (299, 587, 114)


class EdgeSimilarity(Measure):
    """Edge similarity score, 0 to 1; symmetric; 1 for the same picture with at least one edge."""

    name: ClassVar[str] = "edge_similarity"

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of the view."""
        one, other = _edge_directions(plain), _edge_directions(view)
        both, any_edge = (one > 0) & (other > 0), (one > 0) | (other > 0)
        if not any_edge.any():
            return NO_EDGE_ANYWHERE
        turned = (one - other)[both] * np.pi / DIRECTIONS
        return float(np.abs(np.cos(turned)).sum() / any_edge.sum())


def _edge_directions(picture: Bytes) -> NDArray[np.int64]:
    """Return each block's dominant direction, 1 to 8, or 0 without an edge, shape (blocks,)."""
    from skimage.filters import sobel_h, sobel_v

    grey = _luma(picture)
    down, right = sobel_h(grey), sobel_v(grey)
    response = np.hypot(down, right)
    edges = response >= EDGE
    direction = np.rint(np.arctan2(down, right) * DIRECTIONS / np.pi).astype(int) % DIRECTIONS
    height, width = grey.shape
    across = -(-width // BLOCK)
    block = np.arange(height)[:, None] // BLOCK * across + np.arange(width) // BLOCK
    votes = np.bincount(
        (block * DIRECTIONS + direction)[edges],
        weights=response[edges],
        minlength=(block[-1, -1] + 1) * DIRECTIONS,
    ).reshape(-1, DIRECTIONS)
    return np.where(votes.any(axis=1), votes.argmax(axis=1) + 1, 0)


def _luma(picture: Bytes) -> NDArray[np.float64]:
    """Return the luma, 0 to 255, of shape (height, width)."""
    if picture.shape[2] == 1:
        return picture[..., 0].astype(np.float64)
    return np.asarray(picture @ np.array(LUMA) / sum(LUMA))
