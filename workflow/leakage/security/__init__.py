"""The tests of a ciphertext that reviewers of image encryption ask for, of one picture.

Each module has one class derived from `Checks`, with one or more tests. A test has a value and,
for the size of the picture, the interval in which it lies for random bytes in all but `RATE` of
the pictures. A pass means that the ciphertext resembles random bytes in this one respect. It says
nothing about the clear bits. docs/security.md explains every test.
"""

import importlib
import sys
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, NamedTuple

import numpy as np

from leakage import plugins
from leakage.security.case import Case

# The share of pictures of random bytes that fail a test.
RATE = 0.05
# The rows of the table come from these modules in this order. Those of other modules follow.
FIRST = (
    "differential",
    "key",
    "histogram",
    "local_entropy",
    "neighbours",
    "co_occurrence",
    "damage",
)
SHARED = ("case", "changes")
UNDEFINED = np.nan

Shape = tuple[int, int, int]


class Check(NamedTuple):
    """A test: a row of the table."""

    name: str
    title: str
    unit: str = ""


class Accepted(NamedTuple):
    """The values that a test accepts, both ends included; NaN if it is not defined."""

    expected: float = UNDEFINED
    low: float = UNDEFINED
    high: float = UNDEFINED


@dataclass(frozen=True)
class Judged:
    """The value of a test on one picture; `passes` is None without an interval or a value."""

    test: str
    value: float
    accepted: Accepted

    @property
    def passes(self) -> bool | None:
        """Whether the value is accepted."""
        if np.isnan(self.value) or np.isnan(self.accepted.expected):
            return None
        return self.accepted.low <= self.value <= self.accepted.high


class Checks:
    """Base class of the tests that are computed together."""

    tests: ClassVar[tuple[Check, ...]]
    """the tests, in the order of the values"""

    def values(self, case: Case) -> tuple[float, ...]:
        """Return the value of each test; NaN where it is not defined."""
        raise NotImplementedError

    def accepted(self, shape: Shape) -> tuple[Accepted, ...]:
        """Return the interval of each test for random bytes of a shape (height, width, channels).

        By default no test has an interval: the values are shown without a judgement.
        """
        return (Accepted(),) * len(self.tests)


def modules() -> list[str]:
    """Return the modules with tests, as dotted names, in the order of their rows."""
    found = plugins.names(sys.modules[__name__], (*FIRST, *SHARED))
    return [f"{__name__}.{name}" for name in (*FIRST, *found)]


@cache
def all_checks() -> tuple[Checks, ...]:
    """Return the tests of every module, in the order of their rows."""
    found: list[Checks] = []
    for name in modules():
        for each in vars(importlib.import_module(name)).values():
            if isinstance(each, type) and issubclass(each, Checks) and each.__module__ == name:
                found.append(each())
    return tuple(found)


def described() -> list[dict[str, str]]:
    """Return name, title and unit of every test, in the order of their rows."""
    return [test._asdict() for checks in all_checks() for test in checks.tests]


def judged(case: Case) -> list[Judged]:
    """Return the result of every test on one picture."""
    shape = case.plain.shape
    return [
        Judged(test.name, value, accepted)
        for checks in all_checks()
        for test, value, accepted in zip(
            checks.tests, checks.values(case), _accepted(checks, shape), strict=True
        )
    ]


@cache
def _accepted(checks: Checks, shape: Shape) -> tuple[Accepted, ...]:
    return checks.accepted(shape)
