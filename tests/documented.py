"""The documentation: commands, examples and links of README.md and of the pages in docs/."""

import re
import shlex
import subprocess
from pathlib import Path

from snake import REPOSITORY, Run, surroundings

README = "README.md"
# The list of all pages.
INDEX = "docs/README.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"# (\S+\.(?:py|yaml))\n")
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
COMMENT = re.compile(r"(^|\s)#(\s.*|$)")
PROGRAMS = ("bash", "export", "git", "leakage", "make", "openssl", "pip", "python", "python3")
PROGRAMS += ("ruff", "snakefmt", "snakemake", "source")


def pages() -> list[str]:
    """Return the names of all pages: README.md, the index, and the files of docs/."""
    names = sorted(path.name for path in (REPOSITORY / "docs").glob("*.md"))
    return [README, INDEX, *(name for name in names if name != README)]


def path_of(page: str) -> Path:
    return REPOSITORY / page if page in (README, INDEX) else REPOSITORY / "docs" / page


def text(page: str) -> str:
    return path_of(page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page in one language."""
    return [content for name, content in BLOCK.findall(text(page)) if name == language]


def spans(page: str) -> list[str]:
    """Return the inline code of a page, each on one line."""
    return [" ".join(found.split()) for found in SPAN.findall(BLOCK.sub("", text(page)))]


def files(page: str) -> dict[str, str]:
    """Return the example files of a page. A file's first line is a comment with its name."""
    found = blocks(page, "python") + blocks(page, "yaml")
    return {match[1]: content for content in found if (match := NAME.match(content))}


def unnamed(page: str) -> list[str]:
    """Return the Python blocks of a page that are not files."""
    return [content for content in blocks(page, "python") if not NAME.match(content)]


def lines(page: str) -> list[str]:
    """Return the commands in the shell blocks of a page, without comments."""
    whole = re.sub(r"\\\n\s*", "", "\n".join(blocks(page, "sh")))
    return list(filter(None, (COMMENT.sub("", line).strip() for line in whole.splitlines())))


def mentioned(page: str) -> list[str]:
    """Return the commands in the text and tables of a page."""
    return [found for found in spans(page) if found.split()[0] in PROGRAMS and " " in found]


def commands(page: str) -> list[list[str]]:
    """Return the commands in the shell blocks of a page, split as a shell does."""
    return [shlex.split(line) for line in lines(page)]


def links(page: str) -> list[str]:
    return LINK.findall(text(page))


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a Markdown file."""
    headings = HEADING.findall(BLOCK.sub("", path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def write(page: str, folder: Path) -> None:
    """Write the example files of a page into a folder."""
    for name, content in files(page).items():
        (folder / name).write_text(content, encoding="utf-8")


def run(folder: Path, words: list[str], timeout: float = 300, **environment: str) -> Run:
    """Run a command of a page in a user's checkout, with additions to the environment."""
    own = {"PYTHONPATH": str(folder / "workflow"), "NO_COLOR": "1"}
    done = subprocess.run(
        words,
        cwd=folder,
        env=surroundings() | own | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
    )
    return Run(done.returncode, done.stdout)
