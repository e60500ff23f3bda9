"""Hostile names, weights, pictures and a key: no data is run, and the key stays in its file."""

import base64
import contextlib
import copy
import gzip
import io
import json
import os
import pickle
import random
import re
import secrets
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import config_edits
import numpy as np
import odd_pictures
import pyarrow.parquet as pq
import snake
import yaml
from leakage.errors import LeakageError
from leakage.schemes import keystream
from leakage.steps import estimate, find_weights
from leakage.storage import checkpoints
from leakage.storage.pictures import MOST_PIXELS
from PIL import Image
from snakemake.utils import update_config

from faults import Fault

PWNED = "pwned"
NAMES = [
    *("$(touch pwned)", "`touch pwned`", "${IFS}pwned", ";touch pwned;", "&& touch pwned", "a&b"),
    *("| touch pwned", "> pwned", "'", '"', "';touch pwned;'", '";touch pwned;"', "\\", "#x", "~"),
    *("*", "?", "[a-z]", "{x}", "{level}", "{{y}}", "{a,b}", "{", "-rf", "--help", "-", "a  b"),
    *(" x", "x ", "%s", "%d", "é", "e\u0301", "中文", "\U0001f600", "a,b", "=1+1", "!x", "a:b"),
]
BASE64 = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")
FEW = {"figures": ["fig1", "fig3a"], "patches": {"size": 48, "per_image": 2}}
GIBIBYTE = 1 << 30


