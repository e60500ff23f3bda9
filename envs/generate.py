"""Write envs/requirements.txt and envs/environment.yaml from pyproject.toml.

Run it inside an environment where the pins of pyproject.toml are installed:

    pip install -e '.[test]' && python envs/generate.py

What the pins need in turn is read from that environment, so requirements.txt lists every
distribution with the version that ran here.
"""

import importlib.metadata
import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

HERE = Path(__file__).parent
HEAD = "# Generated from pyproject.toml by `python envs/generate.py`; do not edit.\n"
# CUDA's libraries exist for Linux only; elsewhere torch does without them.
LINUX_ONLY = re.compile(r"nvidia-|cuda-|triton")


def pins() -> list[str]:
    """Return the exact pins of pyproject.toml, those of the tests included."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]
    return sorted(project["dependencies"] + project["optional-dependencies"]["test"], key=str.lower)


def needed(pinned: list[str]) -> list[str]:
    """Return the exact pins of everything that `pinned` need, directly or not, without those."""
    asked = {_name(Requirement(pin).name) for pin in pinned}
    found: dict[str, str] = {}
    waiting = [(Requirement(pin).name, frozenset[str]()) for pin in pinned]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        distribution = importlib.metadata.distribution(name)
        if _name(name) not in asked:
            found[_name(name)] = distribution.version.partition("+")[0]
        for line in distribution.requires or []:
            requirement = Requirement(line)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in (*extras, "")):
                waiting.append((requirement.name, frozenset(requirement.extras)))
    return [f"{name}=={version}{_marker(name)}" for name, version in sorted(found.items())]


def requirements() -> str:
    """Return the text of requirements.txt."""
    pinned = pins()
    return HEAD + "\n".join(
        ["# What pyproject.toml asks for.", *pinned, "# What those need.", *needed(pinned), ""]
    )


def environment() -> str:
    """Return the text of environment.yaml, for `snakemake --sdm conda`."""
    lines = [f"      - {pin}" for pin in pins()]
    head = ["channels:", "  - conda-forge", "dependencies:", "  - python=3.11", "  - pip"]
    return HEAD + "\n".join([*head, "  - pip:", *lines, ""])


def _name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _marker(name: str) -> str:
    return ' ; sys_platform == "linux"' if LINUX_ONLY.match(name) else ""


if __name__ == "__main__":
    (HERE / "requirements.txt").write_text(requirements())
    (HERE / "environment.yaml").write_text(environment())
