"""MINE's training curves, and the distance to the maximum: Figures 4 to 8, and other encoders.

Our reading of the distance, which the paper leaves open: 1 - I_n / max_m I_m, of the values at the
last epoch on the training pairs. The same for held-out values is drawn beside it.
"""

import textwrap
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from leakage import captions
from leakage.analysis import enough, parts
from leakage.analysis.tables import grouped
from leakage.figures import Figure, curves, style
from leakage.figures.fig2 import is_exact
from leakage.interfaces import Canvas, Configuration, Frame, Wanted

PIXELS = "pixels"
# How a critic reads a pixel, by the setting.
READINGS = {
    "scalar": "a byte as one number",
    "bits": "a byte as eight bits",
    "fourier": "a byte as sines and cosines",
}
SIDES = {"train": "training pairs, as in the paper", "test": "held-out pairs"}
SERIES = SIDES | {"exact": "counted"}
BEYOND = " (a representation that is not in the paper)"


class _Training(Figure):
    """A figure of MINE's training on pixels, or on the encoder in place of a paper's network."""

    on: ClassVar[str] = ""
    """`PIXELS`, `parts.CLIP` or `parts.RESNET`; empty: the representation that is asked for"""

    def tables(self, config: Configuration, representation: str = "") -> dict[str, Wanted]:
        """Return MINE's training curves; on pixels also the counts, for the exact values."""
        training = config.paper.training
        if self.on == PIXELS:
            counted = Wanted(config.paper.histogram, PIXELS)
            return {"mine": Wanted(training, PIXELS), "histogram": counted}
        encoders = {parts.CLIP: config.paper.clip, parts.RESNET: config.paper.resnet}
        return {"mine": Wanted(training, encoders.get(self.on, representation))}

    def _encoder(self, mine: style.Table) -> str:
        """Return the encoder's label, with the network that it replaces."""
        return parts.player(mine, self.on).named if self.on in parts.NETWORKS else mine.label

    def _where(self, table: Frame) -> str:
        """Return what MINE was trained on, for the caption."""
        encoder = table["encoder"].iloc[0] if len(table) else "the encoder"
        return f"{encoder}{BEYOND}" if not self.on else f"embeddings of patches by {encoder}"


