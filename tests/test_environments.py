"""The environments of `envs/` are made from pyproject.toml, and are what runs here."""

import importlib.metadata
import importlib.util
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ENVS = Path(__file__).parents[1] / "envs"
SPEC = importlib.util.spec_from_file_location("generate", ENVS / "generate.py")
generate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate)


def test_every_pin_is_exact():
    for pin in generate.pins():
        assert [part.operator for part in Requirement(pin).specifier] == ["=="], pin


def test_requirements_hold_the_pins_of_pyproject_and_no_other():
    lines = (ENVS / "requirements.txt").read_text().splitlines()
    asked, needed = (
        lines.index(f"# What {what}.") for what in ("pyproject.toml asks for", "those need")
    )
    assert lines[asked + 1 : needed] == generate.pins()


def test_everything_else_in_requirements_has_an_exact_pin_too():
    for line in (ENVS / "requirements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            assert [part.operator for part in Requirement(line).specifier] == ["=="], line


def test_the_conda_environment_is_what_pyproject_gives():
    assert (ENVS / "environment.yaml").read_text() == generate.environment()


@pytest.mark.parametrize("pin", generate.pins())
def test_the_installed_version_is_the_pinned_one(pin):
    requirement = Requirement(pin)
    installed = importlib.metadata.version(requirement.name).partition("+")[0]
    assert requirement.specifier.contains(installed), f"{pin}: {installed} is installed"
