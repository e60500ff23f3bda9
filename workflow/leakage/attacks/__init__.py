"""Attacks: what an adversary gets back of a picture. One class per module, derived from `Attack`.

An entry of `attacks` in the configuration is an object of such a class. Its fields are the attack's
settings. An attack is given what an adversary has, a `Target`: never the key, never the plain
picture.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self, TypeVar

import pydantic

from leakage import plugins
from leakage.config.settings import Settings
from leakage.errors import LeakageError
from leakage.interfaces import Bytes
from leakage.schemes import Cipher

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Modules of this folder that define no attack.
SHARED = {"scores", "u_net"}
# Methods that an attack overrides (at least one of them), and the arguments of each.
METHODS = {"reconstruct": ("target",)}
CIPHERTEXT_ONLY: Literal["ciphertext_only"] = "ciphertext_only"
KNOWN_PLAINTEXT: Literal["known_plaintext"] = "known_plaintext"
CHOSEN_PLAINTEXT: Literal["chosen_plaintext"] = "chosen_plaintext"
Threat = Literal["ciphertext_only", "known_plaintext", "chosen_plaintext"]

Found = TypeVar("Found")


class Known(NamedTuple):
    """A plain picture that the adversary knows, with its ciphertext under the target's key."""

    plain: Bytes
    ciphertext: Any


@dataclass(frozen=True)
class Target:
    """What an adversary has of one picture at one level.

    Attributes:
        view: what an observer reads, uint8 of the plain picture's shape (height, width, channels).
        ciphertext: what the cipher returned; an array of that shape for most ciphers.
        level: the level, above 0.
        cipher: the cipher with its settings, which are public (Kerckhoffs); not the key.
        seed: of the attack's own random numbers.
        origin: row and column of the view's first pixel in the whole picture.
        known: other pictures of the target's shape, encrypted at the level under the same key, each
            with an id of its own; `Attack.pairs` of them.
        oracle: returns the ciphertext of a chosen picture at the level, under the same key and an
            id of its own; None unless the threat is `chosen_plaintext`.
        learned: what `Attack.fit` returned for the level.
    """

    view: Bytes
    ciphertext: Any
    level: int
    cipher: Cipher
    seed: int
    origin: tuple[int, int] = (0, 0)
    known: "Sequence[Known]" = ()
    oracle: Callable[[Bytes], Any] | None = None
    learned: Any = None


class Attack(Settings):
    """An attack with its settings: an entry of `attacks`.

    This is the base class of all attacks. An attack overrides `reconstruct`; the other methods are
    optional. Its fields are the keys of the entry.

    Example:
        class Negative(Attack):
            def reconstruct(self, target):
                return 255 - target.view
    """

    threat: ClassVar[Threat] = CIPHERTEXT_ONLY
    """what the adversary has besides view and ciphertext: nothing, known pairs, or an oracle too"""

    needs_pixels: ClassVar[bool] = False
    """whether it reads the ciphertext as a picture that was encrypted whole: then ciphers that
    return bytes and schemes limited by a mask are left out, and of schemes limited to boxes the
    largest box is attacked"""

    uses_gpu: ClassVar[bool] = False
    """whether it can run on a GPU; `runs_on` says on which device it does"""

    method: str
    """the attack: a module of `leakage.attacks`, or the path of a Python file"""
    schemes: list[str] = pydantic.Field(default=[])
    """schemes to attack; empty: all that the attack applies to"""
    levels: list[int] = pydantic.Field(default=[])
    """levels to attack; empty: all levels of a scheme that the attack applies to"""
    pictures: int = pydantic.Field(default=20, ge=1)
    """most pictures to attack, spread evenly over the dataset"""
    shown: int = pydantic.Field(default=3, ge=1)
    """how many of these are kept as PNG"""

    @property
    def largest(self) -> int | None:
        """Most pixels to attack: of a larger picture the middle; None: always whole pictures."""
        return None

    @property
    def pairs(self) -> int:
        """Number of known pairs to be given with each target."""
        return 0

    @property
    def training(self) -> int:
        """Most pictures to train on, which are then not attacked; 0: the attack learns nothing."""
        return 0

    @property
    def runs_on(self) -> Literal["auto", "cpu", "cuda"]:
        """The device to run on."""
        return "cpu"

    def completed(self, device: Literal["auto", "cpu", "cuda"]) -> Self:
        """Return the attack with the top-level `device`, if it has that setting and leaves it."""
        return self

    def applies(self, cipher: Cipher, level: int) -> bool:
        """Return whether the attack makes sense on a cipher at a level above 0."""
        return True

    def fit(
        self, views: list[Bytes], plains: list[Bytes], cipher: Cipher, level: int, seed: int
    ) -> Any:
        """Return what is learned from other pictures at a level, as `Target.learned`."""
        return None

    def about(self, learned: Any) -> "Mapping[str, float | str]":
        """Return what `fit` found, by the name of its column."""
        return {}

    def reconstruct(self, target: Target) -> Bytes | None:
        """Return the picture, uint8 of the shape of `target.view`; None if the attack gives up."""
        raise NotImplementedError

    def judge(
        self, plain: Bytes, guess: Bytes, cipher: Cipher, level: int
    ) -> "Mapping[str, float]":
        """Return further numbers on a reconstruction, by the name of their column."""
        return {}


