"""Comparisons: the values of several estimates side by side, one table per figure that shows them.

They join tables and compute no estimate, so the figures call them, instead of reading a table that
another job makes.
"""

from collections.abc import Mapping

import numpy as np

from leakage.analysis import enough
from leakage.analysis.tables import INFORMATION, Table, by_level
from leakage.errors import LeakageError
from leakage.interfaces import Frame

METHODS = {
    "mine": "MINE",
    "mine_training": "MINE (single split)",
    "infonce": "InfoNCE",
    "nwj": "NWJ",
    "smile": "SMILE",
    "cca": "CCA (Gaussian part)",
    "ksg": "KSG (nearest neighbours)",
}
# How a critic reads a byte.
CRITICS = ("scalar", "bits", "fourier")
# An estimate this close to the exact value is right: nats, or a share of the exact value.
TOLERANCE = (0.05, 0.03)
# The statistic of each side of `pretraining`.
PRETRAINING = {"information": INFORMATION, "found": "top 1"}
# Who searches, as the statistics of re-identification begin: the critic, its nearest neighbour in
# the held-out fold, and the nearest neighbour among the patches of all pictures.
CRITIC, NEAREST, OF_ALL = "", "nearest neighbour, ", "nearest neighbour of all, "
PLACES = ("top 1", "top 5")
# The roles of `schemes`.
COUNTED, HELD_OUT, VERDICTS = "histogram", "held out", "verdicts"


def methods(tables: Mapping[str, Table]) -> dict[str, str]:
    """Return the name of each table's method by role; with its role if several share a method."""
    found = {}
    for role, table in tables.items():
        method = table.metadata["settings"].get("method", role)
        found[role] = METHODS.get(method, method)
    several = {name for name in found.values() if list(found.values()).count(name) > 1}
    return {role: f"{name}, {role}" if name in several else name for role, name in found.items()}


def estimators(tables: Mapping[str, Table]) -> Frame:
    """Return `by_level` of every estimator, one below the other."""
    import pandas as pd

    names = methods(tables)
    return pd.concat(
        [
            by_level(table).assign(
                estimator=role, method=names[role], carries_weight=enough.carries_weight(table)
            )
            for role, table in tables.items()
        ],
        ignore_index=True,
    )


def memorisation(mine: Table, held_out: Table) -> Frame:
    """Return `mean`, `low`, `high` in nats per series and level; MINE's are over its seeds."""
    import pandas as pd

    train = mine.rows[mine.rows["split"] == "train"]
    fitted = by_level(held_out)
    floor = fitted[["level", "pictures"]].assign(mean=fitted["floor"])
    parts = {
        "train": _over_seeds(train[train["step"] == train["step"].max()]),
        "single_split": _over_seeds(mine.answer),
        "cross_fitted": fitted.drop(columns=["floor", "chance"]),
        "floor": floor.assign(low=floor["mean"], high=floor["mean"]),
    }
    table = pd.concat(
        [part.assign(series=series) for series, part in parts.items()], ignore_index=True
    )
    weights = {"train": True, "single_split": enough.carries_weight(mine)}
    weights |= dict.fromkeys(["cross_fitted", "floor"], enough.carries_weight(held_out))
    bounded = table["at_ceiling"].fillna(False).astype(bool)
    return table.assign(at_ceiling=bounded, carries_weight=table["series"].map(weights))


def pixel_critics(tables: Mapping[str, Table]) -> Frame:
    """Return each critic's values with the exact one, the difference, and what counts as right."""
    import pandas as pd

    counted = tables["histogram"].rows
    exact = counted[["level", "pooled"]].rename(columns={"pooled": "exact"})
    parts = [
        by_level(tables[critic]).assign(
            critic=critic, carries_weight=enough.carries_weight(tables[critic])
        )
        for critic in CRITICS
    ]
    table = pd.concat(parts, ignore_index=True).merge(exact, on="level", how="left")
    table["difference"] = table["mean"] - table["exact"]
    table["tolerance"] = np.maximum(TOLERANCE[0], TOLERANCE[1] * table["exact"])
    return table.drop(columns="chance")


def pretraining(tables: Mapping[str, Table]) -> Frame:
    """Return both sides of each pair per measure and level, and trained less untrained."""
    import pandas as pd

    if not tables:
        raise LeakageError(
            "controls: none given; name the untrained encoder of a pretrained one there, or take "
            "pretraining out of figures"
        )
    parts = []
    for trained, untrained in pairs(tables):
        for measure, statistic in PRETRAINING.items():
            sides = [
                by_level(tables[f"{key} {measure}"], statistic).set_index("level")
                for key in (trained, untrained)
            ]
            kept = ["mean", "low", "high", "at_ceiling"]
            both = [
                each[kept].add_prefix(f"{side}_")
                for side, each in zip(("trained", "untrained"), sides, strict=True)
            ]
            part = pd.concat([*both, sides[0][["chance", "pictures"]]], axis=1).reset_index()
            part["difference"] = part["trained_mean"] - part["untrained_mean"]
            pair = [tables[f"{key} {measure}"] for key in (trained, untrained)]
            part["carries_weight"] = measure == "found" or all(map(enough.carries_weight, pair))
            part["label"] = pair[0].label.partition(" (")[0]
            parts.append(part.assign(trained=trained, untrained=untrained, measure=measure))
    return pd.concat(parts, ignore_index=True)


def reidentification(tables: Mapping[str, Table]) -> Frame:
    """Return the shares per representation, statistic and level; chance is the mean over folds."""
    import pandas as pd

    parts = [
        by_level(table, by + statistic).assign(
            representation=role, label=table.label, statistic=by + statistic
        )
        for role, table in tables.items()
        for statistic in PLACES
        for by in (CRITIC, NEAREST, OF_ALL)
    ]
    # Views that have other coordinates than the plain items have no nearest neighbour.
    known = [part for part in parts if len(part)]
    return pd.concat(known, ignore_index=True).drop(columns=["ceiling", "at_ceiling"])


def schemes(tables: Mapping[str, Table]) -> Frame:
    """Return `by_level` per scheme and estimate, with strength and (held out) the verdict."""
    import pandas as pd

    parts = []
    judged = tables[VERDICTS].rows.set_index(["scheme", "representation", "level"])["verdict"]
    for role, table in tables.items():
        if role == VERDICTS:
            continue
        scheme, _, estimate = role.partition("/")
        values = by_level(table)
        values.insert(0, "scheme", scheme)
        values.insert(1, "estimate", estimate)
        values.insert(2, "label", table.label)
        values.insert(4, "strength", values["level"].map(table.strength))
        on = table.metadata.get("representation", "")
        said = [judged.get((scheme, on, level)) for level in values["level"]]
        values["verdict"] = said if estimate == HELD_OUT else None
        values["carries_weight"] = enough.carries_weight(table)
        parts.append(values.sort_values("strength"))
    columns = [column for column in parts[0] if column not in ("ceiling", "chance", "at_ceiling")]
    return pd.concat(parts, ignore_index=True)[columns]


def _over_seeds(rows: Frame) -> Frame:
    return rows.groupby("level")["nats"].agg(mean="mean", low="min", high="max").reset_index()


def pairs(tables: Mapping[str, Table]) -> list[tuple[str, str]]:
    """Return the keys of the (pretrained, untrained) encoders; the roles name them in turn."""
    keys = [role.removesuffix(" information") for role in tables if role.endswith(" information")]
    return list(zip(keys[::2], keys[1::2], strict=True))
