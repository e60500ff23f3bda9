"""Run with torch's default modes, whatever a Python caller has set globally."""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def own() -> Iterator[None]:
    """Set torch's modes to its defaults, and restore the caller's; also usable as a decorator.

    These are the grad and inference modes, the default dtype and device, autocast, and the
    precision of products in float32. Threads and deterministic algorithms stay the caller's. Does
    nothing before torch is imported, when all modes are the default ones.
    """
    if "torch" not in sys.modules:
        yield
        return
    import torch

    dtype, precision = torch.get_default_dtype(), torch.get_float32_matmul_precision()
    with contextlib.ExitStack() as stack:
        stack.callback(torch.set_default_dtype, dtype)
        stack.callback(torch.set_float32_matmul_precision, precision)
        torch.set_default_dtype(torch.float32)
        torch.set_float32_matmul_precision("highest")
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        # Only if needed: it slows down every call of torch.
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield
