"""The report: its content, the page and the summary, without Snakemake."""

import dataclasses
import html.parser
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import test_figures_beyond as beyond
from leakage import captions
from leakage.analysis.tables import Table as Estimate
from leakage.figures import style
from leakage.report import calibrations, content, grid, illustrations, tables, warnings
from leakage.report.inputs import ReportInputs
from leakage.schemes import keystream
from leakage.steps import report
from leakage.steps.calibrate_verdict import RULES
from leakage.storage import files, views
from snake import REPOSITORY
from test_answers import FEW, LEAK, NONE, rows

TEST_KEY = REPOSITORY / "workflow" / "keys" / "test.key"
PUBLISHED = REPOSITORY / "docs" / "calibration.md"
VOID = {"meta", "link", "img", "br"}


def claim_rows() -> pd.DataFrame:
    said = ["holds", "holds", "cannot be tested with these weights"]
    return pd.DataFrame({"claim": ["a. one", "a. one", "b. <two>"], "verdict": said, "remark": ""})


def calibration_rows() -> pd.DataFrame:
    table = {"task": "spiral", "level": [0, 1, 0], "truth": [1.0, 2.0, 1.0]}
    return pd.DataFrame(table | {"estimator": ["mine", "mine", "cca"], "bias": [0.1, -0.3, -0.2]})


