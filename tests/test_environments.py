"""The lock in `envs/` fits pyproject.toml and this environment; how the environment is made."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
import yaml
from leakage import extras
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from snake import REPOSITORY, TINY_RESULTS, command

ENVS = REPOSITORY / "envs"
SPEC = importlib.util.spec_from_file_location("generate", ENVS / "generate.py")
generate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate)

REQUIREMENTS = (ENVS / "requirements.txt").read_text()
PINS = [Requirement(pin) for pin in generate.pins(REQUIREMENTS)]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
ASKED = {
    extra: [Requirement(each) for each in listed]
    for extra, listed in {
        "": PROJECT["dependencies"],
        **PROJECT["optional-dependencies"],
    }.items()
}
PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = (("linux", "Linux", "x86_64"), ("darwin", "Darwin", "arm64"))


def environment_of(python: str, platform: tuple[str, str, str]) -> dict[str, str]:
    """Return the values that markers can test, for a version of Python on a platform."""
    names = ("sys_platform", "platform_system", "platform_machine")
    versions = {"python_version": python, "python_full_version": f"{python}.0"}
    return versions | dict(zip(names, platform, strict=True)) | {"extra": ""}


def pinned(environment: dict[str, str] | None = None) -> dict[str, Version]:
    """Return version by distribution of the pins that hold in an environment, or here."""
    return {
        canonicalize_name(pin.name): Version(str(pin.specifier).removeprefix("=="))
        for pin in PINS
        if pin.marker is None or pin.marker.evaluate(environment)
    }


def test_every_line_of_the_lock_is_an_exact_pin_with_hashes():
    text = re.sub(r"#.*\n", "", REQUIREMENTS).replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == len(PINS)
    for line, pin in zip(lines, PINS, strict=True):
        assert [part.operator for part in pin.specifier] == ["=="], line
        assert re.search(r"( +--hash=sha256:[0-9a-f]{64})+$", line), line


def test_no_file_for_installers_names_an_index():
    for name in ("requirements.txt", "environment.yaml"):
        assert not re.search(r"://|index-url|find-links", (ENVS / name).read_text())


def test_the_lock_has_every_requirement_on_every_python_and_platform():
    for python, platform in product(PYTHONS, PLATFORMS):
        found = pinned(environment_of(python, platform))
        for requirement in [each for listed in ASKED.values() for each in listed]:
            version = found[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), (requirement, python, platform)


def test_a_lower_bound_is_the_minor_version_that_is_locked():
    locked = pinned()
    for requirement in [each for listed in ASKED.values() for each in listed]:
        bounds = {part.operator: Version(part.version) for part in requirement.specifier}
        lowest = bounds.get(">=") or bounds["=="]
        version = locked[canonicalize_name(requirement.name)]
        assert lowest.release[:2] == version.release[:2], requirement


def test_the_lock_has_every_dependency_of_its_distributions():
    locked = pinned()
    waiting = [each for listed in ASKED.values() for each in listed]
    seen = set()
    while waiting:
        requirement = waiting.pop()
        name, wanted = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        assert name in locked and requirement.specifier.contains(locked[name]), requirement
        for line in importlib.metadata.distribution(name).requires or []:
            needed = Requirement(line)
            environment = [{"extra": extra} for extra in (*wanted, "")]
            if needed.marker is None or any(map(needed.marker.evaluate, environment)):
                waiting.append(needed)


def test_the_conda_environment_is_made_from_the_lock():
    text = (ENVS / "environment.yaml").read_text()
    assert text == generate.environment(REQUIREMENTS)
    python, pip, listed = yaml.safe_load(text)["dependencies"]
    assert (python, pip) == (f"python {PROJECT['requires-python']}", "pip")
    assert [Requirement(each) for each in listed["pip"]] == PINS


def test_the_installed_versions_are_the_locked_ones():
    found = {name: Version(importlib.metadata.version(name)).public for name in pinned()}
    assert found == {name: str(version) for name, version in pinned().items()}


def test_the_supported_pythons_are_the_same_everywhere():
    supported = SpecifierSet(PROJECT["requires-python"])
    assert [f"3.{minor}" for minor in range(20) if f"3.{minor}" in supported] == list(PYTHONS)
    label = "Programming Language :: Python :: 3."
    classifiers = [each for each in PROJECT["classifiers"] if each.startswith(label)]
    assert classifiers == [f"{label}{python.partition('.')[2]}" for python in PYTHONS]
    script = (ENVS / "find_python").read_text()
    assert f"not in {PYTHONS}".replace("'", '"') in script
    names = " ".join(f"python{python}" for python in reversed(PYTHONS))
    assert f"in {names} python3;" in script and f"in {' '.join(reversed(PYTHONS))};" in script


def test_github_runs_targets_of_the_makefile_on_every_supported_python():
    text = (REPOSITORY / ".github" / "workflows" / "tests.yml").read_text()
    job = yaml.safe_load(text)["jobs"]["test"]
    assert job["strategy"]["matrix"]["python"] == list(PYTHONS)
    commands = [step["run"] for step in job["steps"] if "run" in step]
    targets = {re.fullmatch(r"make (\w+)", each)[1] for each in commands}
    (phony,) = re.findall(r"^\.PHONY: (.+)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert {"test", "lint", "demo"} <= targets <= set(phony.split())


def test_pre_commit_has_the_locked_versions_of_the_formatters():
    text = (REPOSITORY / ".pre-commit-config.yaml").read_text()
    versions = {Path(each["repo"]).name: each["rev"] for each in yaml.safe_load(text)["repos"]}
    locked = pinned()
    assert versions["ruff-pre-commit"] == f"v{locked['ruff']}"
    assert versions["snakefmt"] == f"v{locked['snakefmt']}"


def test_an_extra_s_modules_come_with_its_distributions_and_not_without_it():
    owners = importlib.metadata.packages_distributions()
    base = {canonicalize_name(each.name) for each in ASKED[""]}
    for extra, modules in extras.EXTRAS.items():
        listed = {canonicalize_name(each.name) for each in ASKED[extra]}
        for module in modules:
            (owner,) = {canonicalize_name(each) for each in owners[module]}
            assert owner in listed - base, module


def program(path: Path, text: str) -> Path:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def find_python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a copy of envs/find_python where the only programs are those of `tmp_path`/bin."""
    for name in ("cat", "dirname", "head"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    script = program(tmp_path / "envs" / "find_python", (ENVS / "find_python").read_text())
    environment = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        line = ["/bin/sh", script, *arguments]
        return subprocess.run(line, env=environment, capture_output=True, text=True)

    return run


def test_make_finds_a_python_that_runs_and_passes_by_the_others(tmp_path, find_python):
    folder = tmp_path / "bin"
    program(folder / "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    works = program(folder / "python3.12", f'exec {sys.executable} "$@"')
    program(folder / "python3", "exit 1")
    done = find_python()
    assert done.stdout == f"{works}\n", done.stderr


def test_a_python_of_pyenv_is_found_by_its_folder(tmp_path, find_python):
    path = tmp_path / ".pyenv" / "versions" / "3.12.1" / "bin" / "python"
    works = program(path, f'exec {sys.executable} "$@"')
    done = find_python()
    assert done.stdout == f"{works}\n", done.stderr


def test_no_suitable_python_is_one_error_with_what_was_found_and_what_to_do(tmp_path, find_python):
    old = program(tmp_path / "bin" / "python3", "echo 'is Python 3.9' >&2; exit 1")
    for named in ([], [old]):
        done = find_python(*named)
        assert done.returncode == 1 and not done.stdout
        assert "not found: expected Python 3.11, 3.12 or 3.13" in done.stderr
        assert f"{old} is Python 3.9\n" in done.stderr
        assert "apt-get install python3-venv" in done.stderr
        assert "make environment PYTHON=" in done.stderr


def test_the_environment_that_make_is_to_renew_is_not_what_it_starts_from(tmp_path, find_python):
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(tmp_path / "bin")
    program(tmp_path / "bin" / "python3", f'exec {sys.executable} "$@"')
    done = find_python()
    assert done.returncode == 1 and "Found: none" in done.stderr


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., list[str]]:
    """Run a copy of envs/install with a fake pip that prints its arguments; return the lines."""
    for name in ("find_python", "install"):
        program(tmp_path / "envs" / name, (ENVS / name).read_text())

    def run(*arguments: Path) -> list[str]:
        line = [tmp_path / "envs" / "install", *arguments]
        return subprocess.check_output(line, text=True).splitlines()

    return run


def python(path: Path, base: str) -> Path:
    """Write a Python of some installation: it makes environments, and its pip prints its words."""
    code = f"import sys; sys.base_prefix = '{base}'; exec(sys.argv[1])"
    return program(
        path,
        'case "$1 $2" in\n'
        f'"-m venv") echo "made by {base}"; mkdir -p .venv/bin; cp "$0" .venv/bin/python;;\n'
        '"-m pip") shift 2; echo "pip $@";;\n'
        f'*) exec {sys.executable} -c "{code}" "$2";;\n'
        "esac",
    )


def test_the_installation_says_what_it_takes_and_lets_pip_report(tmp_path, install):
    first, *others = install(python(tmp_path / "one" / "python", "one"))
    stated = r"Making .venv: about 6 GB of disk and 3 to 10 minutes; Python 3\.\d+\.\d+ at /.+"
    assert re.fullmatch(stated, first)
    locked, own = (each for each in others if each.startswith("pip install"))
    assert "--require-hashes --requirement envs/requirements.txt" in locked
    assert "--no-deps" in own and "--editable ." in own and "--quiet" not in locked + own


def test_an_environment_keeps_its_python_unless_another_one_is_named(tmp_path, install):
    one, two = (python(tmp_path / name / "python", name) for name in ("one", "two"))
    assert "made by one" in install(one)
    for again in ([], [one]):
        assert not any(line.startswith("made by") for line in install(*again))
    assert "made by two" in install(two)


HOSTILE = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONIOENCODING": "ascii",
    "PYTHONOPTIMIZE": "2",
    "COLUMNS": "20",
    "TERM": "dumb",
    "TZ": "Pacific/Auckland",
    "SOURCE_DATE_EPOCH": "1",
    "CUDA_VISIBLE_DEVICES": "nonsense",
    "OMP_NUM_THREADS": "nonsense",
}


