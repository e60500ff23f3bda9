"""The base of estimators that train networks, on embeddings or on pairs of pixel values."""

from typing import ClassVar, Literal

import pydantic

from leakage.config.settings import Settings
from leakage.estimators import Estimator


class Pixels(Settings):
    """How pairs of pixel values (bytes) are drawn, read by the critic, and held out."""

    pairs: int = pydantic.Field(default=60_000, ge=10, le=1_000_000_000)
    """pairs of pixel values drawn over the whole set, including the held-out ones"""
    input: Literal["scalar", "bits", "fourier"] = "bits"
    """how critics read a byte: as a number, as its 8 bits, or as sines and cosines of 8 octaves"""
    split: Literal["pictures", "pairs"] = "pictures"
    """unit that is held out: all pixels of a picture, or a single pair"""


class Trained(Estimator):
    """An estimator that fits critics on training pairs: networks, or a Gaussian one (`cca`)."""

    reads = frozenset({"pixels", "embeddings"})
    trains = True
    uses_gpu = True
    resumes = True
    inherits: ClassVar[tuple[str, ...]] = ("device",)

    pixels: Pixels = Pixels()
    """settings for pairs of pixel values, in place of embeddings"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where the critics run; default: the top-level `device`"""

    @property
    def reads_bytes(self) -> bool:
        """Whether it is configured for pixels, so that the calibration gives it pairs of bytes."""
        return "pixels" in self.model_fields_set

    @property
    def pixel_pairs(self) -> int:
        """Number of pairs of pixel values to draw from the pictures."""
        return self.pixels.pairs

    @property
    def runs_on(self) -> Literal["auto", "cpu", "cuda"]:
        """The device to run on."""
        return self.device