class Epochs(_Training):
    """MINE over epochs, with a curve per level."""

    title = "MINE over epochs"
    per_representation = True
    caption = """
        MINE on {where} over epochs, with a curve for each of {levels} levels. Left: the value on
        training pairs, as in the paper, which measures memorisation as well as leakage. After
        {epochs} epochs it is at most {train:.2f} nats (n = {train_level}). Right: the value on
        pairs of pictures that the critic never saw. It is then at most {test:.2f} nats (n =
        {test_level}).{few}
    """

    def draw(self, tables: dict[str, style.Table]) -> tuple[Canvas, Frame]:
        """Return the values per epoch, on training pairs and held out; bands span the seeds."""
        mine = tables["mine"]
        encoder = self._encoder(mine)
        table = values_by_epoch(mine.rows).assign(encoder=encoder)
        table["carries_weight"] = (table["split"] == "train") | enough.carries_weight(mine)
        exact = exact_values(tables)
        table["exact_nats"] = table["level"].map(exact) if exact else float("nan")
        figure, axes = style.panels(2, 5.2)
        colours = style.level_colours(sorted(table["level"].unique()))
        held_out = colours
        if shortage := enough.shortage(mine):
            held_out = style.level_greys(list(colours))
        for axis, (split, title) in zip(axes, SIDES.items(), strict=True):
            shades = held_out if split == "test" else colours
            for level, part in grouped(table[table["split"] == split], "level"):
                style.band(axis, part, shades[level], f"n = {level}", "epoch", "nats")
                if exact:
                    axis.axhline(exact[level], color=shades[level], ls="--", lw=0.8)
            axis.set(xlabel="epoch", ylabel="MINE's value (nats)")
            axis.axhline(0, color="0.4", lw=0.8, zorder=0)
            if split == "test" and shortage:
                title = f"{title}, grey: {curves.TOO_FEW}\n({shortage}), carries no weight"
            shown = table[table["split"] == split]
            note = curves.cut_below(axis, shown, max(exact.values(), default=0.0))
            style.set_title(axis, title + note)
        limits = np.array([axis.get_ylim() for axis in axes])
        for axis in axes:
            axis.set_ylim(limits[:, 0].min(), limits[:, 1].max())
        handles, labels = axes[0].get_legend_handles_labels()
        if exact:
            handles.append(axes[0].axhline(float("nan"), color="0.3", ls="--", lw=0.8))
            labels.append(exact_label(tables))
        counted = textwrap.fill(mine.level_label, 20)
        figure.legend(handles, labels, loc="outside right center", frameon=False, title=counted)
        seeds = mine.rows["seed"].nunique()
        how = ""
        if exact:
            how = f", critic reads {READINGS[mine.metadata['settings']['pixels']['input']]}"
        under = f", {mine.scheme}" if mine.scheme else ""
        style.set_title(
            figure,
            f"{self._finding(table)}\n{encoder}{under}{how}; mean and range of {seeds} training "
            "runs",
        )
        return figure, table

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return the number of epochs, and the largest values after the last one."""
        last = table[table["epoch"] == table["epoch"].max()]
        found: dict[str, Any] = {"where": self._where(table)}
        found |= {"epochs": int(table["epoch"].max()), "levels": table["level"].nunique()}
        for split in SIDES:
            part = last[last["split"] == split].set_index("level")["nats"].dropna()
            found[split] = part.max()
            found[f"{split}_level"] = part.idxmax() if len(part) else "no level"
        few = curves.too_few_sentence(table)
        return found | {"exact": table["exact_nats"].max(), "few": few}

    def _finding(self, table: Frame) -> str:
        """Return the values after the last epoch, at the level with the most on training pairs."""
        said = self.numbers(table)
        level = said["train_level"]
        if level == "no level":
            return "MINE gives no value"
        last = table[(table["epoch"] == said["epochs"]) & (table["level"] == level)]
        values = last.set_index("split")
        train, test = (captions.number(values["nats"].get(split, np.nan), ".2f") for split in SIDES)
        words = f"MINE at n = {level}: {train} nats on its training pairs"
        if values["carries_weight"].get("test", True):
            words += f", {test} held out"
        exact = last["exact_nats"].iloc[0]
        return words + (f", {exact:.2f} counted" if np.isfinite(exact) else "")


class Distance(_Training):
    """The relative distance to the maximum, against the level."""

    title = "Distance to the maximum"
    per_representation = True
    caption = """
        Relative distance to the maximum, 1 - I(n) / max I, of MINE on {where} against the level,
        for training values at the last epoch (as in the paper) and for held-out values. Half of the
        maximum is first lost {train} on training pairs, and {test} held out. A series without a
        maximum above 0 is not drawn.{few}
    """

    def draw(self, tables: dict[str, style.Table]) -> tuple[Canvas, Frame]:
        """Return the relative distances, with bands over the seeds."""
        mine = tables["mine"]
        encoder = self._encoder(mine)
        table = distances(mine, exact_values(tables)).assign(encoder=encoder)
        figure, (axis,) = style.panels()
        looks: dict[str, Any] = {"train": {"marker": "o"}, "test": {"marker": "s", "ls": "-."}}
        colours: dict[str, Any] = dict(zip(SERIES, style.colours(3), strict=True))
        labels = SERIES | {"exact": exact_label(tables)}
        table["carries_weight"] = (table["series"] != "test") | enough.carries_weight(mine)
        if shortage := enough.shortage(mine):
            colours["test"] = style.GREY
            labels["test"] += f", {curves.TOO_FEW}\n({shortage}), carries no weight"
        for series, label in labels.items():
            part = table[table["series"] == series]
            if len(part):
                style.band(
                    axis,
                    part,
                    colours[series],
                    label,
                    y="distance",
                    **looks.get(series, {"ls": "--"}),
                )
        axis.set(xlabel=mine.level_label, ylabel="relative distance, 1 − I(n) / max I")
        axis.set_xticks(sorted(mine.rows["level"].unique()))
        # A little above 1; negative values add up to 1.6.
        limit = float(min(1.6, max(1.05, table["high"].max() * 1.03)))
        axis.set_ylim(-0.05, limit)
        if len(table):
            curves.legend_below(figure, axis, 1 if shortage else 2)
        else:
            nothing = "nothing to draw: no value is above 0"
            axis.text(0.5, 0.5, nothing, transform=axis.transAxes, ha="center", color="0.3")
        missing = [SERIES[each] for each in SIDES if each not in set(table["series"])]
        note = f"\nnot drawn, maximum not above 0: {missing[0]}" if missing else ""
        if (highest := table["high"].max()) > limit:
            note += f"\n(values above {limit:g} are out of view, the highest is {highest:,.1f})"
        runs = f"mean and range of {mine.rows['seed'].nunique()} training runs"
        style.set_title(axis, f"{_half_lost(table)}\n{encoder}\n{runs}{note}")
        return figure, table

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return the first level, per series, that lost half of the maximum."""
        halved = {series: _halved(table[table["series"] == series]) for series in SERIES}
        return halved | {"where": self._where(table), "few": curves.too_few_sentence(table)}


