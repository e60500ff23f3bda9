"""docs/configuration.md says what every key of the configuration means, as the models do."""

import importlib.util
import os
import re
import subprocess
import sys
from typing import Annotated, Literal

import pydantic
import pytest
from leakage.config import models
from leakage.config.settings import Settings
from snake import REPOSITORY

PAGE = REPOSITORY / "docs" / "configuration.md"
SPEC = importlib.util.spec_from_file_location("configuration", PAGE.with_suffix(".py"))
configuration = importlib.util.module_from_spec(SPEC)
# Its dataclasses look their module up there.
sys.modules["configuration"] = configuration
SPEC.loader.exec_module(configuration)


def test_the_page_is_what_the_models_give_to_a_command_without_pythonpath():
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "docs/configuration.py"]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    told = "run: python docs/configuration.py > docs/configuration.md"
    assert done.stdout == PAGE.read_text(encoding="utf-8"), told


def test_every_key_has_a_meaning_and_a_line_on_the_page():
    found = [(models.Config, "")]
    for branch in configuration.BRANCHES.values():
        found += [(model, branch.key) for model in branch.classes.values()]
        found += [(branch.plug_in, branch.key)] if branch.plug_in else []
    for model, _ in found:
        inner = (configuration.inner_model(model, name) for name in model.model_fields)
        found += [(each, "") for each in inner if each]
    keys = [(model, name) for model, key in found for name in model.model_fields if name != key]
    silent = [f"{model}.{name}" for model, name in keys if not configuration.meaning(model, name)]
    assert len(keys) > 100 and not silent, "give these fields a string below each"
    page = configuration.page()
    assert not [name for _, name in keys if not re.search(rf"^\| \[?`(\w+\.)?{name}`", page, re.M)]
    assert page.count("\n| `folds`") == 1  # what estimators share is said once


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Annotated[int, pydantic.Field(ge=1, le=64)], "whole number 1 to 64"),
        (Annotated[float, pydantic.Field(gt=0, lt=1)], "number > 0 and < 1"),
        (Annotated[int, pydantic.Field(ge=1)] | Literal["all"], "whole number ≥ 1 or `all`"),
        (tuple[float, float], "list of 2 numbers"),
        (tuple[Literal["clear", "full"], ...], "list of any of `clear`, `full`"),
        (dict[str, int | None], "whole number or `null` under each name"),
        (Settings, "branch"),
    ],
)
def test_a_type_is_told_in_words(annotation, words):
    assert configuration.readable(annotation) == words
