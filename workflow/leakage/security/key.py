"""Key sensitivity: one bit of the key flipped, to encrypt or to decrypt.

The intervals are those of Wu, Noonan and Agaian, see `leakage.security.changes`. Against a picture
of random bytes, any plain picture has the same distribution of NPCR. This does not hold for UACI,
so the picture that a wrong key gives is judged by NPCR alone.
"""

from typing import ClassVar

from leakage.security import Accepted, Check, Checks, Shape
from leakage.security.case import Case
from leakage.security.changes import accepted_npcr, accepted_uaci, changes


class Key(Checks):
    """NPCR and UACI of two ciphertexts of one picture; NPCR of what a wrong key decrypts."""

    tests: ClassVar[tuple[Check, ...]] = (
        Check("key_npcr", "NPCR, one key bit flipped", "%"),
        Check("key_uaci", "UACI, one key bit flipped", "%"),
        Check("wrong_key_npcr", "NPCR, plain and decrypted with one key bit flipped", "%"),
    )

    def values(self, case: Case) -> tuple[float, ...]:
        """Return the values in percent."""
        of_ciphertexts = changes(case.ciphertext, case.encrypted_with_other_key())
        of_decrypted, _ = changes(case.plain, case.decrypted_with_other_key())
        return *of_ciphertexts, of_decrypted

    def accepted(self, shape: Shape) -> tuple[Accepted, ...]:
        """Return Wu's intervals for the number of values."""
        return accepted_npcr(shape), accepted_uaci(shape), accepted_npcr(shape)
