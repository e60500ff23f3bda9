"""The record of a run: configuration, software, run times."""

import re
import subprocess
import sys

import yaml
from hypothesis import given
from hypothesis import strategies as st
from leakage.report import record

words = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(words, values, max_size=4))
def test_the_configuration_as_yaml_reads_as_the_same_values_in_the_same_order(configuration):
    again = yaml.safe_load(record.as_yaml(configuration))
    assert again == configuration and list(again) == list(configuration)


def test_the_pins_that_hold_here_are_read_from_requirements():
    here, elsewhere = (f"sys_platform {sign} '{sys.platform}'" for sign in ("==", "!="))
    end = " \\\n    --hash=sha256:0a30 \\\n    --hash=sha256:6bc3\n    # via leakage\n"
    text = f"# What.\ntorch==2.14.1{end}here==1.0 ; {here}{end}not-here==2 ; {elsewhere}{end}"
    assert record.pinned(text) == {"torch": "2.14.1", "here": "1.0"}


def test_a_checkout_s_commit_is_named_and_whether_it_was_changed(tmp_path):
    def git(*words: str) -> None:
        who = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True)

    assert record.commit(tmp_path) == ""
    git("init", "--quiet")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "--quiet", "-m", "one")
    assert re.fullmatch(r"[0-9a-f]{40,64}", record.commit(tmp_path))
    (tmp_path / "file").write_text("two")
    assert record.commit(tmp_path).endswith("not committed")
    (tmp_path / "inner").mkdir()
    assert record.commit(tmp_path / "inner") == ""  # a folder in another checkout


def test_a_record_holds_key_versions_and_run_times_summed_by_kind_of_job(tmp_path):
    for name, line in (
        ("manifest", "0.5\t0:00:00\tNA\t0.1\n"),  # too short for its memory to be measured
        ("estimates/mine_training/pixels/msb_xor", "60\t0:01:00\t500.5\t1\n"),
        ("estimates/mine_training/clip/msb_xor", "3725.2\t1:02:05\t900.25\t1\n"),
        ("views/plain/0", "2\t0:00:02\t-\t1\n"),
    ):
        path = tmp_path / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\tmax_rss\tcpu_time\n{line}")
    pins = tmp_path / "pins.txt"
    pins.write_text("numpy==0.0.1\nno-such-distribution==1.0\n")
    found = record.record({"seed": 0}, "abc123", tmp_path, pins)
    assert (found.configuration, found.key, found.total) == ("seed: 0\n", "abc123", "1:03:08")
    assert {"leakage", "git commit", "Python"} <= {name for name, _ in found.software}
    assert found.others == 2
    assert found.distributions.rows[1] == ("no-such-distribution", "1.0", "not installed")
    times = [[text for text, _ in row] for row in found.times.cells()]
    assert times[0] == ["estimates/mine_training", "2", "3,785", "3,725", "900"]
    assert sorted((row[0], row[-1]) for row in times[1:]) == [("manifest", ""), ("views/plain", "")]
    assert record.record({}, "", tmp_path / "none", tmp_path / "none").distributions.rows == []
