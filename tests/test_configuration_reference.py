"""docs/configuration.md says what every key of the configuration means, as the models do."""

import importlib.util
import os
import re
import subprocess
import sys
from typing import Annotated, Literal

import pydantic
import pytest
import yaml
from leakage.config import models as config_models
from leakage.config.settings import Settings
from snake import REPOSITORY

PAGE = REPOSITORY / "docs" / "configuration.md"
SPEC = importlib.util.spec_from_file_location("configuration", PAGE.with_suffix(".py"))
configuration = importlib.util.module_from_spec(SPEC)
# Its dataclasses look their module up there.
sys.modules["configuration"] = configuration
SPEC.loader.exec_module(configuration)

# Names of the user's choice, and what stands below one.
NAMED = re.compile(
    r"((?:encryption\.schemes|encoders|estimators|controls|comparisons\.pixel_critics"
    r"|calibration\.(?:tasks|draws|subsets|encoder|settings))\.[^.]+)"
    r"(?:\.(.+))?"
)
KIND = re.compile(r"dataset\.[^.]+\.(.+)")


def models():
    """Return every model that the configuration reaches, with the key that chooses it."""
    found = [(config_models.Config, "")]
    for branch in configuration.BRANCHES.values():
        found += [(model, branch.key) for model in branch.classes.values()]
        found += [(branch.plug_in, branch.key)] if branch.plug_in else []
    for model, _ in found:
        inner = (configuration.inner_model(model, name) for name in model.model_fields)
        found += [(each, "") for each in inner if each]
    return found


def paths(values, above=""):
    """Return the dotted path of every key."""
    for key, value in values.items():
        yield f"{above}{key}"
        if isinstance(value, dict):
            yield from paths(value, f"{above}{key}.")


def test_the_page_is_what_the_models_give_to_a_command_without_pythonpath():
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "docs/configuration.py"]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    told = "run: python docs/configuration.py > docs/configuration.md"
    assert done.stdout == PAGE.read_text(encoding="utf-8"), told


@pytest.mark.parametrize(("model", "chooser"), models(), ids=lambda x: getattr(x, "__module__", x))
def test_every_key_has_a_meaning(model, chooser):
    silent = [n for n in model.model_fields if n != chooser and not configuration.meaning(model, n)]
    assert not silent, f"give {silent} of {model.__module__}.{model.__name__} a string below each"


def test_every_key_of_config_yaml_stands_in_the_section_of_its_branch():
    sections = dict(
        re.findall(r"^## `?(.+?)`?\n(.*?)(?=^## |\Z)", configuration.page(), re.M | re.S)
    )
    for path in paths(yaml.safe_load((REPOSITORY / "config.yaml").read_text())):
        top, _, key = path.partition(".")
        if named := NAMED.fullmatch(path):
            key = named[2]
        elif kind := KIND.fullmatch(path):
            key = kind[1]
        elif not key:
            top, key = "Top level", path
        if key is not None:
            assert re.search(rf"^\| \[?`{re.escape(key)}`", sections[top], re.M), path


def test_what_estimators_share_is_said_once():
    rows = [line for line in configuration.page().splitlines() if line.startswith("| `folds`")]
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Annotated[int, pydantic.Field(ge=1)], "whole number ≥ 1"),
        (Annotated[int, pydantic.Field(ge=1, le=64)], "whole number 1 to 64"),
        (Annotated[float, pydantic.Field(gt=0, lt=1)], "number > 0 and < 1"),
        (Annotated[int, pydantic.Field(ge=1)] | Literal["all"], "whole number ≥ 1 or `all`"),
        (str | None, "text or `null`"),
        (Literal["clear", "full"], "one of `clear`, `full`"),
        (list[str], "list of texts"),
        (tuple[float, float], "list of 2 numbers"),
        (tuple[float, ...], "list of numbers"),
        (tuple[Literal["clear", "full"], ...], "list of any of `clear`, `full`"),
        (tuple[Literal["clear"]], "list of `clear` alone"),
        (dict[str, int | None], "whole number or `null` under each name"),
        (Settings, "branch"),
    ],
)
def test_a_type_is_told_in_words(annotation, words):
    assert configuration.readable(annotation) == words


def test_a_type_without_words_is_refused():
    with pytest.raises(TypeError, match="no words for this type"):
        configuration.readable(bytes)
