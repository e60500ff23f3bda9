"""The embeddings of the plain pictures and of the views of all levels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leakage.config.paths import INSIDE
from leakage.errors import LeakageError
from leakage.storage import embeddings, files
from leakage.storage.parts import Patches


@dataclass(frozen=True)
class Levels:
    """Embeddings of the plain pictures and of every level.

    Attributes:
        plain: float32 (rows, dim).
        views: float32 (levels, rows, dim); each row shows the same place as that row of `plain`.
        image_ids: the picture of each row, str (rows,).
        levels: the levels of `views`.
        source: description of the encoder, the scheme and its levels.
    """

    plain: NDArray[np.float32]
    views: NDArray[np.float32]
    image_ids: NDArray[np.str_]
    levels: list[int]
    source: dict[str, Any]


def read(
    x: Path,
    y: list[Path],
    rows: str,
    limit: int | None,
    seed: int,
    part: str | None = None,
    only: Patches | None = None,
) -> Levels:
    """Return the embeddings of the plain pictures and of every level.

    Args:
        x: of the plain pictures.
        y: of every level.
        rows: `patches` or `whole`.
        limit: largest number of rows; None for all.
        seed: draws the rows.
        part: the part of a scheme with a region, for the description.
        only: the patches of that part, which may be none; None for all.
    """
    image_ids, plain, metadata = embeddings.read(x, rows, limit, seed, only)
    if metadata["level"] != 0:
        raise LeakageError(
            f"{x}: level {metadata['level']}; expected the embedding of the plain pictures, level 0"
        )
    views, levels, abouts = np.empty((len(y), *plain.shape), plain.dtype), [], []
    for index, path in enumerate(y):
        ids, values, of_level = embeddings.read(path, rows, limit, seed, only)
        if not np.array_equal(ids, image_ids):
            raise LeakageError(
                f"{path}: its pictures differ from those of {x}; give levels of one run, or, if "
                f"they are of one run, {files.again(x, path)}"
            )
        views[index] = values
        levels.append(of_level["level"])
        abouts.append(of_level["view"])
        _refuse_mixed(path, x, of_level, metadata, levels, abouts)
    return Levels(plain, views, image_ids, levels, {**metadata, **source(abouts, part)})


def _refuse_mixed(
    path: Path,
    x: Path,
    of_level: dict[str, Any],
    of_plain: dict[str, Any],
    levels: list[int],
    abouts: list[dict[str, Any]],
) -> None:
    """Refuse the file of the last level if it does not belong to the same scheme and encoder."""
    if of_level.get("label") != of_plain.get("label"):
        raise LeakageError(
            f"{path}: embedded by {of_level.get('label')}, but {x} by {of_plain.get('label')}; "
            "give embeddings of one encoder"
        )
    level = levels[-1]
    if level in levels[:-1]:
        raise LeakageError(f"{path}: a second file of level {level}; give each level once")
    schemes = {view["scheme"]: None for view in abouts if view["level"] != 0}
    if len(schemes) > 1:
        raise LeakageError(
            f"{path}: levels of several schemes ({', '.join(schemes)}); give those of one"
        )


def source(views: list[dict[str, Any]], part: str | None = None) -> dict[str, Any]:
    """Return the description of a scheme, or of a part, and its levels, from their views."""
    # The view of level 0 does not depend on the scheme.
    last = views[-1]
    if part is not None and not (last.get("definition") or {}).get("region"):
        raise LeakageError(f"--part: the scheme {last['scheme']} has no region; leave it out")
    return {
        "scheme": last["scheme"],
        "view": last,
        "level_label": last.get("level_label", "encryption level"),
        "nested": last.get("nested", False),
        "strength": {str(view["level"]): view.get("strength") for view in views},
        "clear_bits": {str(view["level"]): clear_bits(view, part) for view in views},
        **({} if part is None else {"part": part}),
    }


def clear_bits(view: dict[str, Any], part: str | None) -> float | None:
    """Return the clear bits per pixel of a level, or of the inside of its region."""
    inside = part == INSIDE and "clear_bits_inside" in view
    found: float | None = view["clear_bits_inside"] if inside else view.get("clear_bits")
    return found


def checksums(x: Path, y: list[Path], parts: Path | None = None) -> dict[str, list[str]]:
    """Return the recorded SHA-256 of the plain pictures, of all levels, and of a table of parts."""
    told = {} if parts is None else {"parts": files.recorded(parts)}
    return {
        **told,
        "plain": files.recorded(x),
        "levels": [digest for path in y for digest in files.recorded(path)],
    }
