"""The record of a run: configuration, software, run times; and the pages that show it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from leakage import pages
from leakage.steps import record
from snake import REPOSITORY

HEAD = "s\th:m:s\tmax_rss\tcpu_time\n"


@pytest.fixture
def benchmarks(tmp_path: Path) -> Path:
    """Benchmarks of four jobs, one too short for its memory to be measured."""
    lines = {
        "manifest": "0.5\t0:00:00\tNA\t0.1\n",
        "estimates/mine/pixels/msb_xor": "60\t0:01:00\t500.5\t1\n",
        "estimates/mine/clip/msb_xor": "3725.2\t1:02:05\t900.25\t1\n",
        "views/msb_xor/0": "2\t0:00:02\t-\t1\n",
    }
    for name, line in lines.items():
        path = tmp_path / "benchmarks" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD + line)
    return tmp_path / "benchmarks"


def test_run_times_are_summed_over_the_jobs_of_a_kind(benchmarks):
    found = {each["jobs"]: each for each in record.run_times(benchmarks)}
    assert set(found) == {"manifest", "estimates/mine", "views/msb_xor"}
    mine = found["estimates/mine"]
    assert (mine["count"], mine["memory"]) == (2, 900.25)
    assert (mine["total"], mine["longest"]) == pytest.approx((3785.2, 3725.2))
    assert found["manifest"]["memory"] is None and found["views/msb_xor"]["memory"] is None
    assert record.duration(3785.2) == "1:03:05" and record.duration(0.4) == "0:00:00"


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
    hashes = "    --hash=sha256:0a30 \\\n    --hash=sha256:6bc3\n    # via leakage\n"
    markers = [f"sys_platform {sign} '{sys.platform}'" for sign in ("==", "!=")]
    lines = ["# What.", "torch==2.14.1", f"here==1.0 ; {markers[0]}", f"not-here==2 ; {markers[1]}"]
    text = lines[0] + "".join(f"\n{line} \\\n{hashes}" for line in lines[1:])
    assert record.pinned("\n".join(lines)) == {"torch": "2.14.1", "here": "1.0"}
    assert record.pinned(text) == {"torch": "2.14.1", "here": "1.0"}


def test_a_checkout_s_commit_is_named_and_whether_it_was_changed(tmp_path):
    assert record.commit(tmp_path) == ""
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost"]
    subprocess.run([*git, "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / "file").write_text("one")
    subprocess.run([*git, "add", "file"], cwd=tmp_path, check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "one"], cwd=tmp_path, check=True)
    assert re.fullmatch(r"[0-9a-f]{40,64}", record.commit(tmp_path))
    (tmp_path / "file").write_text("two")
    assert record.commit(tmp_path).endswith("not committed")
    (tmp_path / "inner").mkdir()
    assert record.commit(tmp_path / "inner") == ""  # a folder in somebody else's checkout


def test_the_record_s_pages_hold_what_ran(benchmarks, tmp_path):
    pins = REPOSITORY / "envs" / "requirements.txt"
    record.main(tmp_path, '{"seed": 0, "scheme": {"view": "<b>"}}', benchmarks, pins, "abc123")
    texts = {path.name: path.read_text() for path in tmp_path.glob("*.*")}
    assert set(texts) == {
        *("configuration.yaml", "configuration.html", "software.html", "run_times.html")
    }
    assert "abc123" in texts["configuration.html"] and "&lt;b&gt;" in texts["configuration.html"]
    assert texts["configuration.yaml"] == "seed: 0\nscheme:\n  view: <b>\n"
    assert "1:03:05" in texts["run_times.html"]
    for name in record.pinned(pins.read_text()):
        assert f"<code>{name}</code>" in texts["software.html"]


def test_a_page_is_the_same_in_markdown_and_in_html():
    blocks = [
        "It is `so` and **strong**.",
        pages.Heading("One"),
        pages.Listing(["a < b"]),
        pages.Table(["x", "y"], [["1|2", "p\nq"]]),
        pages.Verbatim("a: 1\n", "yaml"),
    ]
    markdown, html = pages.as_markdown("T", blocks), pages.as_html("T", blocks)
    assert "| 1\\|2 | p q |" in markdown and "- a < b" in markdown and "## One" in markdown
    assert markdown.startswith("# T\n\n") and "```yaml\na: 1\n```" in markdown
    for piece in ("<h2>One</h2>", "<li>a &lt; b</li>", "<td>1|2</td>", "<strong>strong</strong>"):
        assert piece in html
    assert not re.search(r"(src|href)=", html)
