"""Typed settings: the base of every configuration branch, and errors that a person can read."""

import difflib
import json
import typing
from collections.abc import Iterable

import pydantic

from leakage.errors import LeakageError


class Settings(pydantic.BaseModel):
    """A branch of the configuration: unknown keys and wrong types are errors, values are fixed.

    A number may come as text, as it does from Snakemake's `--config`; true and false are none. What
    a key means stands in a string below its field, which docs/configuration.md is made from.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: object, info: pydantic.ValidationInfo) -> object:
        annotation = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and annotation in (int, float):
            raise ValueError(f"found {value}; expected a number")
        return value


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the entry of `known` that is spelled most like `word`."""
    return max(known, key=lambda k: difflib.SequenceMatcher(None, word.lower(), k.lower()).ratio())


def validate(model: type[Settings], values: object, where: str) -> typing.Any:
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
        lines = [_explain(model, problem, where) for problem in error.errors()]
        raise LeakageError("\n".join(lines)) from None


def _explain(model: type[Settings], problem: typing.Any, where: str) -> str:
    key = ".".join(str(part) for part in (where, *problem["loc"]) if part != "")
    if problem["type"] == "extra_forbidden":
        *parents, word = problem["loc"]
        known = sorted(_fields(model, parents))
        close = ".".join([*key.split(".")[:-1], nearest(str(word), known)]) if known else "none"
        return f"{key}: unknown key; the nearest known one is {close} (known: {', '.join(known)})"
    if problem["type"] == "missing":
        field = model.model_fields.get(str(problem["loc"][-1]))
        meaning = f" ({field.description})" if field and field.description else ""
        return f"{key}: missing; give it a value{meaning}"
    if problem["type"] == "value_error":
        return f"{key}: {problem['ctx']['error']}"
    return f"{key}: found {problem['input']!r}; {problem['msg'][0].lower()}{problem['msg'][1:]}"


def _fields(model: type[pydantic.BaseModel], parents: Iterable[object]) -> Iterable[str]:
    """Return the field names of the model that lies at `parents` below `model`."""
    for parent in parents:
        field = model.model_fields.get(str(parent))
        inner = _model_inside(field.annotation) if field else None
        if inner is None:
            return []
        model = inner
    return model.model_fields


def _model_inside(annotation: object) -> type[pydantic.BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    models = (_model_inside(part) for part in typing.get_args(annotation))
    return next((model for model in models if model), None)


def parse(model: type[Settings], text: str, where: str) -> typing.Any:
    """Return JSON `text`, as a rule hands it to a step, as a `model` (errors as in `validate`)."""
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise LeakageError(f"{where}: settings are not JSON ({error}): {text}") from None
    return validate(model, values, where)
