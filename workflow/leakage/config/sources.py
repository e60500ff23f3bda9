"""Check the YAML files of a configuration for values that YAML loses or changes.

Snakemake reads YAML 1.1 with PyYAML, which keeps the last of two equal keys, reads 010 as 8 and
1:30 as 90. It warns of none of these.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import yaml

from leakage.config.settings import nearest
from leakage.errors import LeakageError

# If one of these options is given twice, Snakemake keeps only the last.
KEPT_ONCE = {"--config": "--config", "-C": "--config"} | dict.fromkeys(
    ("--configfile", "--configfiles"), "--configfile"
)
# Branches in which null removes the entry of an earlier file.
REMOVABLE = (
    "encryption.schemes",
    "encoders",
    "controls",
    "estimators",
    "comparisons.pixel_critics",
    "calibration.tasks",
)
MERGE = "tag:yaml.org,2002:merge"
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
# 010 is octal, 0b1 binary, 0x1f hexadecimal, and 1:30 counts in sixties.
OTHER_BASE = re.compile(r"[-+]?0[0-9_bx]|.*:")


def check(paths: Iterable[Path | str]) -> None:
    """Refuse configuration files that YAML does not read as they are written.

    Raises:
        LeakageError: one line per problem: a key that is given twice in one branch, with both line
            numbers; a number that YAML 1.1 reads as another one; a file that is not UTF-8 or not
            YAML, or holds several documents; a null that removes nothing.
    """
    named = [Path(path) for path in paths]
    lines = [line for path in named for line in _problems(path)] or list(_useless_nulls(named))
    if lines:
        raise LeakageError("\n".join(lines))


def check_command_line(words: Sequence[str]) -> None:
    """Refuse options and keys on Snakemake's command line that would be lost.

    Raises:
        LeakageError: --config or --configfile is given twice, or --config has a key twice.
    """
    seen: set[str] = set()
    keys: set[str] = set()
    option = ""
    for word in words:
        if word.startswith("-"):
            name, _, value = word.partition("=")
            option = KEPT_ONCE.get(name, "")
            if option and option in seen:
                raise LeakageError(
                    f"{option}: found twice, and Snakemake keeps the last; put all values after one"
                )
            seen.add(option)
            word = value
        key, equals, _ = word.partition("=")
        if option != "--config" or not equals:
            continue
        if key in keys:
            raise LeakageError(f"--config: found {key} twice; keep one of them")
        keys.add(key)


def _problems(path: Path) -> Iterator[str]:
    try:
        documents = list(yaml.compose_all(path.read_text(encoding="utf-8-sig"), yaml.SafeLoader))
    except UnicodeDecodeError as error:
        yield f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8"
        return
    except yaml.YAMLError as error:
        yield f"{path}: not valid YAML: {' '.join(str(error).split())}"
        return
    if len(documents) > 1:
        yield f"{path}: found {len(documents)} documents, expected one; remove the lines ---"
    for root in documents:
        yield from (f"{path}: {line}" for line in _below(root, (), set()))


def _useless_nulls(paths: Iterable[Path]) -> Iterator[str]:
    """Yield every entry that is null and that no earlier file has: a misspelt name.

    The first file may be a merged configuration, with the entries that were removed.
    """
    known: dict[str, set[str]] = {branch: set() for branch in REMOVABLE}
    for number, path in enumerate(paths):
        values = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
        for branch, before in known.items():
            entries = values
            for key in branch.split("."):
                entries = entries.get(key) if isinstance(entries, dict) else None
            for key, value in entries.items() if isinstance(entries, dict) else ():
                if number and value is None and str(key) not in before:
                    close = f"; the nearest is {nearest(str(key), before)}" if before else ""
                    yield (
                        f"{path}: {branch}.{key}: null removes an entry of an earlier file, and "
                        f"none has it{close}"
                    )
                before.add(str(key))


def _below(node: yaml.Node | None, above: tuple[str, ...], seen: set[int]) -> Iterator[str]:
    """Yield the problems of a node. An alias is the same object as its anchor: look once."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        first: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value)
            where = (*above, name)
            if (other := first.setdefault(name, key)) is not key:
                yield (
                    f"{'.'.join(where)}: found twice, in lines {_line(other)} and {_line(key)}; "
                    "keep one of them"
                )
            yield from _below(value, above if key.tag == MERGE else where, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _below(value, (*above, str(index)), seen)
    elif node.tag in NUMBERS and OTHER_BASE.match(node.value):
        read = yaml.safe_load(node.value)
        yield (
            f"{'.'.join(above)}: found {node.value} in line {_line(node)}, which YAML reads as "
            f"{read}; write a decimal number, or put text in quotes"
        )


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
