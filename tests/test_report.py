"""The report: its content, the page and the summary, without Snakemake."""

import html.parser
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import test_figures_beyond as beyond
from leakage import captions
from leakage.analysis.calibration import RULES
from leakage.analysis.tables import Table as Estimate
from leakage.config.jobs import Jobs
from leakage.config.workflow import Workflow
from leakage.errors import LeakageError
from leakage.figures import style
from leakage.report import (
    content,
    illustrations,
    inputs,
    pages,
    record,
    tables,
    warnings,
)
from leakage.report.inputs import ReportInputs
from leakage.schemes import keystream
from leakage.steps import report
from leakage.storage import files, views
from PIL import Image
from test_answers import FEW, LEAK, NONE, rows
from test_config import DEMO, PAPER, merged

FINGERPRINT = keystream.fingerprint(keystream.read_key(record.TEST_KEY))
VOID = {"meta", "link", "img", "br"}


CLAIMS = pd.DataFrame({"claim": ["a. one", "a. one", "b. <two>"], "remark": ""}).assign(
    verdict=["holds", "holds", "cannot be tested with these weights"]
)


def save_figure(stem: Path, caption: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3))
    figure.subplots().plot([0, 4, 8], [8, 4, 0], marker="o")
    style.save(figure, pd.DataFrame({"level": [0, 4, 8], "bits": [8, 4, 0]}), stem, caption)


@pytest.fixture
def run(tmp_path: Path):
    """Write the report of tables given as keywords; return (page, summary)."""
    (tmp_path / "manifest.csv").write_text("image_id,channels\na,3\nb,3\n")
    (tmp_path / "manifest.csv.sha256").write_text(files.sha256(tmp_path / "manifest.csv"))
    save_figure(tmp_path / "fig2", "It falls by 0.998 bit. It is <exact> & clear.")
    drawn = {"stem": tmp_path / "fig2", "module": "fig2", "title": "Histogram", "name": "fig2"}
    other = drawn | {"module": "mine", "title": "My own", "name": "msb_xor/mine", "of": "clip"}
    for level in (0, 8):
        pixels = np.full((40, 60, 3), level * 20, np.uint8)
        pictures = [("cat", pixels), ("dog", pixels)]
        views.write(tmp_path / f"{level}.parquet", pictures, {"level": level, "scheme": "msb_xor"})

    # Each picture at 2 MB/s.
    (tmp_path / "times.csv").write_text("image_id,bytes,seconds\na,2000000,1\nb,4000000,2\n")

    def write(**given: pd.DataFrame) -> tuple[str, str]:
        paths = {name: tmp_path / f"{name}.parquet" for name in given}
        for name, table in given.items():
            labels = {"level_labels": {"msb_xor": "encrypted bits"}}
            files.write_table(paths[name], pa.Table.from_pandas(table), labels)
        shown = ReportInputs(
            results=tmp_path,
            configuration={"seed": 0, "dataset": {}, "scheme": {"view": "</pre><b>"}},
            estimator="mine",
            key=FINGERPRINT,
            figures=[other, drawn],
            views={"msb_xor": [tmp_path / f"{level}.parquet" for level in (0, 8)]},
            throughput=dict.fromkeys(["msb_xor", "full"], tmp_path / "times.csv"),
            **paths,
        )
        report.main(shown.as_json())
        return tuple((tmp_path / name).read_text("utf-8") for name in ("report.html", "summary.md"))

    return write


class Page(html.parser.HTMLParser):
    """Reads a page, and fails if an element is not closed where it should be.

    Attributes:
        elements: (tag, attributes) of every element.
    """

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, self.getpos()

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for each, attributes in self.elements if each == tag]


def words(page: str) -> str:
    """Return the text of a page in one line."""
    body = page.partition("<body>")[2].partition("<script>")[0]
    body = re.sub(r"</?(span|small|strong|code|a)\b[^>]*>", "", body)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture
def complete(run) -> tuple[str, str]:
    """The report of a run with all its parts."""
    return run(verdicts=rows({0: LEAK, 4: LEAK, 8: NONE}), claims=CLAIMS)


