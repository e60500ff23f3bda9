"""The examples of a documentation page: its files, and the commands that use them."""

import re
import shlex
import subprocess
from pathlib import Path

from snake import REPOSITORY, Run, surroundings

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"# (\S+\.(?:py|yaml))\n")


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page of docs/ in one language."""
    text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
    return [content for name, content in BLOCK.findall(text) if name == language]


def files(page: str) -> dict[str, str]:
    """Return the files that a page shows, by the name that stands in their first line."""
    found = blocks(page, "python") + blocks(page, "yaml")
    named = ((NAME.match(content), content) for content in found)
    return {match[1]: content for match, content in named if match}


def commands(page: str) -> list[list[str]]:
    """Return the commands of a page's shell blocks, split as a shell does."""
    lines = "\n".join(blocks(page, "sh")).splitlines()
    return [shlex.split(line) for line in lines if line.strip()]


def write(page: str, folder: Path) -> None:
    """Write the files of a page into a folder."""
    for name, content in files(page).items():
        (folder / name).write_text(content, encoding="utf-8")


def run(folder: Path, words: list[str], **environment: str) -> Run:
    """Run a command of a page in the user's checkout, with more in its environment."""
    own = {"PYTHONPATH": str(folder / "workflow"), "NO_COLOR": "1"}
    done = subprocess.run(
        words,
        cwd=folder,
        env=surroundings() | own | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
    )
    return Run(done.returncode, done.stdout)
