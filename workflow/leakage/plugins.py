"""Modules by name: one of a folder of this package, or a Python file of the user's (a plug-in).

`msb_xor` is a module of `leakage.schemes`; `my/cipher.py` is a file, relative to the folder where
snakemake runs. What a plug-in raises or returns amiss is told as a mistake of the plug-in's.
"""

import functools
import hashlib
import importlib
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from leakage.errors import LeakageError
from leakage.settings import nearest, path, shown

SUFFIX = ".py"

Found = TypeVar("Found")


def is_file(name: str) -> bool:
    """Return whether a name in the configuration is the path of a plug-in."""
    return name.endswith(SUFFIX)


def names(package: ModuleType, shared: Iterable[str]) -> list[str]:
    """Return the sorted names of a package's modules, without those that the others share."""
    found = {entry.name for entry in pkgutil.iter_modules(package.__path__)}
    return sorted(found - set(shared))


def find(
    package: ModuleType,
    name: str,
    shared: Iterable[str],
    noun: str,
    functions: Mapping[str, tuple[str, ...]],
) -> ModuleType:
    """Return the module of a package or of a file, importing no other.

    Args:
        package: where the modules of this project lie.
        name: one of them, or a path that ends in .py.
        shared: modules of the package that are not of this kind.
        noun: what they are, for messages.
        functions: of these a plug-in has at least one, and what each is called with.

    Raises:
        LeakageError: there is no such module or file (the nearest one is named), the file cannot
            be imported, or it has none of the functions, or one that takes something else.
    """
    if is_file(name):
        module = _load(name)
        present = [each for each in functions if callable(getattr(module, each, None))]
        if not present:
            raise LeakageError(
                f"{noun} {name}: has no function {' or '.join(functions)}; docs/plugins.md has a "
                "complete example"
            )
        for each in present:
            _refuse_other_arguments(f"{noun} {name}", getattr(module, each), functions[each])
        return module
    known = names(package, shared)
    if name not in known:
        raise LeakageError(
            f"{noun} {shown(name)} is not known; the nearest is {nearest(name, known)!r} (known: "
            f"{', '.join(known)}, or the path of a Python file that ends in {SUFFIX})"
        )
    return importlib.import_module(f"{package.__name__}.{name}")


def _refuse_other_arguments(
    where: str, function: Callable[..., Any], arguments: tuple[str, ...]
) -> None:
    signature = inspect.signature(function)
    try:
        signature.bind(*arguments)
    except TypeError:
        raise LeakageError(
            f"{where}: {function.__name__}{signature} is called with {len(arguments)} arguments, "
            f"({', '.join(arguments)}); let it take them"
        ) from None


def reference(package: str, name: str) -> str:
    """Return what `digest.code_digest` calls a module: its dotted name, or the plug-in's path."""
    return name if is_file(name) else f"{package}.{name}"


def call(where: str, function: Callable[..., Found], *args: Any, **options: Any) -> Found:
    """Return what a plug-in's function returns.

    Raises:
        LeakageError: it raised something, told with the line that did.
    """
    try:
        return function(*args, **options)
    except LeakageError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}, line {last.lineno}"
        raise LeakageError(
            f"{where}: {function.__name__} raised {type(error).__name__}: {error} ({place})"
        ) from error


def describe(value: Any) -> str:
    """Return what something is, in words: `an array of float64 with shape (3, 4)`, `None`."""
    import numpy as np

    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} with shape {value.shape}"
    return f"a {type(value).__name__}"


@functools.cache
def _load(name: str) -> ModuleType:
    """Return the module of a file; what the file says now, not what a cache of Python's holds."""
    try:
        file = Path(path(name))
    except ValueError as error:
        raise LeakageError(str(error)) from None
    # A command line would take the dash for an option's.
    if not file.is_file() or name.startswith("-"):
        raise LeakageError(
            f"{name}: no such file; give the path of a Python file, relative to the folder where "
            "snakemake runs (of -x.py: ./-x.py)"
        )
    # By the whole path: two plug-ins may have the same file name.
    unique = f"leakage_plugin_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]}"
    module = ModuleType(unique)
    module.__file__ = str(file.resolve())
    # pydantic and dataclasses look a class's module up there.
    sys.modules[unique] = module
    try:
        exec(compile(file.read_bytes(), str(file), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[unique]
        line = (
            getattr(error, "lineno", None) or traceback.extract_tb(error.__traceback__)[-1].lineno
        )
        raise LeakageError(
            f"{name}: cannot be imported: {type(error).__name__}: {' '.join(str(error).split())} "
            f"(line {line})"
        ) from error
    return module
