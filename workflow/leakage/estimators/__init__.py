"""Estimators of leakage, one module each, all called in the same way.

A module of this folder, or a plug-in's file, offers one function,

    estimate(x, y, groups, levels, seed, settings)

It returns the tidy table of `tables.tidy`, or one value in nats per level, shape (levels,). The
module may also define `Settings`, its branch of the configuration. The default is `PlugIn`.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pydantic

from leakage import plugins
from leakage.config.settings import Settings, validate
from leakage.errors import LeakageError
from leakage.estimators import arguments

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

SHARED = {"arguments", "noisy", "frequencies", "tables"}


# Columns that the table of every estimator must have.
NEEDED = ("level", "split", "seed", "step", "chosen", "nats")


class PlugIn(Settings):
    """The entry of a plug-in without its own `Settings`."""

    method: str
    """the path of a Python file"""

    options: dict[str, Any] = pydantic.Field(default={})
    """free-form options of the plug-in, read as `settings.options["neighbours"]`"""


def names() -> list[str]:
    """Return the names of the estimators of this folder, sorted."""
    return plugins.names(sys.modules[__name__], SHARED)


def module(method: str) -> ModuleType:
    """Return the module of an estimator, without importing the others.

    Raises:
        LeakageError: the estimator does not exist; the message names the nearest one.
    """
    called_with = ("x", "y", "groups", "levels", "seed", "settings")
    return plugins.find(
        sys.modules[__name__], method, SHARED, "estimator", functions={"estimate": called_with}
    )


def settings_of(method: str) -> type[Settings]:
    """Return the model of an estimator's entry in the configuration."""
    return getattr(module(method), "Settings", PlugIn)


def resumes(method: str) -> bool:
    """Return whether an estimator takes a `checkpoint` and can resume after an interruption."""
    return getattr(module(method), "RESUMES", False)


def run(
    method: str,
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None,
    levels: list[int],
    seed: int,
    settings: Any,
    **more: Any,
) -> "pd.DataFrame":
    """Return the tidy table of an estimator. The table of a plug-in is checked.

    Args:
        method: a module of this package, or a plug-in's path.
        x: plain items, shape (pairs, dim_x).
        y: views, shape (levels, pairs, dim_y).
        groups: picture ids, shape (pairs,), or None.
        levels: the levels' names.
        seed: random seed.
        settings: the estimator's validated settings.
        more: arguments of some estimators only (`checkpoint`).

    Raises:
        LeakageError: a plug-in raised an error, or returned an invalid answer.
    """
    function = module(method).estimate
    if not plugins.is_file(method):
        return function(x, y, groups, levels, seed, settings, **more)
    found = plugins.call(f"estimator {method}", function, x, y, groups, levels, seed, settings)
    return _checked(f"estimator {method}", found, levels)


def _checked(where: str, found: Any, levels: list[int]) -> "pd.DataFrame":
    """Return a plug-in's answer as the tidy table, or raise an error that shows it."""
    # Imported here because the settings of estimators are read whenever the Snakefile is parsed.
    import pandas as pd

    from leakage.estimators import tables

    if isinstance(found, np.ndarray):
        if found.shape != (len(levels),) or found.dtype.kind not in "fiu":
            raise LeakageError(
                f"{where}: estimate returned {plugins.describe(found)}; expected one number per "
                f"level, shape ({len(levels)},), or the table of leakage.estimators.tables.tidy"
            )
        found = tables.tidy({"level": levels, "nats": found, "estimand": "as the plug-in says"})
    if not isinstance(found, pd.DataFrame):
        raise LeakageError(
            f"{where}: estimate returned {plugins.describe(found)}; expected an array of shape "
            f"({len(levels)},) in nats, or the table of leakage.estimators.tables.tidy"
        )
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise LeakageError(
            f"{where}: estimate returned a table without the column {missing[0]}; make it by "
            "leakage.estimators.tables.tidy"
        )
    answers = found[found["chosen"]]
    if set(answers["level"]) != set(levels):
        raise LeakageError(
            f"{where}: estimate returned answers for the levels "
            f"{sorted(set(answers['level']))}; expected {sorted(levels)}, each on a chosen row"
        )
    values = answers["value"] if "value" in found else answers["nats"]
    if not np.isfinite(values.to_numpy(float)).all():
        level = answers["level"][~np.isfinite(values.to_numpy(float))].iloc[0]
        raise LeakageError(
            f"{where}: estimate returned a value at level {level} that is not finite; expected nats"
        )
    return found


def estimate(
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None = None,
    seed: int = 0,
    *,
    levels: "Sequence[int] | np.ndarray | None" = None,
    **settings: Any,
) -> "pd.DataFrame":
    """Estimate how much the views `y` leak of the plain items `x`.

    Args:
        name: `histogram`, `rounded_histogram`, `cosine`, `mine`, …: a module of this package, or
            the path of a plug-in.
        x: plain items, shape (pairs, dim_x) or (pairs,), finite numbers of any real dtype.
        y: views, shape (levels, pairs, dim_y), (pairs, dim_y) or (pairs,).
        groups: picture ids, shape (pairs,). Pairs of a group are held out together. With None each
            pair is a group (estimators that count pool all pairs).
        seed: random seed, a whole number from 0.
        levels: names of the levels, distinct whole numbers; 0 to levels - 1 by default.
        settings: the estimator's settings, as in the configuration.

    Returns:
        The tidy table, with at least the columns `level`, `split`, `seed`, `step`, `chosen` (True
        on the rows of the answer) and `nats`.

    Raises:
        LeakageError: an unknown estimator or setting, or an argument that `arguments.checked`
            refuses: shapes that do not match, numbers that are not finite, groups or levels that
            are missing, mixed or repeated, a seed that is not a whole number.
    """
    chosen = validate(settings_of(name), {"method": name, **settings}, name)
    given = arguments.checked(x, y, groups, levels, seed)
    return run(name, given.x, given.y, given.groups, given.levels, given.seed, chosen)
