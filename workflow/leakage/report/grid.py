"""The grid of verdicts of a scheme: a column per level with a picture, a row per representation."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leakage.analysis.verdicts import LEAK
from leakage.analysis.wording import p_text, size
from leakage.interfaces import Frame
from leakage.report import answers
from leakage.report.illustrations import data_uri
from leakage.storage.views import View

WIDTH = 200  # pixels of a picture on the page
QUALITY = 75


@dataclass(frozen=True)
class Picture:
    """A picture at one level."""

    image_id: str
    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Cell:
    """The verdict on one representation at one level; an empty verdict if it was not tested."""

    verdict: str = ""
    size: str = ""
    p_value: str = ""


@dataclass(frozen=True)
class Level:
    """One level: the verdict over all representations, and the picture if there is one."""

    level: int
    verdict: str
    picture: Picture | None


@dataclass(frozen=True)
class Grid:
    """The verdicts on one scheme."""

    scheme: str
    counts: str
    levels: tuple[Level, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]

    @property
    def image_id(self) -> str:
        """The id of the picture shown; empty if there is none."""
        return next((each.picture.image_id for each in self.levels if each.picture), "")


def grid(
    scheme: str, rows: "Frame | None", pictures: Mapping[int, Picture], counts: str = ""
) -> Grid:
    """Return the grid of one scheme."""
    found = {} if rows is None else answers.combined(rows)
    parts = [] if rows is None else [part for _, part in rows.groupby("representation", sort=False)]
    levels = sorted({*found, *pictures})
    return Grid(
        scheme,
        counts,
        tuple(Level(each, found.get(each, ""), pictures.get(each)) for each in levels),
        tuple(
            (str(part["label"].iloc[0]), tuple(_cell(part, level) for level in levels))
            for part in parts
        ),
    )


def picture(view: View) -> tuple[int, Picture]:
    """Return the level of a view and its first picture, reading no other picture."""
    from PIL import Image

    image_id, pixels = next(iter(view))
    shown = Image.fromarray(pixels.squeeze())
    height = max(1, round(WIDTH * shown.height / shown.width))
    shown = shown.resize((WIDTH, height), Image.Resampling.BOX)
    stream = io.BytesIO()
    shown.save(stream, "JPEG", quality=QUALITY, optimize=True)
    uri = data_uri("image/jpeg", stream.getvalue())
    return int(view.metadata["level"]), Picture(str(image_id), uri, WIDTH, height)


def _cell(part: Frame, level: int) -> Cell:
    found = part[part["level"] == level]
    if not len(found):
        return Cell()
    row: Any = next(found.itertuples())
    able = row.verdict in answers.DECIDED
    return Cell(
        row.verdict,
        size(row) if row.verdict == LEAK else "",
        p_text(row.corrected_p) if able else "",
    )
