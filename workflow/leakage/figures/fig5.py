"""Figure 5: MINE over epochs on patch embeddings of the encoder that plays CLIP."""

from typing import TYPE_CHECKING, Any

from leakage.analysis import parts
from leakage.figures import epochs, style
from leakage.figures.epochs import numbers

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "MINE over epochs (paper: CLIP)"
__all__ = ["TITLE", "draw", "numbers", "tables"]


def tables(config: Any, representation: str = "") -> dict[str, tuple[str, str]]:
    """Return MINE on the encoder that plays CLIP."""
    return {"mine": (config.paper.training, config.paper.clip)}


def draw(tables: dict[str, style.Table], name: str) -> "tuple[Figure, pd.DataFrame]":
    """Return `epochs.draw`, with the network that the encoder replaces."""
    return epochs.draw(tables, name, parts.player(tables["mine"], parts.CLIP).named)
