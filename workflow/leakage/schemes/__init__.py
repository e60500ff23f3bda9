"""Ciphers for pictures, one module each, and the views of their ciphertexts.

A scheme's module (of this folder, or a file of the user's) offers one function,

    encrypt(pixels, level, keystream, settings) -> ciphertext

on one picture, uint8 of shape (height, width, channels), with the picture's `keystream.Keystream`
and the scheme's own settings. Level 0 is the plain picture and never asked for. What else it may
offer:

    Settings      a `Definition` with its keys in the configuration; without it, `PlugIn`
    decrypt       the inverse, called like `encrypt`; a plug-in's is checked on every picture
    view          what an observer reads off the ciphertext, called like `encrypt`; the same shape
    clear_bits    (level, settings) -> bits per pixel that the view tells at most; without it, no
                  bound is drawn
    strength      (level, settings) -> 0 (plain) to 1 (the strongest there is); without it, figures
                  take the share of the highest level
    nested        (settings) -> whether each level's view is a function of a lower level's: then
                  the verdict tests the levels in sequence (no correction). False where a scheme
                  does not say: permutations and whole encryption draw at each level anew
    LEVEL         what a level counts, for axes

A scheme whose pictures come encrypted has `read(image_id, plain, level, settings)` for `encrypt`.
"""

import functools
import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pydantic

from leakage import plugins
from leakage.config.settings import Settings, shown
from leakage.errors import LeakageError
from leakage.schemes.keystream import Keystream
from leakage.storage import files

SHARED = {"bitplanes", "blocks", "keystream"}
BYTE = 8.0
# Where a scheme does not say how far its levels go.
HIGHEST = 1_000_000
CALLED_WITH = ("pixels", "level", "keystream", "settings")


class Definition(Settings):
    """The keys of `encryption.schemes` that all schemes have."""

    STRONGEST: ClassVar[int | None] = None

    cipher: str
    """the cipher: a module of `leakage.schemes`, or the path of a Python file"""

    levels: list[int]
    """levels to measure; 0 is the plain picture"""

    @pydantic.field_validator("levels")
    @classmethod
    def _levels_exist(cls, levels: list[int]) -> list[int]:
        for level in levels:
            strongest = HIGHEST if cls.STRONGEST is None else cls.STRONGEST
            if not 0 <= level <= strongest:
                close = 0 if level < 0 else strongest
                raise ValueError(f"level {level} is outside 0..{strongest}; the nearest is {close}")
        if not levels or len(set(levels)) < len(levels):
            raise ValueError(f"found {shown(levels)}; expected at least one level, each named once")
        return sorted(levels)


class PlugIn(Definition):
    """The entry of a plug-in without its own `Settings`."""

    options: dict[str, Any] = pydantic.Field(default={})
    """free-form options of the plug-in, read as `settings.options["rounds"]`"""


def names() -> list[str]:
    """Return the names of the ciphers of this folder, sorted."""
    return plugins.names(sys.modules[__name__], SHARED)


def module(cipher: str) -> ModuleType:
    """Return the module of a cipher, importing no other.

    Raises:
        LeakageError: there is no such cipher; the message names the nearest one.
    """
    return plugins.find(
        sys.modules[__name__],
        cipher,
        SHARED,
        "cipher",
        functions={"encrypt": CALLED_WITH, "read": ("image_id", "plain", "level", "settings")},
    )


def settings_of(cipher: str) -> type[Definition]:
    """Return the model of a cipher's entry in the configuration."""
    return getattr(module(cipher), "Settings", PlugIn)


@dataclass(frozen=True)
class Scheme:
    """A cipher with its settings and its key, ready to encrypt.

    Attributes:
        name: the scheme's key in the configuration.
        definition: its settings there.
        key: 32 bytes; None where the pictures come encrypted.
    """

    name: str
    definition: Definition
    key: bytes | None = field(repr=False)

    def encrypt(self, image_id: str, plain: np.ndarray, level: int) -> np.ndarray:
        """Return the ciphertext of a picture, uint8 of the same shape; at level 0 the picture.

        Raises:
            LeakageError: the cipher is a plug-in and returned something else, or what its
                `decrypt` does not turn back.
        """
        cipher = self._cipher
        if level == 0:
            return plain
        if hasattr(cipher, "read"):
            where = self._where(image_id, level)
            found = self._call(where, "read", image_id, plain, level, self.definition)
            return self._checked(where, "read", found, plain)
        found = self._with_keystream("encrypt", image_id, plain, level)
        if plugins.is_file(self.definition.cipher) and hasattr(cipher, "decrypt"):
            back = self._with_keystream("decrypt", image_id, found, level)
            if not np.array_equal(back, plain):
                raise LeakageError(
                    f"{self._where(image_id, level)}: decrypt does not give the picture back: "
                    f"{np.count_nonzero(back != plain):,} of {plain.size:,} values differ; mend "
                    "it, or take decrypt away if the cipher has no inverse"
                )
        return found

    def view(self, image_id: str, ciphertext: np.ndarray, level: int) -> np.ndarray:
        """Return the view of a ciphertext, uint8 of the same shape."""
        if level == 0 or not hasattr(self._cipher, "view"):
            return ciphertext
        return self._with_keystream("view", image_id, ciphertext, level)

    def about(self, level: int) -> dict[str, Any]:
        """Return what is known of a level beside its pictures: for the view's metadata.

        Of pictures that come encrypted, the SHA-256 of each file as well.
        """
        cipher, definition = self._cipher, self.definition
        asked: dict[str, float | None] = {"clear_bits": None, "strength": None}
        for name in asked.keys() & vars(cipher).keys():
            asked[name] = float(self._call(self._named, name, level, definition))
        nested = hasattr(cipher, "nested") and bool(self._call(self._named, "nested", definition))
        label = getattr(cipher, "LEVEL", "encryption level")
        found = {**asked, "nested": nested, "level_label": label}
        if hasattr(cipher, "files"):
            found["encrypted"] = {
                path: files.sha256(path) for path in cipher.files(definition, level)
            }
        return found

    # Kept: looking for a module reads a folder, for every picture a third of its encryption.
    @functools.cached_property
    def _cipher(self) -> ModuleType:
        return module(self.definition.cipher)

    def _with_keystream(
        self, function: str, image_id: str, pixels: np.ndarray, level: int
    ) -> np.ndarray:
        shown = pixels.view()
        # A plug-in that wrote into its input would change the plain picture of the next level.
        shown.flags.writeable = False
        # What comes encrypted has no key, and its view no keystream.
        stream = None if self.key is None else Keystream(self.key, image_id)
        where = self._where(image_id, level)
        found = self._call(where, function, shown, level, stream, self.definition)
        return self._checked(where, function, found, pixels)

    def _call(self, where: str, function: str, *args: Any) -> Any:
        called = getattr(self._cipher, function)
        if not plugins.is_file(self.definition.cipher):
            return called(*args)
        return plugins.call(where, called, *args)

    def _checked(self, where: str, function: str, found: Any, expected: np.ndarray) -> np.ndarray:
        fits = isinstance(found, np.ndarray) and found.dtype == np.uint8
        if not fits or found.shape != expected.shape:
            raise LeakageError(
                f"{where}: {function} returned {plugins.describe(found)}; expected an array of "
                f"uint8 with shape {expected.shape}"
            )
        return found

    def _where(self, image_id: str, level: int) -> str:
        return f"{self._named}, picture {image_id} at level {level}"

    @property
    def _named(self) -> str:
        return f"scheme {self.name} ({self.definition.cipher})"
