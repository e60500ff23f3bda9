"""An edited configuration works, or is refused with the key; it never ends in a traceback."""

import random

import config_edits
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leakage.config.settings import DEEPEST
from leakage.errors import LeakageError


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_an_edited_configuration_works_or_is_refused_with_the_key(draw):
    config_edits.survived(config_edits.edited(draw))


@pytest.mark.parametrize("name", config_edits.VALID)
def test_the_configurations_of_the_repository_work(name):
    assert config_edits.survived(config_edits.valid(name)) == ""


def test_some_edits_are_refused_and_some_are_not():
    # Otherwise the test above would show nothing.
    found = [config_edits.survived(config_edits.edited(random.Random(seed))) for seed in range(60)]
    assert 0 < sum(map(bool, found)) < len(found)


def test_an_unexpected_error_is_noticed(monkeypatch):
    monkeypatch.setattr("leakage.config.workflow.refuse_odd", lambda values: None)
    monkeypatch.setattr("leakage.config.settings.shown", repr)
    with pytest.raises((ValueError, AssertionError)):
        for number in range(2000):
            config_edits.survived(config_edits.edited(random.Random(f"noticed {number}")))


MEANT = {
    "a key that is a number": ({"patches": {5: 1}}, r"^patches\.5: found this key"),
    "a date": ({"results": config_edits.OTHERS[3]}, r"^results: found .*a date; .*in quotes"),
    "a number of thousands of digits": ({"seed": 10**6000}, "^seed: found a number of thousands"),
    "half a character": ({"results": "\ud800"}, r"^results: found '\\ud800'"),
    "wildcards": ({"results": "{x}"}, "^results: found '{x}'; expected a folder without braces"),
    "an option": ({"results": "--force"}, "^results: .* dash"),
    "the working directory": ({"results": ".."}, "^results: .*contains the folder where"),
    "a file for a folder": ({"results": "config.yaml/x"}, "^results: .*config.yaml is a file"),
    "a device that never ends": (
        {"encryption": {"key_file": "/dev/zero"}},
        "^encryption.key_file: /dev/zero: a folder or device",
    ),
    "a file name for a name": (
        {"encryption": {"schemes": {"fig1.png": {"cipher": "full"}}}},
        r"^encryption\.schemes\.fig1\.png: a name is part of file names",
    ),
    "a name too long for a file": (
        {"encoders": {"x" * 300: {"kind": "statistics"}}},
        r"^encoders\.'x+….*at most 64 letters",
    ),
    "no end of shards": (
        {"dataset": {"name": "coco", "coco": {"count": 10**9}, "shard_size": 1}},
        "^dataset.shard_size: found 1, .* at most 10000",
    ),
    "pairs fewer than none": (
        {"calibration": {"tasks": {"spiral": -1}}},
        r"^calibration\.tasks\.spiral.*: found -1",
    ),
    "truth among levels": (
        {"encryption": {"schemes": {"msb_xor": {"levels": [0, True]}}}},
        "levels: found True; expected a number",
    ),
    "one number for levels": (
        {"encryption": {"schemes": {"bitplane_xor": {"planes": 3}}}},
        r"bitplane_xor\.planes: found 3",
    ),
    "no number": ({"verdict": {"confidence": float("nan")}}, r"^verdict\.confidence: found nan"),
    "a setting of the calibration that no estimator takes so": (
        {"calibration": {"settings": {"permutations": "many"}}},
        r"^calibration\.settings \(for mine\)\.permutations",
    ),
}


@pytest.mark.parametrize(("edit", "expected"), MEANT.values(), ids=MEANT)
def test_an_unusable_value_is_refused_with_its_key(edit, expected):
    with pytest.raises(LeakageError, match=expected) as caught:
        config_edits.parsed_with(edit)
    assert "\n" not in str(caught.value)


def test_a_configuration_that_contains_itself_is_refused():
    values = list(range(3))
    values.append(values)
    with pytest.raises(LeakageError, match=f"^figures: .* more than {DEEPEST} nested"):
        config_edits.parsed_with({"figures": values})
