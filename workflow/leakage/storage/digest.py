"""The content digest of the code that a step runs: what makes a job run again, and nothing else.

Found from the source alone: a step's module, the modules of this package that it imports
(anywhere in the file, so also inside functions), the modules that those import, and so on. A name
that ends in .py is a plug-in's file; of what it imports, only this package's modules count.
The templates, style and script beside a module count with it: page.html.j2 and page.css of page.py.
Comments, docstrings (those of fields too) and layout do not count; time stamps do not count.
"""

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

from leakage.plugins import is_file

PACKAGE = Path(__file__).parents[1]
TEMPLATES = {".j2", ".css", ".js"}


def code_digest(*modules: str) -> str:
    """Return 16 hexadecimal digits for `modules` and all of the package that they import."""
    lines = sorted(f"{name} {_module(name)[0]}" for name in imported(modules))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def imported(modules: Iterable[str]) -> set[str]:
    """Return `modules` and every module of the package that they import, directly or not."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _module(name)[1]
    return found


@functools.cache
def _module(name: str) -> tuple[str, tuple[str, ...]]:
    """Return the digest of one module's code and the package's modules that it imports."""
    tree = ast.parse(_source(name).read_text())
    imports = {parent for parent in _with_parents(name) if parent != name}
    _drop_type_checking(tree)
    for node in ast.walk(tree):
        imports.update(_imports_of(node, name))
        _drop_docstrings(node)
    content = ast.dump(tree).encode() + b"".join(map(Path.read_bytes, _templates(name)))
    return hashlib.sha256(content).hexdigest(), tuple(sorted(imports))


def _imports_of(node: ast.AST, importer: str) -> Iterable[str]:
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        # `from leakage.estimators import plug_in` may name a module or something inside one.
        module = _absolute(node, importer)
        names = [module] + [f"{module}.{alias.name}" for alias in node.names]
    for name in names:
        if name.partition(".")[0] == PACKAGE.name:
            yield from (parent for parent in _with_parents(name) if _exists(parent))


def _absolute(node: ast.ImportFrom, importer: str) -> str:
    """Return the module that `from … import` names, where the dots of a relative one lead."""
    if not node.level:
        return node.module or ""
    parts = importer.split(".") + ([""] if _source(importer).name == "__init__.py" else [])
    return ".".join([*parts[: len(parts) - node.level], *filter(None, [node.module])])


def _with_parents(name: str) -> list[str]:
    if is_file(name):
        return [name]
    parts = name.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def _source(name: str) -> Path:
    if is_file(name):
        return Path(name)
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _templates(name: str) -> list[Path]:
    """Return the templates beside a module that have its name."""
    source = _source(name)
    beside = sorted(source.parent.glob(f"{source.stem}.*"))
    return [path for path in beside if path.suffix in TEMPLATES]


def _exists(name: str) -> bool:
    return _source(name).is_file()


def _drop_type_checking(tree: ast.AST) -> None:
    """Take out what `if TYPE_CHECKING:` holds, which never runs."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]


def _drop_docstrings(node: ast.AST) -> None:
    """Take out of a block every statement that is a string: wherever it stands, it does nothing."""
    # Of an expression such as a lambda, `body` is no list.
    if isinstance(body := getattr(node, "body", None), list):
        node.body = [each for each in body if not _is_text(each)]


def _is_text(statement: ast.AST) -> bool:
    value = getattr(statement, "value", None)
    is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
    return isinstance(statement, ast.Expr) and is_text
