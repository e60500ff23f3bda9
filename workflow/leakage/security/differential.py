"""The differential test: two plain pictures that differ in one bit, under one key and nonce.

Wu, Noonan and Agaian (2011), see `leakage.security.changes`. The lowest bit of the first channel of
the pixel in the middle is flipped. In a cipher whose keystream does not depend on the picture, one
value of the ciphertext changes, and the test fails.
"""

from typing import ClassVar

from leakage.security import Accepted, Check, Checks, Shape
from leakage.security.case import Case
from leakage.security.changes import accepted_npcr, accepted_uaci, changes


class Differential(Checks):
    """NPCR and UACI between the ciphertexts of two plain pictures that differ in one bit."""

    tests: ClassVar[tuple[Check, ...]] = (
        Check("differential_npcr", "NPCR, one plain bit flipped", "%"),
        Check("differential_uaci", "UACI, one plain bit flipped", "%"),
    )

    def values(self, case: Case) -> tuple[float, ...]:
        """Return NPCR and UACI in percent."""
        other = case.plain.copy()
        height, width, _ = other.shape
        other[height // 2, width // 2, 0] ^= 1
        return changes(case.ciphertext, case.encrypted(other))

    def accepted(self, shape: Shape) -> tuple[Accepted, ...]:
        """Return Wu's intervals for the number of values."""
        return accepted_npcr(shape), accepted_uaci(shape)
