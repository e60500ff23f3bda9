"""Check the arguments of an estimator: arrays, groups, level names and the seed.

Each function returns the argument in the form that estimators read, or raises a LeakageError. The
message says what was found and where, what was expected, and what to do.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from leakage import seeds
from leakage.config.settings import shown
from leakage.errors import LeakageError

NUMBERS = "biuf"
# Kinds of dtype for groups: whole numbers, numbers, text, bytes, times.
NAMES = "iufUSMm"
LARGEST_LEVEL = 2**62


@dataclass(frozen=True, eq=False)
class Arguments:
    """The checked arguments of an estimator.

    Attributes:
        x: plain items, shape (pairs, dim_x), finite numbers.
        y: views, shape (levels, pairs, dim_y), finite numbers.
        groups: picture of each pair, shape (pairs,), or None.
        levels: distinct names of the levels.
        seed: random seed, at least 0.
    """

    x: np.ndarray
    y: np.ndarray
    groups: np.ndarray | None
    levels: list[int]
    seed: int


def checked(x: Any, y: Any, groups: Any = None, levels: Any = None, seed: Any = 0) -> Arguments:
    """Return all arguments of an estimate in the form that estimators read.

    Args:
        x: plain items, shape (pairs, dim_x) or (pairs,).
        y: views, shape (levels, pairs, dim_y), (pairs, dim_y) or (pairs,).
        groups: picture of each pair, shape (pairs,), or None.
        levels: a distinct whole number per level, or None for 0, 1, ...
        seed: a whole number from 0.

    Raises:
        LeakageError: an argument has another form; see the function for each argument.
    """
    plain, views = items(x, y)
    return Arguments(
        plain,
        views,
        None if groups is None else group_names(groups, len(plain)),
        level_names(levels, len(views)),
        seeds.checked(seed),
    )


def items(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return x as (pairs, dim_x) and y as (levels, pairs, dim_y), both of finite numbers.

    Raises:
        LeakageError: the shapes do not match, or `numbers` refuses one of the arrays.
    """
    plain, views = numbers(x, "x"), numbers(y, "y")
    if hint := _misfit(plain.shape, views.shape):
        raise LeakageError(
            f"x has shape {plain.shape} and y {views.shape}; expected (pairs, dim_x) or (pairs,), "
            "and (levels, pairs, dim_y), (pairs, dim_y) or (pairs,), with the same number of "
            f"pairs, at least one of everything; {hint}"
        )
    plain = plain[:, None] if plain.ndim == 1 else plain
    views = views[:, None] if views.ndim == 1 else views
    return plain, views[None] if views.ndim == 2 else views


def _misfit(x: tuple[int, ...], y: tuple[int, ...]) -> str:
    """Return advice for shapes that do not match, or an empty text if they match."""
    if 0 in x or 0 in y:
        return "add pairs: one of them is empty"
    if not 1 <= len(x) <= 2:
        picture = len(x) == 3 and x[2] in (1, 3, 4)
        how = f"; a picture is x.reshape(-1, {x[2]})" if picture else ""
        return f"x is the same at every level and has no levels, give it in two dimensions{how}"
    if not 1 <= len(y) <= 3:
        return "give y in one, two or three dimensions"
    pairs = y[1] if len(y) == 3 else y[0]
    if pairs == x[0]:
        return ""
    if len(y) == 2 and y[1] == x[0]:
        return f"for {y[0]} levels of one number each, give y[:, :, None]"
    return f"x has {x[0]} pairs and y {pairs}: give as many views as plain items"


def numbers(values: Any, name: str) -> np.ndarray:
    """Return an array of finite real numbers.

    Args:
        values: an array, or anything that NumPy reads as one (lists, data frames, CPU tensors).
        name: name of the argument, for the message.

    Raises:
        LeakageError: the array is masked, does not hold real numbers, or is not finite. The message
            gives the first place and the number of bad values.
    """
    found = _array(values, name)
    if found.dtype.kind not in NUMBERS:
        raise LeakageError(
            f"{name}: dtype {found.dtype}{_first_other(found, name)}; expected real numbers; "
            f"convert them, say {name}.astype(float)"
        )
    if found.dtype.kind == "f" and found.dtype.itemsize > 8:
        with np.errstate(over="ignore"):
            found = found.astype(np.float64)
    if found.dtype.kind == "f" and not (finite := np.isfinite(found)).all():
        bad = int(found.size - np.count_nonzero(finite))
        place = np.unravel_index(int(np.argmin(finite)), found.shape)
        raise LeakageError(
            f"{name}: {bad} of {found.size} numbers are not finite, the first is "
            f"{name}{_index(place)} = {found[place]}; expected finite numbers; remove those pairs "
            "from x, y and groups"
        )
    return found


def _array(values: Any, name: str) -> np.ndarray:
    """Return values as an array; refuse a masked one."""
    parts = values if isinstance(values, list | tuple) else [values]
    if any(isinstance(part, np.ma.MaskedArray) for part in parts):
        raise LeakageError(
            f"{name}: found a masked array, expected a plain one: no estimator reads the mask; "
            "remove the masked pairs from x, y and groups"
        )
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        why = str(error).partition("\n")[0]
        raise LeakageError(
            f"{name}: found a {type(values).__name__} that NumPy cannot read as an array ({why}); "
            "expected an array of numbers"
        ) from None


