"""Read picture files as 8-bit arrays with one or three channels."""

import re
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

from leakage.errors import LeakageError
from leakage.interfaces import Bytes

# Only these decoders, whatever a file's suffix is: others of Pillow are not safe for unknown files
# (its EPS reader starts another program).
FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")
# Pillow warns above its limit and refuses twice that. No camera reaches the second.
MOST_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 1 << 26)
# Raw modes that Pillow scales to 8 bits per channel, or of which it drops a channel.
SCALED = re.compile(r"'L;([24])|'BGRA?;(15|16)|[A-Za-z];(16)|'I;(12)")
DROPPED = re.compile(r"'(RGB|L|P)X+\b")
SAMPLE_FORMAT, UNSIGNED = 339, {1}  # of TIFF
# The first bytes of files that are often named like a picture.
BEGINNINGS = {
    r"\s*(<!doctype html|<html|<head|<\?xml)": "a web page",
    r"version https://git-lfs": "a pointer of Git LFS",
    r"....ftyp(hei|hev|mif|msf|avi[fs])": "HEIC or AVIF",
    r"GIF8": "GIF",
    r"\xff\x0a|\0\0\0\x0cJXL ": "JPEG XL",
    r"\0\0\0\x0cjP": "JPEG 2000",
    r"%!PS": "EPS",
    r"%PDF": "PDF",
    r"8BPS": "PSD",
    r"\0{64}": "only zeros",
}
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
        raise LeakageError(f"{path}: no such picture; put it there, or leave it out of the dataset")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metadata, and of large pictures
            pixels = _decoded(path)
    except LeakageError:
        raise
    except PermissionError as error:
        raise LeakageError(
            f"{path}: cannot be read ({error.strerror}); make it readable, or leave it out of "
            "the dataset"
        ) from None
    except Image.DecompressionBombError:
        raise LeakageError(
            f"{path}: has more than {MOST_PIXELS} pixels (a guard against decompression bombs); "
            "crop the picture or leave it out of the dataset"
        ) from None
    # On damaged or hostile bytes, a decoder may raise any error.
    except Exception as error:
        why = _content(path) or (str(error).splitlines() or [type(error).__name__])[0]
        raise LeakageError(
            f"{path}: not a complete picture ({why}); expected "
            f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}; replace the file or leave it out of "
            "the dataset"
        ) from None
    return pixels.reshape(*pixels.shape[:2], -1)


def size(path: Path) -> tuple[int, int] | None:
    """Return the height and width of a picture from its header; None if it is not a picture."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            return image.height, image.width
    except OSError:
        return None


def refuse_damaged(path: Path, channels: int) -> None:
    """Refuse a JPEG in which the decoder meets damage; `read` accepts it with wrong blocks.

    A few changed bytes often give another valid picture. No decoder can notice that.

    Args:
        path: a picture that `read` accepts; of another format, its decoder has checked it.
        channels: of the picture.

    Raises:
        LeakageError: libjpeg warns of it.
    """
    content = path.read_bytes()
    if not content.startswith(b"\xff\xd8"):
        return
    import simplejpeg

    try:
        simplejpeg.decode_jpeg(content, "GRAY" if channels == 1 else "RGB", strict=True)
    except ValueError as error:
        raise LeakageError(
            f"{path}: a damaged JPEG ({error}); replace it by an undamaged copy, or take it out of "
            "the dataset"
        ) from None


def _decoded(path: Path) -> Bytes:
    with Image.open(path, formats=FORMATS) as image:
        _refuse_unsuitable(path, image)
        if image.format == "PNG":
            image.verify()  # the checksums, also of chunks that the decoder skips
    with Image.open(path, formats=FORMATS) as image:
        return np.array(image.convert("RGB") if image.mode == "P" else image)


def _content(path: Path) -> str:
    """Return what a file contains that is not a picture; empty if unknown."""
    with open(path, "rb") as stream:
        start = stream.read(64).decode("latin-1")
    if not start:
        return "the file is empty"
    for pattern, what in BEGINNINGS.items():
        if re.match(pattern, start, re.DOTALL | re.IGNORECASE):
            return f"its content is {what}"
    return ""


def _refuse_unsuitable(path: Path, image: ImageFile.ImageFile) -> None:
    """Refuse a picture that becomes 8-bit grey or RGB only by changing its content."""
    if image.has_transparency_data:
        found = f"mode {image.mode} with transparency"
    # Pillow silently scales other depths to 8 bits; only the raw mode shows it.
    elif scaled := SCALED.search(str(image.tile)):
        bits = {"15": "5", "16": "5 or 6"}.get(scaled[2]) or scaled[1] or scaled[3] or scaled[4]
        found = f"mode {image.mode} with {bits} bits per channel"
    elif image.mode.startswith("I;16"):
        found = f"mode {image.mode} with 16 bits per channel"
    elif image.format == "TIFF" and DROPPED.search(str(image.tile)):
        found = f"mode {image.mode} with an additional channel"
    elif image.format == "TIFF" and not _is_unsigned(image):
        found = f"mode {image.mode} with signed numbers"
    elif image.mode not in ("L", "RGB", "P"):
        found = f"mode {image.mode}"
    else:
        return
    raise LeakageError(f"{path}: {found} is not accepted; {CONVERT}")


def _is_unsigned(image: ImageFile.ImageFile) -> bool:
    tags: dict[int, tuple[int, ...]] = getattr(image, "tag_v2", {})
    return set(tags.get(SAMPLE_FORMAT, UNSIGNED)) == UNSIGNED
