"""The code digest: the code that a step runs counts, and how it is written does not."""

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
    used = ["", ".steps", ".steps.view", ".storage", ".storage.files", ".schemes"]
    used += [".schemes.cipher", ".errors", ".late", ".later"]
    assert digest.imported([STEP]) == {f"leakage{name}" for name in used}


WRITING = {
    "comment": ("# why", "# because"),
    "docstring of a module": ('"""Make views."""', '"""Make views, as before."""'),
    "docstring of a function": ('    """Return x."""\n', ""),
    "docstring of a field": ('    """the unit"""\n', ""),
    "import for type checkers": ("    from leakage import other\n", "    import leakage.other\n"),
    "layout": ("    return files.kept(", "\n\n    return files.kept( "),
}


@pytest.mark.parametrize(("old", "new"), WRITING.values(), ids=WRITING)
def test_the_writing_of_a_module_does_not_count(package, old, new):
    before = found()
    replace(package / "steps" / "view.py", old, new)
    assert found() == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("steps/view.py", "+ value", "- value"),
        ("steps/view.py", '"nats"', '"bits"'),
        ("storage/files.py", "return x", "return -x"),
        ("schemes/cipher.py", "2", "3"),
        ("schemes/__init__.py", "\n", "\nX = 1\n"),
        ("schemes/page.css", "td", "th"),
        ("schemes/page.html.j2", "<b>", "<i>"),
        ("errors.py", "Exception", "ValueError"),
        ("later.py", "1", "2"),
    ],
)
def test_a_change_of_code_changes_the_digest(package, name, old, new):
    before = found()
    replace(package / name, old, new)
    assert found() != before


def test_files_that_the_step_does_not_use_do_not_count(package):
    before = found()
    replace(package / "other.py", "1", "2")
    replace(package / "schemes" / "cipher.csv", "a", "b")
    assert found() == before


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("late.py", "from . import other"),
        ("late.py", "from .other import other"),
        ("steps/view.py", "from .. import other"),
        ("schemes/__init__.py", "from ..other import other"),
        ("schemes/cipher.py", "from ..other import other"),
    ],
)
def test_relative_imports_count(package, name, statement):
    assert "leakage.other" not in digest.imported([STEP])
    path = package / name
    path.write_text(path.read_text() + f"\n{statement}\n")
    digest._module.cache_clear()
    assert "leakage.other" in digest.imported([STEP])


def test_modules_that_import_each_other_have_a_digest(package):
    replace(package / "later.py", "later = 1", "import leakage.late\nlater = 1")
    assert len(found()) == 16


def test_the_digest_is_the_same_in_another_process():
    program = f"from leakage.storage import digest; print(digest.code_digest({STEP!r}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == digest.code_digest(STEP), done.stderr
