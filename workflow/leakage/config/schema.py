"""The JSON schema of the configuration, by which editors complete and check a configuration file.

python -m leakage.config.schema > workflow/schemas/config.schema.json
"""

import json
from typing import Any

from leakage.config.models import CIPHERS, ESTIMATORS, Config

TITLE = "Configuration of the leakage workflow"
NAMED = {("encryption", "schemes"): CIPHERS, ("estimators",): ESTIMATORS}


def schema() -> dict[str, Any]:
    """Return the JSON schema of a configuration file.

    No key is required, because a file given with --configfile holds only what differs. An entry may
    be null, which removes it. An entry of a scheme or an estimator that is named like a module need
    not repeat that name.
    """
    found = Config.model_json_schema()
    definitions = found.get("$defs", {})
    for each in _objects(found):
        each.pop("required", None) if "properties" in each else None
    for path, choice in NAMED.items():
        entries = found
        for key in path:
            entries = _resolved(entries["properties"][key], definitions)
        entry = entries["additionalProperties"]
        entries["properties"] = {
            name: _nullable({"if": {"required": [choice.key]}, "then": entry, "else": member})
            for name, member in _members(entry, choice.key).items()
        }
        entries["additionalProperties"] = _nullable(entry)
    encoders = found["properties"]["encoders"]
    encoders["additionalProperties"] = _nullable(encoders["additionalProperties"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": TITLE}


def _members(entry: dict[str, Any], key: str) -> dict[str, dict[str, Any]]:
    """Return the schema of each class of an entry, by name."""
    return {each["if"]["properties"][key]["const"]: each["then"] for each in entry["allOf"]}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = definitions[schema["$ref"].rpartition("/")[2]]
    return found


def _objects(value: object) -> list[dict[str, Any]]:
    """Return every object inside a schema."""
    if isinstance(value, list):
        return [each for item in value for each in _objects(item)]
    if not isinstance(value, dict):
        return []
    return [value, *(each for item in value.values() for each in _objects(item))]


if __name__ == "__main__":
    print(json.dumps(schema(), indent=1, ensure_ascii=False))
