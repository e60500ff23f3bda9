"""Where tensors live: the GPU when there is one, or what the configuration demands."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from leakage.errors import LeakageError

if TYPE_CHECKING:
    import torch


# What the drivers of NVIDIA, of AMD and of Windows' Linux leave there.
DRIVERS = ("nvidiactl", "kfd", "dxg")


def has_gpu(devices: Path = Path("/dev")) -> bool:
    """Return whether this machine has a GPU that this process may use, without importing torch."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1")
    return not hidden and any((devices / name).exists() for name in DRIVERS)


def resolve(name: str) -> "torch.device":
    """Return the torch device for `auto` (the GPU if there is one), `cuda` or `cpu`.

    Raises:
        LeakageError: `cuda` was asked for and there is none; nothing falls back silently.
    """
    # Imported here: what only checks a configuration must not wait for torch.
    import torch

    present = torch.cuda.is_available()
    if name == "cuda" and not present:
        raise LeakageError(
            "device: found 'cuda', and torch sees no GPU here; expected a machine with one, or "
            "device: auto or cpu"
        )
    return torch.device("cuda" if present and name != "cpu" else "cpu")
