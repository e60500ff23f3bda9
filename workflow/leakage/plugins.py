"""Classes by name: from a module of a folder of this package, or from a user's file (a plug-in).

`msb_xor` is a module of `leakage.schemes`; `my/cipher.py` is a file, relative to the folder where
snakemake runs. An error in a plug-in, or an invalid return value, is reported as the plug-in's.
"""

import contextlib
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

import pydantic

from leakage.config.settings import Settings, nearest, path, shown
from leakage.errors import LeakageError

SUFFIX = ".py"

Found = TypeVar("Found")
Base = TypeVar("Base")
# The file of each loaded plug-in, as the configuration names it, by the name of its module.
_FILES: dict[str, str] = {}
# The paths of the plug-ins that were loaded, as tracebacks name them.
_SOURCES: set[str] = set()
# pydantic's code of the error about a field without a type.
UNTYPED = "model-field-missing-annotation"


def is_file(name: str) -> bool:
    """Return whether a name in the configuration is the path of a plug-in."""
    return name.endswith(SUFFIX)


def names(package: ModuleType, shared: Iterable[str]) -> list[str]:
    """Return the sorted names of a package's modules, without those that the others share."""
    found = {entry.name for entry in pkgutil.iter_modules(package.__path__)}
    return sorted(found - set(shared))


def find_class(
    package: ModuleType,
    name: str,
    base: type[Base],
    shared: Iterable[str],
    noun: str,
    methods: Mapping[str, tuple[str, ...]],
) -> type[Base]:
    """Return the class of an entry: the one class that its module derives from `base`.

    Args:
        package: the folder of this package's modules.
        name: one of them, or the path of a Python file.
        base: the base class, whose methods a class overrides.
        shared: modules of the folder that define no entry.
        noun: what an entry is, for messages.
        methods: a class of a file overrides at least one of these; and the arguments of each call.

    Raises:
        LeakageError: there is no such module or file (the nearest is named), the file cannot be
            imported, or it does not define exactly one class that can be called like this.
    """
    if not isinstance(name, str):
        raise LeakageError(
            f"{noun}: found {shown(name)} ({type(name).__name__}); expected one of "
            f"{', '.join(names(package, shared))}, or the path of a Python file, as text"
        )
    if not is_file(name):
        known = names(package, shared)
        if name not in known:
            raise LeakageError(
                f"{noun} {shown(name)} is not known; the nearest is {nearest(name, known)!r} "
                f"(known: {', '.join(known)}, or the path of a Python file that ends in {SUFFIX})"
            )
        (found,) = _derived(importlib.import_module(f"{package.__name__}.{name}"), base)
        return found
    classes = _derived(_load(name), base)
    expected = f"one class derived from {base.__module__}.{base.__name__}"
    if len(classes) != 1:
        listed = ", ".join(each.__name__ for each in classes) or "none"
        raise LeakageError(
            f"{noun} {name}: expected {expected}, found {listed}; docs/plugins.md has an example"
        )
    overridden = [each for each in methods if vars(base)[each] is not getattr(classes[0], each)]
    if not overridden:
        raise LeakageError(
            f"{noun} {name}: {classes[0].__name__} has no method {' or '.join(methods)}; "
            "docs/plugins.md has an example"
        )
    _refuse_unmakeable(f"{noun} {name}", classes[0], base)
    for each in overridden:
        function = getattr(classes[0], each)
        _refuse_other_arguments(f"{noun} {name}", function, ("self", *methods[each]))
    return classes[0]


def _derived(module: ModuleType, base: type[Base]) -> list[type[Base]]:
    """Return the public classes that a module derives from `base`."""
    return [
        each
        for key, each in vars(module).items()
        if isinstance(each, type)
        and issubclass(each, base)
        and each.__module__ == module.__name__
        and not key.startswith("_")
    ]


def source_of(entry: object) -> str:
    """Return the module of an entry, as `digest.code_digest` expects it: dotted name or file."""
    module = sys.modules[type(entry).__module__]
    return _FILES.get(module.__name__, module.__name__)


def _refuse_unmakeable(where: str, found: type[Base], base: type[Base]) -> None:
    """Refuse a class that cannot be made from its settings."""
    if missing := sorted(getattr(found, "__abstractmethods__", ())):
        raise LeakageError(f"{where}: {found.__name__} is abstract; define its method {missing[0]}")
    own = vars(found).get("__init__")
    if own is None or not issubclass(base, Settings):
        return
    kinds = [each.kind for each in inspect.signature(own).parameters.values()]
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        raise LeakageError(
            f"{where}: {found.__name__} has its own __init__, which does not accept the settings; "
            "write each setting as a field in its place, as in `shift: int = 3`"
        )


def _refuse_other_arguments(
    where: str, function: Callable[..., Any], arguments: tuple[str, ...]
) -> None:
    signature = inspect.signature(function)
    try:
        signature.bind(*arguments)
    except TypeError:
        raise LeakageError(
            f"{where}: {function.__name__}{signature} is called with ({', '.join(arguments)}); "
            "let it accept these arguments"
        ) from None


def call(where: str, function: Callable[..., Found], *args: Any, **options: Any) -> Found:
    """Call a plug-in's function and return its result.

    Raises:
        LeakageError: the function raised an error; the message names it and the line.
    """
    try:
        return function(*args, **options)
    except LeakageError:
        raise
    except (Exception, SystemExit) as error:
        raise LeakageError(
            f"{where}: {function.__name__} raised {type(error).__name__}: {error}{_place(error)}"
        ) from error


def _place(error: BaseException) -> str:
    """Return the last line of a plug-in that an error passed through, in brackets."""
    if isinstance(error, SyntaxError):
        return f" (line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename in _SOURCES]
    last = (own or frames)[-1]
    return f" ({Path(last.filename).name}, line {last.lineno})"


def describe(value: Any) -> str:
    """Describe a value: `an array of float64 with shape (3, 4)`, `None`."""
    import numpy as np

    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        kind = "a masked array" if isinstance(value, np.ma.MaskedArray) else "an array"
        return f"{kind} of {value.dtype} with shape {value.shape}"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return f"a {type(value).__name__}"


@functools.cache
def _load(name: str) -> ModuleType:
    """Import a file, without Python's cache of compiled files."""
    try:
        file = Path(path(name))
    except ValueError as error:
        raise LeakageError(str(error)) from None
    # On a command line, a leading dash starts an option.
    if not file.is_file() or name.startswith("-"):
        raise LeakageError(
            f"{name}: no such file; give the path of a Python file, relative to the folder where "
            "snakemake runs (of -x.py: ./-x.py)"
        )
    # From the whole path, because two plug-ins may have the same file name.
    unique = f"leakage_plugin_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]}"
    module = ModuleType(unique)
    module.__file__ = str(file.resolve())
    # pydantic and dataclasses look up the module of a class there.
    sys.modules[unique] = module
    _FILES[unique] = name
    _SOURCES.add(str(file))
    try:
        with contextlib.chdir("."):  # a plug-in that changes the folder changes it for itself only
            exec(compile(file.read_bytes(), str(file), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[unique]
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
        if isinstance(error, pydantic.errors.PydanticUserError) and error.code == UNTYPED:
            what = "a field has no type; write it as in `shift: int = 3`"
        raise LeakageError(f"{name}: cannot be imported: {what}{_place(error)}") from error
    return module