def test_page_and_summary_say_the_same_and_are_the_same_each_time(complete, run):
    assert run(verdicts=rows({0: LEAK, 4: LEAK, 8: NONE}), claims=CLAIMS) == complete
    page, summary = words(complete[0]), complete[1]
    sentence = "Leaks at n = 4; nothing found at n = 8."
    assert f"- **msb_xor**: {sentence}" in summary and sentence in page
    leak = "leak, 1.2 nats, p = 0.004"
    assert "| representation | n = 0 | n = 4 | n = 8 |" in summary
    assert f"| CLIP | {leak} | {leak} | {NONE}, p = 0.004 |" in summary
    assert "leak 1.2 nats p = 0.004" in page and "Encrypted bits." in page
    # Each claim once, though the scorecard has several rows of it.
    assert summary.count("| a. one | holds |") == 1 and page.count("b. <two>") == 1


def test_the_page_requests_nothing(complete):
    page = Page(complete[0])
    for attributes in (attributes for _, attributes in page.elements):
        for name in ("src", "href", "srcset", "action", "data"):
            assert attributes.get(name, "#").startswith(("#", "data:")), attributes
    style = complete[0].partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style and "@import" not in style
    script = complete[0].rpartition("<script>")[2]
    assert not re.search(r"eval|fetch|XMLHttpRequest|import|http", script)
    (policy,) = [each["content"] for each in page.all("meta") if "http-equiv" in each]
    assert policy.startswith("default-src 'none'")


def test_every_figure_has_its_caption_an_alternative_text_and_three_files(complete):
    page = Page(complete[0])
    assert [each["id"] for each in page.all("figure")] == ["figure-fig2", "figure-msb_xor/mine"]
    assert [each["alt"] for each in page.all("img")] == [
        *("Picture cat at n = 0", "Picture cat at n = 8"),
        *("Histogram. It falls by 0.998 bit.", "My own (clip). It falls by 0.998 bit."),
    ]
    assert "It is <exact> & clear." in words(complete[0])
    links = [each for each in page.all("a") if "download" in each or "data-file" in each]
    saved = [each.get("download") or each["data-file"] for each in links]
    stems = ("fig2", "msb_xor-mine")
    assert saved == [f"{stem}.{suffix}" for stem in stems for suffix in ("png", "pdf", "csv")]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    targets = {each["href"][1:] for each in page.all("a") if each["href"].startswith("#")}
    assert len(ids) == len(set(ids)) and len(targets) > 8 and targets <= set(ids)


def test_the_page_shows_configuration_versions_and_the_key_s_fingerprint_alone(complete, tmp_path):
    text = words(complete[0])
    assert "view: </pre><b>" in text and "snakemake" in text and "git commit" in text
    assert (tmp_path / record.CONFIGURATION).read_text().startswith("seed: 0\n")
    assert FINGERPRINT in text
    assert record.TEST_KEY.read_text().strip() not in complete[0] + complete[1]


def test_a_run_without_a_verdict_says_so_and_shows_the_picture(run):
    page, summary = run()
    assert pages.NO_VERDICT in summary and pages.NO_VERDICT in words(page)
    assert "Picture cat at n = 8" in page and "Picture dog" not in page
    assert "`scorecard` is not among the `figures`" in summary


