"""The report of a run: one HTML page, and the same content as Markdown.

`inputs` says which files a report is made from, `content` gathers what they say, and `pages` writes
report.html and summary.md.
"""
