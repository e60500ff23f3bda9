"""The wheel in an environment with its base dependencies and nothing else.

The dependencies are links to the distributions that are installed here. Nothing is downloaded.
"""

import importlib.metadata
import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import leakage
import numpy as np
import pytest
from leakage import extras
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from snake import REPOSITORY, copy_checkout

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
FAST = '{"epochs": 2, "hidden": 8, "seeds": 1}'
LIBRARY = """
import importlib, pkgutil, sys

import numpy as np
from leakage import encoders, estimators, steps
from leakage.errors import LeakageError
from leakage.estimators import estimate

for package in (estimators, steps):
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
x = np.arange(60.0).reshape(20, 3)
assert estimate("cca", x, x + 1).chosen.any()
for kind in ("open_clip", "timm", "torchvision"):
    try:
        encoders.encoder_class(kind)().load(None, "cpu")
    except LeakageError as error:
        print(f"{kind}: {error}")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    line = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation"]
    line += ["--wheel-dir", str(folder / "dist"), str(copy_checkout(folder))]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (folder / "dist").iterdir()
    return path


def metadata(wheel: Path) -> Message:
    """Return the METADATA of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def closure(requirements: list[str]) -> set[str]:
    """Return the distributions that these need, directly or not, among those installed here."""
    found: set[str] = set()
    seen = set()
    waiting = [(requirement, "") for requirement in requirements]
    while waiting:
        line, extra = waiting.pop()
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        found.add(name)
        for wanted in {"", *requirement.extras}:
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                needed = importlib.metadata.requires(name) or []
                waiting += [(each, wanted) for each in needed]
    return found


def link(names: set[str], folder: Path) -> None:
    """Link what these distributions have installed, by its first folder or file, into `folder`."""
    for name in names:
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}:
            if not (folder / top).is_symlink():
                (folder / top).symlink_to(distribution.locate_file(top))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment with the wheel and its base dependencies."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    # Links, as `python -m venv` makes them: a copy of pyenv's does not find its libraries.
    venv.create(folder, symlinks=True)
    programs = folder / "bin"
    line = [sys.executable, "-m", "pip", f"--python={programs / 'python'}", "install", "--no-deps"]
    subprocess.run([*line, "--no-index", "--quiet", str(wheel)], check=True)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    link(closure(metadata(wheel).get_all("Requires-Dist")), packages)
    return programs


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    """A folder with x.npy and y.npy, which have something in common."""
    x = np.random.default_rng(0).normal(size=(60, 3))
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", x + 1)
    return tmp_path


def run(folder: Path, *line: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, without what this process knows of the checkout."""
    surroundings = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(line, cwd=folder, env=surroundings, capture_output=True, text=True)


def test_the_metadata_equals_pyproject(wheel):
    found = metadata(wheel)
    assert found["Name"] == "leakage" and found["Version"] == leakage.__version__
    assert set(found["Requires-Python"].split(",")) == set(PROJECT["requires-python"].split(","))
    assert set(found.get_all("Provides-Extra")) == {"networks", "workflow", "demo", "test"}
    assert found.get_all("Project-URL") == [f"{k}, {v}" for k, v in PROJECT["urls"].items()]
    required = [Requirement(each) for each in found.get_all("Requires-Dist")]
    base = {str(each) for each in required if each.marker is None}
    assert base == {str(Requirement(each)) for each in PROJECT["dependencies"]}


def test_the_wheel_has_every_module_and_data_file_and_the_types_marker(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (points,) = (each for each in names if each.endswith("entry_points.txt"))
        assert b"leakage = leakage.cli:run" in archive.read(points)
    package = REPOSITORY / "workflow" / "leakage"
    kept = [path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    missing = {f"leakage/{path.relative_to(package)}" for path in kept} - names
    assert not missing and "leakage/py.typed" in names


def test_the_citation_has_the_version():
    assert f"\nversion: {leakage.__version__}\n" in (REPOSITORY / "CITATION.cff").read_text()


def test_no_package_of_an_extra_is_installed(environment, tmp_path):
    modules = sorted(module for listed in extras.EXTRAS.values() for module in listed)
    program = "import importlib.util as i, sys; print([m for m in sys.argv[1:] if i.find_spec(m)])"
    done = run(tmp_path, environment / "python", "-c", program, *modules)
    found = set(done.stdout.strip("[]\n").replace("'", "").split(", ")) - {""}
    # torch brings jinja2, pandas or scikit-learn may bring packaging.
    assert found <= {"jinja2", "packaging"}, done.stderr


def test_the_version_is_printed(environment, tmp_path):
    done = run(tmp_path, environment / "leakage", "--version")
    assert done.stdout == f"leakage {leakage.__version__}\n", done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("estimate", "mine", "x.npy", "y.npy", "--settings", FAST),
        ("test", "x.npy", "y.npy"),
        ("plan", "--nats", "0.1", "--patches", "4"),
    ],
    ids=lambda words: words[0],
)
def test_the_steps_on_arrays_work(environment, arrays, words):
    done = run(arrays, environment / "leakage", *words)
    assert done.returncode == 0 and done.stdout, done.stderr


def test_verify_says_which_file_is_missing(environment, tmp_path):
    done = run(tmp_path, environment / "leakage", "verify", "results")
    assert done.returncode == 1 and done.stderr.startswith("error: results"), done.stderr


def test_a_step_whose_extra_is_missing_names_it_in_one_line(environment, tmp_path):
    words = (
        "find_weights",
        "net.safetensors",
        "--settings",
        '{"kind": "timm", "model": "resnet10t"}',
    )
    words += ("--seed", "0", "--size", "32")
    done = run(tmp_path, environment / "leakage", *words)
    told = "error: timm is not installed; install it with: pip install 'leakage[networks]'\n"
    assert done.returncode == 1 and done.stderr == told


def test_the_library_imports_and_names_the_extra_of_the_networks(environment, tmp_path):
    done = run(tmp_path, environment / "python", "-c", LIBRARY)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["open_clip", "timm", "torchvision"]
    assert all(line.endswith("pip install 'leakage[networks]'") for line in lines)
