"""The paper's claims (Messadi, Cervia, Itier, arXiv 2508.08832), and the numbers that test them.

The paper gives its claims in words. We chose the number that tests each, and its threshold. The
verdict on a claim about CLIP or ResNet-50 says if a stand-in was used (`analysis.parts`). With an
untrained network, or an encoder without weights, the claim cannot be tested, but its numbers are
given. Claims on training values need the held-out values too, if these are above their null and
come from enough pictures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from leakage.analysis import Analysis, enough, parts
from leakage.analysis.parts import Player
from leakage.analysis.tables import BITS_PER_NAT, Table, answer
from leakage.interfaces import Configuration, Frame, Series, Wanted

HOLDS, FAILS = "holds", "does not hold"
STAND_IN_HOLDS, STAND_IN_FAILS = (f"with a stand-in: {each}" for each in (HOLDS, FAILS))
NO_WEIGHTS = "cannot be tested with these weights"
NO_LEVELS = "cannot be tested at these levels"
TOO_FEW = "cannot be tested with so few pictures"
TRAINED = {parts.PAPER, parts.STAND_IN}
# From this R² on, a curve counts as a straight line.
LINEAR = 0.98
# Unrelated directions have a cosine near 0. A cosine that stays above this is uninformative.
UNINFORMATIVE = 0.5
# The level at which nothing of a byte is left.
NOTHING_LEFT = 8
HIGH = 5
CONVERGED = 0.9
# Levels with a last training value below this share of the largest do not count as converging.
PRESENT = 0.05


class Claims(Analysis):
    """The paper's claims, one row per number that tests them.

    Columns: `claim`; `quantity`, the number's name; `value`, `threshold` and `held_out_value`;
    `verdict`, `remark` and `networks` of the claim; `sign`, how the value compares to the threshold
    if the claim holds.
    """

    def tables(self, config: Configuration, pictures: int) -> dict[str, Wanted]:
        """Return the estimates of Figures 2 to 8, and the held-out ones beside them."""
        paper, held_out = config.paper, config.verdict.estimator
        clip, resnet = paper.clip, paper.resnet
        asked = {
            "histogram": Wanted(paper.histogram, "pixels"),
            "cosine": Wanted(paper.cosine, f"{clip}-whole"),
            "rounded": Wanted(paper.rounded_histogram, f"{clip}-whole"),
            "mine_pixels": Wanted(paper.training, "pixels"),
            "mine_clip": Wanted(paper.training, clip),
            "mine_resnet": Wanted(paper.training, resnet),
            "held_out_clip": Wanted(held_out, clip),
            "held_out_resnet": Wanted(held_out, resnet),
        }
        if config.verdict.pixels is not None:
            asked["bits"] = Wanted(config.verdict.pixels, "pixels")
        return asked

    def table(self, tables: Mapping[str, Table], confidence: float) -> Frame:
        """Return the numbers of all claims, one per row."""
        return rows_of(claims(tables))


@dataclass(frozen=True)
class Quantity:
    """A number that tests a claim.

    Attributes:
        name: its name.
        value: its value by the paper's estimate.
        threshold: the threshold of the claim; NaN for a number that decides nothing.
        above: whether the claim needs a value above the threshold, or below it.
        reached: whether a value equal to the threshold, up to rounding, is enough.
        held_out: the same number from held-out values; NaN if there is none.
        held_out_counts: whether the claim needs the same of the held-out number.
    """

    name: str
    value: float
    threshold: float = np.nan
    above: bool = True
    reached: bool = False
    held_out: float = np.nan
    held_out_counts: bool = False

    @property
    def sign(self) -> str:
        """The relation of the value to the threshold, if the claim holds."""
        return {(1, 1): "≥", (1, 0): ">", (0, 1): "≤", (0, 0): "<"}[self.above, self.reached]

    @property
    def holds(self) -> bool | None:
        """Whether it supports the claim; None if there is no number."""
        values = [self.value, *([self.held_out] if self.held_out_counts else [])]
        known = [value for value in values if not np.isnan(value)]
        if np.isnan(self.value):
            return None
        margins = [(v - self.threshold) * (1 if self.above else -1) for v in known]
        return all(m >= -1e-9 if self.reached else m > 0 for m in margins)


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, with the numbers that test it and their encoders.

    Attributes:
        text: the claim.
        quantities: the numbers that test it.
        remark: a remark on the numbers.
        players: the encoders in place of the paper's networks; empty for claims on pixels.
        compares: whether the claim compares the two networks with each other.
        few: whether it needs held-out numbers and these have too few pictures.
    """

    text: str
    quantities: list[Quantity]
    remark: str = ""
    players: tuple[Player, ...] = ()
    compares: bool = False
    few: bool = False

    @property
    def verdict(self) -> str:
        """Whether all numbers support the claim, in words."""
        if self.played_by_one or not {each.kind for each in self.players} <= TRAINED:
            return NO_WEIGHTS
        asked = [each.holds for each in self.quantities if not np.isnan(each.threshold)]
        if None in asked:
            return NO_LEVELS
        if self.few:
            return TOO_FEW
        if any(each.kind == parts.STAND_IN for each in self.players):
            return STAND_IN_HOLDS if all(asked) else STAND_IN_FAILS
        return HOLDS if all(asked) else FAILS

    @property
    def played_by_one(self) -> bool:
        """Whether one encoder replaces both networks, so that there is nothing to compare."""
        return self.compares and len({each.label for each in self.players}) == 1

    @property
    def remarks(self) -> str:
        """The remark, after the names of encoders that are not the paper's."""
        others = [each for each in self.players if each.kind != parts.PAPER]
        said = [f"{parts.named(others)}."] if others else []
        if self.played_by_one:
            return " ".join([*said, "One network cannot play both."])
        return " ".join([*said, self.remark]).strip()


