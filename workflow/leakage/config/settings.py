"""The base class of all settings, and readable messages about invalid ones."""

import datetime
import difflib
import json
import math
import re
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path

import pydantic
from pydantic_core import InitErrorDetails, PydanticCustomError

from leakage.errors import LeakageError

# Most characters of an invalid value that a message shows.
LONGEST_SHOWN = 200
LONGEST_PATH = 1000
DEEPEST = 50
# Programs that read a larger number from JSON may change it.
LARGEST = 2**53
# Types of error: about a key below the value; and with a message that is complete.
AT_KEY, EXPLAINED = "at_key", "explained"
# $NAME and ${NAME} of a shell, %NAME% of Windows.
VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)|%([A-Za-z_]\w*)%")
# The part that pydantic appends to the key of a value that fits no type of a union.
OF_UNION = re.compile(r"constrained-\w+|literal\[.*\]")
KINDS = {datetime.date: "a date", datetime.datetime: "a time", bytes: "bytes", set: "a set"}


Model = typing.TypeVar("Model", bound="Settings")


class Settings(pydantic.BaseModel):
    """A branch of the configuration. Unknown keys and wrong types are errors; values are fixed.

    A number may be given as text, because Snakemake's `--config` does that. True and false are not
    numbers. The string below a field describes its key, also in docs/configuration.md.
    """

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _refuse_truth_as_number(cls, value: object, info: pydantic.ValidationInfo) -> object:
        annotation = cls.model_fields[str(info.field_name)].annotation
        if _is_of_numbers(annotation) and (found := list(_truths(value))):
            raise ValueError(f"found {found[0]}; expected a number")
        return value

    @pydantic.field_validator("*", mode="after")
    @classmethod
    def _refuse_repeated_names(cls, value: object) -> object:
        if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
            for index, each in enumerate(value):
                if each in value[:index]:
                    raise ValueError(f"found {shown(each)} twice; name it once")
        return value


def path(text: str) -> str:
    """Return a text if it can be a path.

    Raises:
        ValueError: it cannot.
    """
    if not text or not text.isprintable() or len(text) > LONGEST_PATH:
        raise ValueError(
            f"found {shown(text)}; expected a path of 1 to {LONGEST_PATH} printable characters"
        )
    if "://" in text:
        raise ValueError(f"found {shown(text)}, an address; expected the path of a file or folder")
    if text.startswith("~"):
        raise ValueError(f"found {shown(text)}; ~ works only in a shell; write the whole path")
    if variable := VARIABLE.search(text):
        raise ValueError(
            f"found {shown(text)}; the environment variable {variable[1] or variable[2]} is not "
            "expanded here; write the whole path, or let the shell expand it (--config)"
        )
    try:
        Path(text).exists()
    except OSError as error:
        raise ValueError(f"found {shown(text)}; expected a path ({error.strerror})") from None
    return text


def input_path(text: str) -> str:
    """Return a text if it can be the path of a job's input, where Snakemake expands braces.

    Raises:
        ValueError: it cannot.
    """
    if set(path(text)) & set("{}"):
        raise ValueError(f"found {shown(text)}; expected a path without braces; rename it")
    return text


PathText = typing.Annotated[str, pydantic.AfterValidator(path)]


def shown(value: object) -> str:
    """Return a value as one short line for a message."""
    try:
        text = repr(value)
    except ValueError:  # Python does not print numbers of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def shown_key(key: object) -> str:
    """Return a key unquoted if it fits on one line."""
    plain = isinstance(key, str) and key.isprintable() and 0 < len(key) <= LONGEST_SHOWN
    return str(key) if plain else shown(key)


def refuse_odd(values: object) -> None:
    """Refuse YAML values that neither JSON nor a command line can hold.

    Raises:
        LeakageError: one line per key that is not text, and per value that is a date, bytes, a set,
            a number above `LARGEST`, or text that is not valid Unicode.
    """
    if lines := list(_odd(values, ())):
        raise LeakageError("\n".join(lines))


def _odd(value: object, above: tuple[object, ...]) -> Iterator[str]:
    where = ".".join(map(shown_key, above))
    if len(above) > DEEPEST:
        yield f"{shown_key(above[0])}: found more than {DEEPEST} nested branches; expected fewer"
    elif isinstance(value, dict):
        for key, below in value.items():
            if isinstance(key, str) and key.isprintable():
                yield from _odd(below, (*above, key))
            else:
                it = ".".join(map(shown_key, (*above, key)))
                yield f"{it}: found this key, expected printable text; put it in quotes"
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _odd(below, (*above, index))
    elif isinstance(value, str):
        if "\0" in value or any("\ud800" <= each <= "\udfff" for each in value):
            yield f"{where}: found {shown(value)}; expected text without NUL and surrogates"
    elif isinstance(value, int) and abs(value) > LARGEST:
        yield f"{where}: found {shown(value)}; expected a number of at most {LARGEST}"
    elif not isinstance(value, int | float | None):
        kind = KINDS.get(type(value), f"a {type(value).__name__}")
        yield f"{where}: found {shown(value)}, {kind}; expected text: put it in quotes"


