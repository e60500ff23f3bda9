"""The digest of the code that a step runs: a job runs again if it changes.

It is found from the source alone: the step's module, the modules of this package that it imports
(also inside functions), the modules that those import, and so on. A name that ends in .py is a
plug-in's file; of its imports, only modules of this package count. Templates, styles and scripts
count with every module in their folder.

Comments, docstrings (also of fields), layout and imports for type checkers do not count. Time
stamps, line ends and the locale do not count.
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
    """Return 16 hexadecimal digits for modules and everything of the package that they import."""
    lines = sorted(f"{name} {_module(name)[0]}" for name in imported(modules))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def imported(modules: Iterable[str]) -> set[str]:
    """Return modules and every module of the package that they import, directly or indirectly."""
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
    tree = ast.parse(_source(name).read_bytes())
    for node in ast.walk(tree):
        _drop_inert(node)
    imports = {parent for parent in _with_parents(name) if parent != name}
    for node in ast.walk(tree):
        imports.update(_imports_of(node, name))
    templates = b"".join(map(Path.read_bytes, _templates(name)))
    # A checkout with Windows line ends is the same code.
    content = ast.dump(tree).encode() + templates.replace(b"\r\n", b"\n")
    return hashlib.sha256(content).hexdigest(), tuple(sorted(imports))


def _imports_of(node: ast.AST, importer: str) -> Iterable[str]:
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        # `from leakage.estimators import ksg` may name a module or something inside one.
        module = _absolute(node, importer)
        names = [module] + [f"{module}.{alias.name}" for alias in node.names]
    for name in names:
        if name.partition(".")[0] == PACKAGE.name:
            yield from (parent for parent in _with_parents(name) if _exists(parent))


def _absolute(node: ast.ImportFrom, importer: str) -> str:
    """Return the absolute name of the module in `from … import`."""
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
    """Return the templates in the folder of a package, which count with each of its modules."""
    source = _source(name)
    if source.name != "__init__.py":
        return []
    return sorted(path for path in source.parent.iterdir() if path.suffix in TEMPLATES)


def _exists(name: str) -> bool:
    return _source(name).is_file()


def _drop_inert(node: ast.AST) -> None:
    """Remove the statements of a block that do nothing: texts, and code for type checkers."""
    # The `body` of an expression such as a lambda is not a list.
    if isinstance(body := getattr(node, "body", None), list):
        body[:] = filter(_counts, body)


def _counts(statement: ast.AST) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant(value=str())):
            return False
        case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=[]):
            return False
    return True
