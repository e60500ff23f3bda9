"""The extras of pyproject.toml: packages that only some features need."""

import contextlib
from collections.abc import Iterator

from leakage.errors import LeakageError

# The modules that each extra brings, by the name that `import` takes.
EXTRAS = {
    "networks": ("huggingface_hub", "open_clip", "safetensors", "timm", "torchvision"),
    "workflow": (
        "jinja2",
        "matplotlib",
        "packaging",
        "remotezip",
        "requests",
        "seaborn",
        "skimage",
        "snakemake",
        "urllib3",
        "yaml",
    ),
}


@contextlib.contextmanager
def named() -> Iterator[None]:
    """Let an import that fails name the extra to install; also usable as a decorator.

    Raises:
        LeakageError: a module of an extra is not installed. The import of any other module fails as
            usual.
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