def _is_of_numbers(annotation: object) -> bool:
    """Return whether a type is a number, or contains numbers."""
    return annotation in (int, float) or any(map(_is_of_numbers, typing.get_args(annotation)))


def _truths(value: object) -> Iterator[bool]:
    if isinstance(value, bool):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _truths(each)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the entry of `known` that is spelled most like `word`."""
    return max(known, key=lambda k: difflib.SequenceMatcher(None, word.lower(), k.lower()).ratio())


def validate(model: type[Model], values: object, where: str) -> Model:
    """Return `values` as a `model`.

    Raises:
        LeakageError: one line per problem; each names the key below `where`, what was found, what
            was expected, and for an unknown key the nearest known one.
    """
    if values is None:
        values = {}
    try:
        return model.model_validate(values)
    except pydantic.ValidationError as error:
        lines = [
            f"{'.'.join(filter(None, [where, *map(shown_key, loc)]))}: {text}"
            for loc, text in _problems(model, error)
        ]
        raise LeakageError("\n".join(lines)) from None


def explained(model: type[Settings], error: pydantic.ValidationError) -> pydantic.ValidationError:
    """Return the same errors with complete messages."""
    return pydantic.ValidationError.from_exception_data(
        error.title,
        [
            InitErrorDetails(
                type=PydanticCustomError(EXPLAINED, "{message}", {"message": text}),
                loc=loc,
                input=None,
            )
            for loc, text in _problems(model, error)
        ],
    )


def _problems(
    model: type[Settings], error: pydantic.ValidationError
) -> list[tuple[tuple[int | str, ...], str]]:
    """Return the places of the problems and their descriptions.

    A value that fits no type of a union is one problem. Pydantic reports one per type.
    """
    found: list[tuple[tuple[int | str, ...], str]] = []
    before: tuple[int | str, ...] | None = None
    for problem in error.errors():
        loc, text = _explain(model, problem)
        value = loc[:-1] if loc and OF_UNION.fullmatch(str(loc[-1])) else None
        if value is not None and value == before:
            found[-1] = value, f"{found[-1][1]}, or {text.partition('; ')[2]}"
        else:
            found.append((loc if value is None else value, text))
        before = value
    return found


def _explain(model: type[Settings], problem: typing.Any) -> tuple[tuple[int | str, ...], str]:
    """Return the place of a problem and its description."""
    loc = tuple(part for part in problem["loc"] if part != "[key]")
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == AT_KEY:
        return (*loc, context["key"]), context["message"]
    if kind in (EXPLAINED, "value_error"):
        return loc, str(context["message" if kind == EXPLAINED else "error"])
    fields = _fields(model, map(str, loc[:-1]))
    if kind == "extra_forbidden":
        known = sorted(fields)
        close = nearest(str(loc[-1]), known) if known else "none"
        return loc, f"unknown key; the nearest known one is {close} (known: {', '.join(known)})"
    if kind == "missing":
        meaning = fields[str(loc[-1])].description if loc[-1] in fields else ""
        return loc, f"missing; give it a value{f' ({meaning})' if meaning else ''}"
    message = problem["msg"].replace("Input should be a ", "expected a ")
    message = message.replace("Input should be", "expected a value")
    message = message.replace("expected a value '", "expected '")
    return loc, f"found {shown(problem['input'])}; {message}"


def _fields(
    model: type[pydantic.BaseModel], parents: Iterable[str]
) -> dict[str, pydantic.fields.FieldInfo]:
    """Return the fields of the model at `parents` below `model`."""
    for parent in parents:
        field = model.model_fields.get(parent)
        inner = _model_inside(field.annotation) if field else None
        if inner is None:
            return {}
        model = inner
    return model.model_fields


def _model_inside(annotation: object) -> type[pydantic.BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    models = (_model_inside(part) for part in typing.get_args(annotation))
    return next((model for model in models if model), None)


def parse(model: type[Model], text: str, where: str) -> Model:
    """Return a JSON text as a `model`; raises the same errors as `validate`."""
    return validate(model, from_json(text, where), where)


def from_json(text: str, where: str) -> typing.Any:
    """Return the value of a JSON text, in which nothing is lost.

    Raises:
        LeakageError: the text is not JSON, gives a key twice, or has a number that is not finite.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_constant=_finite, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise LeakageError(f"{where}: not JSON ({error}): {text[:LONGEST_SHOWN]}") from None


def _once(pairs: list[tuple[str, typing.Any]]) -> dict[str, typing.Any]:
    """Return the pairs as a dictionary; json would keep only the last value of a key."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} is given twice; give it once")
    return found


def _finite(text: str) -> float:
    """Return a number; json would read NaN, Infinity and 1e999 too."""
    if not math.isfinite(found := float(text)):
        raise ValueError(f"found {text}; expected a finite number")
    return found
