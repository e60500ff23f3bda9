"""Estimators of leakage, one module each, all with the same call.

A module offers `Settings` (its branch of the configuration) and
`estimate(x, y, groups, levels, seed, settings)`, which returns the tidy table of `tables.tidy`.
"""

import importlib
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from leakage.errors import LeakageError
from leakage.settings import nearest, validate

if TYPE_CHECKING:
    import pandas as pd

SHARED = {"bounds", "canonical", "critics", "held_out", "inputs", "plug_in", "splits", "tables"}


def module(method: str) -> ModuleType:
    """Return the module of an estimator, importing no other.

    Raises:
        LeakageError: there is no such estimator; the message names the nearest one.
    """
    known = sorted({entry.name for entry in pkgutil.iter_modules(__path__)} - SHARED)
    if method not in known:
        raise LeakageError(
            f"estimator {method!r} is not known; the nearest is {nearest(method, known)!r} "
            f"(known: {', '.join(known)})"
        )
    return importlib.import_module(f"{__name__}.{method}")


def estimate(
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None = None,
    seed: int = 0,
    *,
    levels: list[int] | None = None,
    **settings: Any,
) -> "pd.DataFrame":
    """Estimate how much `y` tells of `x`.

    Args:
        name: `histogram`, `rounded_histogram`, `cosine`, `mine`, …: a module of this package.
        x: plain items, shape (pairs, dim_x) or (pairs,).
        y: what is seen of them, shape (levels, pairs, dim_y), (pairs, dim_y) or (pairs,).
        groups: picture ids, shape (pairs,): what is held out together. None makes each pair a
            group of its own (a plug-in estimator pools them).
        seed: of everything random in the estimator.
        levels: names of the levels, 0 to levels - 1 by default.
        settings: the estimator's own, as in the configuration.

    Returns:
        The tidy table: at least `level`, `split`, `seed`, `step`, `chosen` (True on the row that
        is the answer) and `nats`.

    Raises:
        LeakageError: an unknown estimator or setting, or arrays that do not fit together.
    """
    estimator = module(name)
    chosen = validate(estimator.Settings, {"method": name, **settings}, name)
    x, y = np.asarray(x), np.asarray(y)
    x = x[:, None] if x.ndim == 1 else x
    y = y[:, None] if y.ndim == 1 else y
    y = y[None] if y.ndim == 2 else y
    if x.ndim != 2 or y.ndim != 3 or y.shape[1] != len(x) or len(x) == 0:
        raise LeakageError(
            f"x has shape {x.shape} and y {y.shape}; expected (pairs, dim_x) and (pairs, dim_y) or "
            "(levels, pairs, dim_y) with the same number of pairs, at least one"
        )
    for label, values in (("x", x), ("y", y)):
        if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
            raise LeakageError(f"{label}: dtype {values.dtype}; expected finite numbers only")
    if groups is not None and np.shape(groups) != (len(x),):
        raise LeakageError(f"groups has shape {np.shape(groups)}; expected ({len(x)},)")
    levels = list(range(len(y))) if levels is None else levels
    return estimator.estimate(x, y, groups, levels, seed, chosen)
