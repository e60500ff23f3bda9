"""Jigsaw: permuted blocks put back by their borders, without any known picture.

Blocks that were neighbours continue each other: the step from the last column of one to the first
of the other is like the steps inside each. How unlikely a step is, is the Mahalanobis gradient
compatibility of Gallagher, "Jigsaw puzzles with pieces of unknown orientation", CVPR 2012. As in
Pomeranz, Shemesh, Ben-Shahar, "A fully automated greedy square jigsaw puzzle solver", CVPR 2011,
blocks are placed one by one, the best fitting first, in a frame that is only fixed at the end.
Smaller blocks at the lower and right ends stay where they are.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from leakage.attacks import Attack, Target
from leakage.interfaces import Bytes, Floats
from leakage.schemes import Cipher, blocks
from leakage.schemes.block_permutation import BlockPermutation

Grid = NDArray[np.int64]
# A cell of the frame without a block.
EMPTY = -1


class Jigsaw(Attack):
    """Blocks put back by their borders."""

    needs_pixels = True

    method: Literal["jigsaw"] = "jigsaw"
    most_blocks: int = pydantic.Field(default=1200, ge=3)
    """most blocks of a picture; with more the attack gives up"""

    def applies(self, cipher: Cipher, level: int) -> bool:
        """Return whether the cipher permutes blocks with a border of two pixels at least."""
        return isinstance(cipher, BlockPermutation) and _side(cipher, level) > 1

    def reconstruct(self, target: Target) -> Bytes | None:
        """Return the picture with its blocks in the order that fits best."""
        side = _side(target.cipher, target.level)
        found: Bytes = target.ciphertext.copy()
        whole = _whole(found, side)
        cut = blocks.cut(whole, side, side)
        if not 2 < len(cut) <= self.most_blocks:
            return None
        frame = whole.shape[0] // side, whole.shape[1] // side
        order = placed(*compatibility(cut.astype(np.float32)), frame)
        whole[:] = blocks.put_together(cut[order.ravel()], *whole.shape[:2])
        return found

    def judge(self, plain: Bytes, guess: Bytes, cipher: Cipher, level: int) -> dict[str, float]:
        """Return `neighbours`, the share of neighbouring blocks that are neighbours in truth."""
        pairs = [list(_pairs(picture, _side(cipher, level))) for picture in (guess, plain)]
        true = set(pairs[1])
        return {"neighbours": float(np.mean([pair in true for pair in pairs[0]]))}


def compatibility(cut: Floats) -> tuple[Floats, Floats]:
    """Return how badly each block fits at the right of each other, and below it.

    Args:
        cut: float32 of shape (blocks, side, side, channels).

    Returns:
        Two arrays [first, second] of shape (blocks, blocks), 1 or less only if the second is the
        best choice for the first, or the first for the second; infinite for a block and itself.
    """
    return _fits(cut), _fits(cut.swapaxes(1, 2))


def _fits(cut: Floats) -> Floats:
    found = _steps(cut) + _steps(cut[:, :, ::-1]).T
    np.fill_diagonal(found, np.inf)
    second_of_row = np.partition(found, 1, axis=1)[:, 1:2]
    second_of_column = np.partition(found, 1, axis=0)[1:2]
    # One more for each value of the border: flat blocks fit everywhere, and none is the best.
    flat = np.float32(cut.shape[1] * cut.shape[3])
    return np.asarray((found + flat) / (np.minimum(second_of_row, second_of_column) + flat))


def _steps(cut: Floats) -> Floats:
    """Return how unlikely the step from each block's last column to each first column is."""
    channels = cut.shape[-1]
    last, inside, first = cut[:, :, -1], cut[:, :, -1] - cut[:, :, -2], cut[:, :, 0]
    found = np.empty((len(cut), len(cut)), np.float32)
    for index, (column, steps) in enumerate(zip(last, inside, strict=True)):
        mean = steps.mean(axis=0)
        # A step of one grey level more, so that a flat block has a spread.
        spread = np.cov(steps.T, bias=True).reshape(channels, channels) + np.eye(channels)
        whiten = np.linalg.cholesky(np.linalg.inv(spread)).astype(np.float32)
        found[index] = np.square((first - column - mean) @ whiten).sum(axis=(1, 2))
    return found