def rows_of(found: list[Claim]) -> Frame:
    """Return the claims as a table, one row per number."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "claim": claim.text,
                "quantity": each.name,
                "value": each.value,
                "threshold": each.threshold,
                "held_out_value": each.held_out,
                "verdict": claim.verdict,
                "remark": claim.remarks,
                "networks": parts.named(claim.players),
                "sign": each.sign,
            }
            for claim in found
            for each in claim.quantities
        ]
    )


def claims(tables: Mapping[str, Table]) -> list[Claim]:
    """Return the paper's claims in its order."""
    clip, resnet = _players(tables)
    made: list[tuple[Callable[[Mapping[str, Table]], Claim], tuple[Player, ...]]] = [
        (_histogram_is_linear, ()),
        (_cosine_says_nothing, (clip,)),
        (_rounded_is_not_linear, (clip,)),
        (_pixels_bend_and_are_slow, ()),
        (_embeddings_are_faster, (clip, resnet)),
        (_clip_keeps_more_than_pixels, (clip,)),
        (_resnet_falls_faster, (clip, resnet)),
    ]
    return [replace(make(tables), players=players) for make, players in made]


def _players(tables: Mapping[str, Table]) -> tuple[Player, Player]:
    """Return the encoders in place of CLIP and ResNet-50."""
    clip, resnet = (parts.player(tables[f"mine_{part}"], part) for part in parts.NETWORKS)
    return clip, resnet


def straightness(levels: Any, values: Any) -> float:
    """Return R² of the straight line through values; NaN for fewer than three, or equal ones."""
    levels, values = np.asarray(levels, float), np.asarray(values, float)
    # R² of values that are equal up to rounding is noise.
    flat = values.size == 0 or np.ptp(values) <= 1e-12 * np.abs(values).max()
    if len(values) < 3 or flat or not np.isfinite(values).all():
        return float("nan")
    return float(np.corrcoef(levels, values)[0, 1] ** 2)


def training(table: Table) -> Frame:
    """Return the training values in nats, mean over seeds: epochs as rows, levels as columns."""
    rows = table.rows[table.rows["split"] == "train"]
    return rows.pivot_table(index="step", columns="level", values="nats", aggfunc="mean")


def epochs_to_converge(table: Table) -> float:
    """Return the median over levels of the first epoch with 90 % of the last training value."""
    curves = training(table)
    last = curves.iloc[-1]
    kept = last.index[(last > 0) & (last >= PRESENT * last.max())]
    firsts = [curves.index[curves[level] >= CONVERGED * last[level]][0] for level in kept]
    return float(np.median(firsts)) if firsts else float("nan")