def test_the_published_calibration_is_quoted_unless_the_run_has_its_own(run):
    page, summary = run()
    line = "| mine | rectangles | 0 | 5000 |"
    assert line in record.PUBLISHED.read_text() and line in summary
    assert "quoted from docs/calibration.md" in words(page)
    table = {"task": "spiral", "level": [0, 1, 0], "truth": [1.0, 2.0, 1.0]}
    table |= {"estimator": ["mine", "mine", "cca"], "bias": [0.1, -0.3, -0.2]}
    # 20 families of two levels where nothing leaks, of which one was called a leak.
    null = {"strength": 0.0, "family": np.arange(40) // 2, "p_value": 0.5, "nats": 0.0}
    null |= {"p_exact": 0.5, "p_critics": 0.5, "pictures": 60, "patches": "equal"}
    null |= dict.fromkeys(RULES, [LEAK] + [NONE] * 39) | {"confidence": 0.95}
    page, summary = run(calibration=pd.DataFrame(table), false_alarms=pd.DataFrame(null))
    assert "| spiral | 1.00 | 2.00 | -0.30 | -0.20 | cca |" in summary
    assert "found a leak in 5.0 % of 20 families of levels (allowed: 5 %)" in words(page)
    assert "docs/calibration.md" not in page + summary


TESTS = pd.DataFrame(
    {
        "scheme": ["msb_xor"] * 4 + ["full"] * 4,
        "level": [8] * 4 + [1] * 4,
        "test": ["npcr", "energy", "psnr", "local"] * 2,
        "title": ["NPCR", "GLCM energy", "PSNR after noise", "local entropy"] * 2,
        "unit": ["%", "", "dB", "bits"] * 2,
        "pictures": [6, 6, 6, 0] * 2,
        "value": [0.00031, 0.015628, 28.0774, np.nan, 99.61168, 0.0156286, np.inf, np.nan],
        "expected": [99.6094, 0.0156282, np.nan, np.nan] * 2,
        "accepted_low": [99.59251, 0.0156270, np.nan, np.nan] * 2,
        "accepted_high": [np.inf, 0.0156294, np.nan, np.nan] * 2,
        "rate": [0.05, 0.05, np.nan, np.nan] * 2,
        "failed": [6, 0, np.nan, np.nan, 0, 1, np.nan, np.nan],
        "p_value": [1e-8, 1.0, np.nan, np.nan, 1.0, 0.26, np.nan, np.nan],
        "verdict": [
            *("fail", "pass", "not judged", "not defined"),
            *("pass", "pass", "not judged", "not defined"),
        ],
    }
)


def test_the_tests_of_ciphertexts_are_shown_with_their_interval_and_what_they_do_not_say(
    run, tmp_path
):
    page, summary = run(security=TESTS)
    for line in (
        "- **msb_xor**: At n = 8 it passes 1 of 2 tests, and fails: NPCR.",
        "- **full**: At n = 1 it passes 2 of 2 tests.",
        "| test of the ciphertext | random bytes | msb_xor, n = 8 | full, n = 1 |",
        "| GLCM energy | 0.01562700 to 0.01562940 | pass: 0.01562800 (0 of 6 fail) | "
        "pass: 0.01562860 (1 of 6 fail) |",
        "| PSNR after noise (dB) |  | 28.08 | inf |",
        "| Local entropy (bits) |  | not defined | not defined |",
        "| Throughput (MB/s) |  | 2 | 2 |",
    ):
        assert line in summary.splitlines(), line
    assert "| NPCR (%) | at least 99.5925 | fail: 0.0003 (6 of 6 fail) |" in summary
    text = words(page)
    assert "5 % fail a test" in text and "nothing about what the clear bits show" in text
    assert "At n = 8 it passes 1 of 2 tests" in text.replace("\u00a0", " ")
    assert "fail: 0.0003" in text and "6 of 6 fail" in text
    Page(page)
    saved = pd.read_csv(tmp_path / "security.csv")
    assert saved["test"].tolist() == [*TESTS["test"], *["throughput"] * 2]
    assert "What reviewers ask for" not in words(run()[0])
    failing = TESTS.assign(verdict="fail")
    assert "At n = 8 it fails all 4 tests." in run(security=failing)[1]


def test_the_inputs_of_a_run_name_every_file_that_the_report_reads(tmp_path):
    values = merged(merged(PAPER, DEMO), {"report": {"calibration": True}})
    workflow = Workflow(values)
    found = inputs.of_run(workflow, values, Jobs(workflow))
    (tmp_path / "inputs.json").write_text(found.as_json())
    assert inputs.read(found.as_json()) == inputs.read(str(tmp_path / "inputs.json")) == found
    for wrong, message in (("none.json", "none.json: no such file"), ('{"figur": []}', "figures")):
        with pytest.raises(LeakageError, match=message):
            inputs.read(wrong)
    read = {str(path) for paths in found.files().values() for path in paths}
    results = Path(workflow.config.results)
    names = ["estimates/mine/lite0/full.parquet", "views/plain/0.parquet", "manifest.csv"]
    names += ["analysis/verdicts.parquet", "analysis/claims.parquet", "figures/fig2.pdf"]
    names += ["calibration/table.parquet", "calibration/verdict.parquet"]
    names += ["figures/schemes-lite0.csv", "calibration/calibration.png"]
    names += ["analysis/security.parquet", "record/throughput/msb_xor/8.csv"]
    assert {str(results / name) for name in names} < read


def test_estimates_have_a_row_per_level_and_warn_of_untrained_networks_and_values_at_a_ceiling():
    source = {"label": "CLIP, untrained", "untrained": True, "scheme": "msb_xor"}
    metadata = {"source": source, "estimator": "mine"}
    estimate = Estimate(beyond.held_out_rows(), metadata)
    untrained, ceiling = warnings.of_estimates([estimate, Estimate(beyond.mine_rows(), metadata)])
    assert untrained.text == "CLIP, untrained. A control with random weights."
    assert "mine on CLIP, untrained under msb_xor at n = 0." in ceiling.text
    low = Estimate(beyond.held_out_rows(ceiling=99.0), {"source": {}, "estimator": "x"})
    assert list(warnings.of_estimates([low])) == []
    table = content.estimate_table([estimate])
    heads = [column.head for column in table.columns]
    assert {"scheme", "representation", "estimator", "n", "nats"} <= set(heads)
    assert len(table.rows) == 3 and content.estimate_table([]) is None


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (warnings.of_verdicts(rows({0: FEW, 8: FEW})), "at least 15"),
        (warnings.of_verdicts(rows({0: LEAK, 8: NONE})), None),
        (warnings.of_claims(CLAIMS), "1 of the paper's 2 claims cannot be tested with them."),
        (
            warnings.of_claims(CLAIMS[:2].replace("holds", "with a stand-in: holds")),
            "1 of the paper's 1 claims are tested with stand-ins.",
        ),
        (warnings.of_claims(CLAIMS[:2]), None),
        (warnings.of_channels([3, 1, 3], "keep"), "1 of 3 pictures are grey"),
        (warnings.of_channels([3, 1, 3], "rgb"), None),
        (warnings.of_key(FINGERPRINT, record.TEST_KEY), "a key that anyone can read"),
        (warnings.of_key("0" * 16, record.TEST_KEY), None),
    ],
)
def test_a_warning_is_given_when_and_only_when_it_applies(found, text):
    texts = [each.text for each in found]
    assert len(texts) == (text is not None) and all(text in each for each in texts)


