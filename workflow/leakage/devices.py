"""Where tensors live: the GPU when there is one, or what the configuration demands."""

from typing import TYPE_CHECKING

from leakage.errors import LeakageError

if TYPE_CHECKING:
    import torch


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