def share(values: Series, between: tuple[int, int]) -> float:
    """Return the mean of I(n) / max I over a range of levels."""
    inner = values[(values.index >= between[0]) & (values.index <= between[1])]
    if not len(inner) or not values.max() > 0:
        return float("nan")
    return float(inner.mean() / values.max())


def held_out_share(table: Table, between: tuple[int, int]) -> float:
    """Return `share` of the held-out means; NaN if these do not exceed floor and null.

    The largest value must exceed them, and so must the mean over the range. Otherwise mismatched
    pictures give as much, and the ratio is noise.
    """
    rows = answer(table).set_index("level")
    null = rows[["floor", "null_high"]].max(axis=1).fillna(0.0)
    values = rows["mean"]
    inner = (rows.index >= between[0]) & (rows.index <= between[1])
    if not inner.any() or values.isna().any():
        return float("nan")
    top: Any = values.idxmax()
    if values[top] <= null[top] or values[inner].mean() <= null[inner].mean():
        return float("nan")
    return share(values, between)


def _histogram_is_linear(tables: Mapping[str, Table]) -> Claim:
    rows = tables["histogram"].rows.sort_values("level")
    bits, bound = rows["nats"] * BITS_PER_NAT, rows["bound"] * BITS_PER_NAT
    r2 = straightness(rows["level"], bits)
    excess = float((bits - bound).max())
    return Claim(
        "a. Histogram MI falls linearly in n and is bounded by 8 − n bits",
        [
            Quantity("R² of the linear fit", r2, LINEAR, reached=True),
            Quantity("largest excess over the bound, bits", excess, 0, above=False, reached=True),
        ],
        remark="The view is a function of the pixel, so its MI is the entropy H(view).",
    )


def _cosine_says_nothing(tables: Mapping[str, Table]) -> Claim:
    rows = tables["cosine"].rows
    last = rows[rows["level"] == NOTHING_LEFT].set_index("statistic")["value"]
    return Claim(
        "b. The cosine of CLIP embeddings is uninformative",
        [
            Quantity("raw cosine at n = 8", last.get("raw", np.nan), UNINFORMATIVE),
            Quantity("centred cosine at n = 8", last.get("centred", np.nan)),
        ],
        remark="At n = 8 nothing is left to be similar to; the raw cosine's floor is the common "
        "part of all embeddings, which centring takes off.",
    )


def _rounded_is_not_linear(tables: Mapping[str, Table]) -> Claim:
    rows = tables["rounded"].rows.sort_values("level")
    r2 = straightness(rows["level"], rows["nats"])
    return Claim(
        "c. MI of rounded CLIP features is non-linear in n",
        [Quantity("R² of the linear fit", r2, LINEAR, above=False)],
        remark="Its ceiling is the logarithm of the number of coordinates, and it does not fall "
        "to 0 where nothing is left.",
    )


def _pixels_bend_and_are_slow(tables: Mapping[str, Table]) -> Claim:
    mine = tables["mine_pixels"]
    curves = training(mine)
    read = mine.answer.groupby("level")["nats"].mean()
    exact = tables["histogram"].rows.sort_values("level")
    bend = straightness(curves.columns, curves.iloc[-1])
    of_exact = straightness(exact["level"], exact["pooled"])
    beside = [Quantity("R² of the exact values", of_exact)]
    straight, reader = of_exact, "The exact values lie"
    if "bits" in tables:
        bits = answer(tables["bits"])
        straight = straightness(bits["level"], bits["mean"])
        beside.append(Quantity("R² with a critic that reads bits", np.nan, held_out=straight))
        reader = "With a critic that reads bits the values lie"
    remark = f"Slow: {_percent(CONVERGED)} of the last value not within half of the epochs (ours)."
    if bend < LINEAR <= straight:
        remark = f"{reader} on a line: the bend is the critic's, not the pictures'. {remark}"
    return Claim(
        "d. MINE on pixels is non-linear and slow to converge",
        [
            Quantity(
                "R² of the last training values",
                bend,
                LINEAR,
                above=False,
                held_out=straightness(read.index, read),
            ),
            Quantity(_converging(tables, "pixels"), epochs_to_converge(mine), len(curves) / 2),
            *(
                Quantity(_converging(tables, part), _epochs(tables, part))
                for part in parts.NETWORKS
            ),
            *beside,
        ],
        remark=remark,
    )


