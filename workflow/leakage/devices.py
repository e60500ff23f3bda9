"""The device of tensors: a GPU if there is one, or as configured."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from leakage.errors import LeakageError

if TYPE_CHECKING:
    import torch

# Device files of the drivers of NVIDIA, of AMD, and of Linux under Windows.
DEVICES = ("auto", "cpu", "cuda")
DRIVERS = ("nvidiactl", "kfd", "dxg")


def has_gpu(devices: Path = Path("/dev")) -> bool:
    """Return whether this process may use a GPU, without importing torch."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1")
    return not hidden and any((devices / name).exists() for name in DRIVERS)


def resolve(name: str) -> "torch.device":
    """Return the torch device for `auto` (the GPU if there is one), `cuda` or `cpu`.

    Raises:
        LeakageError: the name is `cuda`, and there is no GPU; or it is another name.
    """
    if name not in DEVICES:
        raise LeakageError(f"device: found {name!r}; expected {', '.join(DEVICES)}")
    # torch takes 2.5 s to import, and parsing the Snakefile does not need it.
    import torch

    present = torch.cuda.is_available()
    if name == "cuda" and not present:
        raise LeakageError(
            "device: found 'cuda', but torch finds no GPU; run on a machine with one, or set "
            "device: auto or device: cpu"
        )
    return torch.device("cuda" if present and name != "cpu" else "cpu")
