"""The figures, one module each: which tables a figure reads, and how they are drawn.

A module offers `tables(config, representation)`, the (estimator, representation) of each table by
its role, or (estimator, representation, scheme) where that is not the own scheme, and
`draw(tables, name)`, which returns the matplotlib figure and the table behind it. Figures beyond
the paper are drawn for each of the configuration's `representations` (`PER_REPRESENTATION`); those
that compare schemes, or test what the paper says of its own, are drawn once (no `PER_SCHEME`).
Drawing computes no estimate.

Its `TITLE` says in a few words what it shows, for the report. It may offer `numbers(table)`, the
named numbers of the table behind it that its caption (workflow/report/{module}.rst) says.
"""

import importlib
import pkgutil
from types import ModuleType
from typing import Any

from leakage.config.settings import nearest, shown
from leakage.errors import LeakageError

SHARED = {"curves", "style"}


def compared(config: Any) -> list[str]:
    """Return the schemes that are compared: the paper's first."""
    return list(dict.fromkeys([config.paper.scheme, *config.comparisons.schemes]))


def names() -> list[str]:
    """Return the names of the figures' modules, sorted."""
    return sorted({entry.name for entry in pkgutil.iter_modules(__path__)} - SHARED)


def module(name: str) -> ModuleType:
    """Return the module of a figure, importing no other.

    Raises:
        LeakageError: there is no such figure; the message names the nearest one.
    """
    if name not in names():
        raise LeakageError(
            f"figure {shown(name)} is not known; the nearest is {nearest(name, names())!r} "
            f"(known: {', '.join(names())})"
        )
    return importlib.import_module(f"{__name__}.{name}")
