"""Check the arguments of an estimator: arrays, groups and level names.

Each function returns the argument in the form that estimators read, or raises a LeakageError. The
message says what was found and where, what was expected, and what to do.
"""

from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from leakage import seeds
from leakage.config.settings import shown
from leakage.errors import LeakageError

# What the commands say if `--groups` is not given.
NO_GROUPS = (
    "note: each pair counts as its own picture; give --groups if pairs come from the same picture"
)
# Kinds of dtype: real numbers; and for groups, whole numbers, numbers, text, bytes, times.
NUMBERS, NAMES = "biuf", "iufUSMm"
# Objects that NumPy reads as one of these, in pandas' words.
READ_BY_NUMPY = {"string", "bytes", "floating", "boolean", "complex", "datetime64", "timedelta64"}
LARGEST_LEVEL = 2**62
# Squares of larger float64 numbers may overflow; variances of smaller ranges may become 0.
LARGEST, SMALLEST = 1e150, 1e-150
EXACT = 2**53  # float64 holds all whole numbers up to this one


class Arguments(NamedTuple):
    """The checked arguments of an estimator."""

    x: NDArray[Any]  # plain items, shape (pairs, dim_x), finite numbers
    y: NDArray[Any]  # views, shape (levels, pairs, dim_y), finite numbers
    groups: NDArray[Any] | None  # picture of each pair, shape (pairs,)
    levels: list[int]  # distinct names of the levels
    seed: int  # at least 0


def checked(
    x: Any, y: Any, groups: Any = None, levels: Any = None, seed: Any = 0, *, counts: bool = False
) -> Arguments:
    """Return all arguments of an estimate in the form that estimators read.

    With `counts`, the estimator only counts equal numbers, which may then have any magnitude.

    Raises:
        LeakageError: an argument has another form; see the function for each argument.
    """
    plain, views = items(x, y)
    if not counts:
        _refuse_magnitudes(plain, "x")
        _refuse_magnitudes(views, "y")
    members = None if groups is None else group_names(groups, len(plain))
    return Arguments(plain, views, members, level_names(levels, len(views)), seeds.checked(seed))


def items(x: Any, y: Any) -> tuple[NDArray[Any], NDArray[Any]]:
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


def numbers(values: Any, name: str) -> NDArray[Any]:
    """Return anything that NumPy reads as an array, as an array of finite real numbers.

    Raises:
        LeakageError: the array is masked, does not hold real numbers, or is not finite. The message
            gives the first place and the number of bad values.
    """
    found = _array(values, name)
    if found.dtype.kind not in NUMBERS:
        real = int | float | np.integer | np.floating
        others = (each for each in np.ndenumerate(found) if not isinstance(each[1], real))
        example = "".join(f", {_place(name, at)} = {shown(each)}" for at, each in [*others][:1])
        raise LeakageError(
            f"{name}: dtype {found.dtype}{example}; expected real numbers; convert them, for "
            f"example with {name}.astype(float)"
        )
    if found.dtype.kind == "f" and found.dtype.itemsize > 8:
        with np.errstate(over="ignore"):
            found = found.astype(np.float64)
    if found.dtype.kind == "f" and not (finite := np.isfinite(found)).all():
        bad = int(found.size - np.count_nonzero(finite))
        first = _first(~finite)
        raise LeakageError(
            f"{name}: {bad} of {found.size} numbers are not finite, the first is "
            f"{_place(name, first)} = {found[first]}; expected finite numbers; remove those pairs "
            "from x, y and groups"
        )
    return found


def _refuse_magnitudes(values: NDArray[Any], name: str) -> None:
    """Refuse finite numbers (…, pairs, dim) on which float64 arithmetic would find no relation.

    A constant coordinate is accepted. So is one that varies by subnormal numbers only, beside
    others that vary more; it counts as constant.

    Raises:
        LeakageError: the squares of a coordinate overflow, its variance becomes 0, or different
            whole numbers become equal. The message names the first such coordinate.
    """
    if values.dtype.itemsize < 8:  # squares of all other dtypes fit into float64
        return
    low, high = values.min(axis=-2), values.max(axis=-2)
    if values.dtype.kind != "f":
        _refuse_equal(values, name, (low < -EXACT) | (high > EXACT))
        return
    largest = np.maximum(high, -low)
    if (bad := largest > LARGEST).any():
        at = _first(bad)
        raise LeakageError(
            f"{_coordinate(name, at)}: found numbers up to {largest[at]:.3g}; expected at most "
            f"{LARGEST:g}, because larger squares overflow; divide the numbers by a constant"
        )
    spans = high - low
    normal = (spans >= SMALLEST).any(axis=-1, keepdims=True)
    least = np.where(normal, np.finfo(np.float64).tiny, 0)
    if (bad := (spans > 0) & (spans >= least) & (spans < SMALLEST)).any():
        at = _first(bad)
        raise LeakageError(
            f"{_coordinate(name, at)}: found numbers that differ by at most {spans[at]:.3g}; "
            f"expected equal numbers, or a difference of at least {SMALLEST:g}, because smaller "
            "squares become 0; multiply the numbers by a constant, or leave the coordinate out"
        )


