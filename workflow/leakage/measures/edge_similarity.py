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

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from leakage.interfaces import Bytes
from leakage.measures import AT_ONCE, LUMA, Measure, luma

BLOCK = 8
DIRECTIONS = 8
EDGE = 16.0
NO_EDGE_ANYWHERE = 0.5
# The response of a Sobel filter of whole numbers (1, 2, 1) on `luma`, per grey level.
WHOLE = 4 * sum(LUMA)
# Tangents of the angles halfway between neighbouring directions, up to 90 degrees.
LIMITS = tuple(math.tan((each + 0.5) * math.pi / DIRECTIONS) for each in range(DIRECTIONS // 2))


class EdgeSimilarity(Measure):
    """Edge similarity score, 0 to 1; symmetric; 1 for the same picture with at least one edge."""

    name: ClassVar[str] = "edge_similarity"

    def measure(self, plain: Bytes, view: Bytes, ciphertext: Bytes) -> float:
        """Return the value of the view."""
        one = self._of_plain(plain)
        other = one if np.array_equal(plain, view) else _edge_directions(view)
        both, any_edge = (one > 0) & (other > 0), (one > 0) | (other > 0)
        if not any_edge.any():
            return NO_EDGE_ANYWHERE
        turned = (one - other)[both] * np.pi / DIRECTIONS
        return float(np.abs(np.cos(turned)).sum() / any_edge.sum())

    def __init__(self) -> None:
        self._last: tuple[Bytes, NDArray[np.int64]] | None = None

    def _of_plain(self, plain: Bytes) -> NDArray[np.int64]:
        """Return the directions of a plain picture, kept for its next view if it cannot change."""
        if plain.flags.writeable:
            return _edge_directions(plain)
        if self._last is None or self._last[0] is not plain:
            self._last = plain, _edge_directions(plain)
        return self._last[1]


def _edge_directions(picture: Bytes) -> NDArray[np.int64]:
    """Return each block's dominant direction, 1 to 8, or 0 without an edge, shape (blocks,)."""
    height, width, channels = picture.shape
    strip = max(AT_ONCE // (width * channels * BLOCK), 1) * BLOCK
    # Each strip has a row more at either side; those of the picture are mirrored.
    mirrored = np.clip(np.arange(-1, height + 1), 0, height - 1)
    found = [
        _dominant(luma(picture[mirrored[top : min(top + strip, height) + 2]]))
        for top in range(0, height, strip)
    ]
    return np.concatenate(found)


def _dominant(strip: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the dominant directions of a strip's blocks; its first and last row are beside it."""
    strip = np.pad(strip, ((0, 0), (1, 1)), mode="edge")
    across = strip[:, 2:] - strip[:, :-2]
    right = across[:-2] + 2 * across[1:-1] + across[2:]
    smooth = strip[:, :-2] + 2 * strip[:, 1:-1] + strip[:, 2:]
    down = smooth[2:] - smooth[:-2]
    height, width = down.shape
    blocks = -(-width // BLOCK)
    down_to, right_to = (np.arange(side, dtype=np.int32) // BLOCK for side in (height, width))
    block = down_to[:, None] * blocks + right_to
    # Exact: whole numbers below 2^53.
    squares = np.square(down, dtype=np.float64) + np.square(right, dtype=np.float64)
    edges = np.flatnonzero(squares.ravel() >= (EDGE * WHOLE) ** 2)
    response = np.sqrt(squares.ravel()[edges]) / WHOLE
    place = block.ravel()[edges] * DIRECTIONS + _direction(
        down.ravel()[edges], right.ravel()[edges]
    )
    count = (int(block[-1, -1]) + 1) * DIRECTIONS
    votes = np.bincount(place, response, count).reshape(-1, DIRECTIONS)
    return np.where(votes.any(axis=1), votes.argmax(axis=1) + 1, 0)


def _direction(down: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the nearest of the directions, 0 to 7: the angle of (down, right), modulo 180 degrees.

    The tangents of the limits between directions take the place of an arctangent per pixel.
    """
    tall, wide = np.abs(down).astype(np.float64), np.abs(right).astype(np.float64)
    turns = np.zeros(len(down), np.int8)
    for tangent in LIMITS:
        turns += tall > tangent * wide
    turns = np.where((down < 0) != (right < 0), -turns, turns) % np.int8(DIRECTIONS)
    return turns.astype(np.int64)