def hostile_names(draw: random.Random, folder: Path) -> None:
    """Name pictures, their folder, the results and the key file so that a shell would act on it."""
    checkout = snake.copy_checkout(folder)
    own, key, results = draw.sample(NAMES, 3)
    results = "results " + results.strip().translate({ord(each): "_" for each in "{}"})
    pictures = checkout / "own" / own
    pictures.mkdir(parents=True)
    generator = np.random.default_rng(draw.randrange(2**32))
    names = [f"{name}.png" for name in draw.sample(NAMES, 6)]
    for name in names:
        pixels = generator.integers(0, 256, (60, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(pictures / name)
    (checkout / f"{key}.key").write_text(secrets.token_hex(32))
    values = copy.deepcopy(config_edits.valid("tiny.yaml"))
    update_config(values, FEW)
    values["results"] = results
    values["dataset"] = {"name": "folder", "folder": {"path": f"own/{own}", "license": own}}
    values["encryption"]["key_file"] = f"{key}.key"
    (checkout / "config.yaml").write_text(yaml.safe_dump(values))
    if refused := not draw.randrange(6):
        (pictures / names[0]).rename(pictures / "a\n$(touch pwned).png")
    run = snake.plain(checkout=checkout)
    assert "Traceback" not in run.output, run.output
    if run.status != 0:
        (line,) = run.lines_with("error: ")
        # A path of the configuration that a shell would expand is refused, with the name in it.
        unexpanded = any(
            f"found '{each}'" in line for each in (f"own/{own}", f"{key}.key", results)
        )
        if unexpanded:
            assert "write the whole path" in line, run.output
        else:
            assert refused and "rename the file" in line, run.output
    else:
        assert not refused, run.output
        figures = checkout / results / "figures"
        assert all((figures / f"{each}.png").is_file() for each in FEW["figures"])
    nothing_ran(folder)


def pickles(draw: random.Random, folder: Path) -> None:
    """Put a file that runs code when it is unpickled wherever a weights file or state is read."""
    content = draw.choice(PACKED)(Bomb(folder / PWNED), draw)
    draw.choice([_torch_hub, _hugging_face, _safetensors, _checkpoint, _arrays])(content, folder)
    nothing_ran(folder)


class Bomb:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


def _held(bomb: Bomb, draw: random.Random) -> Any:
    """Return a bomb, or a harmless value that is not weights."""
    held = [bomb, [bomb], {"state_dict": {"x": bomb}}, {"identity": "x", "state": bomb}]
    return draw.choice([*held, 3, [3], {"x": 3}, {3: 3}, {"state_dict": 3}, {"identity": "y"}])


def _pickled(bomb: Bomb, draw: random.Random) -> bytes:
    return pickle.dumps(_held(bomb, draw), draw.randrange(6))


def _saved(bomb: Bomb, draw: random.Random) -> bytes:
    import torch

    content = io.BytesIO()
    new = bool(draw.randrange(2))
    torch.save(_held(bomb, draw), content, _use_new_zipfile_serialization=new)
    return content.getvalue()


def _array(bomb: Bomb, draw: random.Random) -> bytes:
    content = io.BytesIO()
    np.save(content, np.array([bomb], object), allow_pickle=True)
    return content.getvalue()


PACKED = [_pickled, _saved, _array]


def _written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _torch_hub(content: bytes, folder: Path) -> None:
    path = _written(folder / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth", content)
    with mock.patch.dict(os.environ, TORCH_HOME=str(folder)):
        _refused_weights({"kind": "torchvision", "model": "squeezenet1_1"}, path, folder)


def _hugging_face(content: bytes, folder: Path) -> None:
    from huggingface_hub import constants

    tag = {"kind": "timm", "model": "resnet10t", "weights": "c3_in1k"}
    repository = folder / "models--timm--resnet10t.c3_in1k"
    path = _written(repository / "snapshots" / "0" / "pytorch_model.bin", content)
    _written(repository / "refs" / "main", b"0")
    with mock.patch.object(constants, "HF_HUB_CACHE", str(folder)):
        _refused_weights(tag, path, folder)


def _safetensors(content: bytes, folder: Path) -> None:
    path = _written(folder / "mine.safetensors", content)
    entry = {"kind": "torchvision", "model": "squeezenet1_1", "weights": str(path)}
    _refused_weights(entry, path, folder)


def _refused_weights(entry: dict[str, str], path: Path, folder: Path) -> None:
    entry = {"weights": "IMAGENET1K_V1"} | entry
    message = _refusal(
        lambda: find_weights.main(folder / "x.safetensors", json.dumps(entry), seed=0, size=32)
    )
    said = ("not a readable weights file", "not a .safetensors file", "these are not the weights")
    assert message.startswith(tuple(f"{path}: {each}" for each in said)), message


def _checkpoint(content: bytes, folder: Path) -> None:
    path, said = _written(folder / "state.pt", content), io.StringIO()
    with contextlib.redirect_stderr(said):
        assert checkpoints.Checkpoint(path, "x").load() is None
    assert "training from the start" in said.getvalue(), said.getvalue()


def _arrays(content: bytes, folder: Path) -> None:
    path = _written(folder / "x.npy", content)
    message = _refusal(lambda: estimate.main("cca", path, [path]))
    starts = f"{path}: found ", f"{path}: not an array"
    assert message.startswith(starts), message


def _refusal(call: Callable[[], Any]) -> str:
    try:
        call()
    except LeakageError as error:
        assert "\n" not in str(error), error
        return str(error)
    raise AssertionError("was not refused")


def bombs(draw: random.Random, folder: Path) -> None:
    """Put a picture that claims, or has, very many pixels into a dataset."""
    make = draw.choice([_png_claim, _bmp_claim, _tiff_claim, _jpeg_claim, _real_png])
    width, height = draw.choice([10_000, 30_000, 65_500]), draw.choice([10_000, 65_500])
    if make is _real_png:
        width, height = min(width, 20_000), 10_000
    name, content = make(width, height)
    (folder / name).write_bytes(content)
    status, output = odd_pictures.manifest(folder, memory=2 * GIBIBYTE)
    assert "Traceback" not in output, output
    if make is _real_png and width * height <= MOST_PIXELS:
        assert status == 0, output
        return
    assert status == 1, output
    (line,) = [each for each in output.splitlines() if each.startswith("error: ")]
    why = "bomb" if width * height > MOST_PIXELS else "not a complete picture"
    assert name in line and why in line, output


def _png_claim(width: int, height: int) -> tuple[str, bytes]:
    return "x.png", odd_pictures.png(width, height, 8, 2, b"")


def _bmp_claim(width: int, height: int) -> tuple[str, bytes]:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return "x.bmp", b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header


def _tiff_claim(width: int, height: int) -> tuple[str, bytes]:
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: 1}
    rows = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return "x.tif", b"II*\0" + struct.pack("<IH", 8, len(tags)) + rows + bytes(4)


def _jpeg_claim(width: int, height: int) -> tuple[str, bytes]:
    content = io.BytesIO()
    Image.new("L", (8, 8)).save(content, "JPEG")
    found = content.getvalue()
    at = found.index(b"\xff\xc0") + 5
    return "x.jpg", found[:at] + struct.pack(">HH", height, width) + found[at + 4 :]


def _real_png(width: int, height: int) -> tuple[str, bytes]:
    """A picture of zeros, whole, of a thousandth of its size."""
    packer = zlib.compressobj(1)
    rows = b"".join(packer.compress(bytes(1 + width)) for _ in range(height)) + packer.flush()
    return "x.png", odd_pictures.png(width, height, 8, 0, rows)


def odd(draw: random.Random, folder: Path) -> None:
    """Put every odd picture into a dataset of its own: it is accepted as documented, or refused."""
    for number, kind in enumerate(odd_pictures.KINDS):
        own = folder / str(number)
        own.mkdir()
        kind.make(own, np.random.default_rng(draw.randrange(2**32)))
        odd_pictures.check(kind, own, *odd_pictures.in_process(own))
    kind = draw.choice(odd_pictures.KINDS)
    own = folder / "again"
    own.mkdir()
    kind.make(own, np.random.default_rng(draw.randrange(2**32)))
    odd_pictures.check(kind, own, *odd_pictures.manifest(own))


def key(draw: random.Random, folder: Path) -> None:
    """Run figures and report with a key, and look for it in all that is left."""
    secret = draw.randbytes(keystream.KEY_BYTES)
    checkout = snake.copy_checkout(folder)
    (folder / "my.key").write_text(draw.choice([secret.hex(), secret.hex().upper() + "\n"]))
    config = FEW | {"encryption": {"key_file": str(folder / "my.key")}}
    run = snake.snakemake(
        Path("results"), "-p", config=config, checkout=checkout, targets=("figures", "report")
    )
    assert run.status == 0, run.output
    assert not holds(secret, run.output.encode()), run.output
    files = [path for path in checkout.rglob("*") if path.is_file()]
    found = [path for path in files if holds(secret, path.read_bytes())]
    assert not found, found
    shown = keystream.fingerprint(secret).encode()
    for part in ("results/report.html", "results/views", ".snakemake/metadata"):
        kept = [path for path in files if path.is_relative_to(checkout / part)]
        assert any(shown in path.read_bytes() for path in kept), f"no fingerprint in {part}"


def holds(secret: bytes, content: bytes) -> bool:
    """Return whether bytes contain a key, in any of its usual forms, packed or not."""
    text = secret.hex().encode()
    forms = [secret, text, text.upper(), base64.b64encode(secret), base64.urlsafe_b64encode(secret)]
    return any(form.rstrip(b"=") in layer for layer in layers(content) for form in forms)


def layers(content: bytes, depth: int = 3) -> Iterator[bytes]:
    """Yield bytes, and what they are once unpacked: Parquet, zip, gzip, zlib, base64."""
    yield content
    if depth:
        for inner in _unpacked(content):
            yield from layers(inner, depth - 1)


def _unpacked(content: bytes) -> Iterator[bytes]:
    if content.startswith(b"PAR1"):
        table = pq.read_table(io.BytesIO(content))
        yield repr((table.schema.metadata, table.to_pylist())).encode()
        # Pixels and other bytes as they are, which the text of a list is not.
        yield from (bytes(buffer) for column in table.columns for buffer in _buffers(column))
    elif content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            yield from map(parts.read, parts.namelist())
    elif content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    elif content[:1] == b"\x78":
        with contextlib.suppress(zlib.error):
            yield zlib.decompress(content)
    else:
        # The views of a picture in a page are no text.
        for run in BASE64.findall(content):
            with contextlib.suppress(ValueError):
                yield base64.b64decode(run[: len(run) // 4 * 4])


def _buffers(column: Any) -> Iterator[Any]:
    for chunk in column.chunks:
        yield from filter(None, chunk.buffers())


def nothing_ran(folder: Path) -> None:
    """Assert that no command of a hostile name was run: each makes a file."""
    found = [path for path in folder.rglob(f"*{PWNED}*") if path.name in (PWNED, f"{PWNED};")]
    assert not found, found


MADE = "the figures are made, or the name is refused; nothing is run"
SAFE = "refused by name, or a state not taken up; no code of theirs runs"
AS_DOCUMENTED = "accepted as docs/pictures.md says, or refused by name"
SECRET = "the key is in no file and no output; its fingerprint is"
FAULTS = [
    Fault("names that a shell would act on", hostile_names, 20, MADE),
    Fault("pickles as weights, states and arrays", pickles, 300, SAFE, quick=15),
    Fault(
        *("pictures that claim or have too many pixels", bombs, 40),
        "accepted as docs/pictures.md says, or refused by name, within 2 GiB of addresses",
        quick=1,
    ),
    Fault("odd pictures", odd, 20, AS_DOCUMENTED, quick=1),
    Fault("a random key, figures and report", key, 5, SECRET),
]