class Figure4(Epochs):
    """Figure 4: MINE over epochs on pixels, with the exact value of each level."""

    title = "MINE on pixels over epochs"
    per_representation = False
    on = PIXELS
    caption = """
        MINE on pairs of pixel values over {epochs} epochs, with a curve for each of {levels}
        levels. The counted mutual information is dashed (exact if the view is a function of the
        pixel). MINE ends at no more than {train:.2f} nats on training pairs and {test:.2f} on
        held-out pairs. The largest counted value is {exact:.2f}. The critic reads two numbers, as
        in the paper. The shape of the curves says more about this critic than about the
        pictures.{few}
    """


class Figure5(Epochs):
    """Figure 5: MINE over epochs on patch embeddings of the encoder in place of CLIP."""

    title = "MINE over epochs (paper: CLIP)"
    per_representation = False
    on = parts.CLIP


class Figure7(Epochs):
    """Figure 7: MINE over epochs on patch embeddings of the encoder in place of ResNet-50."""

    title = "MINE over epochs (paper: ResNet)"
    per_representation = False
    on = parts.RESNET


class Figure6a(Distance):
    """Figure 6a: relative distance to the maximum, MINE on pixels."""

    title = "Distance to the maximum, pixels"
    per_representation = False
    on = PIXELS
    caption = """
        Relative distance to the maximum, 1 - I(n) / max I, of MINE on pixels against the level, for
        training values at the last epoch (as in the paper), for held-out values and for counted
        values. Half of the maximum is first lost {train} on training pairs, {test} held out, and
        {exact} for counted values.{few}
    """


class Figure6b(Distance):
    """Figure 6b: relative distance to the maximum, on the encoder in place of CLIP."""

    title = "Distance to maximum (paper: CLIP)"
    per_representation = False
    on = parts.CLIP


class Figure8(Distance):
    """Figure 8: relative distance to the maximum, on the encoder in place of ResNet-50."""

    title = "Distance to maximum (paper: ResNet)"
    per_representation = False
    on = parts.RESNET


def values_by_epoch(rows: Frame) -> Frame:
    """Return mean, lowest and highest value over the seeds, per split, level and epoch."""
    kept = rows[rows["split"].isin(SIDES)]
    groups = kept.groupby(["split", "level", "step"])["nats"]
    table = groups.agg(nats="mean", low="min", high="max").reset_index()
    return table.rename(columns={"step": "epoch"})


def distances(mine: style.Table, exact: dict[int, float]) -> Frame:
    """Return the distances over the seeds with a value above 0: mean, lowest and highest."""
    import pandas as pd

    train = mine.rows[(mine.rows["split"] == "train")]
    last = train[train["step"] == train["step"].max()]
    series = [last.assign(series="train"), mine.answer.assign(series="test")]
    if exact:
        levels = pd.DataFrame({"level": list(exact), "nats": list(exact.values())})
        series.append(levels.assign(series="exact", seed=0))
    values = pd.concat([part[["series", "seed", "level", "nats"]] for part in series])
    largest = values.groupby(["series", "seed"])["nats"].transform("max")
    values = values[largest > 0].assign(distance=1 - values["nats"] / largest)
    groups = values.groupby(["series", "level"])
    table = groups["distance"].agg(distance="mean", low="min", high="max").reset_index()
    merged: pd.DataFrame = table.merge(groups["nats"].mean().reset_index())
    return merged


def exact_label(tables: Mapping[str, style.Table]) -> str:
    """Return `exact` if all views are functions of the pixel, else `counted`."""
    table = tables.get("histogram")
    return "exact" if table is not None and is_exact(table.answer).all() else "counted"


def exact_values(tables: Mapping[str, style.Table]) -> dict[int, float]:
    """Return the counted MI in nats of the pixels of all pictures together, by level, if given."""
    if "histogram" not in tables:
        return {}
    rows = tables["histogram"].rows
    return dict(zip(rows["level"], rows["pooled"], strict=True))


def _half_lost(table: Frame) -> str:
    """Return where half of the maximum is first lost, in words, by series that carry weight."""
    table = table[table["carries_weight"]]
    names = {"train": "on training pairs", "test": "held out", "exact": "counted"}
    lost = [
        f"{_halved(part)} {names[series]}"
        for series in names
        if len(part := table[table["series"] == series])
    ]
    return f"Half of the maximum is first lost {', '.join(lost)}" if lost else "No maximum above 0"


def _halved(part: Frame) -> str:
    """Return the first level above the maximum's with a distance of at least a half, in words."""
    found = part.set_index("level")["distance"].dropna()
    if not len(found):
        return "nowhere (not drawn)"
    lost = found[(found >= 0.5) & (found.index > found.idxmin())]
    return f"at n = {lost.index.min()}" if len(lost) else "at no level"
