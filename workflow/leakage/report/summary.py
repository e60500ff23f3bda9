"""The report as Markdown: the same answers, verdicts, claims and warnings as on the page."""

from leakage.report import templates
from leakage.report.content import NO_VERDICT, TITLE, Content
from leakage.report.tables import Table


def markdown(content: Content) -> str:
    """Return the summary. The same content gives the same text."""
    environment = templates.environment(autoescape=False)
    environment.filters["cell"] = cell
    environment.filters["table"] = table
    return environment.get_template("summary.md.j2").render(
        content=content, title=TITLE, no_verdict=NO_VERDICT
    )


def table(found: Table) -> str:
    """Return a table in the Markdown of GitHub."""
    heads = [column.head for column in found.columns]
    lines = [heads, ["---"] * len(heads), *([text for text, _ in row] for row in found.cells())]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)


def cell(text: str) -> str:
    """Return a text that breaks neither its row nor its column."""
    return text.replace("|", "\\|").replace("\n", " ")
