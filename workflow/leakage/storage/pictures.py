"""Read picture files as 8-bit arrays with one or three channels."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

from leakage.errors import LeakageError
from leakage.interfaces import Bytes

# Only these decoders, whatever a file's suffix is: others of Pillow are not safe for unknown files
# (its EPS reader starts another program).
FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")
# Pillow only warns up to twice its limit; `_refuse_bomb` refuses.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)
MOST_PIXELS = Image.MAX_IMAGE_PIXELS or 1 << 26
CONVERT = (
    "convert it to 8-bit grey or RGB without transparency (for example: magick IN -background "
    "white -alpha remove -alpha off -colorspace sRGB -depth 8 OUT.png)"
)


def read(path: Path | str) -> Bytes:
    """Return all pixels of a picture as they are stored, which is what a cipher encrypts.

    An EXIF rotation is not applied. A palette becomes RGB. A file with several frames gives the
    first one.

    Args:
        path: a BMP, JPEG, PNG, TIFF or WebP file with 8 bits per channel.

    Returns:
        uint8 array of shape (height, width, channels); 1 channel for grey, 3 for colour (RGB).

    Raises:
        LeakageError: the file is missing, damaged, incomplete or not a picture; it has more pixels
            than Pillow's guard against decompression bombs allows; it has 16 bits per channel,
            transparency, or colours other than grey and RGB.
    """
    path = Path(path)
    if not path.is_file():
        raise LeakageError(f"{path}: no such picture; put it there, or remove it from the dataset")
    try:
        with Image.open(path, formats=FORMATS) as image:
            _refuse_bomb(path, image)
            _refuse_unsuitable(path, image)
            pixels = np.array(image.convert("RGB") if image.mode == "P" else image)
    except LeakageError:
        raise
    # On damaged or hostile bytes, a decoder may raise any error.
    except Exception as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise LeakageError(
            f"{path}: not a complete picture ({why}); expected "
            f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}; replace the file or remove it"
        ) from None
    return pixels.reshape(*pixels.shape[:2], -1)


def _refuse_bomb(path: Path, image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise LeakageError(
            f"{path}: found {image.width} x {image.height} pixels; expected at most {MOST_PIXELS} "
            "(a guard against decompression bombs); crop the picture or remove it"
        )


def _refuse_unsuitable(path: Path, image: ImageFile.ImageFile) -> None:
    """Refuse a picture that becomes 8-bit grey or RGB only by changing its content."""
    if image.has_transparency_data:
        found = f"mode {image.mode} with transparency"
    # Pillow silently reads 16-bit colour as 8-bit; only the raw mode shows it.
    elif ";16" in str(image.tile) or image.mode.startswith("I;16"):
        found = f"mode {image.mode} with 16 bits per channel"
    elif image.mode not in ("L", "RGB", "P"):
        found = f"mode {image.mode}"
    else:
        return
    raise LeakageError(f"{path}: {found} is not accepted; {CONVERT}")
