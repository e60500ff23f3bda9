"""Figure 1: a picture at every level, as the observer reads it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from leakage.figures import Figure, style
from leakage.interfaces import Canvas, Frame

if TYPE_CHECKING:
    from leakage.storage.views import View


class Figure1(Figure):
    """Figure 1: the first picture of the dataset at every level."""

    title = "A picture at every level"
    caption = """
        The view of picture {picture} of the dataset at {levels} levels. Level 0 is the plain
        picture. It has {plain_values} distinct values; the view at level {last} has {last_values}.
    """
    reads_views = True

    def draw(self, views: "list[View]") -> tuple[Canvas, Frame]:
        """Return the first picture of every view, with the mean and spread of its values."""
        import pandas as pd

        columns = min(3, len(views))
        rows = -(-len(views) // columns)
        figure, _ = style.panels(1, 5.4, 2.0 * rows)
        figure.clear()
        axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
        table = []
        for axis, view in zip(axes, views, strict=False):
            image_id, pixels = next(iter(view))
            style.show(axis, pixels)
            axis.set_title(f"n = {view.metadata['level']}")
            table.append(
                {
                    "level": view.metadata["level"],
                    "scheme": views[-1].metadata["scheme"],
                    "view": (view.metadata.get("definition") or {}).get("view", ""),
                    "image_id": image_id,
                    "distinct_values": len(np.unique(pixels)),
                    "mean": pixels.mean(),
                    "standard_deviation": pixels.std(),
                }
            )
        for axis in axes:
            axis.set_axis_off()
        frame = pd.DataFrame(table)
        last, said = frame.iloc[-1], views[-1].metadata.get("level_label", style.LEVEL)
        what = f" (view: {last['view']})" if last["view"] else ""
        style.set_title(
            figure, f"What an observer sees of picture {last.image_id}\n{last.scheme}{what}: {said}"
        )
        return figure, frame

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return the picture, and its number of distinct values at the first and last level."""
        first, last = table.iloc[0], table.iloc[-1]
        return {
            "picture": first["image_id"],
            "levels": len(table),
            "last": last["level"],
            "plain_values": first["distinct_values"],
            "last_values": last["distinct_values"],
        }
