"""Figure 8: relative distance to the maximum, MINE on ResNet."""

from typing import Any

from leakage.figures.distance import draw, numbers

TITLE = "Distance to the maximum, ResNet"
__all__ = ["TITLE", "draw", "numbers", "tables"]


def tables(config: Any, representation: str = "") -> dict[str, tuple[str, str]]:
    """Return MINE on the encoder that plays the part of the paper's."""
    return {"mine": ("mine", config.paper.resnet)}