def _first_other(found: np.ndarray, name: str) -> str:
    """Return words for the first entry that is not a real number, or an empty text."""
    for place, value in np.ndenumerate(found):
        if not isinstance(value, int | float | np.integer | np.floating):
            return f", {name}{_index(place)} = {shown(value)}"
    return ""


def _index(place: tuple[int, ...]) -> str:
    return f"[{', '.join(str(int(each)) for each in place)}]"


def group_names(groups: Any, pairs: int) -> np.ndarray:
    """Return the picture of each pair, shape (pairs,), all of one type and none missing.

    Args:
        groups: whole numbers, text, bytes, times, or finite numbers, all of one type.
        pairs: the expected number.

    Raises:
        LeakageError: they are masked, missing (None, NaN, NaT), of mixed types, or have another
            shape. The message names the first bad place.
    """
    # Kept as objects because NumPy would turn [1, "a"] into text and [True, 2] into numbers.
    plain = isinstance(groups, list | tuple)
    found = _objects(groups) if plain and len(groups) else _array(groups, "groups")
    if found.shape != (pairs,):
        raise LeakageError(
            f"groups: shape {found.shape}; expected ({pairs},), the picture of each pair"
        )
    if found.dtype.kind == "O":
        found = _of_one_kind(found)
    if found.dtype.kind not in NAMES:
        raise LeakageError(
            f"groups: dtype {found.dtype}; expected picture ids: whole numbers or text"
        )
    if found.dtype.kind in "fMm":
        missing = ~np.isfinite(found) if found.dtype.kind == "f" else np.isnat(found)
        if missing.any():
            raise _missing(int(np.argmax(missing)), found[missing][0], int(missing.sum()))
    return found


def _objects(groups: Sequence[Any]) -> np.ndarray:
    """Return a list as an array of objects, (pairs,), with unchanged entries."""
    if any(isinstance(each, list | tuple | np.ndarray) and np.ndim(each) for each in groups):
        return _array(groups, "groups")  # has two dimensions, so its shape is refused later
    found = np.empty(len(groups), object)
    found[:] = groups
    return found


def _of_one_kind(found: np.ndarray) -> np.ndarray:
    """Return an array of objects as one of numbers or text."""
    missing = np.array([_is_missing(each) for each in found])
    if missing.any():
        place = int(np.argmax(missing))
        raise _missing(place, found[place], int(missing.sum()))
    kinds = [_kind(each) for each in found]
    for place, kind in enumerate(kinds):
        if kind != kinds[0]:
            raise LeakageError(
                f"groups: mixed types: groups[0] = {shown(found[0])} is {kinds[0]} and "
                f"groups[{place}] = {shown(found[place])} is {kind}; expected picture ids of one "
                "type; convert them, say [str(each) for each in groups]"
            )
    if kinds[0] == "a whole number":
        # Beyond int64 NumPy would round to float64, and neighbours would become equal.
        fits = all(-(2**63) <= each < 2**63 for each in found)
        return found.astype(np.int64) if fits else found.astype(np.str_)
    return np.array(found.tolist())


def _is_missing(value: Any) -> bool:
    """Return whether a value is missing: None, NaN, NaT, NA or masked."""
    if value is None or value is np.ma.masked or type(value).__name__ in ("NAType", "NaTType"):
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # an array, refused later as another type
        return False


def _kind(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "a truth value"
    if isinstance(value, int | np.integer):
        return "a whole number"
    if isinstance(value, float | np.floating):
        return "a fraction"
    return "text" if isinstance(value, str) else f"a {type(value).__name__}"


def _missing(place: int, value: Any, count: int) -> LeakageError:
    return LeakageError(
        f"groups: {count} missing or not finite, the first is groups[{place}] = {value}; expected "
        "a picture id for every pair; give those pairs one, or remove them from x, y and groups"
    )


def level_names(levels: Any, count: int) -> list[int]:
    """Return the names of the levels as whole numbers, all different.

    Args:
        levels: a list, tuple, range or array of whole numbers (Python's or NumPy's); None for
            0 to count - 1.
        count: number of levels of y.

    Raises:
        LeakageError: there are not exactly `count`, one is not a whole number (a fraction, a truth
            value, text, missing), or one is repeated.
    """
    if levels is None:
        return list(range(count))
    expected = f"expected {count} different whole numbers, one per level of y"
    if isinstance(levels, str | bytes | dict | set | frozenset) or np.ndim(levels) != 1:
        raise LeakageError(f"levels: found {shown(levels)}; {expected}, as a list")
    if isinstance(levels, np.ma.MaskedArray):
        raise LeakageError(f"levels: found a masked array; {expected}")
    found = [_level(value, place, expected) for place, value in enumerate(levels)]
    if len(found) != count:
        raise LeakageError(f"levels: found {len(found)} of them, {shown(found)}; {expected}")
    for place, level in enumerate(found):
        if (first := found.index(level)) < place:
            raise LeakageError(
                f"levels: levels[{first}] and levels[{place}] are both {level}; {expected}"
            )
    return found


def _level(value: Any, place: int, expected: str) -> int:
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        found = operator.index(value)
    except TypeError:
        raise LeakageError(
            f"levels: levels[{place}] = {shown(value)}, a {type(value).__name__}; {expected}"
        ) from None
    if abs(found) > LARGEST_LEVEL:
        raise LeakageError(f"levels: levels[{place}] = {shown(found)}; expected at most 2^62")
    return found
