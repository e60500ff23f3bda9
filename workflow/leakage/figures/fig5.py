"""Figure 5: MINE on CLIP patch embeddings over epochs."""

from typing import Any

from leakage.figures.epochs import draw, numbers

TITLE = "MINE on CLIP over epochs"
__all__ = ["TITLE", "draw", "numbers", "tables"]


def tables(config: Any, representation: str = "") -> dict[str, tuple[str, str]]:
    """Return MINE on the encoder that plays the part of the paper's."""
    return {"mine": ("mine", config.paper.clip)}
