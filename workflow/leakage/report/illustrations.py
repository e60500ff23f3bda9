"""The figures of the report in reading order, each with its files as `data:` URIs."""

import base64
import gzip
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leakage import captions
from leakage.report.inputs import Drawn

# Headings, and the modules of the figures below each. Other figures come last.
GROUPS = {
    "What leaks": [
        *("verdict", "reconstruction", "reidentification", "estimators", "classics"),
        "visual_security",
        "schemes",
    ],
    "Can the numbers be trusted?": [
        *("consistency", "pretraining", "memorisation", "pixel_critics", "calibration"),
    ],
    "The paper's figures": [
        *("fig1", "fig2", "fig3a", "fig3b", "fig4", "fig5", "fig6a", "fig6b", "fig7", "fig8"),
        *("epochs", "distance"),
    ],
    "The paper's claims": ["scorecard"],
}
OTHERS = "More figures"
# From this size on, the data of a figure are compressed.
LARGE = 100_000
# Largest mean difference, in steps of 255, of a picture that is reduced to fewer colours.
MOST_DIFFERENCE = 0.5
# The page shows figures at most this wide, in pixels.
WIDEST = 1200


@dataclass(frozen=True)
class Link:
    """A file inside the page: its label, its name when saved, and its `data:` URI."""

    label: str
    file: str
    uri: str


@dataclass(frozen=True)
class Illustration:
    """A figure as the page shows it."""

    id: str
    heading: str
    caption: str
    alternative: str
    file: str
    uri: str
    width: int
    height: int
    links: tuple[Link, ...]


@dataclass(frozen=True)
class Group:
    """Figures under one heading."""

    id: str
    heading: str
    figures: tuple[Illustration, ...]


def groups(figures: Iterable[Drawn]) -> list[Group]:
    """Return the figures in reading order, without empty groups."""
    headings = {module: heading for heading, modules in GROUPS.items() for module in modules}
    places = {module: place for place, module in enumerate(headings)}
    found: dict[str, list[Illustration]] = {heading: [] for heading in [*GROUPS, OTHERS]}
    # Sorting is stable: figures of one module keep their order.
    for each in sorted(figures, key=lambda f: places.get(f.module, len(places))):
        found[headings.get(each.module, OTHERS)].append(illustration(each))
    return [Group(slug(each), each, tuple(shown)) for each, shown in found.items() if shown]


def illustration(figure: Drawn) -> Illustration:
    """Return a figure with its caption and files."""
    from PIL import Image

    png = Path(f"{figure.stem}.png")
    caption = captions.inside(png)
    content = smaller(png.read_bytes())
    with Image.open(io.BytesIO(content)) as opened:
        width, height = opened.size
    file = figure.name.replace("/", "-")
    pdf, csv = (Path(f"{figure.stem}.{suffix}").read_bytes() for suffix in ("pdf", "csv"))
    data = Link("data (CSV)", f"{file}.csv", data_uri("text/csv", csv))
    if len(csv) >= LARGE:
        # No time stamp: the same data give the same page.
        packed = data_uri("application/gzip", gzip.compress(csv, mtime=0))
        data = Link("data (CSV, gzip)", f"{file}.csv.gz", packed)
    return Illustration(
        id=f"figure-{figure.name}",
        heading=figure.heading,
        caption=caption,
        alternative=f"{figure.heading}. {first_sentence(caption)}".strip(),
        file=f"{file}.png",
        uri=data_uri("image/png", content),
        width=width,
        height=height,
        links=(Link("PDF", f"{file}.pdf", data_uri("application/pdf", pdf)), data),
    )


def smaller(content: bytes) -> bytes:
    """Return a PNG with a palette of 256 colours if it is smaller and looks the same.

    A picture with many colours, such as photographs, is shrunk to at most `WIDEST` pixels instead.
    The new file has the same caption.
    """
    from PIL import Image, PngImagePlugin

    with Image.open(io.BytesIO(content)) as opened:
        text = opened.info.get("Description", "")
        # The figures have a white background, so nothing is transparent.
        picture = opened.convert("RGB")
    reduced = picture.quantize(256, dither=Image.Dither.NONE)
    change = np.asarray(picture, np.int16) - np.asarray(reduced.convert("RGB"), np.int16)
    if np.abs(change).mean() > MOST_DIFFERENCE:
        reduced = picture
        reduced.thumbnail((WIDEST, WIDEST))
    about = PngImagePlugin.PngInfo()
    if text:
        about.add_itxt("Description", text)
    stream = io.BytesIO()
    reduced.save(stream, "PNG", optimize=True, pnginfo=about)
    return min(content, stream.getvalue(), key=len)


def first_sentence(text: str) -> str:
    """Return the first sentence of a caption."""
    return re.split(r"(?<=[.?!])\s+(?=[A-Z])", text, maxsplit=1)[0]


def slug(text: str) -> str:
    """Return a heading as an anchor: letters, digits and single dashes."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text.replace("'", "")).strip("-").lower()


def data_uri(kind: str, content: bytes) -> str:
    """Return a file as a `data:` URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
