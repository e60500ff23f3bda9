"""Lock the environment: write envs/requirements.txt and envs/environment.yaml.

    python envs/generate.py              # keep each locked version that still fits pyproject.toml
    python envs/generate.py --upgrade    # take the newest versions that fit

The lock holds for all supported versions of Python, on Linux and macOS, with a hash of every file.
uv resolves it, in a temporary virtual environment, from the package index that pip is set to.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent / "pyproject.toml"
REQUIREMENTS = HERE / "requirements.txt"
ENVIRONMENT = HERE / "environment.yaml"
HEAD = "# Generated from pyproject.toml by `python envs/generate.py`; do not edit.\n"
UV = "uv==0.13.9"
# A locked distribution: name, version, perhaps a marker. Its hashes follow on lines of their own.
PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*==[^\s;]+(?: ; [^\\\n]+?)?) \\$", re.MULTILINE)


def pins(requirements: str) -> list[str]:
    """Return the pins of a locked requirements.txt: `name==version`, perhaps with a marker."""
    return PIN.findall(requirements)


def python_range() -> str:
    """Return the supported versions of Python, as in `>=3.11,<3.14`."""
    return tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["requires-python"]


def environment(requirements: str) -> str:
    """Return the text of environment.yaml, for `snakemake --sdm conda`."""
    head = ["channels:", "  - conda-forge", "dependencies:", f"  - python {python_range()}"]
    lines = [f"      - {pin}" for pin in pins(requirements)]
    return HEAD + "\n".join([*head, "  - pip", "  - pip:", *lines, ""])


def lock(current: str, upgrade: bool = False) -> str:
    """Resolve all versions again and return the text of requirements.txt.

    Args:
        current: the present text, whose versions are kept where they fit.
        upgrade: whether to take the newest versions that fit instead.

    Raises:
        SystemExit: uv cannot be installed or finds no solution (it has said why), or the text
            contains the address of a package index.
    """
    lowest = re.search(r">=([\d.]+)", python_range())[1]
    with tempfile.TemporaryDirectory() as folder:
        venv.create(Path(folder, "venv"), with_pip=True)
        programs = Path(folder, "venv", "bin")
        _run(programs / "python", "-m", "pip", "install", "--quiet", UV)
        output = Path(folder, "requirements.txt")
        output.write_text(current, encoding="utf-8")
        command = ["pip", "compile", PROJECT.name, "--all-extras", "--universal"]
        command += ["--python-version", lowest, "--generate-hashes"]
        command += ["--no-emit-index-url", "--no-header", "--quiet", "--output-file", output]
        _run(programs / "uv", *command, *(["--upgrade"] if upgrade else []))
        text = HEAD + output.read_text(encoding="utf-8")
    if "://" in text:
        sys.exit("error: the lock contains an address; take it out of pip's configuration")
    return text


def _run(*command: str | Path) -> None:
    # uv does not read pip's configuration. The address may hold a password: no argument.
    index = {"UV_DEFAULT_INDEX": index} if (index := _index()) else {}
    done = subprocess.run(command, cwd=PROJECT.parent, env=os.environ | index, stdout=sys.stderr)
    if done.returncode:
        sys.exit(f"error: {Path(command[0]).name} failed with status {done.returncode}")


def _index() -> str:
    """Return the package index that pip is set to, or nothing."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, encoding="utf-8").stdout
    # The variables of the environment come before the files, and win.
    found = re.search(r"^[^=\s]*\.index-url='(.*)'$", listed, re.MULTILINE)
    return found[1] if found else ""


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    text = lock(REQUIREMENTS.read_text(encoding="utf-8"), parser.parse_args().upgrade)
    REQUIREMENTS.write_text(text, encoding="utf-8")
    ENVIRONMENT.write_text(environment(text), encoding="utf-8")


if __name__ == "__main__":
    main()
