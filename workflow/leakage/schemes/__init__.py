"""Ciphers for pictures, one module each: encryption, its inverse, and what an observer sees.

A scheme's module offers `Settings` (its branch of the configuration), `encrypt` and `decrypt`
on one picture, `view` (what is read off the ciphertext) and `clear_bits` (the entropy per pixel
that the view can have at most).
"""

import importlib
import pkgutil
from types import ModuleType

from leakage.errors import LeakageError
from leakage.settings import nearest


def module(cipher: str) -> ModuleType:
    """Return the module of a cipher, importing no other.

    Raises:
        LeakageError: there is no such cipher; the message names the nearest one.
    """
    known = sorted({entry.name for entry in pkgutil.iter_modules(__path__)} - {"keystream"})
    if cipher not in known:
        raise LeakageError(
            f"cipher {cipher!r} is not known; the nearest is {nearest(cipher, known)!r} "
            f"(known: {', '.join(known)})"
        )
    return importlib.import_module(f"{__name__}.{cipher}")
