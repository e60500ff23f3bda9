"""Check arguments of Python callers: whole numbers, text and pictures.

The message says what was found, what was expected and what to do. No check reads the pixels.
"""

import operator
from typing import Any

import numpy as np

from leakage.config.settings import shown
from leakage.errors import LeakageError
from leakage.interfaces import Bytes
from leakage.plugins import describe

CHANNELS = (1, 3)


def whole_number(value: object, name: str, largest: int, expected: str) -> int:
    """Return a whole number, Python's or NumPy's, as an int.

    Args:
        value: the argument.
        name: its name, for the message.
        largest: the largest number that is accepted; the smallest is 0.
        expected: the end of the message: what was expected, and what to do.

    Raises:
        LeakageError: it is negative or too large, has a fraction, or is not a number.
    """
    try:
        found = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        found = None
    if found is None or isinstance(value, bool):
        raise LeakageError(f"{name}: found {shown(value)}, a {type(value).__name__}; {expected}")
    if not 0 <= found <= largest:
        raise LeakageError(f"{name}: found {shown(found)}; {expected}")
    return found


def text(value: Any, name: str) -> str:
    """Return an argument that is text.

    Raises:
        LeakageError: it is not text.
    """
    if not isinstance(value, str):
        raise LeakageError(
            f"{name}: found {shown(value)}, a {type(value).__name__}; expected text; convert it "
            f"with str({name})"
        )
    return value


def picture(value: Any, name: str) -> Bytes:
    """Return a picture: uint8 of shape (height, width, channels) with 1 or 3 channels.

    Raises:
        LeakageError: it is not an array, is masked or empty, or has another dtype or shape.
    """
    is_array = isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray)
    fits = is_array and value.ndim == 3 and value.shape[2] in CHANNELS and value.size > 0
    if not fits or value.dtype != np.uint8:
        raise LeakageError(
            f"{name}: found {describe(value)}; expected a NumPy array of uint8 with shape (height, "
            f"width, channels), 1 or 3 channels and at least one pixel; {_advice(value, name)}"
        )
    found: Bytes = value
    return found


def _advice(value: Any, name: str) -> str:
    """Return how to make a picture of a value that is not one."""
    if not isinstance(value, np.ndarray):
        return f"convert it, for example with np.asarray({name})"
    if isinstance(value, np.ma.MaskedArray):
        return f"fill the masked pixels, for example with {name}.filled(0)"
    if value.size == 0:
        return "leave empty pictures out"
    if value.ndim == 2:
        return f"give a grey picture as {name}[..., None]"
    if value.dtype != np.uint8:
        return f"scale it to 0..255, then convert it with {name}.astype(np.uint8)"
    if value.ndim == 3 and value.shape[2] == 4:
        return f"leave transparency out: {name}[..., :3]"
    return "give one grey or RGB picture"
