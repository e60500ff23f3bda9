"""Random faults of a web server (`servers.Fault`).

Each function takes a source of randomness and the file that is requested.
"""

import hashlib
import io
import random
import re
import struct
from collections.abc import Callable
from pathlib import Path

import mirror
import servers
from PIL import Image
from servers import Answer, Fault

Kind = Callable[[random.Random, Path], Fault]


def _anywhere(*faults: Callable[..., Fault], **how: object) -> Kind:
    """Return a kind that ends or shortens the body anywhere, often just before its end."""

    def drawn(rng: random.Random, file: Path) -> Fault:
        lost, share = rng.randint(1, 3) if rng.random() < 0.3 else 0, rng.random()
        fault = rng.choice(faults)

        def at(answer: Answer) -> None:
            length = len(answer.body)
            place = max(0, length - lost) if lost else int(share * length)
            fault(place, **how)(answer)

        return at

    return drawn


def _shorter(after: int) -> Fault:
    def fault(answer: Answer) -> None:
        answer.body = answer.body[:after]

    return fault


def _silent(after: int, stall: float) -> Fault:
    return servers.silent(stall)


cut = _anywhere(servers.cut)  # its full length announced
reset = _anywhere(servers.cut, reset=True)
cut_unannounced = _anywhere(servers.cut, announced=False)
shorter = _anywhere(_shorter)  # as if it were complete
stall = _anywhere(servers.cut, _silent, stall=60)


def status(*codes: int, pauses: tuple[str, ...] = ()) -> Kind:
    """Return a kind that answers with one of some statuses, and may ask for a pause."""
    return lambda rng, file: servers.status(
        rng.choice(codes), **{"Retry_After": rng.choice(pauses)} if pauses else {}
    )


LATER, EARLIER = "Wed, 21 Oct 2099 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT"
too_many = status(429, pauses=("0", "1", "3600", LATER, EARLIER))


def loop(rng: random.Random, file: Path) -> Fault:
    """Redirect to the same address, written in different ways."""
    return servers.redirect(rng.choice([file.name, "?again", f"?{rng.random()}", "#again"]))


def wrong_bytes(rng: random.Random, file: Path) -> Fault:
    """Send as many other bytes: noise, or a file that only the ETag tells apart."""
    seed = rng.random()

    def fault(answer: Answer) -> None:
        rng, length = random.Random(seed), len(answer.body)
        kind = rng.choice(["noise", "flipped", "another"])
        # Without an ETag, another picture of the same size cannot be recognised.
        if kind == "noise" or "ETag" not in answer.headers or file.suffix != ".jpg":
            # Without 0xff, noise contains no marker of a JPEG.
            answer.body = rng.randbytes(length).replace(b"\xff", b"\xfe")
        elif kind == "flipped" and length:
            flipped = bytearray(answer.body)
            flipped[rng.randrange(length)] ^= 1 << rng.randrange(8)
            answer.body = bytes(flipped)
        else:
            other = mirror.jpeg(*_size(file), seed=rng.randrange(100, 200))
            answer.body = other[:length].ljust(length, b"\0")

    return fault


def wrong_size(rng: random.Random, file: Path) -> Fault:
    """Send a complete JPEG of another size."""
    width, height = _size(file)
    other = rng.choice([(height, width + 8), (width - 8, height), (8, 8), (2 * width, 2 * height)])
    return _instead(rng, mirror.jpeg(*other))


def no_jpeg(rng: random.Random, file: Path) -> Fault:
    """Send something else than a JPEG: a page, another kind of picture, nothing."""
    stream = io.BytesIO()
    Image.new("RGB", _size(file)).save(stream, rng.choice(["PNG", "GIF", "BMP", "WEBP", "TIFF"]))
    page = b"<!DOCTYPE html><title>Sign in to the network</title>"
    return _instead(rng, rng.choice([stream.getvalue(), page, b"", b"\xff\xd8\xff\xd9"]))


def _size(file: Path) -> tuple[int, int]:
    """Return width and height of a picture; any size for other files."""
    if file.suffix != ".jpg":
        return 64, 64
    with Image.open(file) as image:
        return image.size


def _instead(rng: random.Random, content: bytes) -> Fault:
    """Send another file, complete, with its own ETag or none."""
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    stated = {"ETag": f'"{digest}"'} if rng.random() < 0.5 else {}

    def fault(answer: Answer) -> None:
        servers.body(content)(answer)
        answer.headers.pop("ETag", None)
        answer.headers |= stated

    return fault


# Offsets of the fields of 2 and of 4 bytes in an entry of a zip's directory and in the record at
# its end (PKWARE's APPNOTE, 4.3.12 and 4.3.16).
ENTRY = {"<H": (6, 8, 10, 28, 30, 32), "<I": (16, 20, 24, 42)}
END = {"<H": (4, 10), "<I": (12, 16)}


def lying_zip(rng: random.Random, file: Path) -> Fault:
    """Send a zip whose directory has wrong values in some fields."""
    content = bytearray(file.read_bytes())
    records = [(b"PK\x01\x02", ENTRY), (b"PK\x05\x06", END)] if file.suffix == ".zip" else []
    for _ in range(rng.randint(1, 3) * len(records)):
        record, fields = rng.choice(records)
        form, place = rng.choice([(form, each) for form in fields for each in fields[form]])
        offset = content.rfind(record) + place
        (true,) = struct.unpack_from(form, content, offset)
        most = (1 << 8 * struct.calcsize(form)) - 1
        lie = rng.choice([0, 1, true + 1, true // 2, most, most >> 1, rng.randint(0, most)])
        struct.pack_into(form, content, offset, min(lie, most))

    def fault(answer: Answer) -> None:
        answer.headers.pop("ETag", None)
        part = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
        start = int(part[1]) if part else 0
        answer.body = bytes(content[start : start + len(answer.body)])

    return fault
