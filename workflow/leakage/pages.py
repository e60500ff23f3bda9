"""Pages to read: paragraphs, lists, tables and texts, as Markdown and as HTML that stands alone."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1e293b; margin: 2rem auto; max-width: 62rem;
  padding: 0 1.5rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.9rem 0.25rem 0;
  border-bottom: 1px solid #cbd5e1; }
code { font: 13px ui-monospace, monospace; }
th { font-weight: 600; }
pre { font: 13px/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
"""


@dataclass(frozen=True)
class Heading:
    """A heading below the page's own; depth 2 is the first."""

    text: str
    depth: int = 2


@dataclass(frozen=True)
class Listing:
    """Points, one below the other."""

    points: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Texts in rows, under heads."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Verbatim:
    """A text with its line breaks, as a program reads it."""

    text: str
    language: str = ""


# A text alone is a paragraph.
Block = str | Heading | Listing | Table | Verbatim


def as_markdown(title: str, blocks: Iterable[Block]) -> str:
    """Return a page as Markdown, with the tables of GitHub's."""
    return "\n\n".join([f"# {title}", *map(_markdown, blocks)]) + "\n"


def as_html(title: str, blocks: Iterable[Block]) -> str:
    """Return a page as one HTML document that asks nothing of any other."""
    said = html.escape(title)
    head = f'<meta charset="utf-8"><title>{said}</title><style>{STYLE}</style>'
    body = "\n".join([f"<h1>{said}</h1>", *map(_html, blocks)])
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _markdown(block: Block) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.depth} {block.text}"
    if isinstance(block, Listing):
        return "\n".join(f"- {point}" for point in block.points)
    if isinstance(block, Table):
        lines = [block.heads, ["---"] * len(block.heads), *block.rows]
        return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)
    if isinstance(block, Verbatim):
        return f"```{block.language}\n{block.text.rstrip()}\n```"
    return block


def _cell(text: str) -> str:
    """Return a text that breaks neither its row nor its column."""
    return text.replace("|", "\\|").replace("\n", " ")


def _html(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h{block.depth}>{html.escape(block.text)}</h{block.depth}>"
    if isinstance(block, Listing):
        return f"<ul>{''.join(f'<li>{_inline(point)}</li>' for point in block.points)}</ul>"
    if isinstance(block, Table):
        rows = [_row("th", block.heads), *(_row("td", row) for row in block.rows)]
        return f"<table>{''.join(rows)}</table>"
    if isinstance(block, Verbatim):
        return f"<pre>{html.escape(block.text)}</pre>"
    return f"<p>{_inline(block)}</p>"


def _row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{_inline(cell)}</{tag}>' for cell in cells)}</tr>"


def _inline(text: str) -> str:
    """Return a text with what stands between backticks as code, and between stars as strong."""
    import re

    escaped = html.escape(text, quote=False)
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", escaped)
