"""The report of a run: one HTML page and the same content as Markdown.

`content.gather` collects the content, `page.html` and `summary.markdown` write it. The content is
made of frozen dataclasses, so that page and summary cannot differ in a number.
"""
