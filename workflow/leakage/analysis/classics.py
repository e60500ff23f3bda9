"""The classic measures beside the verdicts and re-identification: which one hides a leak?

A level leaks if the verdict is a leak on any representation, or if views are re-identified more
often than by guessing. A measure misses a level that leaks if it says `hidden`, as defined in
`leakage.analysis.visual_security`.
"""

from collections.abc import Mapping

import numpy as np

from leakage.analysis import Analysis, compared
from leakage.analysis.tables import Table, by_level
from leakage.analysis.verdicts import LEAK, holm
from leakage.analysis.visual_security import HIDDEN, PIXELS
from leakage.errors import LeakageError
from leakage.interfaces import Configuration, Floats, Frame, Series, Wanted

SAID = "visual_security"
TOP_1, NEAREST = "top 1", "nearest neighbour, top 1"
KEY = ["scheme", "representation", "level"]
LEVEL = ["scheme", "level"]
COLUMNS = [
    *("scheme", "level", "representation", "label", "measure", "mean", "reference", "says"),
    *("verdict", "nats", "tau", "top_1", "top_1_low", "top_1_high", "nearest", "chance"),
    *("pictures", "p_found", "found", "leaks", "found_anywhere", "missed"),
]


class Classics(Analysis):
    """One row per scheme, encrypted level, representation with a verdict, and measure.

    Columns:
        `mean`, `reference`, `says`, `verdict`, `nats`, `tau`: see `VisualSecurity`.
        `top_1`, `top_1_low`, `top_1_high`: share of held-out views whose own patch is ranked first,
            with its exact interval; `nearest`: the same for the untrained nearest neighbour;
            `chance`: for guessing; over `pictures`. Missing on a representation without them.
        `p_found`: the probability that guessing finds as many, with the pictures as trials,
            corrected by Holm's rule for the encrypted levels of a scheme on a representation.
        `found`: whether `p_found` is at most 1 - confidence.
        `leaks`: whether the verdict is a leak or `found` holds, on any representation.
        `found_anywhere`: whether `found` holds on any representation.
        `missed`: whether the measure says `hidden` and the level leaks.
    """

    def tables(self, config: Configuration, pictures: int) -> dict[str, Wanted]:
        """Return what the measures say, and re-identification on every representation."""
        asked = {SAID: Wanted("analysis", SAID, "")}
        for scheme in compared(config):
            for key in config.representations:
                if key != PIXELS:
                    wanted = Wanted(config.comparisons.reidentification, key, scheme)
                    asked[f"{scheme}/{key}"] = wanted
        return asked

    def table(self, tables: Mapping[str, Table], confidence: float) -> Frame:
        """Return the table; `confidence` is that of the verdicts."""
        import pandas as pd

        said = tables[SAID].rows
        said = said[(said["level"] > 0) & said["verdict"].notna()].drop(columns="pictures")
        found = [
            _found(table, confidence).assign(scheme=scheme, representation=key)
            for role, table in tables.items()
            for scheme, _, key in [role.partition("/")]
            if role != SAID
        ]
        if said.empty or not found:
            raise LeakageError(
                "classics: no verdict on an encrypted level of whole pictures; name a scheme "
                "without a region in `comparisons.schemes`, a level above 0 in "
                "`encryption.schemes`, and an encoder in `representations`"
            )
        rows = said.merge(pd.concat(found), on=KEY, how="left")
        rows["found"] = rows["found"].eq(True)
        rows["found_anywhere"] = _anywhere(rows, rows["found"])
        rows["leaks"] = _anywhere(rows, rows["found"] | rows["verdict"].eq(LEAK))
        rows["missed"] = rows["leaks"] & rows["says"].eq(HIDDEN)
        return rows[COLUMNS]


def p_guessed(share: Floats, trials: Floats, chance: Floats) -> Floats:
    """Return the probability that guessing finds a share of the trials or more, float64.

    The share times the trials need not be a whole number: the binomial tail is the regularised
    incomplete beta function.
    """
    from scipy.special import betainc

    found = np.asarray(share * trials, dtype=np.float64)
    tail: Floats = betainc(np.maximum(found, 1e-12), trials - found + 1, chance)
    return np.where(found > 0, tail, 1.0)


def _found(table: Table, confidence: float) -> Frame:
    """Return one row per encrypted level: what re-identification finds, and guessing."""
    columns = {"mean": "top_1", "low": "top_1_low", "high": "top_1_high"}
    rows = by_level(table, TOP_1).rename(columns=columns)
    nearest = by_level(table, NEAREST).set_index("level")["mean"]
    rows = rows[rows["level"] > 0].assign(nearest=rows["level"].map(nearest))
    rows["p_found"] = holm(
        p_guessed(*(rows[each].to_numpy() for each in ("top_1", "pictures", "chance")))
    )
    rows["found"] = rows["p_found"] <= 1 - confidence
    kept = ["level", *columns.values(), "nearest", "chance", "pictures", "p_found", "found"]
    return rows[kept]


def _anywhere(rows: Frame, held: Series) -> Series:
    """Return for each row whether `held` is true on any representation of its level."""
    return held.groupby([rows[each] for each in LEVEL]).transform("any")