def test_cells_have_a_text_and_a_number_to_sort_by():
    columns = [tables.Column("name"), tables.Column("nats", ".2f")]
    values = [("a", 1.234), ("b", None), ("c", float("nan")), ("d", -0.001), ("e", "2.50")]
    cells = [cell for _, cell in tables.Table(columns, values).cells()]
    assert cells == [("1.23", 1.234), ("", None), ("", None), ("0.00", -0.001), ("2.50", 2.5)]


def test_a_smaller_figure_looks_the_same_and_keeps_its_caption_but_photographs_stay(tmp_path):
    save_figure(tmp_path / "fig2", "R² is 0.99 − *so*.")
    before = (tmp_path / "fig2.png").read_bytes()
    after = illustrations.smaller(before)
    (tmp_path / "after.png").write_bytes(after)
    assert len(after) < 0.7 * len(before)
    assert captions.inside(tmp_path / "after.png") == "R² is 0.99 − *so*."
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    noise = (tmp_path / "noise.png").read_bytes()
    assert illustrations.smaller(noise) == noise


def test_a_wide_figure_of_photographs_is_shrunk_to_the_width_of_the_page(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (60, 2400, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    shrunk = illustrations.smaller((tmp_path / "noise.png").read_bytes())
    assert Image.open(io.BytesIO(shrunk)).size == (illustrations.WIDEST, 30)
