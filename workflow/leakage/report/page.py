"""The report as one HTML page, without a request to any other file."""

from pathlib import Path

from leakage.report.content import NO_VERDICT, TITLE, Content
from leakage.report.looks import SYMBOLS, WORDS

HERE = Path(__file__).parent


def html(content: Content) -> str:
    """Return the page. The same content gives the same text."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style, script = ((HERE / f"page.{suffix}").read_text("utf-8") for suffix in ("css", "js"))
    return environment.get_template("page.html.j2").render(
        content=content,
        title=TITLE,
        no_verdict=NO_VERDICT,
        symbols=SYMBOLS,
        words=WORDS,
        style=Markup(style),
        script=Markup(script),
    )
