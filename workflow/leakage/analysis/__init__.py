"""Tables made from tables: verdicts, claims, consistency checks and comparisons.

`ANALYSES` says where the class of each is. One job makes each table, in the folder `analysis` of
the results. Figures and report read them; nothing here draws.
"""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from leakage.interfaces import Configuration, Frame, Wanted

if TYPE_CHECKING:
    from leakage.analysis.tables import Table

ANALYSES = {
    "verdicts": "verdicts.Verdicts",
    "claims": "claims.Claims",
    "consistency": "consistency.Consistency",
    "visual_security": "visual_security.VisualSecurity",
    "classics": "classics.Classics",
    "security": "security.Security",
}


class Analysis:
    """A table made from other tables."""

    per_scheme: ClassVar[bool] = False
    """whether there is a table for each scheme, `analysis/{name}/{scheme}.parquet`"""

    def tables(self, config: Configuration, pictures: int) -> Mapping[str, Wanted]:
        """Return the tables to read, by their role.

        Args:
            config: the whole configuration.
            pictures: the largest possible number of pictures in the dataset.
        """
        raise NotImplementedError

    def table(self, tables: "Mapping[str, Table]", confidence: float) -> Frame:
        """Return the table."""
        raise NotImplementedError


def named(name: str) -> Analysis:
    """Return an analysis by its key in `ANALYSES`."""
    module, _, kind = ANALYSES[name].partition(".")
    found: Analysis = getattr(importlib.import_module(f"{__name__}.{module}"), kind)()
    return found


def compared(config: Configuration) -> list[str]:
    """Return the compared schemes, the paper's first."""
    return list(dict.fromkeys([config.paper.scheme, *config.comparisons.schemes]))
