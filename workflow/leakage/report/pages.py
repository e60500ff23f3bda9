"""The two pages of a report, report.html and summary.md: Jinja2 templates beside this module."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from leakage.analysis.security import FAIL, PASS
from leakage.analysis.verdicts import LEAK, NO_EVIDENCE, TOO_FEW_PERMUTATIONS, TOO_FEW_PICTURES
from leakage.report.content import Content
from leakage.report.tables import Table

if TYPE_CHECKING:
    import jinja2

FOLDER = Path(__file__).parent
# Of each verdict on a test of the ciphertext, the same.
PASSES = {PASS: ("none", "○"), FAIL: ("leak", "●")}
TITLE = "What leaks through the encryption?"
NO_VERDICT = "This run has no verdict, because none of its figures shows one."
# Of each verdict: its class in the style sheet, a symbol and words, so that colour is never needed.
LOOKS = {
    LEAK: ("leak", "●", "leak"),
    NO_EVIDENCE: ("none", "○", "nothing found"),
    TOO_FEW_PICTURES: ("few", "?", "too few pictures"),
    TOO_FEW_PERMUTATIONS: ("few", "?", "too few permutations"),
}


def html(content: Content) -> str:
    """Return the report as one HTML page, which requests no other file."""
    from markupsafe import Markup

    template = _template("page.html.j2", autoescape=True)
    style, script = (
        Markup((FOLDER / f"page.{suffix}").read_text("utf-8")) for suffix in ("css", "js")
    )
    return template.render(content=content, looks=LOOKS, style=style, script=script)


def markdown(content: Content) -> str:
    """Return the summary: the answers, verdicts, claims and warnings of the page as Markdown."""
    return _template("summary.md.j2", autoescape=False).render(content=content)


def together(text: str) -> str:
    """Return a text in which no line breaks within `n = 6` or `p = 0.004`."""
    return re.sub(r"\b([np]) ([=<]) (?=\d)", "\\1\u00a0\\2\u00a0", text)


def markdown_cell(text: str) -> str:
    """Return a text that stays within its row and column."""
    return text.replace("|", "\\|").replace("\n", " ")


def markdown_table(table: Table) -> str:
    """Return a table in the Markdown of GitHub."""
    heads = [column.head for column in table.columns]
    lines = [heads, ["---"] * len(heads), *([text for text, _ in row] for row in table.cells())]
    return "\n".join(f"| {' | '.join(map(markdown_cell, line))} |" for line in lines)


def _template(name: str, autoescape: bool) -> "jinja2.Template":
    """Return a template in which an unknown name is an error."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"together": together, "cell": markdown_cell, "table": markdown_table}
    environment.globals |= {"passes": PASSES, "title": TITLE, "no_verdict": NO_VERDICT}
    return environment.get_template(name)
