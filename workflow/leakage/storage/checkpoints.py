"""Checkpoints: a training that is interrupted goes on where it was, to the same result."""

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
    """Where one training keeps its state, until it has ended.

    Args:
        path: the file; it belongs to one job at a time.
        identity: digest of all that the training depends on (data, settings, code, device): a
            state of another training is not taken up.
        every: seconds between two states that are kept.
    """

    def __init__(self, path: Path | str, identity: str, every: float = EVERY):
        self.path, self.identity, self.every = Path(path), identity, every
        self._last = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """Return the state that was kept; None where there is none, or one of another training."""
        import torch

        if not self.path.is_file():
            return None
        try:
            # A state is a zip, and torch does not look at the checksums in it.
            with zipfile.ZipFile(self.path) as parts:
                if damaged := parts.testzip():
                    raise zipfile.BadZipFile(f"its part {damaged} is damaged")
            kept = torch.load(self.path, map_location="cpu", weights_only=True)
            identity, state = kept["identity"], kept["state"]
        # Damaged bytes make the reader raise almost anything; the training then starts afresh.
        except Exception as error:
            why = str(error).partition("\n")[0]
            print(f"{self.path}: unreadable ({why}); training from the start", file=sys.stderr)
            return None
        if identity != self.identity:
            print(f"{self.path}: of another training; training from the start", file=sys.stderr)
            return None
        return state

    def keep(self, state: Callable[[], dict[str, Any]]) -> None:
        """Keep what `state` returns (tensors, numbers, text, lists and dicts), if it is time to."""
        if time.monotonic() - self._last < self.every:
            return
        import torch

        content = io.BytesIO()
        torch.save({"identity": self.identity, "state": state()}, content)
        with files.whole_file(self.path) as temporary:
            temporary.write_bytes(content.getbuffer())
        self._last = time.monotonic()

    def remove(self) -> None:
        """Forget the state: the training has ended and its result is kept."""
        self.path.unlink(missing_ok=True)
