"""README.md and docs/: links that lead somewhere, every page found, every figure explained."""

import documented
import pytest
from leakage import figures
from snake import REPOSITORY

LONGEST = 90


@pytest.mark.parametrize("page", documented.pages())
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(page: str):
    for link in documented.links(page):
        name, _, heading = link.partition("#")
        target = (documented.path_of(page).parent / name).resolve() if name else None
        if name.startswith("https://"):
            continue
        assert target is None or target.is_file(), link
        if heading:
            assert heading in documented.anchors(target.name if target else page), link


def test_the_readme_is_short_and_leads_to_every_page():
    links = documented.links(documented.README)
    assert {f"docs/{page}" for page in documented.pages()[1:]} <= set(links)
    assert len(documented.text(documented.README).splitlines()) <= LONGEST


def test_every_figure_has_a_text_that_says_how_to_read_it():
    headings = documented.HEADING.findall(documented.text("figures.md"))
    assert set(figures.names()) <= {name for line in headings for name in line.split(", ")}


def test_the_workflow_catalogue_finds_what_it_looks_for():
    # https://snakemake.github.io/snakemake-workflow-catalog, "Generic workflows".
    words = documented.text(documented.README).lower()
    assert "snakemake" in words and "workflow" in words
    assert (REPOSITORY / "Snakefile").is_file()
    assert list((REPOSITORY / "workflow" / "rules").glob("*.smk"))
