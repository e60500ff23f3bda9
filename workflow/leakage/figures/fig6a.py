"""Figure 6a: relative distance to the maximum, MINE on pixels."""

from typing import Any

from leakage.figures.distance import draw, numbers

TITLE = "Distance to the maximum, pixels"
__all__ = ["TITLE", "draw", "numbers", "tables"]


def tables(config: Any, representation: str = "") -> dict[str, tuple[str, str]]:
    """Return MINE on pixels, and the histogram estimate for the exact values."""
    return {
        "mine": (config.paper.training, "pixels"),
        "histogram": (config.paper.histogram, "pixels"),
    }
