"""The report as one HTML page, without a request to any other file."""

import re

from leakage.report import templates
from leakage.report.content import NO_VERDICT, TITLE, Content
from leakage.report.looks import CLASSES, SYMBOLS, WORDS


def html(content: Content) -> str:
    """Return the page. The same content gives the same text."""
    from markupsafe import Markup

    environment = templates.environment(autoescape=True)
    environment.filters["together"] = together
    style, script = (
        (templates.FOLDER / f"page.{suffix}").read_text("utf-8") for suffix in ("css", "js")
    )
    return environment.get_template("page.html.j2").render(
        content=content,
        title=TITLE,
        no_verdict=NO_VERDICT,
        classes=CLASSES,
        symbols=SYMBOLS,
        words=WORDS,
        style=Markup(style),
        script=Markup(script),
    )


def together(text: str) -> str:
    """Return a text in which no line breaks within `n = 6` or `p = 0.004`."""
    return re.sub(r"\b([np]) ([=<]) (?=\d)", "\\1\u00a0\\2\u00a0", text)
