"""Relative distance to the maximum against the level: Figures 6a, 6b and 8, and beyond.

Our reading, where the paper can be read twice: 1 - I_n / max_m I_m, of the value at the last epoch
on the training pairs; the same of the held-out values stands beside it.
"""

from typing import TYPE_CHECKING, Any

from leakage.analysis import enough
from leakage.figures import curves, style
from leakage.figures.epochs import exact_label, exact_values

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Distance to the maximum"
PER_REPRESENTATION = True
SERIES = {
    "train": "training pairs, as in the paper",
    "test": "held-out pairs",
    "exact": "counted",
}


def tables(config: Any, representation: str = "") -> dict[str, tuple[str, str]]:
    """Return MINE on one representation."""
    return {"mine": (config.paper.training, representation)}


def draw(
    tables: dict[str, style.Table], name: str, encoder: str = ""
) -> "tuple[Figure, pd.DataFrame]":
    """Return the relative distances, with bands over the seeds.

    Args:
        tables: MINE, and the histogram estimate if the exact values are known.
        name: of the figure.
        encoder: words for the encoder; its label if empty.
    """
    mine = tables["mine"]
    encoder = encoder or mine.label
    table = behind(mine, exact_values(tables)).assign(encoder=encoder)
    figure, (axis,) = style.panels()
    looks = {"train": {"marker": "o"}, "test": {"marker": "s", "ls": "-."}, "exact": {"ls": "--"}}
    colours = dict(zip(SERIES, style.colours(3), strict=True))
    named = SERIES | {"exact": exact_label(tables)}
    table["carries_weight"] = (table["series"] != "test") | enough.carries_weight(mine)
    if shortage := enough.shortage(mine):
        colours["test"] = style.GREY
        named["test"] += f", {curves.TOO_FEW}\n({shortage}), carries no weight"
    for series, label in named.items():
        part = table[table["series"] == series]
        if len(part):
            columns = (part[name] for name in ("level", "distance", "low", "high"))
            style.band(axis, *columns, colours[series], label, **looks[series])
    axis.set(xlabel=mine.level_label, ylabel="relative distance, 1 − I(n) / max I")
    axis.set_xticks(sorted(mine.rows["level"].unique()))
    axis.set_ylim(-0.05, limit := highest(table))
    if len(table):
        curves.legend_below(figure, axis, 1 if shortage else 2)
    else:
        nothing = "nothing to draw: no value is above 0"
        axis.text(0.5, 0.5, nothing, transform=axis.transAxes, ha="center", color="0.3")
    missing = [SERIES[s] for s in ("train", "test") if s not in set(table["series"])]
    note = f"\nnot drawn, maximum not above 0: {missing[0]}" if missing else ""
    if table["high"].max() > limit:
        note += (
            f"\n(values above {limit:g} are out of view, the highest is {table['high'].max():,.1f})"
        )
    seeds = mine.rows["seed"].nunique()
    style.set_title(
        axis, f"{finding(table)}\n{encoder}\nmean and range of {seeds} training runs{note}"
    )
    return figure, table


def numbers(table: "pd.DataFrame") -> dict[str, Any]:
    """Return what the caption says: the first level, per series, that lost half of the maximum."""
    halved: dict[str, Any] = {
        series: _halved(table[table["series"] == series]) for series in SERIES
    }
    encoder = table["encoder"].iloc[0] if len(table) else "the encoder"
    return halved | {"encoder": encoder, "few": curves.too_few_sentence(table)}


def finding(table: "pd.DataFrame") -> str:
    """Return where half of the maximum is first lost, in words, by series that carry weight."""
    table = table[table["carries_weight"]] if "carries_weight" in table else table
    names = {"train": "on training pairs", "test": "held out", "exact": "counted"}
    lost = [
        f"{_halved(part)} {names[series]}"
        for series in names
        if len(part := table[table["series"] == series])
    ]
    return f"Half of the maximum is first lost {', '.join(lost)}" if lost else "No maximum above 0"


def _halved(part: "pd.DataFrame") -> str:
    """Return the first level above the maximum's whose distance is a half or more, in words."""
    distances = part.set_index("level")["distance"].dropna()
    if not len(distances):
        return "nowhere (not drawn)"
    lost = distances[(distances >= 0.5) & (distances.index > distances.idxmin())]
    return f"at n = {lost.index.min()}" if len(lost) else "at no level"


def behind(mine: style.Table, exact: dict[int, float]) -> "pd.DataFrame":
    """Return the distances per series and level: mean, lowest and highest over the seeds.

    A seed whose largest value is not above 0 has no distance and is left out.
    """
    import pandas as pd

    train = mine.rows[(mine.rows["split"] == "train")]
    last = train[train["step"] == train["step"].max()]
    parts = [last.assign(series="train"), mine.answer.assign(series="test")]
    if exact:
        levels = pd.DataFrame({"level": list(exact), "nats": list(exact.values())})
        parts.append(levels.assign(series="exact", seed=0))
    values = pd.concat([part[["series", "seed", "level", "nats"]] for part in parts])
    largest = values.groupby(["series", "seed"])["nats"].transform("max")
    values = values[largest > 0].assign(distance=1 - values["nats"] / largest)
    groups = values.groupby(["series", "level"])
    table = groups["distance"].agg(distance="mean", low="min", high="max").reset_index()
    return table.merge(groups["nats"].mean().reset_index())


def highest(table: "pd.DataFrame") -> float:
    """Return the axis' upper end, a little above 1; what negative values add is kept to 1.6."""
    return float(min(1.6, max(1.05, table["high"].max() * 1.03)))
