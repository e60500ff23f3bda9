"""Whether a trained held-out estimate has enough pictures to carry weight.

The critics of an estimate are read on pictures that they never saw. On s such pictures, s! orders
of the views are possible. A perfect critic prefers the right one, which happens by chance with
probability 1 / s!. If this is above 1 - confidence, even a perfect critic cannot be told from
chance, and no value of the estimate carries weight. Several folds do not help: each trains on the
test pictures of others, so their probabilities cannot be multiplied. At 95 % confidence s is 4:
with five folds the estimate needs 20 pictures, and with a single test share of 0.2 it needs 18.

An estimate that trains nothing (counting, nearest neighbours) is read on all pictures at once and
is not judged here. Neither are the exact tests, which are valid with few pictures, nor the shares
of re-identified views, whose intervals are exact.
"""

import math
from collections.abc import Mapping
from typing import Any

from leakage.analysis.tables import Table
from leakage.interfaces import Frame

CONFIDENCE = 0.95
# A p-value may equal the level of the test up to rounding: 0.05 / 5 and 1 / 100.
ROUNDING = 1e-9


def for_p_value(most: float) -> int:
    """Return the smallest number of pictures whose orders allow a p-value of at most `most`."""
    count = 1
    while 1 / math.factorial(count) > most:
        count += 1
    return count


def needed(settings: Mapping[str, Any]) -> int:
    """Return the fewest pictures with which an estimate carries weight; 0 if it trains nothing.

    Args:
        settings: of the estimate: `folds` if it is cross-fitted, `test` (a share) if it is read on
            a single part of the pictures, and its `confidence`.
    """
    seen = for_p_value((1 - settings.get("confidence", CONFIDENCE)) * (1 + ROUNDING))
    if "folds" in settings:
        return seen * int(settings["folds"])
    if "test" not in settings:
        return 0
    test = float(settings["test"])
    pictures = math.floor((seen - 0.5) / test)
    # The number of test pictures is rounded (`folds.split_by_group`).
    while round(test * pictures) < seen:
        pictures += 1
    return pictures


def pictures(table: Table) -> int | None:
    """Return the number of pictures (or of pairs, if pairs are held out); None if not recorded."""
    if "pictures" not in table.rows:
        return None
    known = table.rows["pictures"].dropna()
    return int(known.min()) if len(known) else None


def carries_weight(table: Table) -> bool:
    """Return whether an estimate has enough pictures, or trains nothing."""
    found = pictures(table)
    return found is None or found >= needed(table.metadata.get("settings", {}))


def note(rows: Frame, settings: Mapping[str, Any]) -> str:
    """Return a line for the reader of an estimate without weight; else nothing."""
    missing = shortage(Table(rows, {"settings": settings}))
    return (
        f"note: too few pictures for an estimate that carries weight: {missing}" if missing else ""
    )


def shortage(table: Table) -> str:
    """Return why an estimate carries no weight, `13 pictures, at least 20 needed`; else nothing."""
    if carries_weight(table):
        return ""
    return f"{pictures(table)} pictures, at least {needed(table.metadata['settings'])} needed"
