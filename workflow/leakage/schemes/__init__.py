"""Ciphers for pictures: one module each, with one class derived from `Cipher`."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import pydantic

from leakage import arguments, plugins
from leakage.config.settings import Settings, shown
from leakage.errors import LeakageError
from leakage.interfaces import Bytes
from leakage.schemes.keystream import KEY_BYTES, Keystream
from leakage.schemes.regions import Region
from leakage.storage import files

SHARED = {"bitplanes", "blocks", "keystream", "regions"}
# The arguments of the methods of which a cipher has at least one.
METHODS = {"encrypt": ("pixels", "level", "keystream"), "read": ("image_id", "plain", "level")}

Found = TypeVar("Found")
Transform = Callable[[Any, int, Keystream], Bytes | bytes]


class Ciphertext(bytes):
    """A ciphertext that is not a picture, but a file or other bytes.

    Attributes:
        shape: the shape of the plain picture, (height, width, channels).
    """

    shape: tuple[int, ...]

    def __new__(cls, content: bytes, shape: tuple[int, ...]) -> "Ciphertext":
        """Return the bytes, with the shape of the plain picture."""
        found = super().__new__(cls, content)
        found.shape = shape
        return found


class Cipher(Settings):
    """A cipher with its settings: an entry of `encryption.schemes`.

    This is the base class of all ciphers. A cipher overrides `encrypt`, or `read` if another
    program encrypts the pictures. The other methods are optional. Its fields are the keys of the
    entry. Level 0 is the plain picture: no method is called for it.

    Example:
        class Caesar(Cipher):
            shift: int = 3

            def encrypt(self, pixels, level, keystream):
                return pixels + np.uint8(self.shift)
    """

    level_label: ClassVar[str] = "encryption level"
    """what a level counts, for axes"""
    strongest: ClassVar[int] = 1_000_000
    """the highest level"""
    encrypts: ClassVar[bool] = True
    """False if the class has `read`, because another program encrypts the pictures"""
    has_inverse: ClassVar[bool] = False
    """whether the class has `decrypt`"""
    pixelwise: ClassVar[bool] = False
    """whether it changes each pixel by itself, so that a mask can limit it"""
    returns_bytes: ClassVar[bool] = False
    """whether `encrypt` (or `read`) returns bytes, such as a file, instead of a picture; then the
    class also has `view_of`, and `ciphertext.shape` is the shape of the plain picture"""

    cipher: str
    """the cipher: a module of `leakage.schemes`, or the path of a Python file"""
    levels: list[int]
    """levels to measure; 0 is the plain picture"""
    region: Region | None = pydantic.Field(default=None, exclude_if=lambda region: region is None)
    """the part of each picture that is encrypted; null: all of it"""

    @property
    def highest(self) -> int:
        """The highest level that the cipher has with its settings."""
        return self.strongest

    def __init_subclass__(cls, **options: Any) -> None:
        """Declare what a class can do by the methods that it has."""
        super().__init_subclass__(**options)
        cls.encrypts = cls.read is Cipher.read
        cls.has_inverse = cls.decrypt is not Cipher.decrypt

    @pydantic.field_validator("levels")
    @classmethod
    def _levels_exist(cls, levels: list[int]) -> list[int]:
        for level in levels:
            if not 0 <= level <= cls.strongest:
                close = 0 if level < 0 else cls.strongest
                raise ValueError(
                    f"level {level} is outside 0..{cls.strongest}; the nearest is {close}"
                )
        if not levels or len(set(levels)) < len(levels):
            raise ValueError(f"found {shown(levels)}; expected at least one level, each named once")
        return sorted(levels)

    @pydantic.model_validator(mode="after")
    def _region_fits(self) -> Self:
        if self.region is None:
            return self
        if self.returns_bytes:
            raise ValueError(
                f"the ciphertext of {self.cipher} is not a picture, so no region can limit it; "
                "remove region"
            )
        if self.region.mask is not None and self.encrypts and not self.pixelwise:
            raise ValueError(
                f"the cipher {self.cipher} does not change each pixel by itself, so a mask cannot "
                "limit it; give boxes in place of region.mask"
            )
        if self.levels == [0]:
            raise ValueError("levels: found only 0; a region needs a level that is encrypted")
        return self

    def encrypt(self, pixels: Bytes, level: int, keystream: Keystream) -> Bytes | bytes:
        """Return the ciphertext of a picture, uint8 of the same shape (height, width, channels).

        With `returns_bytes`, return bytes of any number.
        """
        raise NotImplementedError

    def decrypt(self, pixels: Any, level: int, keystream: Keystream) -> Bytes:
        """Return the picture of a ciphertext. That of a plug-in is checked on every picture."""
        raise NotImplementedError

    def read(self, image_id: str, plain: Bytes, level: int) -> Bytes | bytes:
        """Return a picture that another program encrypted, uint8 of the shape of `plain`."""
        raise NotImplementedError

    def files(self, level: int) -> list[str]:
        """Return the files that `read` reads at a level, sorted."""
        return []

    def view_of(self, ciphertext: Any, level: int, keystream: Keystream) -> Bytes:
        """Return the view of a ciphertext, uint8 of the same shape; by default the ciphertext.

        With `returns_bytes`, the ciphertext is a `Ciphertext`.
        """
        found: Bytes = ciphertext
        return found

    def clear_bits(self, level: int) -> float | None:
        """Return the largest number of bits per pixel that a view reveals; None if unknown."""
        return None

    def strength(self, level: int) -> float | None:
        """Return the strength of a level, 0 (plain) to 1 (strongest); None if unknown.

        Figures then use the level divided by the highest level.
        """
        return None

    def nested(self) -> bool:
        """Return whether each level's view is a function of a lower level's view.

        If it is, the verdict tests the levels in sequence, without a correction.
        """
        return False


def names() -> list[str]:
    """Return the names of the ciphers in this folder, sorted."""
    return plugins.names(sys.modules[__name__], SHARED)


def cipher_class(name: str) -> type[Cipher]:
    """Return the class of a cipher, importing no other cipher."""
    found = plugins.find_class(sys.modules[__name__], name, Cipher, SHARED, "cipher", METHODS)
    if found.returns_bytes and found.view_of is Cipher.view_of:
        raise LeakageError(
            f"cipher {name}: {found.__name__} sets returns_bytes and has no view_of; add view_of, "
            "which returns the picture that an observer makes of the bytes"
        )
    return found


@dataclass(frozen=True)
class KeyedScheme:
    """A cipher with its key, ready to encrypt.

    Attributes:
        name: the scheme's key in the configuration.
        cipher: the cipher with its settings.
        key: 32 bytes; None if another program encrypts the pictures.
    """

    name: str
    cipher: Cipher
    key: bytes | None = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a wrong key without showing it in the message."""
        is_key = isinstance(self.key, bytes) and len(self.key) == KEY_BYTES
        if self.key is not None and not is_key:
            raise LeakageError(
                f"key: found {plugins.describe(self.key)}; expected {KEY_BYTES} bytes; make them "
                f"with os.urandom({KEY_BYTES}), or from hexadecimal digits with bytes.fromhex"
            )

    def encrypt(
        self, image_id: str, plain: Bytes, level: int, check: bool = True
    ) -> Bytes | Ciphertext:
        """Return the ciphertext of a picture, uint8 of the same shape; at level 0 the picture.

        That of a cipher with `returns_bytes` is a `Ciphertext`, whose `len` is its size in bytes.

        Args:
            image_id: the picture's id, which decides the nonce.
            plain: uint8 of shape (height, width, channels) with 1 or 3 channels.
            level: the level of encryption, from 0 to the highest of the cipher.
            check: whether a plug-in's `decrypt` must give the picture back.

        Raises:
            LeakageError: a wrong argument, or a wrong answer of a plug-in or another program.
        """
        level = self._checked_level(image_id, level)
        plain = arguments.picture(plain, "plain")
        if level == 0:
            return plain
        where, cipher = f"{self._name}, picture {image_id} at level {level}", self.cipher
        found: Bytes | Ciphertext
        if cipher.returns_bytes:
            found = self._ciphertext(where, image_id, plain, level)
        elif not cipher.encrypts:
            read = self._call(where, cipher.read, image_id, plain, level)
            found = _checked(where, cipher.read, read, plain)
            self._refuse_changes_outside(where, image_id, plain, found)
            return found
        else:
            found = self._transform(where, cipher.encrypt, image_id, plain, level)
        if check and self._is_plugin and cipher.has_inverse:
            back = self._transform(where, cipher.decrypt, image_id, found, level)
            if not np.array_equal(back, plain):
                raise LeakageError(
                    f"{where}: decrypt does not give the picture back: "
                    f"{np.count_nonzero(back != plain):,} of {plain.size:,} values differ; fix "
                    "it, or remove decrypt if the cipher has no inverse"
                )
        return found

    def decrypt(self, image_id: str, ciphertext: Bytes | Ciphertext, level: int) -> Bytes:
        """Return the picture of a ciphertext, uint8 of the shape of the plain picture."""
        level = self._checked_level(image_id, level)
        if level == 0:
            return np.asarray(ciphertext)
        where = f"{self._name}, picture {image_id} at level {level}"
        return self._transform(where, self.cipher.decrypt, image_id, ciphertext, level)

    def view(self, image_id: str, ciphertext: Bytes | Ciphertext, level: int) -> Bytes:
        """Return the view of a ciphertext, uint8 of the shape of the plain picture."""
        level = self._checked_level(image_id, level)
        if level == 0:
            return np.asarray(ciphertext)
        where = f"{self._name}, picture {image_id} at level {level}"
        return self._transform(where, self.cipher.view_of, image_id, ciphertext, level)

    def about(self, level: int) -> dict[str, Any]:
        """Return the properties of a level, for the metadata of its view."""
        cipher = self.cipher
        clear_bits = self._call(self._name, cipher.clear_bits, level)
        strength = self._call(self._name, cipher.strength, level)
        clear_bits = None if clear_bits is None else float(clear_bits)
        region = cipher.region
        found: dict[str, Any] = {
            "clear_bits": clear_bits if region is None else 8.0,
            "strength": None if strength is None else float(strength),
            "nested": bool(self._call(self._name, cipher.nested)),
            "level_label": cipher.level_label,
        }
        if not cipher.encrypts:
            paths = self._call(self._name, cipher.files, level)
            found["encrypted"] = {path: files.sha256(path) for path in paths}
        if region is not None:
            found["clear_bits_inside"] = clear_bits
            found["region_files"] = {path: files.sha256(path) for path in region.files()}
        return found

    @property
    def _name(self) -> str:
        return f"scheme {self.name} ({self.cipher.cipher})"

    @property
    def _is_plugin(self) -> bool:
        return plugins.is_file(self.cipher.cipher)

    def _checked_level(self, image_id: str, level: int) -> int:
        """Return a level of the cipher as an int; the id must be text."""
        arguments.text(image_id, "image_id")
        highest = self.cipher.highest
        expected = f"expected a whole number from 0 to {highest}, the levels of {self._name}"
        return arguments.whole_number(level, "level", highest, expected)

    def _transform(
        self, where: str, method: Transform, image_id: str, pixels: Any, level: int
    ) -> Bytes:
        """Return the picture with its region, or all of it, transformed by a cipher's method."""
        if self.cipher.region is None:
            return self._transformed(where, method, image_id, pixels, level)
        return self.cipher.region.change(
            image_id,
            pixels,
            lambda nonce, part: self._transformed(where, method, nonce, part, level),
        )

    def _transformed(
        self, where: str, method: Transform, nonce: str, pixels: Bytes | Ciphertext, level: int
    ) -> Bytes:
        keystream = Keystream(self.key, nonce)
        found = self._call(where, method, _unwritable(pixels), level, keystream)
        return _checked(where, method, found, pixels)

    def _ciphertext(self, where: str, image_id: str, plain: Bytes, level: int) -> Ciphertext:
        """Return the ciphertext of a cipher that returns bytes."""
        cipher, given = self.cipher, _unwritable(plain)
        if cipher.encrypts:
            keystream = Keystream(self.key, image_id)
            found = self._call(where, cipher.encrypt, given, level, keystream)
        else:
            found = self._call(where, cipher.read, image_id, given, level)
        if not isinstance(found, bytes):
            raise LeakageError(
                f"{where}: expected bytes, because the class sets returns_bytes; found "
                f"{plugins.describe(found)}"
            )
        return Ciphertext(found, plain.shape)

    def _refuse_changes_outside(
        self, where: str, image_id: str, plain: Bytes, ciphertext: Bytes
    ) -> None:
        """Refuse a picture that another program changed outside the region."""
        if self.cipher.region is None:
            return
        changed = (plain != ciphertext).any(axis=2)
        changed &= ~self.cipher.region.inside(image_id, plain.shape)
        if count := np.count_nonzero(changed):
            raise LeakageError(
                f"{where}: {count:,} pixels outside the region differ from the plain picture; "
                "correct the region, or store the encrypted picture without loss"
            )

    def _call(self, where: str, method: Callable[..., Found], *arguments: Any) -> Found:
        if not self._is_plugin:
            return method(*arguments)
        return plugins.call(where, method, *arguments)


def _unwritable(given: Bytes | Ciphertext) -> Bytes | Ciphertext:
    """Return a plug-in's input: one that wrote into it would change the next level's plain one."""
    if isinstance(given, bytes):
        return given
    found = given.view()
    found.flags.writeable = False
    return found


def _checked(
    where: str, method: Callable[..., Any], found: Any, expected: Bytes | Ciphertext
) -> Bytes:
    is_picture = isinstance(found, np.ndarray) and found.dtype == np.uint8
    if not is_picture or found.shape != expected.shape:
        hint = "; to return bytes, set returns_bytes = True" if isinstance(found, bytes) else ""
        raise LeakageError(
            f"{where}: {method.__name__} returned {plugins.describe(found)}; expected an array of "
            f"uint8 with shape {expected.shape}{hint}"
        )
    return np.asarray(found)