def _refuse_equal(values: NDArray[Any], name: str, large: NDArray[np.bool_]) -> None:
    """Refuse `large` coordinates whose whole numbers become equal in float64."""
    for at in map(tuple, np.argwhere(large)):
        found = np.unique(values[(*at[:-1], slice(None), at[-1])])
        if lost := len(found) - len(np.unique(found.astype(np.float64))):
            raise LeakageError(
                f"{_coordinate(name, at)}: found whole numbers from {found[0]} to {found[-1]}, "
                f"{lost} of which equal another one in float64; expected numbers that stay "
                "different; subtract the smallest, or give their ranks"
            )


def _first(bad: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(np.argwhere(bad)[0].tolist())


def _coordinate(name: str, at: tuple[int, ...]) -> str:
    level = f"level {at[0]}, " if len(at) > 1 else ""
    return f"{name}: {level}coordinate {at[-1]}"


def _array(values: Any, name: str) -> NDArray[Any]:
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


def _place(name: str, index: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, index))}]"


def group_names(groups: Any, pairs: int) -> NDArray[Any]:
    """Return the picture of each pair, shape (pairs,), all of one type and none missing.

    Ids are whole numbers, text, bytes, times, finite numbers, or objects of one type that compares
    and hashes by value, such as dates, paths and UUIDs. Such objects are returned as numbers.

    Raises:
        LeakageError: they are masked, missing (None, NaN, NaT), of mixed types, of a type without
            such a hash, or have another shape. The message names the first bad place.
    """
    import pandas as pd

    found = _array(groups, "groups")
    if found.shape != (pairs,):
        raise LeakageError(
            f"groups: shape {found.shape}; expected ({pairs},), the picture of each pair"
        )
    # Kept as objects because NumPy would turn [1, "a"] into text and [True, 2] into numbers.
    found = np.array(groups, object) if isinstance(groups, list | tuple) else found
    _refuse_missing(found, pd.isna(found))
    found = _of_one_type(found) if found.dtype.kind == "O" else found
    if found.dtype.kind not in NAMES:
        _refuse_id(found)
    if found.dtype.kind == "f":
        _refuse_missing(found, np.isinf(found))
    return found


def _refuse_missing(found: NDArray[Any], missing: NDArray[np.bool_]) -> None:
    if missing.any():
        place = int(np.argmax(missing))
        raise LeakageError(
            f"groups: {int(missing.sum())} missing or not finite, the first is groups[{place}] = "
            f"{found[place]}; expected a picture id for every pair; give those pairs one, or "
            "remove them from x, y and groups"
        )


def _of_one_type(found: NDArray[np.object_]) -> NDArray[Any]:
    """Return an array of objects as one of numbers, text, bytes or times."""
    from pandas.api.types import infer_dtype

    kind = infer_dtype(found)
    if kind == "integer":
        # Beyond int64 NumPy would round to float64, and neighbours would become equal.
        fits = all(-(2**63) <= each < 2**63 for each in found)
        return found.astype(np.int64) if fits else found.astype(np.str_)
    if kind in READ_BY_NUMPY:
        return np.array(found.tolist())
    types = [type(each) for each in found]
    if others := [place for place, each in enumerate(types) if each is not types[0]]:
        place = others[0]
        raise LeakageError(
            f"groups: found mixed types, groups[0] = {shown(found[0])} ({types[0].__name__}) and "
            f"groups[{place}] = {shown(found[place])} ({types[place].__name__}); expected picture "
            "ids of one type; convert them, for example with [str(each) for each in groups]"
        )
    return _numbered(found)


def _numbered(found: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return a number for each object, equal for equal objects."""
    own_hash: object = type(found[0]).__hash__
    if own_hash is object.__hash__:  # two objects of one picture would differ
        _refuse_id(found)
    numbers: dict[Any, int] = {}
    for place, each in enumerate(found):
        try:
            numbers.setdefault(each, len(numbers))
        except TypeError:  # a list, or a tuple with a list
            _refuse_id(found, place)
    return np.array([numbers[each] for each in found], np.int64)


def _refuse_id(found: NDArray[Any], place: int = 0) -> NoReturn:
    raise LeakageError(
        f"groups: groups[{place}] = {shown(found[place])} ({type(found[place]).__name__}); "
        "expected picture ids, such as whole numbers or text; convert them, for example with "
        "[str(each) for each in groups]"
    )


def level_names(levels: Any, count: int) -> list[int]:
    """Return the names of `count` levels as different whole numbers; by default 0 to count - 1.

    Raises:
        LeakageError: there are not exactly `count`, one is not a whole number (a fraction, a truth
            value, text, missing), or one is repeated.
    """
    if levels is None:
        return list(range(count))
    expected = f"expected a list of {count} different whole numbers up to 2^62, one per level of y"
    refused = (str, bytes, dict, set, frozenset, np.ma.MaskedArray)
    if isinstance(levels, refused) or np.ndim(levels) != 1:
        raise LeakageError(f"levels: found {shown(levels)}; {expected}")
    for place, value in enumerate(levels):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or abs(value) > LARGEST_LEVEL:
            raise LeakageError(
                f"levels: levels[{place}] = {shown(value)} ({type(value).__name__}); {expected}"
            )
    found = [int(value) for value in levels]
    if len(found) != count or len(set(found)) != count:
        raise LeakageError(f"levels: found {shown(found)}; {expected}")
    return found
