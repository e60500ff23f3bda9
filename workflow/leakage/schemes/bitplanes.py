"""What the ciphers that XOR bit planes share: plane 7 is the most significant bit, 0 the least."""

from collections.abc import Iterable

import numpy as np

from leakage.config.settings import Settings
from leakage.schemes.keystream import Keystream

PLANES = 8
# The view that shows the encrypted bits as well, which are noise.
NOISY = "full"


def mask(planes: Iterable[int]) -> np.uint8:
    """Return the byte in which the bits of some planes are set."""
    return np.uint8(sum(1 << plane for plane in planes))


def xor(pixels: np.ndarray, encrypted: np.uint8, keystream: Keystream) -> np.ndarray:
    """Return uint8 `pixels` with the bits of a mask XORed with the keystream; its own inverse."""
    found = keystream.bytes(pixels.size).reshape(pixels.shape)
    # In place: a new array per operation would take as long as the keystream.
    found &= encrypted
    found ^= pixels
    return found


def clear(ciphertext: np.ndarray, encrypted: np.uint8) -> np.ndarray:
    """Return uint8 `ciphertext` with the bits of a mask set to 0."""
    return ciphertext & ~encrypted


def seen(ciphertext: np.ndarray, encrypted: np.uint8, view: str) -> np.ndarray:
    """Return uint8 `ciphertext` as it is (`full`), or with its encrypted bits at 0 (`clear`)."""
    return ciphertext if view == NOISY else clear(ciphertext, encrypted)


def clear_bits(level: int, settings: Settings) -> int:
    """Return how many bits of a pixel stay clear: no view tells more about it."""
    return PLANES - level


def strength(level: int, settings: Settings) -> float:
    """Return the share of the bits that are encrypted."""
    return level / PLANES


def nested(settings: Settings) -> bool:
    """Return whether a level's view is a function of a lower level's.

    A level's clear planes are among a lower level's. The view `full` shows the encrypted bits too:
    at a higher level more of them are noise, which the lower level's view does not determine.
    """
    return getattr(settings, "view", "") != NOISY
