"""NPCR and UACI of two ciphertexts, with the acceptance intervals of Wu, Noonan and Agaian.

"NPCR and UACI randomness tests for image encryption", Journal of Selected Areas in
Telecommunications, 2011. For two pictures of n random bytes each (F = 255):

    NPCR: mean F / (F + 1), variance F / (F + 1)^2 / n; one-sided.
    UACI: mean (F + 2) / (3 F + 3), variance (F + 2)(F^2 + 2 F + 3) / (18 (F + 1)^2 F) / n.
"""

import math
from statistics import NormalDist

from leakage.interfaces import Bytes
from leakage.measures.change import npcr, uaci
from leakage.security import RATE, UNDEFINED, Accepted, Shape

F = 255
NPCR_MEAN, NPCR_VARIANCE = F / (F + 1), F / (F + 1) ** 2
UACI_MEAN = (F + 2) / (3 * F + 3)
UACI_VARIANCE = (F + 2) * (F**2 + 2 * F + 3) / (18 * (F + 1) ** 2 * F)


def changes(one: Bytes, other: Bytes | None) -> tuple[float, float]:
    """Return NPCR and UACI of two pictures, in percent; NaN without the other one."""
    if other is None:
        return UNDEFINED, UNDEFINED
    return npcr(one, other), uaci(one, other)


def accepted_npcr(shape: Shape) -> Accepted:
    """Return the interval of NPCR: all values above the quantile at `RATE`."""
    low = NPCR_MEAN + NormalDist().inv_cdf(RATE) * math.sqrt(NPCR_VARIANCE / math.prod(shape))
    return Accepted(100 * NPCR_MEAN, 100 * low, math.inf)


def accepted_uaci(shape: Shape) -> Accepted:
    """Return the interval of UACI, two-sided."""
    return two_sided(100 * UACI_MEAN, 100 * math.sqrt(UACI_VARIANCE / math.prod(shape)))


def two_sided(mean: float, deviation: float) -> Accepted:
    """Return the central interval of a normal distribution."""
    half = NormalDist().inv_cdf(1 - RATE / 2) * deviation
    return Accepted(mean, mean - half, mean + half)
