"""Signs of the quantised DCT coefficients of a JPEG file, XORed with a keystream.

The picture is coded as JPEG. Level n encrypts the signs of n eighths of the coefficients. The key
decides which ones. A coefficient that is encrypted at a level is encrypted at every higher level,
with the same bit. The ciphertext is a JPEG file that any decoder opens, and the view is what a
decoder shows. The signs can be restored exactly, but the picture only as JPEG codes it.

Level 0 is the picture of the dataset, not its JPEG. So the step from level 0 to the next level
includes the loss by JPEG.

Only signs are hidden: the file shows the magnitude of every coefficient, and which are zero, at
every level. The signs of DC are those of the values themselves. That a file stores the difference
from the DC of the block before does not matter here.

C. Shi and B. Bhargava, "A fast MPEG video encryption algorithm", 1998, encrypt the signs of MPEG's
coefficients like this.
"""

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from leakage.errors import LeakageError
from leakage.interfaces import Bytes
from leakage.schemes import Cipher
from leakage.schemes.keystream import Keystream

COMPONENTS = ("Y", "Cb", "Cr")
LONGEST = 65_500  # of a side, for libjpeg
# jpeglib keeps the markers of a file in global variables: two threads end the process.
ONE_AT_A_TIME = threading.Lock()

Coefficients = NDArray[np.int16]


class JpegSigns(Cipher):
    """Signs of JPEG coefficients."""

    level_label: ClassVar[str] = "level n (eighths of the signs encrypted)"
    strongest: ClassVar[int] = 8
    returns_bytes: ClassVar[bool] = True

    cipher: Literal["jpeg_signs"] = "jpeg_signs"
    levels: list[int] = pydantic.Field(default=[0, 1, 2, 4, 6, 8])
    coefficients: Literal["dc", "ac", "both"] = "both"
    """whose signs: of the mean of each 8 x 8 block (`dc`), of the other 63 (`ac`), or of all"""
    quality: int = pydantic.Field(default=75, ge=1, le=95)
    """of the JPEG file; above 95, a changed sign of DC can exceed what a JPEG file can store"""
    subsampling: Literal[444, 422, 420] = 420
    """of the colours: 444 has all of them, 422 half, 420 a quarter"""

    def encrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> bytes:
        """Return the JPEG file of the picture, with the level's signs encrypted."""
        return self.switched(self.coded(pixels), level, keystream)

    def decrypt(self, ciphertext: bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture in the decrypted file, which is the plain one as JPEG codes it."""
        return decoded(self.switched(ciphertext, level, keystream))

    def view_of(self, ciphertext: bytes, level: int, keystream: Keystream) -> Bytes:
        """Return the picture that a decoder shows."""
        return decoded(ciphertext)

    def strength(self, level: int) -> float:
        """Return the share of the signs that are encrypted."""
        return level / self.strongest

    def coded(self, pixels: Bytes) -> bytes:
        """Return the JPEG file of a picture, without encryption.

        Raises:
            LeakageError: a side is longer than a JPEG file allows.
        """
        import simplejpeg

        if max(pixels.shape) > LONGEST:
            raise LeakageError(
                f"cipher jpeg_signs: the picture has {pixels.shape[1]} x {pixels.shape[0]} pixels; "
                f"expected sides of at most {LONGEST}; crop it, or leave it out of the dataset"
            )
        found: bytes = simplejpeg.encode_jpeg(
            np.ascontiguousarray(pixels),
            quality=self.quality,
            colorspace="GRAY" if pixels.shape[2] == 1 else "RGB",
            colorsubsampling=str(self.subsampling),
            fastdct=False,
        )
        return found

    def switched(self, content: bytes, level: int, keystream: Keystream) -> bytes:
        """Return a JPEG file with the level's signs switched: encrypted, or restored."""

        def changed(components: list[Coefficients]) -> list[Coefficients]:
            stream = keystream.bytes(sum(each.size for each in components))
            starts = np.cumsum([each.size for each in components])[:-1]
            parts = np.split(stream, starts)
            return [
                np.where(self._chosen(part.reshape(each.shape), level), -each, each)
                for each, part in zip(components, parts, strict=True)
            ]

        return with_coefficients(content, changed)

    def _chosen(self, stream: Bytes, level: int) -> NDArray[np.bool_]:
        """Return which signs change, from one uniform byte per coefficient."""
        # Three bits say at which level a coefficient is first encrypted, and another one its sign.
        chosen: NDArray[np.bool_] = (stream >> 5 < level) & (stream & 1 == 1)
        if self.coefficients == "dc":
            chosen[..., 1:] = False
        elif self.coefficients == "ac":
            chosen[..., 0] = False
        return chosen


def with_coefficients(
    content: bytes, changed: Callable[[list[Coefficients]], list[Coefficients]]
) -> bytes:
    """Return a JPEG file with other quantised coefficients, and all else the same.

    Args:
        content: a JPEG file.
        changed: from the coefficients of each component (grey: one, colour: Y, Cb, Cr) to new ones.
            int16 of shape (rows of blocks, blocks in a row, 64), where 0 is DC.
    """
    import jpeglib

    with ONE_AT_A_TIME, tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture.jpeg")
        path.write_bytes(content)
        opened = jpeglib.read_dct(path)
        # Otherwise the file gets a second JFIF header.
        opened.markers = None
        names = COMPONENTS if opened.has_chrominance else COMPONENTS[:1]
        blocks = [getattr(opened, name) for name in names]
        found = changed([each.reshape(*each.shape[:2], 64) for each in blocks])
        for name, before, after in zip(names, blocks, found, strict=True):
            setattr(opened, name, after.reshape(before.shape))
        opened.write_dct(str(path))
        return path.read_bytes()


def decoded(content: bytes) -> Bytes:
    """Return the picture in a JPEG file, uint8 of shape (height, width, channels)."""
    import simplejpeg

    _, _, colours, _ = simplejpeg.decode_jpeg_header(content)
    space = "GRAY" if colours == "Gray" else "RGB"
    found: Bytes = simplejpeg.decode_jpeg(content, space, fastdct=False, fastupsample=False)
    return found
