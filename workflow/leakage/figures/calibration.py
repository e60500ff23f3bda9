"""Calibration: every estimator against known truths, for the target `calibration`."""

from typing import TYPE_CHECKING, Any

import numpy as np

from leakage.figures import Figure, style
from leakage.interfaces import Axes, Canvas, Frame

if TYPE_CHECKING:
    from matplotlib.artist import Artist

MANY = 12  # tasks: more get smaller panels


class Calibration(Figure):
    """Every estimator against known truths, a panel per task; the target `calibration` draws it."""

    title = "Estimates against known truths"
    caption = """
        {estimators} estimators on {tasks} joint distributions with known mutual information, with
        the range over draws. The dashed line is the truth. The first of them, {first}, errs the
        most on {task}: {bias:+.2f} nats where the truth is {truth:.2f}. An estimate below the line
        misses information. An estimate above it reports information that is not there.
    """

    def draw(self, tables: dict[str, style.Table]) -> tuple[Canvas, Frame]:
        """Return estimate against truth, a panel per task, and the table of the calibration."""
        table = tables["calibration"].rows
        tasks = list(dict.fromkeys(table["task"]))
        names = list(dict.fromkeys(table["estimator"]))
        columns = min(3 if len(tasks) <= MANY else 6, len(tasks))
        count = -(-len(tasks) // columns)
        width, height = (4.0, 3.4) if len(tasks) <= MANY else (2.9, 2.6)
        figure, _ = style.panels(1, width * columns + 2.2, height * count)
        figure.clear()
        axes = np.atleast_1d(figure.subplots(count, columns)).ravel()
        # The palette has ten colours; further estimators are grey and differ in their markers.
        palette = [*style.colours(10), *["0.45"] * len(names)]
        colours = dict(zip(names, palette, strict=False))
        markers = dict(zip(names, "os^Dv<>pXhP*" * (len(names) // 12 + 1), strict=False))
        handles = {}
        for axis, task in zip(axes, tasks, strict=False):
            rows = table[table["task"] == task]
            present = list(dict.fromkeys(rows["estimator"]))
            for estimator in present:
                part = rows[rows["estimator"] == estimator].sort_values("level")
                several = rows["level"].nunique() > 1 and rows["truth"].nunique() > 1
                place = part["truth"] if several else np.full(len(part), present.index(estimator))
                error = [part["mean"] - part["low"], part["high"] - part["mean"]]
                look = {"color": colours[estimator], "marker": markers[estimator], "ms": 5}
                line = "-" if several else "none"
                handles[estimator] = axis.errorbar(
                    place, part["mean"], error, ls=line, lw=0.8, capsize=2, **look
                )
            truths = np.sort(rows["truth"].unique())
            if rows["truth"].nunique() > 1:
                handles["truth"] = axis.plot(truths, truths, color="0.2", ls="--", lw=1)[0]
                axis.set_xlabel("truth (nats)")
            else:
                handles["truth"] = axis.axhline(truths[0], color="0.2", ls="--", lw=1)
                axis.set_xticks([])
                axis.set_xlabel("estimators, in the legend's order")
            if (rows["lower"] < rows["upper"]).any():
                handles["range of the truth"] = _range(axis, rows)
            axis.set_ylabel("estimate (nats)")
            axis.set_title(f"{task.replace('_', ' ')}, {rows['pairs'].iloc[0]:,} pairs")
            axis.grid(True, axis="y", alpha=0.3)
        for axis in axes[len(tasks) :]:
            axis.set_axis_off()
        ordered = [key for key in [*names, "truth", "range of the truth"] if key in handles]
        shown = [handles[key] for key in ordered]
        figure.legend(shown, ordered, loc="outside right center", frameon=False)
        draws = int(table["draws"].max())
        spread = f"mean and range of up to {draws} draws" if draws > 1 else "one draw"
        figure.suptitle(f"Held-out estimates against known truths ({spread})")
        return figure, table

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return the largest error of the first estimator."""
        names = list(dict.fromkeys(table["estimator"]))
        part = table[table["estimator"] == names[0]].dropna(subset="bias")
        largest: Any = part["bias"].abs().idxmax() if len(part) else None
        worst = {} if largest is None else part.loc[largest]
        return {
            "estimators": len(names),
            "tasks": table["task"].nunique(),
            "first": names[0],
            "bias": worst.get("bias", float("nan")),
            "task": str(worst.get("task", "no task")).replace("_", " "),
            "truth": worst.get("truth", float("nan")),
        }


def _range(axis: Axes, rows: Frame) -> "Artist":
    """Shade the range of the truth, over the levels of a task."""
    band = rows.drop_duplicates("level").sort_values("truth")
    look: dict[str, Any] = {"color": "0.2", "alpha": 0.15, "lw": 0}
    if len(band) == 1:
        return axis.axhspan(band["lower"].iloc[0], band["upper"].iloc[0], **look)
    return axis.fill_between(band["truth"], band["lower"], band["upper"], **look)
