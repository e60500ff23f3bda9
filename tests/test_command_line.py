"""Every option of every step counts: none is given twice, and every number makes sense."""

import sys

import pytest
import typer
from leakage import cli
from leakage.errors import LeakageError

GROUP = typer.main.get_command(cli.app)
STEPS = GROUP.list_commands(None)
# Values that no number of any step may have.
WRONG = ("nan", "inf", "-inf", "x")


def options(step):
    """Return the options of a step that take a value."""
    command = GROUP.get_command(None, step)
    return [
        each
        for each in command.params
        if each.param_type_name == "option" and not each.is_flag and each.name != "help"
    ]


SINGLE = [(s, each) for s in STEPS for each in options(s) if not each.multiple]
NUMBERS = [(s, each) for s, each in SINGLE if each.type_descriptor.annotation in (int, float)]


def named(pairs):
    return [pytest.param(step, each, id=f"{step}-{each.name}") for step, each in pairs]


def run(capsys, *words):
    """Run the command line in this process; return what it says and its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["leakage", *words])
        with pytest.raises(SystemExit) as caught:
            cli.run()
    said = capsys.readouterr().err
    code = caught.value.code
    return (said, code) if isinstance(code, int) else (said + str(code), 1)


def arguments(step):
    """Return a word for each argument that the step needs."""
    command = GROUP.get_command(None, step)
    return ["no-file" for each in command.params if each.param_type_name == "argument"]


def needed(step, without):
    """Return a value for each option that the step needs, but for one."""
    return [
        word
        for each in options(step)
        if each.required and each is not without
        for word in (each.opts[0], "1")
    ]


@pytest.mark.parametrize(("step", "option"), named(SINGLE))
def test_an_option_that_is_given_twice_is_refused(capsys, step, option):
    name = option.opts[0]
    words = [step, *arguments(step), *needed(step, option), name, "1", name, "2"]
    said, code = run(capsys, *words)
    assert code != 0 and f"{name}: given twice" in said


@pytest.mark.parametrize(("step", "option"), named(NUMBERS))
@pytest.mark.parametrize("value", WRONG)
def test_a_number_that_is_none_is_refused_by_name(capsys, step, option, value):
    name = option.opts[0]
    said, code = run(capsys, step, *arguments(step), *needed(step, option), name, value)
    assert code != 0 and name in said and "Traceback" not in said


def test_a_role_that_is_given_twice_is_refused():
    from leakage.analysis.tables import paths_by_role

    with pytest.raises(LeakageError, match="the role a is given twice"):
        paths_by_role(["a=x.parquet", "a=y.parquet"])
