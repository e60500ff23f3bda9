"""The tidy table that every estimator returns."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]
Floats = NDArray[np.float64]

COLUMNS = {
    "level": "int64",
    "seed": "int64",
    "fold": "int64",
    "split": "string",
    "step": "int64",
    "chosen": "bool",
    "statistic": "string",
    "nats": "float64",
    "value": "float64",
    "unit": "string",
    "standard_error": "float64",
    "ceiling": "float64",
    "estimand": "string",
}


def tidy(rows: "dict[str, Any] | pd.DataFrame") -> "pd.DataFrame":
    """Return rows as the tidy table: one row per level, seed, fold, split and step.

    Args:
        rows: columns by name. `level` and `estimand` are required. Defaults: seed, fold and step
            are 0, split is `test`, chosen is True, statistic is `mutual information`, unit is
            `nats`, value repeats nats, and the rest is missing.

    Returns:
        The columns of `COLUMNS`, then any others. `nats` and `ceiling` are in nats, `value` and
        `standard_error` in `unit`.
    """
    # Imported here because the Snakefile imports every estimator whenever it is parsed.
    import pandas as pd

    table = pd.DataFrame(rows)
    defaults: dict[str, Any] = {
        "seed": 0,
        "fold": 0,
        "split": "test",
        "step": 0,
        "chosen": True,
        "statistic": "mutual information",
        "nats": np.nan,
        "value": table.get("nats", np.nan),
        "unit": "nats",
        "standard_error": np.nan,
        "ceiling": np.nan,
    }
    table = table.assign(**{name: defaults[name] for name in defaults.keys() - set(table)})
    others = [name for name in table if name not in COLUMNS]
    return table[[*COLUMNS, *others]].astype(COLUMNS)


def too_few(levels: list[int], pictures: int) -> "pd.DataFrame":
    """Return the table of an estimate for which there are too few pictures: values are missing."""
    missing = dict.fromkeys(("mean", "low", "high", "floor", "p_value"), np.nan)
    return tidy(
        {"level": levels, "estimand": "none: too few pictures", "pictures": pictures, **missing}
    )


def mean_over_groups(values: Floats) -> tuple[Floats, Floats]:
    """Return the mean of values (groups, levels) over groups, and its standard error.

    Both have shape (levels,). The standard error of a single group is NaN.
    """
    count = len(values)
    spread = values.std(axis=0, ddof=1) if count > 1 else np.full(values.shape[1:], np.nan)
    return values.mean(axis=0), spread / np.sqrt(count)


class Groups:
    """The running mean over groups, and its standard error.

    It uses Welford's sums (Technometrics 4(3), 1962) and keeps nothing per group. Values have the
    shape of one group's.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: Floats = np.zeros(())
        self._squares: Floats = np.zeros(())

    def add(self, values: Floats) -> None:
        """Add one group's values."""
        self.count += 1
        off = values - self.mean
        self.mean = self.mean + off / self.count
        self._squares = self._squares + off * (values - self.mean)

    def standard_error(self) -> Floats:
        """Return the standard error of the mean, in its shape; NaN for a single group."""
        if self.count < 2:
            return np.full(np.shape(self.mean), np.nan)
        return np.sqrt(self._squares / (self.count - 1) / self.count)
