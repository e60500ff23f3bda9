"""Random edits of valid configurations. An edited one works, or is refused with the key.

The source of randomness is a `random.Random`; in a property test it is the one of hypothesis.
"""

import contextlib
import copy
import datetime
import functools
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import yaml
from leakage import plugins
from leakage.config import models, workflow
from leakage.config.settings import shown_key
from leakage.errors import LeakageError
from leakage.storage import digest
from snake import REPOSITORY
from snakemake.utils import update_config

# Merged over config.yaml, as --configfile does.
VALID = {"config.yaml": None, "demo.yaml": "demo.yaml", "tiny.yaml": "tests/tiny.yaml"}
BIG, LONG = 10**6000, 300
TEXTS = [
    *("", " ", "  x", "-x", "--cores", "~", ".", "..", "/", "/dev/zero", "/dev/null/x"),
    *("config.yaml", "config.yaml/x", "null", "true", "1e9", "0x10", "nan", "%s", "#"),
    *("{x}", "{", "}", "{{x}}", "{wildcards.x}", "x{level}", "*", "**/*", "?", "[a-z]"),
    *("'", '"', "'\"'", "\\", "`touch pwned`", "$(touch pwned)", "; touch pwned", "$HOME"),
    *("&& touch pwned", "| touch pwned", "a b", "a,b", "a:b", "a//b", "a\nb", "\n", "a\tb"),
    *("a\rb", "\0", "a\0b", "\x1b[31m", "\x7f", "\x85", "\u2028", "é", "e\u0301", "中文"),
    *("\u202e", "\ufeff", "\U0001f600", "\ud800", "\udcff", "x" * LONG, "a/" * 3000),
    *("x.py", "x\0.py", f"{'x' * LONG}.py", "-x.py", "tests", "tests/tiny.yaml", "x.safetensors"),
    *("msb_xor", "pixels", "measures", "clip", "statistics", "mine", "cca", "fig1", "histogram"),
    *(
        "photographs",
        "folder",
        "coco",
        "random",
        "fig1.png",
        "verdict.parquet",
        "http://[",
        "s3://x",
    ),
]
NUMBERS = [
    *(0, 1, -1, 2, 3, 7, 8, 9, 255, 2**31, 2**32, 2**53, 2**63, 2**64, -(2**63), 10**30, BIG, -BIG),
    *(0.0, -0.0, 0.5, 1.0, 1.5, 1e-320, 1e308, -1e308, float("nan"), float("inf"), -float("inf")),
]
ALIKE = {str: TEXTS, bool: [True, False], int: NUMBERS, float: NUMBERS}
OTHERS = [None, True, False, datetime.date(2020, 1, 1), b"bytes", {"a"}]
KEYS = [None, 0, 1, -1, 1.5, True, float("nan"), datetime.date(2020, 1, 1), b"x", (1, 2), BIG]


@functools.cache
def valid(name: str) -> dict[str, Any]:
    """Return one of the configurations in `VALID`. Do not change it."""
    values = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    if VALID[name]:
        update_config(values, yaml.safe_load((REPOSITORY / VALID[name]).read_text()))
    return values


def edited(draw: random.Random, name: str | None = None) -> dict[str, Any]:
    """Return a valid configuration with one to four random edits."""
    values = copy.deepcopy(valid(name or draw.choice(list(VALID))))
    for _ in range(draw.choice([1, 1, 1, 2, 3, 4])):
        edit(draw, values)
    return values


def edit(draw: random.Random, values: dict[str, Any]) -> None:
    """Replace, delete, add, rename or copy one entry at any depth, in place."""
    places = list(_places(values))
    if not places:
        return
    # Draw the depth first, because most entries are deep.
    depth = draw.choice(sorted({len(path) for path, _ in places}))
    path, inside = draw.choice([each for each in places if len(each[0]) == depth])
    draw.choice([_replace, _replace, _replace, _delete, _add, _rename, _copy])(
        draw, inside, path[-1], values
    )


def value(draw: random.Random, depth: int = 0) -> Any:
    """Return any value that YAML can give."""
    kind = draw.choice(
        ["text", "text", "number", "other", "list", "branch"][: 4 if depth > 2 else 6]
    )
    if kind == "text":
        return draw.choice(TEXTS)
    if kind == "number":
        return draw.choice(NUMBERS)
    if kind == "other":
        return copy.copy(draw.choice(OTHERS))
    if kind == "list":
        return [value(draw, depth + 1) for _ in range(draw.randrange(4))]
    return {key(draw): value(draw, depth + 1) for _ in range(draw.randrange(4))}


