"""Figure 7: MINE over epochs on patch embeddings of the encoder that plays ResNet-50."""

from typing import TYPE_CHECKING, Any

from leakage.analysis import parts
from leakage.figures import epochs, style
from leakage.figures.epochs import numbers

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "MINE over epochs (paper: ResNet)"
__all__ = ["TITLE", "draw", "numbers", "tables"]


def tables(config: Any, representation: str = "") -> dict[str, tuple[str, str]]:
    """Return MINE on the encoder that plays ResNet-50."""
    return {"mine": (config.paper.training, config.paper.resnet)}


def draw(tables: dict[str, style.Table], name: str) -> "tuple[Figure, pd.DataFrame]":
    """Return `epochs.draw`, with the network that the encoder replaces."""
    return epochs.draw(tables, name, parts.player(tables["mine"], parts.RESNET).named)
