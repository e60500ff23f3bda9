"""Figure 8: relative distance to the maximum, on the encoder that plays ResNet-50."""

from typing import TYPE_CHECKING, Any

from leakage.analysis import parts
from leakage.figures import distance, style
from leakage.figures.distance import numbers

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Distance to maximum (paper: ResNet)"
__all__ = ["TITLE", "draw", "numbers", "tables"]


def tables(config: Any, representation: str = "") -> dict[str, tuple[str, str]]:
    """Return MINE on the encoder that plays ResNet-50."""
    return {"mine": (config.paper.training, config.paper.resnet)}


def draw(tables: dict[str, style.Table], name: str) -> "tuple[Figure, pd.DataFrame]":
    """Return `distance.draw`, with the network that the encoder replaces."""
    return distance.draw(tables, name, parts.player(tables["mine"], parts.RESNET).named)