def names() -> list[str]:
    """Return the names of the attacks in this folder, sorted."""
    return plugins.names(sys.modules[__name__], SHARED)


def attack_class(method: str) -> type[Attack]:
    """Return the class of an attack, by the name of its module or the path of a Python file.

    Raises:
        LeakageError: the attack does not exist; the message names the nearest one.
    """
    return plugins.find_class(sys.modules[__name__], method, Attack, SHARED, "attack", METHODS)


def attacked(attack: Attack, scheme: str, cipher: Cipher) -> list[int]:
    """Return the levels of a scheme that an attack attacks, sorted; empty if it does not apply."""
    named = not attack.schemes or scheme in attack.schemes
    # Only a cipher that runs here can encrypt the adversary's own pictures.
    possible = cipher.encrypts or attack.threat == CIPHERTEXT_ONLY
    masked = cipher.region is not None and cipher.region.mask is not None
    whole = not masked and not cipher.returns_bytes
    if not named or not possible or (attack.needs_pixels and not whole):
        return []
    wanted = [level for level in cipher.levels if level in attack.levels or not attack.levels]
    return [level for level in wanted if level > 0 and _call(attack, attack.applies, cipher, level)]


def fit(
    attack: Attack,
    views: list[Bytes],
    plains: list[Bytes],
    cipher: Cipher,
    level: int,
    seed: int,
) -> Any:
    """Return what an attack learns from other pictures at a level."""
    return _call(attack, attack.fit, views, plains, cipher, level, seed)


def reconstruct(attack: Attack, target: Target) -> Bytes | None:
    """Return what an attack makes of a target. That of a plug-in is checked.

    Raises:
        LeakageError: a plug-in raised an error, or returned something else than a picture.
    """
    import numpy as np

    found = _call(attack, attack.reconstruct, target)
    fits = found is None or (
        isinstance(found, np.ndarray)
        and found.dtype == np.uint8
        and found.shape == target.view.shape
    )
    if not fits:
        raise LeakageError(
            f"attack {attack.method}: reconstruct returned {plugins.describe(found)}; expected an "
            f"array of uint8 with shape {target.view.shape}, or None"
        )
    return found


def about(attack: Attack, learned: Any) -> "Mapping[str, float | str]":
    """Return what an attack says about what it learned."""
    return _call(attack, attack.about, learned)


def judge(
    attack: Attack, plain: Bytes, guess: Bytes, cipher: Cipher, level: int
) -> "Mapping[str, float]":
    """Return an attack's own numbers on a reconstruction."""
    return _call(attack, attack.judge, plain, guess, cipher, level)


def _call(attack: Attack, method: Callable[..., Found], *arguments: Any) -> Found:
    if not plugins.is_file(attack.method):
        return method(*arguments)
    return plugins.call(f"attack {attack.method}", method, *arguments)
