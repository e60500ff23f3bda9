"""Features of bytes: how critics read pixel values, as bits or as numbers.

A cipher works on bits. Pixel and view share bits while their numbers look unrelated, so a critic
that reads numbers misses nearly everything (it finds 0.1 nat of 2.8 at level 4 of `msb_xor`). A
smooth relation is the opposite. Of two correlated bytes (2.04 nats) a critic that reads bits finds
0.9, one that reads numbers 2.0. So the dtype alone does not decide.
"""

from typing import TYPE_CHECKING, Literal

import numpy as np

from leakage.interfaces import Bytes, Floats

if TYPE_CHECKING:
    from leakage.estimators.trained import Trained

How = Literal["scalar", "bits", "fourier"]

NOTES = {
    "scalar": "bytes read as numbers",
    "bits": "bytes read as bits",
    "fourier": "bytes read as sines and cosines",
}
# Bytes are read as bits if the bits show this many times as much as the numbers, plus the margin.
# A number is a sum of its bits, so bits also show a smooth relation, at up to three times its
# strength.
TIMES = 4
# In nats. Bits of independent bytes do not reach this by chance.
MARGIN, MARGIN_OF_FEW = 0.1, 60.0
# Upper limit of squared correlations.
LARGEST = 0.999


def choose(x: np.ndarray, y: np.ndarray, settings: "Trained") -> How | None:
    """Return how critics read the items; None if x or y is not uint8.

    If the settings give the branch `pixels`, its `input` decides. (The workflow always gives it.)
    Otherwise bytes are read as numbers, unless their bits agree far better (`bits_agree`).

    Example:
        >>> x = np.random.default_rng(0).integers(0, 256, (500, 1), dtype=np.uint8)
        >>> choose(x, x[None] << 4, Mine())
        'bits'
    """
    if not x.dtype == y.dtype == np.uint8:
        return None
    if "pixels" in settings.model_fields_set:
        return settings.pixels.input
    return "bits" if bits_agree(x, y) else "scalar"


def note(how: How | None) -> str:
    """Return the words to append to a table's estimand, with separator; empty for None."""
    return "" if how is None else f"; {NOTES[how]}"


def encode(values: Bytes, how: How) -> Floats:
    """Return uint8 (…, dim) as numbers, as 8 bits, or as 8 octaves of sine and cosine, float32.

    The last axis becomes dim, 8 dim or 16 dim. Fourier features: Tancik et al., NeurIPS 2020, arXiv
    2006.10739, with the octaves of a byte.
    """
    if how == "scalar":
        return values.astype(np.float32)
    octaves = np.arange(8)
    if how == "bits":
        features = values[..., None] >> octaves & 1
    else:
        angles = 2 * np.pi / 256 * values[..., None].astype(np.float32) * 2.0**octaves
        features = np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)
    found: Floats = features.reshape(*values.shape[:-1], -1).astype(np.float32)
    return found


def bits_agree(x: Bytes, y: Bytes) -> bool:
    """Return whether bytes (pairs, dim_x) and views agree far better in bits than in numbers.

    The comparison uses the Gaussian information -1/2 sum ln(1 - r^2) of the canonical correlations
    r, once for the eight bits and once for the numbers' ranks. It is summed over columns, minus the
    same for mismatched pairs. One level at which the bits agree is enough.
    """
    if x.shape[1] != y.shape[2]:
        return False  # columns do not correspond
    for view in y:
        columns = list(zip(x.T, view.T, strict=True))
        bits, numbers = (
            sum(_information(as_read(one), as_read(other)) for one, other in columns)
            for as_read in (_bits, _ranks)
        )
        if bits > TIMES * max(0.0, numbers) + MARGIN + MARGIN_OF_FEW * len(columns) / len(x):
            return True
    return False


def _bits(values: Bytes) -> Floats:
    bits: Floats = (values[:, None] >> np.arange(8) & 1).astype(np.float64)
    return bits


def _ranks(values: Bytes) -> Floats:
    counts = np.bincount(values, minlength=256)
    return (np.cumsum(counts) - counts / 2)[values][:, None]


def _information(x: Floats, y: Floats) -> float:
    """Return the Gaussian information of x and y (pairs, dim) minus that of mismatches, in nats."""
    x, y = _orthonormal(x), _orthonormal(y)
    matched, mismatched = (
        -0.5 * np.log1p(-np.minimum(np.linalg.svd(x.T @ other, compute_uv=False) ** 2, LARGEST))
        for other in (y, np.roll(y, len(y) // 2, axis=0))
    )
    return float(matched.sum() - mismatched.sum())


def _orthonormal(values: Floats) -> Floats:
    """Return an orthonormal basis of the centred columns, shape (pairs, rank)."""
    basis, sizes, _ = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    return basis[:, sizes > 1e-9 * max(1.0, sizes[0])]
