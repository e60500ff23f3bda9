"""The report of a run: one HTML page, and the same content as Markdown.

The step `report` collects a `content.Content`. `page.html` and `summary.markdown` write it, so page
and summary give the same numbers.
"""
