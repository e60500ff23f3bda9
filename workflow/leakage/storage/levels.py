"""The embeddings of the plain pictures and of the views of all levels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leakage.errors import LeakageError
from leakage.storage import embeddings, files


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


def read(x: Path, y: list[Path], rows: str, limit: int | None, seed: int) -> Levels:
    """Return the embeddings of the plain pictures and of every level."""
    image_ids, plain, metadata = embeddings.read(x, rows, limit, seed)
    if metadata["level"] != 0:
        raise LeakageError(
            f"{x}: level {metadata['level']}; expected the embedding of the plain pictures, level 0"
        )
    views, levels, abouts = np.empty((len(y), *plain.shape), plain.dtype), [], []
    for index, path in enumerate(y):
        ids, values, of_level = embeddings.read(path, rows, limit, seed)
        if not np.array_equal(ids, image_ids):
            raise LeakageError(
                f"{path}: its pictures differ from those of {x}; give levels of one run, or, if "
                f"they are of one run, {files.again(x, path)}"
            )
        views[index] = values
        levels.append(of_level["level"])
        abouts.append(of_level["view"])
        _refuse_mixed(path, x, of_level, metadata, levels, abouts)
    return Levels(plain, views, image_ids, levels, {**metadata, **source(abouts)})


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


def source(views: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the description of a scheme and its levels, from the metadata of their views."""
    # The view of level 0 does not depend on the scheme.
    last = views[-1]
    return {
        "scheme": last["scheme"],
        "view": last,
        "level_label": last.get("level_label", "encryption level"),
        "nested": last.get("nested", False),
        "strength": {str(view["level"]): view.get("strength") for view in views},
        "clear_bits": {str(view["level"]): view.get("clear_bits") for view in views},
    }


def checksums(x: Path, y: list[Path]) -> dict[str, list[str]]:
    """Return the recorded SHA-256 of the files of the plain pictures and of all levels."""
    return {
        "plain": files.recorded(x),
        "levels": [digest for path in y for digest in files.recorded(path)],
    }
