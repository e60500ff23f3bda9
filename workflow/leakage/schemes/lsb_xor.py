"""XOR of the n least significant bits of every pixel: a control that hides invisible details.

Level n encrypts n of the 8 bits, as many as `msb_xor`, and yet the picture stays recognisable up to
the highest levels.
"""

from typing import ClassVar, Literal

import numpy as np
import pydantic

from leakage.schemes import bitplanes


class LsbXor(bitplanes.BitPlaneCipher):
    """XOR of the least significant bits."""

    level_label: ClassVar[str] = "least significant bits encrypted"

    cipher: Literal["lsb_xor"] = "lsb_xor"
    levels: list[int] = pydantic.Field(default=list(range(bitplanes.PLANES + 1)))
    view: Literal["clear", "full"] = "clear"
    """the view: clear bits with encrypted ones set to 0, or the full ciphertext"""

    def encrypted_bits(self, level: int) -> np.uint8:
        """Return the mask of the `level` least significant bits."""
        return bitplanes.mask(range(level))
