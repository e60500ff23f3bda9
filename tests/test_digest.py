"""The code digest: the code that a step runs counts, and how it is written does not."""

import os
import subprocess
import sys

import pytest
from leakage.storage import digest

FILES = {
    "__init__.py": "",
    "steps/__init__.py": "",
    "steps/view.py": '''"""Make views."""
from typing import TYPE_CHECKING

from leakage.storage import files
from leakage.schemes import cipher

if TYPE_CHECKING:
    from leakage import other


class Settings:
    unit: str = "nats"
    """the unit"""


def main(x):
    """Return x."""
    # why
    from leakage.late import value

    return files.kept(cipher.TABLE[x] + value)
''',
    "storage/__init__.py": "",
    "storage/files.py": "def kept(x):\n    return x\n",
    "schemes/__init__.py": "from leakage import errors\n",
    "schemes/cipher.py": "TABLE = [1, 2]\n",
    "errors.py": "class LeakageError(Exception):\n    pass\n",
    "schemes/page.css": "td {}\n",
    "schemes/page.html.j2": "<b>",
    "schemes/cipher.csv": "a\n",
    "late.py": "import leakage.later\n\nvalue = 1\n",
    "later.py": "later = 1\n",
    "other.py": "other = 1\n",
}
STEP = "leakage.steps.view"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The folder of a small package, which the digest reads instead of the real one."""
    root = tmp_path / "leakage"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(digest, "PACKAGE", root)
    digest._module.cache_clear()
    yield root
    digest._module.cache_clear()


def found() -> str:
    """Return the digest of the step as a new process sees it."""
    digest._module.cache_clear()
    return digest.code_digest(STEP)


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_all_direct_and_indirect_imports_count_also_inside_functions(package):
    # Two modules may import each other.
    replace(package / "later.py", "later = 1", "import leakage.late\nlater = 1")
    used = ["", ".steps", ".steps.view", ".storage", ".storage.files", ".schemes"]
    used += [".schemes.cipher", ".errors", ".late", ".later"]
    assert digest.imported([STEP]) == {f"leakage{name}" for name in used}


def test_comments_docstrings_layout_and_files_that_the_step_does_not_use_do_not_count(package):
    before = found()
    for old, new in (
        ("# why", "# because"),
        ('"""Make views."""', '"""Make views, as before."""'),
        ('    """Return x."""\n', ""),
        ('    """the unit"""\n', ""),
        ("    from leakage import other\n", "    import leakage.other\n"),
        ("    return files.kept(", "\n\n    return files.kept( "),
    ):
        replace(package / "steps" / "view.py", old, new)
        assert found() == before, new
    replace(package / "other.py", "1", "2")
    replace(package / "schemes" / "cipher.csv", "a", "b")
    assert found() == before


def test_windows_line_ends_do_not_count(package):
    replace(package / "schemes" / "page.css", "td {}", "td {\n}")
    before = found()
    for path in package.rglob("*.*"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert found() == before


def test_a_change_of_code_changes_the_digest(package):
    digests = [found()]
    for name, old, new in (
        ("steps/view.py", "+ value", "- value"),
        ("steps/view.py", '"nats"', '"bits"'),
        ("storage/files.py", "return x", "return -x"),
        ("schemes/__init__.py", "\n", "\nX = 1\n"),
        ("schemes/page.css", "td", "th"),
        ("schemes/page.html.j2", "<b>", "<i>"),
        ("errors.py", "Exception", "ValueError"),
        ("later.py", "1", "2"),
    ):
        replace(package / name, old, new)
        digests.append(found())
    assert len(set(digests)) == len(digests)


def test_relative_imports_count(package):
    for name, statement in (
        ("late.py", "from . import other"),
        ("steps/view.py", "from .. import other"),
        ("schemes/cipher.py", "from ..other import other"),
    ):
        path = package / name
        text = path.read_text()
        for added, counts in ((f"\n{statement}\n", True), ("", False)):
            path.write_text(text + added)
            digest._module.cache_clear()
            assert ("leakage.other" in digest.imported([STEP])) == counts


LOCALES = {
    "as here": {},
    "ASCII": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "without docstrings": {"PYTHONOPTIMIZE": "2"},
}


@pytest.mark.parametrize("environment", LOCALES.values(), ids=LOCALES)
def test_the_digest_is_the_same_in_another_process(environment):
    program = f"from leakage.storage import digest; print(digest.code_digest({STEP!r}))"
    line, around = [sys.executable, "-c", program], os.environ | environment
    done = subprocess.run(line, env=around, capture_output=True, text=True)
    assert done.stdout.strip() == digest.code_digest(STEP), done.stderr
