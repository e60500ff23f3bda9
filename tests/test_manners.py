"""What the workflow says of itself: its targets and rules, its steps, its Makefile."""

import ast
import re
import subprocess
import sys

import pytest
import typer
from leakage import cli
from snake import REPOSITORY, surroundings
from typer.testing import CliRunner

DESCRIBED = re.compile(r"(\w+) \((.+)\)")
TARGETS = {"figures", "all", "calibration", "download"}
GROUP = typer.main.get_command(cli.app)
STEPS = GROUP.list_commands(typer.Context(GROUP))
# A line that is longer is broken by a terminal of ordinary width.
WIDTH = 100


def printed(*command: str) -> list[str]:
    """Return the lines that a command prints where the README has the reader stand."""
    # Under `make test` a second make would tell in which folder it is.
    environment = {key: value for key, value in surroundings().items() if "MAKE" not in key}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def helped(*step: str) -> str:
    """Return what `python -m leakage STEP --help` prints, words apart by single spaces."""
    runner = CliRunner(env={"COLUMNS": str(WIDTH), "TERMINAL_WIDTH": str(WIDTH)})
    done = runner.invoke(cli.app, [*step, "--help"], prog_name="python -m leakage")
    assert done.exit_code == 0, done.output
    return words(done.stdout)


def words(text: str) -> str:
    """Return a text without the frames and the line breaks of a help page."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


def described(option: str) -> dict[str, str]:
    """Return what Snakemake lists, by name; every line is to be a name and one description."""
    lines = printed(sys.executable, "-m", "snakemake", "--nolock", option)
    matches = {line: DESCRIBED.fullmatch(line) for line in lines}
    assert [line for line, match in matches.items() if match is None or len(line) > WIDTH] == []
    return {match[1]: match[2] for match in matches.values()}


def test_snakemake_lists_every_rule_with_one_line_that_says_what_it_does():
    sources = [REPOSITORY / "Snakefile", *(REPOSITORY / "workflow" / "rules").glob("*.smk")]
    # A rule within a condition (the shards of a large dataset) is not always there.
    always = re.compile(r"^(?:rule|checkpoint) (\w+):", re.MULTILINE)
    rules = {name for path in sources for name in always.findall(path.read_text())}
    found = described("--list")
    # The default configuration has 100 pictures, so their measures are gathered, but one shard.
    assert set(found) == rules | {"gather_measures"} and rules > TARGETS
    assert [name for name, text in found.items() if not re.fullmatch(r"[A-Z].+\.", text)] == []


def test_every_rule_s_description_is_one_line_of_its_docstring():
    for path in [REPOSITORY / "Snakefile", *(REPOSITORY / "workflow" / "rules").glob("*.smk")]:
        rule = r"^ *(?:rule|checkpoint) (\w+):\n(.*)$"
        for name, first in re.findall(rule, path.read_text(), re.MULTILINE):
            assert re.fullmatch(r' +"""[A-Z].+\."""', first), (name, first)


def names_no_encoding(call: ast.Call) -> bool:
    """Return whether a call reads or writes text in the encoding of the user's locale."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    given = {keyword.arg for keyword in call.keywords}
    if name in ("read_text", "write_text"):
        return "encoding" not in given and len(call.args) < 1 + (name == "write_text")
    if name == "open" and not ast.unparse(call.func).startswith(("Image.", "os.", "zipfile.")):
        texts = [each.value for each in call.args if isinstance(each, ast.Constant)]
        return "encoding" not in given and not any("b" in str(text) for text in texts)
    of_process = ast.unparse(call.func).startswith("subprocess.")
    return of_process and "text" in given and "encoding" not in given


def test_no_text_is_read_or_written_in_the_encoding_of_the_user_s_locale():
    paths = [path for part in ("workflow", "envs") for path in (REPOSITORY / part).rglob("*.py")]
    calls = [
        f"{path.name}:{node.lineno}: {ast.unparse(node)}"
        for path in paths
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call) and names_no_encoding(node)
    ]
    assert len(paths) > 100 and calls == []


def test_the_targets_are_among_the_target_rules_and_only_figures_is_the_default():
    found = described("--list-target-rules")
    assert set(found) >= TARGETS
    assert [name for name, text in found.items() if "default" in text] == ["figures"]


def test_the_help_lists_every_step_with_its_documentation():
    page = helped()
    modules = (REPOSITORY / "workflow" / "leakage" / "steps").glob("[!_]*.py")
    assert sorted(path.stem for path in modules) == STEPS
    for name in STEPS:
        documented = re.search(rf"(?<!\w){name} ([A-Z][^.]+\.)", page)
        assert documented, (name, page)


@pytest.mark.parametrize("name", STEPS)
def test_the_help_of_a_step_says_what_it_does_and_what_everything_it_is_given_means(name):
    command = GROUP.get_command(typer.Context(GROUP), name)
    page = helped(name)
    assert command.help and words(command.help) in page
    for parameter in command.params:
        text = getattr(parameter, "help", None)
        assert text and words(text) in page, (name, parameter.name)
        shown = parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.name
        assert f" {shown}" in page, (name, shown)


def test_the_help_documents_the_options_of_all_steps():
    group = typer.main.get_command(cli.app)
    page = helped()
    for parameter in group.params:
        assert parameter.opts[0] in page and words(parameter.help) in page, parameter.name


def test_without_a_step_the_help_is_shown():
    done = CliRunner().invoke(cli.app, [], prog_name="python -m leakage")
    assert words(done.output) == helped()


def test_make_alone_lists_every_target_with_a_description():
    makefile = (REPOSITORY / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    listed = dict(line.split(maxsplit=1) for line in printed("make"))
    assert set(listed) == set(phony.split())
    assert [name for name, text in listed.items() if len(text) < 10 or len(text) > WIDTH] == []


# "-alpha remove" is an option of ImageMagick. Pairs of arrays and keys of a configuration are no
# files, so a message may say to remove them.
TO_DELETE = re.compile(
    r"\b(delet\w*|erase|unlink|discard|rm|trash|throw away)\b"
    r"|\b(?<!alpha )remove (it|both|this|the (file|folder|link|picture|shards?|record))\b",
    re.IGNORECASE,
)
SOURCES = sorted((REPOSITORY / "workflow").rglob("*.py"))


def messages(path):
    """Yield the texts of a module, except docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {
        id(statement.value)
        for statement in ast.walk(tree)
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in documentation:
            yield node.value


def test_no_message_tells_users_to_delete_a_file():
    found = [(path.name, text) for path in SOURCES for text in messages(path)]
    assert len(found) > 1000
    assert [each for each in found if TO_DELETE.search(each[1])] == []