def _embeddings_are_faster(tables: Mapping[str, Table]) -> Claim:
    pixels = _epochs(tables, "pixels")
    return Claim(
        "e. MINE converges faster on CLIP and ResNet than on pixels",
        [
            # Without the pixels' number there is nothing to be compared with.
            Quantity(
                _converging(tables, part),
                _epochs(tables, part) if pixels > 0 else np.nan,
                pixels if pixels > 0 else 0,
                above=False,
            )
            for part in parts.NETWORKS
        ],
        remark="Compared with the epochs on pixels. An epoch is one pass over the pairs. Training "
        "values also rise when the critic memorises its pairs.",
    )


def _clip_keeps_more_than_pixels(tables: Mapping[str, Table]) -> Claim:
    between = 1, NOTHING_LEFT - 1
    of_pixels = (
        held_out_share(tables["bits"], between)
        if "bits" in tables
        else share(tables["mine_pixels"].answer.groupby("level")["nats"].mean(), between)
    )
    return _compared(
        "f. Intermediate levels keep relatively more on CLIP than on pixels",
        f"mean of I(n) / max I over 0 < n < 8, {_players(tables)[0].short} − pixels",
        (tables["mine_clip"], tables["mine_pixels"]),
        (held_out_share(tables["held_out_clip"], between), of_pixels),
        between,
        enough.shortage(tables["held_out_clip"]),
        "Held out, pixels are read bit by bit. " if "bits" in tables else "",
    )


def _resnet_falls_faster(tables: Mapping[str, Table]) -> Claim:
    # Level 8 gives 0 on both sides; alone it is no comparison.
    levels = tables["mine_clip"].rows["level"]
    between = HIGH, NOTHING_LEFT if levels.between(HIGH, NOTHING_LEFT - 1).any() else HIGH
    clip, resnet = _players(tables)
    claim = _compared(
        "g. At high levels ResNet falls faster than CLIP",
        f"mean of I(n) / max I over n ≥ {HIGH}, {clip.short} − {resnet.short}",
        tuple(tables[f"mine_{part}"] for part in parts.NETWORKS),
        tuple(held_out_share(tables[f"held_out_{part}"], between) for part in parts.NETWORKS),
        between,
        enough.shortage(tables["held_out_clip"]) or enough.shortage(tables["held_out_resnet"]),
    )
    return replace(claim, compares=True)


def _compared(
    text: str,
    name: str,
    trained: tuple[Table, ...],
    held_out: tuple[float, ...],
    between: tuple[int, int],
    few: str,
    remark: str = "",
) -> Claim:
    """Return the claim that a first series keeps relatively more than a second."""
    first, second = (share(training(each).iloc[-1], between) for each in trained)
    beside = held_out[0] - held_out[1]
    if np.isnan(beside):
        remark += "Held out no number: the values are not above their null, or no level counts."
    elif few:
        remark += f"The claim needs held-out numbers, and these have too few pictures: {few}."
    elif (first > second) != (beside > 0):
        which = ("training", "held-out") if first > second else ("held-out", "training")
        remark += "The claim holds on {} values but not on {} values. It needs both.".format(*which)
    else:
        remark += "Training and held-out values agree."
    quantity = Quantity(name, first - second, 0, held_out=beside, held_out_counts=not few)
    return Claim(text, [quantity], remark=remark, few=bool(few))


def _epochs(tables: Mapping[str, Table], part: str) -> float:
    return epochs_to_converge(tables[f"mine_{part}"])


def _converging(tables: Mapping[str, Table], part: str) -> str:
    played = part in parts.NETWORKS
    name = parts.player(tables[f"mine_{part}"], part).short if played else part
    return f"epochs to {_percent(CONVERGED)} of the last value, {name}"


def _percent(part: float) -> str:
    return f"{100 * part:g} %"
