"""The JSON schema in the repository is that of the types, and finds the mistakes that they find."""

import json

import jsonschema
import pytest
import yaml
from leakage.config import schema
from snake import REPOSITORY

PATH = REPOSITORY / "workflow" / "schemas" / "config.schema.json"
FILES = ["config.yaml", "demo.yaml", "tests/tiny.yaml", "docs/findings.yaml", "docs/classics.yaml"]
PAPER = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
VALIDATOR = jsonschema.Draft202012Validator(json.loads(PATH.read_text()))


def test_the_file_is_what_the_types_give():
    told = "run: python -m leakage.config.schema > workflow/schemas/config.schema.json"
    assert json.loads(PATH.read_text()) == schema.schema(), told


@pytest.mark.parametrize("name", FILES)
def test_every_configuration_of_the_repository_is_valid(name):
    VALIDATOR.validate(yaml.safe_load((REPOSITORY / name).read_text()))


def test_config_yaml_names_the_schema_for_editors():
    first = (REPOSITORY / "config.yaml").read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema={PATH.relative_to(REPOSITORY)}"


@pytest.mark.parametrize(
    ("edit", "valid"),
    [
        ({"encoders": {"own": {"kind": "my/encoder.py", "anything": 3}}}, True),
        ({"estimators": {"own": {"method": "ksg", "neighbours": 5}, "mine": None}}, True),
        ({"patches": {"sise": 3}}, False),
        ({"patches": {"size": "big"}}, False),
        ({"encryption": {"schemes": {"msb_xor": {"veiw": "full"}}}}, False),
        ({"encryption": {"schemes": {"own": {"cipher": "msb_xro"}}}}, False),
        ({"estimators": {"mine": {"foldss": 5}}}, False),
        ({"estimators": {"own": {"method": "ksg", "neighbors": 5}}}, False),
        ({"encoders": {"own": {"kind": "statistics", "grid": "fine"}}}, False),
    ],
)
def test_an_edit_is_judged_as_the_types_judge_it(edit, valid):
    assert VALIDATOR.is_valid(edit) == valid
