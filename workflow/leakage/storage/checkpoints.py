"""Checkpoints: an interrupted training resumes, and gives the same result."""

import io
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leakage.storage import files

EVERY = 60.0


class Checkpoint:
    """The file in which a training keeps its state until it has ended.

    Args:
        path: the file; one job uses it at a time.
        identity: digest of everything that the training depends on (data, settings, code, device).
            The state of another training is ignored.
        every: seconds between two states.
    """

    def __init__(self, path: Path | str, identity: str, every: float = EVERY):
        self.path, self.identity, self.every = Path(path), identity, every
        self._last = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """Return the state; None if there is none or it is of another training."""
        import torch

        if not self.path.is_file():
            return None
        try:
            # The file is a zip, and torch does not check the checksums in it.
            with zipfile.ZipFile(self.path) as parts:
                if damaged := parts.testzip():
                    raise zipfile.BadZipFile(f"its part {damaged} is damaged")
            kept = torch.load(self.path, map_location="cpu", weights_only=True)
            identity, state = kept["identity"], kept["state"]
        # Damaged bytes make the reader raise almost any exception.
        except Exception as error:
            why = str(error).partition("\n")[0]
            print(f"{self.path}: unreadable ({why}); training from the start", file=sys.stderr)
            return None
        if identity != self.identity:
            print(f"{self.path}: of another training; training from the start", file=sys.stderr)
            return None
        found: dict[str, Any] = state
        return found

    def keep(self, state: Callable[[], dict[str, Any]]) -> None:
        """Write what `state` returns (tensors, numbers, text, lists and dicts), if it is time."""
        if time.monotonic() - self._last < self.every:
            return
        import torch

        content = io.BytesIO()
        torch.save({"identity": self.identity, "state": state()}, content)
        with files.whole_file(self.path) as temporary:
            temporary.write_bytes(content.getbuffer())
        self._last = time.monotonic()

    def remove(self) -> None:
        """Delete the file: the training has ended and its result is written."""
        self.path.unlink(missing_ok=True)
