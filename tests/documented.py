"""The documentation: the commands, examples and links of README.md and of the pages in docs/."""

import re
import shlex
import subprocess
from pathlib import Path

from snake import REPOSITORY, Run, surroundings

README = "README.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"# (\S+\.(?:py|yaml))\n")
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
COMMENT = re.compile(r"(^|\s)#(\s.*|$)")
PROGRAMS = ("bash", "export", "git", "leakage", "make", "openssl", "pip", "python", "python3")
PROGRAMS += ("ruff", "snakefmt", "snakemake", "source")


def pages() -> list[str]:
    """Return the names of all pages: README.md, and those of docs/."""
    return [README, *sorted(path.name for path in (REPOSITORY / "docs").glob("*.md"))]


def path_of(page: str) -> Path:
    """Return where a page lies."""
    return REPOSITORY / page if page == README else REPOSITORY / "docs" / page


def text(page: str) -> str:
    """Return a page as it is written."""
    return path_of(page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page in one language."""
    return [content for name, content in BLOCK.findall(text(page)) if name == language]


def spans(page: str) -> list[str]:
    """Return what stands between backticks in the text and tables of a page, on one line each."""
    return [" ".join(found.split()) for found in SPAN.findall(BLOCK.sub("", text(page)))]


def files(page: str) -> dict[str, str]:
    """Return the files that a page shows, by the name that stands in their first line."""
    found = blocks(page, "python") + blocks(page, "yaml")
    named = ((NAME.match(content), content) for content in found)
    return {match[1]: content for match, content in named if match}


def unnamed(page: str) -> list[str]:
    """Return the Python that a page shows without a file's name: to be typed."""
    return [content for content in blocks(page, "python") if not NAME.match(content)]


def lines(page: str) -> list[str]:
    """Return the commands of a page's shell blocks: one line each, without comments."""
    whole = re.sub(r"\\\n\s*", "", "\n".join(blocks(page, "sh")))
    return list(filter(None, (COMMENT.sub("", line).strip() for line in whole.splitlines())))


def mentioned(page: str) -> list[str]:
    """Return the commands that stand in the text and tables of a page."""
    return [found for found in spans(page) if found.split()[0] in PROGRAMS and " " in found]


def commands(page: str) -> list[list[str]]:
    """Return the commands of a page's shell blocks, split as a shell does."""
    return [shlex.split(line) for line in lines(page)]


def links(page: str) -> list[str]:
    """Return where the links and pictures of a page lead, as they are written."""
    return LINK.findall(text(page))


def anchors(page: str) -> set[str]:
    """Return the names that a link can give the headings of a page, as GitHub makes them."""
    headings = HEADING.findall(BLOCK.sub("", text(page)))
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


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
