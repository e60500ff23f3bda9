"""The extras in pyproject.toml: packages that only some features need."""

import contextlib
from collections.abc import Iterator

from leakage.errors import LeakageError

# The modules of each extra, by their import names.
EXTRAS = {
    "networks": ("huggingface_hub", "open_clip", "safetensors", "timm", "torchvision"),
    "workflow": (
        "jinja2",
        "jpeglib",
        "matplotlib",
        "packaging",
        "remotezip",
        "requests",
        "seaborn",
        "simplejpeg",
        "skimage",
        "snakemake",
        "urllib3",
        "yaml",
    ),
}


@contextlib.contextmanager
def named() -> Iterator[None]:
    """Name the extra to install if an import fails; also usable as a decorator.

    Raises:
        LeakageError: a module of an extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        extra = next((name for name, modules in EXTRAS.items() if module in modules), None)
        if extra is None:
            raise
        raise LeakageError(
            f"{module} is not installed; install it with: pip install 'leakage[{extra}]'"
        ) from error
