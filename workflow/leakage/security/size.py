"""Growth of size: bytes of the ciphertext over bytes of the picture. It is not judged."""

from typing import ClassVar

from leakage.security import Check, Checks
from leakage.security.case import Case


class Size(Checks):
    """Size of the ciphertext, relative to the picture."""

    tests: ClassVar[tuple[Check, ...]] = (Check("growth", "size of ciphertext / picture"),)

    def values(self, case: Case) -> tuple[float, ...]:
        """Return the ratio of the sizes."""
        return (case.size / case.plain.nbytes,)
