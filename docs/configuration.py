"""Every key of the configuration, from the typed models that check it: docs/configuration.md.

python docs/configuration.py > docs/configuration.md
"""

import inspect
import re
import sys
import types
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from leakage import attacks, datasets, encoders, estimators, schemes
from leakage.config import models
from leakage.config.entries import Choice
from leakage.config.settings import Settings

HEAD = """# Every key of the configuration

`config.yaml` holds the paper's experiment. A file given with `--configfile` is merged over it, key
by key. A list is replaced as a whole, and `null` removes a named entry. A misspelt key, or a value
of a wrong type or outside its range, stops the run before it starts. The error names the nearest
known key. A key marked "required" has no default.

This page is generated from the models that check the configuration. To change a text, edit the
docstring below the field and run `python docs/configuration.py > docs/configuration.md`."""
COLUMNS = ("key", "type", "default", "meaning")
SIMPLE = {
    **{int: "whole number", float: "number", str: "text", bool: "true or false"},
    **{dict[str, Any]: "branch", types.NoneType: "`null`", Any: "anything"},
}
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}

Row = tuple[str, str, str, str]


@dataclass(frozen=True)
class Branch:
    """A branch whose entries are of several classes.

    Attributes:
        where: its place in the configuration.
        noun: what an entry is.
        classes: the classes of its entries, by name.
        key: the key of an entry that names its class; empty if the entry's own name does.
        unnamed: the class of an entry without that key; empty if the key is required.
        plug_in: the base class of plug-ins; None if the branch accepts no plug-ins.
    """

    where: str
    noun: str
    classes: dict[str, type[Settings]]
    key: str = ""
    unnamed: str = ""
    plug_in: type[Settings] | None = None


def _entries(where: str, noun: str, choice: Choice[Any], plug_in: type[Settings]) -> Branch:
    unnamed = "the entry's name" if choice.named else ""
    return Branch(where, noun, choice.classes(), choice.key, unnamed, plug_in)


DATASETS = {kind: datasets.dataset_class(kind) for kind in datasets.kinds()}
# By the top-level key that they are below.
BRANCHES = {
    "dataset": Branch("dataset", "dataset", DATASETS),
    "encryption": _entries("encryption.schemes", "scheme", models.CIPHERS, schemes.Cipher),
    "encoders": _entries("encoders", "encoder", models.ENCODERS, encoders.Encoder),
    "estimators": _entries("estimators", "estimator", models.ESTIMATORS, estimators.Estimator),
    "attacks": _entries("attacks", "attack", models.ATTACK_METHODS, attacks.Attack),
}


def page() -> str:
    """Return docs/configuration.md."""
    return "\n\n".join([HEAD, *_sections()]) + "\n"


def meaning(model: type[Settings], name: str) -> str:
    """Return what a key means: of a field without a text, what it means where it is inherited from.

    It is empty where nothing says it.
    """
    fields = [base.model_fields.get(name) for base in _ancestry(model)]
    texts = [field.description for field in fields if field and field.description]
    # Paragraphs become sentences of one cell.
    parts = [" ".join(part.split()).rstrip(".") for part in texts[0].split("\n\n")] if texts else []
    return ". ".join(parts)


def inner_model(model: type[Settings], name: str) -> type[Settings] | None:
    """Return the model of a key that is a branch with keys of its own; None of any other."""
    field = model.model_fields[name]
    annotation = field.annotation
    if get_origin(annotation) in (Union, types.UnionType):  # a branch that may be left out
        annotation = next((each for each in get_args(annotation) if each is not type(None)), None)
    is_model = isinstance(annotation, type) and issubclass(annotation, Settings)
    is_model = is_model and annotation not in DATASETS.values()
    is_model = is_model and not any(isinstance(each, Choice) for each in field.metadata)
    return annotation if is_model else None