def key(draw: random.Random) -> Any:
    """Return a key, mostly a text."""
    return draw.choice(TEXTS) if draw.randrange(4) else draw.choice(KEYS)


def survived(values: dict[str, Any]) -> str:
    """Return the message that refuses a configuration; an empty text if it works.

    Raises:
        AssertionError: the message names no key.
        Exception: any error other than a refusal.
    """
    try:
        # The key file is named relative to it.
        with contextlib.chdir(REPOSITORY):
            parsed(values)
    except LeakageError as error:
        assert readable(str(error), values), f"names no key: {str(error)!r}"
        return str(error)
    return ""


def parsed_with(edit: dict[str, Any]) -> None:
    """Do the same with an edit merged over tests/tiny.yaml."""
    values = copy.deepcopy(valid("tiny.yaml"))
    update_config(values, edit)
    with contextlib.chdir(REPOSITORY):
        parsed(values)


def parsed(values: dict[str, Any]) -> None:
    """Ask a configuration for everything that workflow/rules asks it for."""
    checked = workflow.Workflow(values)
    json.dumps(values)
    asked = [checked.figures(), *map(checked.drawings, checked.schemes)]
    for drawing in {name: each for found in asked for name, each in found.items()}.values():
        checked.tables(drawing)
    checked.calibrations()
    settings = [checked.dataset_settings(), checked.download_options()]
    settings += [checked.place_settings(), checked.verdict_settings()]
    settings += map(checked.calibration_settings, checked.config.calibration.estimators)
    for scheme in checked.schemes:
        levels = checked.levels(scheme)
        settings.append(checked.scheme_settings(scheme, levels))
        for level in levels:
            settings.append(checked.scheme_settings(scheme, [level]))
            checked.schemes[scheme].files(level)
    for entries in (checked.schemes, checked.encoders, checked.estimators):
        for entry in entries.values():
            settings.append(entry.model_dump())
            digest.code_digest(plugins.source_of(entry))
    for each in settings:
        json.loads(json.dumps(each, sort_keys=True))


def readable(message: str, values: dict[str, Any]) -> bool:
    """Return whether every line of a message begins with a key and is short and printable."""
    tops = {*models.Config.model_fields, *map(shown_key, values)}
    return bool(message) and all(
        line.isprintable() and len(line) < 4000 and any(map(_begins_with(line), tops))
        for line in message.split("\n")
    )


def _begins_with(line: str) -> Callable[[str], bool]:
    return lambda top: line.startswith((f"{top}.", f"{top}:", f"{top} ("))


def _places(branch: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield the path of every entry, and the branch or list that contains it."""
    pairs = branch.items() if isinstance(branch, dict) else enumerate(branch)
    for each, below in list(pairs):
        yield (*above, each), branch
        if isinstance(below, dict | list):
            yield from _places(below, (*above, each))


def _replace(draw: random.Random, inside: Any, at: Any, values: dict[str, Any]) -> None:
    kinds = [kind for kind in ALIKE if isinstance(inside[at], kind)]
    # Half of the time by a value of its own type, which passes the first checks.
    inside[at] = draw.choice(ALIKE[kinds[0]]) if kinds and draw.randrange(2) else value(draw)


def _delete(draw: random.Random, inside: Any, at: Any, values: dict[str, Any]) -> None:
    del inside[at]


def _add(draw: random.Random, inside: Any, at: Any, values: dict[str, Any]) -> None:
    if isinstance(inside, dict):
        inside[key(draw)] = value(draw)
    else:
        inside.insert(at, value(draw))


def _rename(draw: random.Random, inside: Any, at: Any, values: dict[str, Any]) -> None:
    if isinstance(inside, dict):
        inside[key(draw)] = inside.pop(at)


def _copy(draw: random.Random, inside: Any, at: Any, values: dict[str, Any]) -> None:
    """Give an entry the value of another one."""
    path, other = draw.choice(list(_places(values)))
    inside[at] = copy.deepcopy(other[path[-1]])