def placed(right: Floats, below: Floats, frame: tuple[int, int]) -> Grid:
    """Return which block is where, int64 of shape `frame`: (rows, columns).

    Args:
        right: how badly the second block fits at the right of the first, [first, second].
        below: the same below it.
        frame: rows and columns of blocks; as many cells as there are blocks.
    """
    board = Board(right, below, frame)
    best = [each.min(axis=axis) for each in (right, below) for axis in (0, 1)]
    board.put(frame[0] - 1, frame[1] - 1, int(np.argmin(np.sum(best, axis=0))))
    for _ in range(len(right) - 1):
        board.put(*board.best())
    return board.cropped()


class Board:
    """Blocks at their places, in a frame that can still move.

    Args:
        right, below, frame: as of `placed`.
    """

    def __init__(self, right: Floats, below: Floats, frame: tuple[int, int]):
        self.frame = frame
        self.cells = np.full((2 * frame[0] - 1, 2 * frame[1] - 1), EMPTY)
        # By the way from a block to a free cell: how badly [block, other] fit.
        self._fits = {(0, 1): right, (0, -1): right.T, (1, 0): below, (-1, 0): below.T}
        self._used = np.zeros(len(right), bool)
        self._rows: set[int] = set()
        self._columns: set[int] = set()
        # Of each free cell beside a block: one row of `fits` per neighbour; the best and its value.
        self._neighbours: dict[tuple[int, int], list[Floats]] = {}
        self._chosen: dict[tuple[int, int], tuple[float, int]] = {}

    def put(self, row: int, column: int, block: int) -> None:
        """Place a block."""
        self.cells[row, column] = block
        self._used[block] = True
        self._rows.add(row)
        self._columns.add(column)
        self._neighbours.pop((row, column), None)
        self._chosen.pop((row, column), None)
        stale = {cell for cell, (_, best) in self._chosen.items() if best == block}
        for (down, along), fits in self._fits.items():
            cell = row + down, column + along
            if self._inside(*cell) and self.cells[cell] == EMPTY:
                self._neighbours.setdefault(cell, []).append(fits[block])
                stale.add(cell)
        for cell in stale:
            cost = np.where(self._used, np.inf, np.mean(self._neighbours[cell], axis=0))
            self._chosen[cell] = float(cost.min()), int(cost.argmin())

    def best(self) -> tuple[int, int, int]:
        """Return the row, the column and the block that fit best."""
        free = [cell for cell in self._chosen if self._inside(*cell)]
        cell = min(free, key=lambda each: self._chosen[each])
        return *cell, self._chosen[cell][1]

    def cropped(self) -> Grid:
        """Return the frame."""
        top, left = min(self._rows), min(self._columns)
        return self.cells[top : top + self.frame[0], left : left + self.frame[1]]

    def _inside(self, row: int, column: int) -> bool:
        """Return whether a frame has room for a cell and for all blocks."""
        spans = (self._rows | {row}, self._columns | {column})
        return all(
            max(span) - min(span) < size for span, size in zip(spans, self.frame, strict=True)
        )


def _side(cipher: Cipher, level: int) -> int:
    return 1 << (cipher.strongest - level)


def _whole(picture: Bytes, side: int) -> Bytes:
    """Return the part of a picture that consists of whole blocks; writing changes the picture."""
    height, width = (size // side * side for size in picture.shape[:2])
    return picture[:height, :width]


def _pairs(picture: Bytes, side: int) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield each pair of neighbouring blocks, by their content."""
    whole = _whole(picture, side)
    rows, columns = whole.shape[0] // side, whole.shape[1] // side
    cut = [each.tobytes() for each in blocks.cut(whole, side, side)]
    for index, each in enumerate(cut):
        if (index + 1) % columns:
            yield "right", each, cut[index + 1]
        if index + columns < rows * columns:
            yield "below", each, cut[index + columns]
