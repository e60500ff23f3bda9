"""Figure 4: MINE on pixels over epochs, with each level's exact value."""

from typing import Any

from leakage.figures.epochs import draw, numbers

TITLE = "MINE on pixels over epochs"
__all__ = ["TITLE", "draw", "numbers", "tables"]


def tables(config: Any, representation: str = "") -> dict[str, tuple[str, str]]:
    """Return MINE on pixels, and the histogram estimate for the exact values."""
    return {
        "mine": (config.paper.training, "pixels"),
        "histogram": (config.paper.histogram, "pixels"),
    }