def readable(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """Return a type in words, with the bounds that a field's metadata give."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, *given = parts
        bounds = [
            each for field in given if isinstance(field, FieldInfo) for each in field.metadata
        ]
        return readable(inner, bounds)
    if origin in (Union, types.UnionType):
        return " or ".join(readable(part, metadata) for part in parts)
    if origin is Literal:
        values = ", ".join(f"`{value}`" for value in parts)
        return f"one of {values}" if len(parts) > 1 else values
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return SIMPLE[dict[str, Any]]
    if annotation in SIMPLE:
        bounded = annotation in (int, float)
        return SIMPLE[annotation] + (_bounds(metadata) if bounded else "")
    if origin is list:
        return f"list of {_plural(readable(parts[0]))}"
    if origin is tuple and Ellipsis in parts:
        item = readable(parts[0])
        several = get_origin(parts[0]) is Literal
        return f"list of any {item.removeprefix('one ')}" if several else f"list of {_plural(item)}"
    if origin is tuple and len(parts) == 1:
        return f"list of {readable(parts[0])} alone"
    if origin is tuple:
        return f"list of {len(parts)} {_plural(readable(parts[0]))}"
    if origin is dict:
        return f"{readable(parts[1])} under each name"
    raise TypeError(f"{annotation}: no words for this type; give it some in {Path(__file__).name}")


def _plural(name: str) -> str:
    """Return `whole numbers 4 to 9` of `whole number 4 to 9`."""
    return re.sub(r"^([a-z ]*[a-z])", r"\1s", name)


def _sections() -> Iterator[str]:
    yield "## Top level"
    yield _table(_rows(models.Config, models.Config.model_fields))
    for name in models.Config.model_fields:
        model = inner_model(models.Config, name)
        if model or name in BRANCHES:
            yield f"## `{name}`"
            about = meaning(models.Config, name)
            yield _summary(model) if model else f"{about[0].upper()}{about[1:]}."
        if model:
            yield _table(_rows(model, model.model_fields))
        if name in BRANCHES:
            yield from _branch(BRANCHES[name])


def _branch(branch: Branch) -> Iterator[str]:
    """Yield what is shared by several classes of a branch once, then what each one adds to it."""
    classes = branch.classes
    if branch.key:
        known = ", ".join(f"`{name}`" for name in classes)
        about = f"which {branch.noun} it is; the other keys of the entry depend on it"
        known = f"one of {known}; or the path of a Python file"
        yield f"### An entry of `{branch.where}`"
        yield _table([(f"`{branch.key}`", known, branch.unnamed or "required", about)])
    # A class is listed after those that it is made from.
    counts = Counter(base for model in classes.values() for base in _ancestry(model))
    shared = sorted((base for base in counts if counts[base] > 1), key=lambda b: len(b.__mro__))
    shared = [base for base in shared if _own(base, shared, branch.key)]
    for base in shared:
        *most, last = [f"`{name}`" for name, model in classes.items() if issubclass(model, base)]
        some = f"{', '.join(most)} and {last}"
        who = some if len(most) + 1 < len(classes) else f"every {branch.noun}"
        yield f"### Keys of {who}"
        yield _summary(base)
        yield _table(_rows(base, _own(base, shared, branch.key)))
    for name, model in classes.items():
        yield f"### {branch.key} `{name}`" if branch.key else f"### `{branch.where}.{name}`"
        yield _summary(sys.modules[model.__module__])
        yield from _additions(model, shared, branch.key)
    if branch.plug_in:
        yield f"### {branch.key}: a Python file"
        base = f"{branch.plug_in.__module__}.{branch.plug_in.__name__}"
        yield (
            f"The file contains one class derived from `{base}`. The fields of that class are the "
            "other keys of the entry. How to write one: [plugins.md](plugins.md)."
        )
        names = _own(branch.plug_in, shared, branch.key)
        if names and branch.plug_in not in shared:
            yield _table(_rows(branch.plug_in, names))


def _additions(model: type[Settings], shared: list[type[Settings]], key: str) -> Iterator[str]:
    names = _own(model, shared, key)
    inherits = any(base in shared for base in _ancestry(model))
    if names:
        yield _table(_rows(model, names))
    else:
        yield "It has the shared keys only." if inherits else "It has no other key."


def _own(model: type[Settings], shared: list[type[Settings]], key: str) -> list[str]:
    """Return the keys that a model adds to those of the shared ones, or changes; without `key`."""
    above = [base for base in _ancestry(model)[1:] if base in shared]
    said = {row for base in above[:1] for row in _rows(base, base.model_fields)}
    return [
        name for name in model.model_fields if name != key and not set(_rows(model, [name])) <= said
    ]


def _ancestry(model: type[Settings]) -> list[type[Settings]]:
    """Return a model and the models that it is made from, nearest first."""
    bases = [base for base in model.__mro__ if issubclass(base, Settings)]
    return [base for base in bases if base is not Settings]


def _rows(model: type[Settings], names: Iterable[str], prefix: str = "") -> list[Row]:
    found = []
    for name in names:
        field, inner = model.model_fields[name], inner_model(model, name)
        about = meaning(model, name)
        shown, kind = f"`{prefix}{name}`", readable(field.annotation, field.metadata)
        has_section = model is models.Config and (inner or name in BRANCHES)
        found.append(
            (f"[{shown}](#{name})" if has_section else shown, kind, _default(field), about)
        )
        if inner and not has_section:
            found += _rows(inner, inner.model_fields, f"{prefix}{name}.")
    return found


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Settings):
        return ""
    value = list(value) if isinstance(value, tuple) else value
    # After a scalar it writes a line of dots.
    first = yaml.safe_dump(value, default_flow_style=True, width=1e6).partition("\n")[0]
    return f"`{first}`"


def _bounds(metadata: Iterable[Any]) -> str:
    """Return ` ≥ 1`, ` 1 to 64`, ` > 0 and < 1`, or nothing."""
    given = {
        name: getattr(each, name) for each in metadata for name in BOUNDS if hasattr(each, name)
    }
    if given.keys() == {"ge", "le"}:
        return f" {given['ge']} to {given['le']}"
    return " and".join(f" {BOUNDS[name]} {given[name]}" for name in BOUNDS if name in given)


def _summary(documented: Any) -> str:
    """Return the first paragraph of what a class or a module says of itself."""
    return (inspect.getdoc(documented) or "").partition("\n\n")[0]


def _table(rows: Iterable[Row]) -> str:
    lines = [COLUMNS, ("---",) * len(COLUMNS), *rows]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


if __name__ == "__main__":
    print(page(), end="")
