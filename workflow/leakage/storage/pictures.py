"""Picture files: their pixels as 8-bit arrays with one or three channels, or a clear refusal."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from leakage.errors import LeakageError

# Only these decoders: a file from a stranger shall not reach the rest of Pillow (its EPS reader
# starts another program), whatever its suffix says.
FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")
# Pillow only warns of a bomb up to twice its limit; `_refuse_bomb` refuses in its stead.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)
CONVERT = (
    "convert it to 8-bit grey or RGB without transparency (for example: magick IN -background "
    "white -alpha remove -alpha off -colorspace sRGB -depth 8 OUT.png)"
)


def read(path: Path | str) -> np.ndarray:
    """Return the pixels of a picture, decoded to its last one.

    The pixels are those stored: an EXIF rotation is not applied, since what a cipher encrypts is
    what is stored. Of a file with several frames it is the first one. A palette becomes RGB.

    Args:
        path: a BMP, JPEG, PNG, TIFF or WebP file with 8 bits per channel.

    Returns:
        uint8 array of shape (height, width, channels); 1 channel for grey, 3 for colour (RGB).

    Raises:
        LeakageError: there is no such file; it is no picture, or damaged or cut short; it has
            more pixels than Pillow's guard against decompression bombs allows; it has 16 bits
            per channel, transparency, or colours other than grey and RGB.
    """
    path = Path(path)
    if not path.is_file():
        raise LeakageError(f"{path}: no such picture; put it there, or leave it out of the dataset")
    try:
        with Image.open(path, formats=FORMATS) as image:
            _refuse_bomb(path, image)
            _refuse_unsuitable(path, image)
            pixels = np.array(image.convert("RGB") if image.mode == "P" else image)
    except LeakageError:
        raise
    # A decoder that is given damaged or hostile bytes raises almost anything.
    except Exception as error:
        raise LeakageError(
            f"{path}: no whole picture ({_first_line(error)}); expected {', '.join(FORMATS[:-1])} "
            f"or {FORMATS[-1]}; replace the file or take it away"
        ) from None
    return pixels.reshape(*pixels.shape[:2], -1)


def _refuse_bomb(path: Path, image: Image.Image) -> None:
    if image.width * image.height > Image.MAX_IMAGE_PIXELS:
        raise LeakageError(
            f"{path}: {image.width} x {image.height} pixels are more than the "
            f"{Image.MAX_IMAGE_PIXELS} that are read (a guard against decompression bombs); "
            "crop the picture or take it away"
        )


def _refuse_unsuitable(path: Path, image: Image.Image) -> None:
    """Refuse what could be made an 8-bit grey or RGB array only by changing its content."""
    if image.has_transparency_data:
        found = f"mode {image.mode} with transparency"
    # Pillow would halve the depth of 16-bit colour silently; only the raw mode tells.
    elif ";16" in str(image.tile) or image.mode.startswith("I;16"):
        found = f"mode {image.mode} with 16 bits per channel"
    elif image.mode not in ("L", "RGB", "P"):
        found = f"mode {image.mode}"
    else:
        return
    raise LeakageError(f"{path}: {found} is not accepted; {CONVERT}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
