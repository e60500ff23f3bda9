"""The tests of ciphertexts over all pictures: does a scheme fail more of them than random bytes?

Each picture passes or fails a test by itself (`leakage.security`). Of pictures of random bytes the
share `rate` fails, so some failures are expected. A scheme fails a test if so many pictures fail
that the binomial distribution at that rate gives them, or more, a probability below `SET_RATE`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from leakage.analysis import Analysis, compared
from leakage.analysis.tables import Table
from leakage.errors import LeakageError
from leakage.interfaces import Configuration, Frame, Row, Wanted

TESTED = "security"
PASS, FAIL, NOT_JUDGED, NOT_DEFINED = "pass", "fail", "not judged", "not defined"
TOO_FEW_PICTURES = "too few pictures"
# The chance that a test fails a scheme whose ciphertexts are random bytes.
SET_RATE = 0.001
COLUMNS = [
    *("scheme", "level", "test", "title", "unit", "pictures", "value"),
    *("expected", "accepted_low", "accepted_high", "rate", "failed", "p_value", "verdict"),
]


class Security(Analysis):
    """One row per scheme and test, at the scheme's strongest level.

    Columns:
        `pictures`: those on which the test is defined.
        `value`: mean over these pictures.
        `expected`, `accepted_low`, `accepted_high`: the mean and the interval of random bytes, for
            the sizes of the pictures (means over these pictures); missing for a test that is not
            judged. An infinite `accepted_high` means no upper limit.
        `rate`: the share of pictures of random bytes that fail.
        `failed`, `p_value`, `verdict`: the number of pictures that fail, the probability of so many
            or more of random bytes, and what follows.
    """

    def tables(self, config: Configuration, pictures: int) -> dict[str, Wanted]:
        """Return the tests of the strongest level of every compared scheme that encrypts."""
        strongest = {name: max(config.encryption.schemes[name].levels) for name in compared(config)}
        return {
            name: Wanted(TESTED, str(level), name) for name, level in strongest.items() if level
        }

    def table(self, tables: Mapping[str, Table], confidence: float) -> Frame:
        """Return the table."""
        import pandas as pd

        if not tables:
            raise LeakageError(
                "security: no tables; name a scheme with a level above 0 in `comparisons.schemes`"
            )
        rows = (row for table in tables.values() for row in _rows(table))
        return pd.DataFrame(list(rows), columns=COLUMNS)


def _rows(table: Table) -> Iterator[Row]:
    """Yield the rows of one scheme and level."""
    where = {"scheme": table.metadata["scheme"], "level": table.metadata["level"]}
    rate = table.metadata["rate"]
    for test in table.metadata["tests"]:
        part = table.rows[(table.rows["test"] == test["name"]) & table.rows["value"].notna()]
        means = part[["value", "expected", "low", "high"]].mean()
        passes = part["passes"].dropna()
        judged, failed = len(passes), int((~passes.astype(bool)).sum())
        yield {
            **where,
            "test": test["name"],
            "title": test["title"],
            "unit": test["unit"],
            "pictures": len(part),
            "value": means["value"],
            "expected": means["expected"],
            "accepted_low": means["low"],
            "accepted_high": means["high"],
            "rate": rate if judged else None,
            "failed": failed if judged else None,
            **verdict(len(part), judged, failed, rate),
        }


def verdict(defined: int, judged: int, failed: int, rate: float) -> dict[str, Any]:
    """Return p-value and verdict of a test.

    Args:
        defined: pictures with a value.
        judged: pictures that passed or failed.
        failed: pictures that failed.
        rate: the share of pictures of random bytes that fail.
    """
    from scipy.stats import binom

    if not judged:
        return {"p_value": None, "verdict": NOT_JUDGED if defined else NOT_DEFINED}
    p_value = float(binom.sf(failed - 1, judged, rate))
    if rate**judged >= SET_RATE:
        return {"p_value": p_value, "verdict": TOO_FEW_PICTURES}
    return {"p_value": p_value, "verdict": FAIL if p_value < SET_RATE else PASS}
