"""The tidy table that every estimator returns."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

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
        rows: columns by name. What is left out: seed and fold are 0, split is `test`, step is 0,
            chosen is True, statistic is `mutual information`, unit is `nats`, value repeats nats,
            and the rest is missing.

    Returns:
        The columns of `COLUMNS`, then what else was given. `nats` and `ceiling` are in nats,
        `value` and `standard_error` in `unit`.
    """
    # Imported here: the settings of an estimator are read at every parse of the Snakefile.
    import pandas as pd

    table = pd.DataFrame(rows)
    defaults = {
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
    for name, value in defaults.items():
        if name not in table:
            table[name] = value
    others = [name for name in table if name not in COLUMNS]
    return table[[*COLUMNS, *others]].astype(COLUMNS)


def mean_over_groups(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of (groups, levels) over groups, and its standard error (NaN for one)."""
    count = len(values)
    spread = values.std(axis=0, ddof=1) if count > 1 else np.full(values.shape[1:], np.nan)
    return values.mean(axis=0), spread / np.sqrt(count)


class Groups:
    """The mean over groups that come one after the other, and its standard error.

    Welford's running sums (Technometrics 4(3), 1962): nothing is kept per group.

    Attributes:
        count: how many groups were added.
        mean: of their values, in the shape that each was added in.
    """

    def __init__(self):
        self.count = 0
        self.mean: np.ndarray | float = 0.0
        self._squares: np.ndarray | float = 0.0

    def add(self, values: np.ndarray) -> None:
        """Add one group's values."""
        self.count += 1
        off = values - self.mean
        self.mean = self.mean + off / self.count
        self._squares = self._squares + off * (values - self.mean)

    def standard_error(self) -> np.ndarray:
        """Return the standard error of the mean; NaN for one group."""
        if self.count < 2:
            return np.full(np.shape(self.mean), np.nan)
        return np.sqrt(self._squares / (self.count - 1) / self.count)
