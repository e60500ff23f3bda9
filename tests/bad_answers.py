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


def cut(rng: random.Random, file: Path) -> Fault:
    """End the body anywhere, with its full length announced."""
    return _anywhere(rng, servers.cut)


def reset(rng: random.Random, file: Path) -> Fault:
    """Reset the connection anywhere in the body."""
    return _anywhere(rng, servers.cut, reset=True)


def cut_unannounced(rng: random.Random, file: Path) -> Fault:
    """End the body anywhere, with no length announced."""
    return _anywhere(rng, servers.cut_unannounced)


def shorter(rng: random.Random, file: Path) -> Fault:
    """Send a part of the body as if it were complete."""
    place = _place(rng)

    def fault(answer: Answer) -> None:
        answer.body = answer.body[: place(len(answer.body))]

    return fault


def stall(rng: random.Random, file: Path) -> Fault:
    """Stop sending before the answer, or anywhere in its body."""
    if rng.random() < 0.5:
        return servers.silent(60)
    return _anywhere(rng, servers.cut, stall=60)


def _anywhere(rng: random.Random, fault: Callable[..., Fault], **how: object) -> Fault:
    place = _place(rng)
    return lambda answer: fault(place(len(answer.body)), **how)(answer)


def _place(rng: random.Random) -> Callable[[int], int]:
    """Draw a place to cut a body: anywhere, or just before its end."""
    if rng.random() < 0.3:
        lost = rng.randint(1, 3)
        return lambda length: max(0, length - lost)
    share = rng.random()
    return lambda length: int(share * length)


def forbidden(rng: random.Random, file: Path) -> Fault:
    """Answer 403."""
    return servers.status(403)


def not_found(rng: random.Random, file: Path) -> Fault:
    """Answer 404."""
    return servers.status(404)


def too_many(rng: random.Random, file: Path) -> Fault:
    """Answer 429, and ask for a pause of any length."""
    dates = ["Wed, 21 Oct 2099 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT"]
    return servers.status(429, Retry_After=rng.choice(["0", "1", "3600", *dates]))


def failing(rng: random.Random, file: Path) -> Fault:
    """Answer with a status for an error of the server."""
    return servers.status(rng.choice([500, 502, 503, 504]))


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
            place = rng.randrange(length)
            flipped = bytes([answer.body[place] ^ 1 << rng.randrange(8)])
            answer.body = answer.body[:place] + flipped + answer.body[place + 1 :]
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
    picture = Image.new("RGB", _size(file))
    picture.save(stream, rng.choice(["PNG", "GIF", "BMP", "WEBP", "TIFF"]))
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


# Offset and format of the fields in an entry of a zip's directory and in the record at its end
# (PKWARE's APPNOTE, 4.3.12 and 4.3.16).
ENTRY = {
    "version": (6, "<H"),
    "flags": (8, "<H"),
    "method": (10, "<H"),
    "crc": (16, "<I"),
    "compressed": (20, "<I"),
    "size": (24, "<I"),
    "name": (28, "<H"),
    "extra": (30, "<H"),
    "comment": (32, "<H"),
    "header": (42, "<I"),
}
END = {"disk": (4, "<H"), "entries": (10, "<H"), "length": (12, "<I"), "start": (16, "<I")}


def lying_zip(rng: random.Random, file: Path) -> Fault:
    """Send a zip whose directory has wrong values in some fields."""
    content = bytearray(file.read_bytes())
    records = [(b"PK\x01\x02", ENTRY), (b"PK\x05\x06", END)] if file.suffix == ".zip" else []
    for _ in range(rng.randint(1, 3) * len(records)):
        record, fields = rng.choice(records)
        offset, form = rng.choice(list(fields.values()))
        offset += content.rfind(record)
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
