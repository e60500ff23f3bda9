"""Tables made from tables: verdicts, claims, consistency checks and comparisons.

`ANALYSES` says where the class of each is. One job makes each table, in the folder `analysis` of
the results. Figures and report read them; nothing here draws.
"""

import importlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from leakage.config.paths import ACROSS, AT, PARTS, PIXELS, part_of, scheme_of, title
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


def parted(config: Configuration, representations: Iterable[str]) -> list[tuple[str, str]]:
    """Return (scheme, representation) of each compared scheme on each representation.

    A scheme with a region is told apart by its parts, as `faces@inside`. Pixels are inside or
    outside, never across the border.
    """
    found = []
    for scheme in compared(config):
        if config.encryption.schemes[scheme].region is None:
            found += [(scheme, each) for each in representations]
            continue
        for part in PARTS:
            told = [each for each in representations if not (each == PIXELS and part == ACROSS)]
            found += [(f"{scheme}{AT}{part}", each) for each in told]
    return found


def role_of(scheme: str, beside: str) -> str:
    """Return the role of a table of a scheme, or of a part of one: `faces, inside/clip`."""
    return f"{title(scheme_of(scheme), part_of(scheme))}/{beside}"


def compared(config: Configuration) -> list[str]:
    """Return the compared schemes, the paper's first."""
    return list(dict.fromkeys([config.paper.scheme, *config.comparisons.schemes]))