def null_rows() -> pd.DataFrame:
    """Return 20 families of two levels where nothing leaks, of which one was called a leak."""
    table = {"strength": 0.0, "family": np.arange(40) // 2, "p_value": 0.5, "nats": 0.0}
    table |= {"p_exact": 0.5, "p_critics": 0.5, "pictures": 60, "patches": "equal"}
    said = [LEAK] + [NONE] * 39
    return pd.DataFrame(table | dict.fromkeys(RULES, said) | {"confidence": 0.95})


def estimate(**held_out: float) -> Estimate:
    source = {"label": "CLIP, untrained", "untrained": True, "scheme": "msb_xor"}
    metadata = {"source": source, "estimator": "mine"}
    return Estimate(beyond.held_out_rows(**held_out), metadata)


def small_figure(stem: Path, caption: str) -> None:
    """Save a figure with a line, its data and a caption."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3))
    figure.subplots().plot([0, 4, 8], [8, 4, 0], marker="o")
    style.save(figure, pd.DataFrame({"level": [0, 4, 8], "bits": [8, 4, 0]}), stem, caption)


@pytest.fixture
def run(tmp_path: Path):
    """Write the report of tables given as keywords; return (page, summary)."""
    (tmp_path / "manifest.csv").write_text("image_id,channels\na,3\nb,3\n")
    (tmp_path / "manifest.csv.sha256").write_text(files.sha256(tmp_path / "manifest.csv"))
    small_figure(tmp_path / "fig2", "It falls by 0.998 bit. It is <exact> & clear.")
    drawn = {"stem": str(tmp_path / "fig2"), "module": "fig2", "title": "Histogram", "name": "fig2"}
    other = drawn | {"module": "mine", "title": "My own", "name": "msb_xor/mine", "of": "clip"}
    for level in (0, 8):
        about = {"level": level, "scheme": "msb_xor"}
        pixels = np.full((40, 60, 3), level * 20, np.uint8)
        views.write(tmp_path / f"{level}.parquet", [("cat", pixels), ("dog", pixels)], about)

    def write(**given: pd.DataFrame) -> tuple[str, str]:
        paths = {}
        for name, table in given.items():
            paths[name] = tmp_path / f"{name}.{'csv' if name == 'scorecard' else 'parquet'}"
            if name == "scorecard":
                table.to_csv(paths[name], index=False)
            else:
                labels = {"level_labels": {"msb_xor": "encrypted bits"}}
                files.write_table(paths[name], pa.Table.from_pandas(table), labels)
        given = ReportInputs(
            results=tmp_path,
            configuration={"seed": 0, "dataset": {}, "scheme": {"view": "</pre><b>"}},
            estimator="mine",
            key=keystream.fingerprint(keystream.read_key(TEST_KEY)),
            figures=[other, drawn],
            views={"msb_xor": [tmp_path / f"{level}.parquet" for level in (0, 8)]},
            **paths,
        )
        report.main(given.as_json())
        names = ("report.html", "summary.md")
        return tuple((tmp_path / name).read_text(encoding="utf-8") for name in names)

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
    return run(verdicts=rows({0: LEAK, 4: LEAK, 8: NONE}), scorecard=claim_rows())


def test_page_and_summary_begin_with_the_same_answer(complete):
    page, summary = complete
    sentence = "Leaks at n = 4; nothing found at n = 8."
    assert f"- **msb_xor**: {sentence}" in summary
    assert words(page).index(sentence) < words(page).index("Warnings", 400)


def test_the_grid_has_a_column_per_level_with_value_and_p(complete):
    page, summary = complete
    assert "| representation | n = 0 | n = 4 | n = 8 |" in summary
    leak = "leak, 1.2 nats, p = 0.004"
    assert f"| CLIP | {leak} | {leak} | {NONE}, p = 0.004 |" in summary
    assert "leak 1.2 nats p = 0.004" in words(page) and "Encrypted bits." in words(page)


def test_the_first_picture_stands_above_its_verdict(complete):
    pictures = [each for each in Page(complete[0]).all("img") if "cat" in each["alt"]]
    assert [each["alt"] for each in pictures] == [f"Picture cat at n = {n}" for n in (0, 8)]
    assert all(each["src"].startswith("data:image/jpeg") for each in pictures)
    assert all((each["width"], each["height"]) == ("200", "133") for each in pictures)


def test_the_page_asks_for_nothing(complete):
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


def test_anchors_are_unique_and_every_link_of_the_contents_leads_to_one(complete):
    page = Page(complete[0])
    ids = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    assert ids.most_common(1)[0][1] == 1
    targets = [each["href"][1:] for each in page.all("a") if each["href"].startswith("#")]
    assert len(targets) > 8 and set(targets) <= set(ids)


def test_every_figure_has_its_caption_an_alternative_text_and_three_files(complete):
    page = Page(complete[0])
    figures = page.all("figure")
    assert [each["id"] for each in figures] == ["figure-fig2", "figure-msb_xor/mine"]
    alternatives = [each["alt"] for each in page.all("img")]
    assert all(alternatives)
    assert "Histogram. It falls by 0.998 bit." in alternatives
    assert "My own (clip). It falls by 0.998 bit." in alternatives
    assert "It is <exact> & clear." in words(complete[0])
    links = [each for each in page.all("a") if "download" in each or "data-file" in each]
    saved = [each.get("download") or each["data-file"] for each in links]
    assert saved[:3] == ["fig2.png", "fig2.pdf", "fig2.csv"]
    assert saved[3:] == [f"msb_xor-mine.{suffix}" for suffix in ("png", "pdf", "csv")]


def test_unknown_figures_come_last(complete):
    text = words(complete[0])
    assert text.rindex("The paper's figures") < text.rindex("More figures")


def test_the_page_shows_configuration_versions_and_key(complete, tmp_path):
    text = words(complete[0])
    assert "view: </pre><b>" in text
    assert (tmp_path / "record" / "configuration.yaml").read_text().startswith("seed: 0\n")
    assert keystream.fingerprint(keystream.read_key(TEST_KEY)) in text
    assert TEST_KEY.read_text().strip() not in complete[0] + complete[1]
    assert "snakemake" in text and "git commit" in text


def test_the_same_run_gives_the_same_bytes(run):
    given = {"verdicts": rows({0: LEAK, 8: NONE}), "scorecard": claim_rows()}
    assert run(**given) == run(**given)


def test_a_run_without_a_verdict_says_so_and_shows_the_picture(run):
    page, summary = run()
    assert content.NO_VERDICT in summary and content.NO_VERDICT in words(page)
    assert "Picture cat at n = 8" in page
    assert "`scorecard` is not among the `figures`" in summary


def test_claims_stand_once_each(complete):
    page, summary = complete
    assert summary.count("| a. one | holds |") == 1
    assert words(page).count("b. <two>") == 1


def test_the_published_calibration_is_quoted_with_its_worst_cases(complete):
    page, summary = complete
    line = "| mine | rectangles | 0 | 5000 |"
    assert line in PUBLISHED.read_text() and line in summary
    assert "quoted from docs/calibration.md" in words(page)
    assert "To calibrate this configuration: `snakemake --cores 8 --configfile " in summary


def test_the_run_s_own_calibration_replaces_it(run):
    page, summary = run(calibration=calibration_rows(), false_alarms=null_rows())
    assert "| spiral | 1.00 | 2.00 | -0.30 | -0.20 | cca |" in summary
    assert "found a leak in 5.0 % of 20 families of levels (allowed: 5 %)" in words(page)
    assert "docs/calibration.md" not in page + summary


def test_without_the_published_page_nothing_is_quoted():
    found = calibrations.quoted(Path("none.md"), "snakemake calibration")
    assert found.table is None and found.command


def test_warnings_name_untrained_networks_and_values_at_their_ceiling():
    curve = dataclasses.replace(estimate(), rows=beyond.curve_rows())
    untrained, ceiling = warnings.of_estimates([estimate(), curve])
    assert untrained == warnings.Warned(
        "Untrained networks", "CLIP, untrained. A control with random weights."
    )
    assert "mine on CLIP, untrained under msb_xor at n = 0." in ceiling.text
    low = dataclasses.replace(estimate(ceiling=99.0), metadata={"source": {}, "estimator": "x"})
    assert list(warnings.of_estimates([low])) == []


def test_too_few_pictures_are_a_warning_with_the_number_needed():
    (warned,) = warnings.of_verdicts(rows({0: FEW, 8: FEW}))
    assert warned.subject == "Too few pictures for a verdict" and "at least 15" in warned.text
    assert list(warnings.of_verdicts(rows({0: LEAK, 8: NONE}))) == []


def test_other_networks_than_the_paper_s_are_a_warning():
    (warned,) = warnings.of_claims(claim_rows())
    assert warned.text == "1 of the paper's 2 claims cannot be tested with them."
    assert list(warnings.of_claims(claim_rows().iloc[:2])) == []
    stand_in = claim_rows().replace("holds", "with a stand-in: holds")
    (warned,) = warnings.of_claims(stand_in.iloc[:2])
    assert warned.text == "1 of the paper's 1 claims are tested with stand-ins."


def test_a_warning_names_grey_pictures_that_keep_their_channel_among_coloured_ones():
    (warned,) = warnings.of_channels([3, 1, 3], "keep")
    assert warned.text.startswith("1 of 3 pictures are grey")
    for channels, grey in (([3, 1, 3], "rgb"), ([1, 1], "keep"), ([3, 3], "keep")):
        assert list(warnings.of_channels(channels, grey)) == []


def test_only_the_test_key_is_a_warning():
    fingerprint = keystream.fingerprint(keystream.read_key(TEST_KEY))
    (warned,) = warnings.of_key(fingerprint, TEST_KEY)
    assert warned.subject == "Test key"
    assert list(warnings.of_key("0" * 16, TEST_KEY)) == []
    assert list(warnings.of_key(fingerprint, Path("none.key"))) == []


def test_held_out_estimates_have_a_row_per_level():
    table = content.estimate_table([estimate()])
    heads = [column.head for column in table.columns]
    assert {"scheme", "representation", "estimator", "n", "nats"} <= set(heads)
    assert len(table.rows) == beyond.held_out_rows()["level"].nunique()
    assert content.estimate_table([]) is None


def test_cells_have_a_text_and_a_number_to_sort_by():
    columns = [tables.Column("name"), tables.Column("nats", ".2f")]
    values = [("a", 1.234), ("b", None), ("c", float("nan")), ("d", -0.001), ("e", "2.50")]
    cells = [cell for _, cell in tables.Table(columns, values).cells()]
    assert cells == [("1.23", 1.234), ("", None), ("", None), ("0.00", -0.001), ("2.50", 2.5)]


def test_a_table_of_a_markdown_page_is_read():
    text = "# A\n\n## B\n\nWords.\n\n| x | y |\n|---|---|\n| a | 1.50 |\n\n## C\n\n| z |\n|---|\n"
    found = tables.from_markdown(text, "## B")
    assert found.cells() == [[("a", "a"), ("1.50", 1.5)]]
    assert tables.from_markdown(text, "## C") is None
    assert tables.from_markdown(text, "## D") is None


def test_a_smaller_picture_looks_the_same_and_keeps_its_caption(tmp_path):
    small_figure(tmp_path / "fig2", "R² is 0.99 − *so*.")
    before = (tmp_path / "fig2.png").read_bytes()
    after = illustrations.smaller(before)
    assert len(after) < 0.7 * len(before)
    (tmp_path / "after.png").write_bytes(after)
    assert captions.inside(tmp_path / "after.png") == "R² is 0.99 − *so*."


def test_a_photograph_is_not_reduced_to_a_palette():
    import io

    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG")
    assert illustrations.smaller(stream.getvalue()) == stream.getvalue()


def test_an_alternative_text_has_the_first_sentence_alone():
    assert (
        illustrations.first_sentence("It is 0.5 bit (n = 8). Then more.")
        == "It is 0.5 bit (n = 8)."
    )
    assert illustrations.first_sentence("") == ""


def test_only_the_first_picture_of_a_view_is_read(tmp_path):
    def pictures():
        yield "cat", np.zeros((10, 20, 1), np.uint8)
        yield "dog", np.zeros((10, 20, 1), np.uint8)

    views.write(tmp_path / "0.parquet", pictures(), {"level": 3})
    level, shown = grid.picture(views.View(tmp_path / "0.parquet"))
    assert (level, shown.image_id, shown.width, shown.height) == (3, "cat", 200, 100)
