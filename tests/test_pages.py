"""README.md and docs/: links work, the index lists every page, every figure is explained."""

import documented
import pytest
from leakage import figures


@pytest.mark.parametrize("page", documented.pages())
def test_every_link_leads_to_a_file_and_a_heading(page: str):
    own = documented.path_of(page)
    for link in documented.links(page):
        name, _, heading = link.partition("#")
        if name.startswith("https://"):
            continue
        target = (own.parent / name).resolve() if name else own
        assert target.is_file(), link
        assert not heading or heading in documented.anchors(target), link


def test_the_readme_is_short_and_leads_to_the_index_of_all_pages():
    assert documented.INDEX in documented.links(documented.README)
    assert len(documented.text(documented.README).splitlines()) <= 90
    linked = {link.partition("#")[0] for link in documented.links(documented.INDEX)}
    assert set(documented.pages()[2:]) == linked


def test_every_figure_has_a_section_that_says_how_to_read_it():
    headings = documented.HEADING.findall(documented.text("figures.md"))
    assert set(figures.names()) <= {name for line in headings for name in line.split(", ")}
