"""XOR of chosen bit planes of every pixel with a keystream, one more plane at each level.

Level n encrypts the first n of the planes that the configuration lists. Plane 7 is the most
significant bit, plane 0 the least.
"""

from typing import Any, ClassVar, Literal, Self

import numpy as np
import pydantic

from leakage.config.settings import shown
from leakage.schemes import bitplanes


class BitplaneXor(bitplanes.BitPlaneCipher):
    """XOR of chosen bit planes, in a chosen order."""

    level_label: ClassVar[str] = "bit planes encrypted, of those listed"

    cipher: Literal["bitplane_xor"] = "bitplane_xor"
    levels: list[int] = pydantic.Field(default=[])
    """levels to measure; empty: 0 up to the number of planes"""
    planes: list[int] = pydantic.Field(default=[7, 5, 3, 1, 6, 4, 2, 0])
    """planes, 7 (most significant) to 0, in the order of encryption"""
    view: Literal["clear", "full"] = "clear"
    """the view: clear planes with encrypted ones set to 0, or the full ciphertext"""

    @pydantic.field_validator("planes")
    @classmethod
    def _planes_exist(cls, planes: list[int]) -> list[int]:
        wrong = [plane for plane in planes if plane not in range(bitplanes.PLANES)]
        if wrong or not planes or len(set(planes)) < len(planes):
            raise ValueError(f"found {shown(planes)}; expected some of 7 to 0, each named once")
        return planes

    @pydantic.model_validator(mode="before")
    @classmethod
    def _all_levels(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("levels") not in (None, []):
            return values
        planes = values.get("planes", cls.model_fields["planes"].default)
        named = isinstance(planes, list) and planes
        return {**values, "levels": list(range(len(planes) + 1))} if named else values

    @pydantic.model_validator(mode="after")
    def _levels_have_planes(self) -> Self:
        if max(self.levels) > self.highest:
            raise ValueError(
                f"levels: found {max(self.levels)}, and planes names {len(self.planes)}; name more "
                "planes, or leave the level out"
            )
        return self

    @property
    def highest(self) -> int:
        """The number of planes."""
        return len(self.planes)

    def encrypted_bits(self, level: int) -> np.uint8:
        """Return the mask of the first `level` of the planes."""
        return bitplanes.mask(self.planes[:level])
