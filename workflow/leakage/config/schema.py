"""The JSON schema of the configuration, by which editors complete and check a configuration file.

python -m leakage.config.schema > workflow/schemas/config.schema.json
"""

import json
from collections.abc import Iterator
from typing import Any

from leakage.config.entries import Choice
from leakage.config.models import ATTACK_METHODS, CIPHERS, ENCODERS, ESTIMATORS, Config

Schema = dict[str, Any]
TITLE = "Configuration of the leakage workflow"
ENTRIES: dict[tuple[str, ...], Choice[Any]] = {
    ("encryption", "schemes"): CIPHERS,
    ("encoders",): ENCODERS,
    ("estimators",): ESTIMATORS,
    ("attacks",): ATTACK_METHODS,
}
# Branches of other values, in which null removes one too.
REMOVABLE = [("controls",), ("comparisons", "pixel_critics"), ("calibration", "tasks")]


def schema() -> Schema:
    """Return the JSON schema of a configuration file.

    No key is required, because a file given with --configfile has only the keys that it changes. A
    null removes an entry. An entry that is named like a module need not repeat that name.
    """
    found = Config.model_json_schema()
    for each in _objects(found):
        if "properties" in each:
            each.pop("required", None)
        if isinstance(each.get("title"), str):
            del each["title"]
    for path, choice in ENTRIES.items():
        _share_classes(found, _at(found, path), choice)
    _share_classes(found, _at(found, ("calibration",))["properties"], ENCODERS, "encoder")
    for path in REMOVABLE:
        branch = _at(found, path)
        branch["additionalProperties"] = _nullable(branch["additionalProperties"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": TITLE, **found}


def _share_classes(
    whole: Schema, branch: Schema, choice: Choice[Any], name: str = "additionalProperties"
) -> None:
    """Write each class of a branch's entries once, below `$defs`, and refer to it."""
    entry = branch[name]
    references = {}
    for each in entry["allOf"]:
        member = each["if"]["properties"][choice.key]["const"]
        key = f"{choice.key}.{member}"
        whole["$defs"][key] = each["then"]
        each["then"] = references[member] = {"$ref": f"#/$defs/{key}"}
    if name != "additionalProperties":
        return
    given = {"required": [choice.key]}
    if choice.named:
        branch["properties"] = {
            member: _nullable({"if": given, "then": entry, "else": reference})
            for member, reference in references.items()
        }
    branch[name] = _nullable({"if": given, "then": entry, "else": {"type": "object"}})


def _at(whole: Schema, path: tuple[str, ...]) -> Schema:
    """Return the schema of a key of the configuration."""
    found = whole
    for key in path:
        found = found["properties"][key]
        if "$ref" in found:
            found = whole["$defs"][found["$ref"].rpartition("/")[2]]
    return found


def _nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _objects(value: object) -> Iterator[Schema]:
    """Yield every object inside a schema."""
    if isinstance(value, list):
        for item in value:
            yield from _objects(item)
    elif isinstance(value, dict):
        yield value
        for item in list(value.values()):
            yield from _objects(item)


if __name__ == "__main__":
    print(json.dumps(schema(), indent=1, ensure_ascii=False))
