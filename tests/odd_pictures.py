"""Unusual picture files, and how `python -m leakage manifest` treats each (docs/pictures.md)."""

import contextlib
import io
import json
import os
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from leakage.errors import LeakageError
from leakage.steps import manifest as step
from PIL import Image

PATCH = 8
Make = Callable[[Path, np.random.Generator], Any]


@dataclass(frozen=True)
class Kind:
    """A kind of unusual picture: its title in the documentation, and a function that makes it.

    A refused one has words of the message; an accepted one has width, height and channels.
    """

    title: str
    make: Make
    words: str | None = None
    row: tuple[int, int, int] | None = None


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """Return a PNG with any header and compressed rows."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def _saved(name: str, mode: str, size: tuple[int, int] = (30, 20), **options: Any) -> Make:
    """Return a function that saves a picture of noise, converted to a mode."""

    def make(folder: Path, generator: np.random.Generator) -> None:
        pixels = generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / name, **options)

    return make


def _bytes(name: str, content: bytes) -> Make:
    return lambda folder, generator: (folder / name).write_bytes(content)


def _array(name: str, dtype: type) -> Make:
    def make(folder: Path, generator: np.random.Generator) -> None:
        Image.fromarray(generator.integers(0, 256, (20, 30)).astype(dtype)).save(folder / name)

    return make


def _cut(folder: Path, generator: np.random.Generator) -> None:
    _saved("x.png", "RGB")(folder, generator)
    content = (folder / "x.png").read_bytes()
    (folder / "x.png").write_bytes(content[: int(generator.integers(10, len(content) - 20))])


def _named_alike(folder: Path, generator: np.random.Generator) -> None:
    for name in ("x.png", "x.bmp"):
        _saved(name, "RGB")(folder, generator)


ROTATED = Image.Exif()
ROTATED[0x0112] = 6
DEEP = png(9, 9, 16, 2, zlib.compress((b"\0" + bytes(54)) * 9))
SHALLOW = {bits: png(8, 9, bits, 0, zlib.compress((b"\0" + bytes(bits)) * 9)) for bits in (2, 4)}
MANY = [Image.new("RGB", (30, 20), each) for each in ("red", "blue")]
COLOUR = (30, 20, 3)
KINDS = [
    Kind("grey, 8 bits", _saved("x.png", "L"), row=(30, 20, 1)),
    Kind("RGB, 8 bits", _saved("x.png", "RGB"), row=COLOUR),
    Kind("JPEG, baseline", _saved("x.jpg", "RGB"), row=COLOUR),
    Kind("JPEG, progressive", _saved("x.jpg", "RGB", progressive=True), row=COLOUR),
    Kind("BMP", _saved("x.bmp", "RGB"), row=COLOUR),
    Kind("TIFF, compressed", _saved("x.tif", "RGB", compression="tiff_lzw"), row=COLOUR),
    Kind("WebP", _saved("x.webp", "RGB", lossless=True), row=COLOUR),
    Kind("palette", _saved("x.png", "P"), row=COLOUR),
    Kind("rotated by EXIF", _saved("x.jpg", "RGB", exif=ROTATED), row=COLOUR),
    Kind("20,000 pixels wide", _saved("x.png", "L", (20_000, 9)), row=(20_000, 9, 1)),
    Kind("several frames", _saved("x.tif", "RGB", save_all=True, append_images=MANY), row=COLOUR),
    Kind("another format than its suffix", _saved("x.png", "RGB", format="JPEG"), row=COLOUR),
    Kind("smaller than a patch, one pixel too", _saved("x.png", "RGB", (1, 1)), "(1 x 1)"),
    Kind("zero bytes", _bytes("x.jpg", b""), "not a complete picture"),
    Kind("cut short", _cut, "not a complete picture"),
    Kind("no picture", _bytes("x.png", b"text"), "not a complete picture"),
    Kind("GIF", _saved("x.png", "P", format="GIF"), "not a complete picture"),
    Kind("EPS", _bytes("x.png", b"%!PS-Adobe-3.0 EPSF-3.0\n"), "not a complete picture"),
    Kind("16 bits, grey", _array("x.png", np.uint16), "16 bits per channel"),
    Kind("16 bits, colour", _bytes("x.png", DEEP), "16 bits per channel"),
    Kind("floating point", _array("x.tif", np.float32), "mode F"),
    Kind("2 bits, grey", _bytes("x.png", SHALLOW[2]), "2 bits per channel"),
    Kind("4 bits, grey", _bytes("x.png", SHALLOW[4]), "4 bits per channel"),
    Kind("1 bit", _saved("x.png", "1"), "mode 1"),
    Kind("CMYK", _saved("x.jpg", "CMYK"), "mode CMYK"),
    Kind("Lab", _saved("x.tif", "LAB"), "mode LAB"),
    Kind("transparent", _saved("x.png", "RGBA"), "transparency"),
    Kind("transparent, grey", _saved("x.png", "LA"), "transparency"),
    Kind("transparent, palette", _saved("x.png", "P", transparency=0), "transparency"),
    Kind("transparent, one colour", _saved("x.png", "RGB", transparency=(1, 2, 3)), "transparency"),
    Kind("a name that cannot be printed", _bytes("a\nb.png", b""), "rename the file"),
    Kind("two files that differ only in the suffix", _named_alike, "rename one of them"),
]


def check(kind: Kind, folder: Path, status: int, output: str) -> None:
    """Assert that a folder with one picture was accepted or refused according to its kind."""
    assert "Traceback" not in output, output
    if kind.words is None:
        assert status == 0, f"{kind.title}: {output}"
        head, row = (folder / "manifest.csv").read_text().splitlines()
        found = dict(zip(head.split(","), row.split(","), strict=True))
        assert tuple(int(found[name]) for name in ("width", "height", "channels")) == kind.row
        return
    assert status == 1, f"{kind.title}: {output}"
    assert "\n" not in output.rstrip("\n") and kind.words in output, f"{kind.title}: {output}"
    # The message has the file's name, with escapes if it cannot be printed.
    assert any(repr(each.name)[1:-1] in output for each in folder.iterdir()), output
    assert not (folder / "manifest.csv").exists()


def manifest(folder: Path, memory: int | None = None) -> tuple[int, str]:
    """Run the step on a folder in a new process, with a limit on its memory in bytes."""
    done = subprocess.run(
        [sys.executable, "-m", "leakage", "--threads", "1", "manifest", *_arguments(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        preexec_fn=lambda: memory and resource.setrlimit(resource.RLIMIT_AS, (memory, memory)),
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    return done.returncode, done.stdout


def in_process(folder: Path) -> tuple[int, str]:
    """Run the step on a folder in this process."""
    output, _, pictures, _, skipped, _, settings = _arguments(folder)
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            step.main(Path(output), Path(pictures), Path(skipped), settings, "{}")
        except LeakageError as error:
            return 1, f"error: {error}\n"
    return 0, ""


def _arguments(folder: Path) -> list[str]:
    settings = {"name": "folder", "settings": {"path": str(folder)}, "patch_size": PATCH}
    return [
        *(str(folder / "manifest.csv"), "--pictures", str(folder / "pictures")),
        *("--skipped", str(folder / "skipped.csv"), "--settings", json.dumps(settings)),
    ]