def test_a_job_does_not_depend_on_the_user_s_environment_and_working_folder(tiny_run, tiny_copy):
    for name in ("random", "statistics", "calendar", "numpy", "leakage"):
        (tiny_copy / f"{name}.py").write_text("raise SystemExit('not the library')")
    (tiny_copy / "matplotlibrc").write_text("text.usetex: True\nbackend: tkagg\nno.such: 1\n")
    names = [f"figures/fig2.{suffix}" for suffix in ("png", "pdf", "csv")]
    for name in names:
        (tiny_copy / TINY_RESULTS / name).unlink()
    _, _, _, *options = command(TINY_RESULTS, targets=(names[0],), checkout=tiny_copy)
    done = subprocess.run(
        [Path(sys.executable).with_name("snakemake"), *options],
        cwd=tiny_copy,
        env=os.environ | HOSTILE,
        capture_output=True,
    )
    # The code of no other job has changed.
    assert done.returncode == 0 and b"1 of 1 steps" in done.stderr, done.stderr.decode()
    for name in names:
        again, before = (each / name for each in (tiny_copy / TINY_RESULTS, tiny_run.results))
        assert again.read_bytes() == before.read_bytes(), name


def test_snakemake_runs_by_its_path_without_an_activated_environment(tmp_path):
    script = Path(sys.executable).with_name("snakemake")
    _, _, _, *options = command(tmp_path / "run", "--nolock", targets=("manifest.csv",))
    bare = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    done = subprocess.run(
        [script, *options],
        cwd=REPOSITORY,
        env=bare | {"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "manifest.csv").is_file()
