"""Recognise pictures that occur twice: with the same pixels, or nearly."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from leakage.interfaces import Bytes, Ints

SIDE = 32  # of the thumbnail, in pixels
WAVES = 8  # lowest frequencies per axis
# Cosine of two outlines. Among 10,011 pairs of different photographs, the highest is 0.62, also
# with one mirrored. Scaled, recompressed and brightened copies have at least 0.96, and copies
# without 3 % of width and height 0.96 (19 of 20).
ALIKE = 0.85
ROWS_AT_ONCE = 256
Outlines = NDArray[np.float32]


def digest(pixels: Bytes) -> str:
    """Return a hash of a picture's pixels; grey is the same with one channel and with three."""
    if pixels.shape[2] == 3 and (pixels[..., :1] == pixels).all():
        pixels = pixels[..., :1]
    found = hashlib.sha256(repr(pixels.shape).encode())
    found.update(np.ascontiguousarray(pixels).data)
    return found.hexdigest()


def outline(pixels: Bytes) -> Outlines:
    """Return the low frequencies of a picture, float32 (WAVES²,), with unit norm.

    They are the discrete cosine transform of a small grey thumbnail, without the mean. Each is
    multiplied by its frequency, because natural pictures have the more power the lower it is. A
    picture of one colour gives zeros.
    """
    image = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0])
    small = image.resize((SIDE, SIDE), Image.Resampling.BOX).convert("L")
    waves = dctn(np.asarray(small, np.float64), norm="ortho")[:WAVES, :WAVES]
    flat = (waves * np.hypot(*np.mgrid[:WAVES, :WAVES])).ravel()
    unit: Outlines = (flat / max(float(np.linalg.norm(flat)), 1.0)).astype(np.float32)
    return unit


def earlier_alike(outlines: Outlines) -> Ints:
    """Return for each picture the index of the earlier one that looks most alike, or -1.

    A mirrored copy counts. Memory grows with the number of pictures, time with its square: 20,000
    pictures take seconds.

    Args:
        outlines: (pictures, WAVES²).
    """
    found = np.full(len(outlines), -1)
    # Mirroring changes the sign of the odd horizontal frequencies.
    mirrored = outlines * np.tile(np.array([1, -1], np.float32), outlines.shape[1] // 2)
    for start in range(0, len(outlines), ROWS_AT_ONCE):
        block = outlines[start : start + ROWS_AT_ONCE]
        end = start + len(block)
        scores = np.maximum(block @ outlines[:end].T, block @ mirrored[:end].T)
        scores[np.arange(end) >= np.arange(start, end)[:, None]] = 0
        best = scores.argmax(axis=1)
        alike = scores[np.arange(len(block)), best] >= ALIKE
        found[start:end][alike] = best[alike]
    return found
