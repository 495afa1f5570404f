"""Reports of an analysis for a terminal, a program and a browser.

    Analysis --as_text--> terminal    --as_json--> bytes    --as_html--> one file that needs no network

Pure: the renderers write no file and read no clock. Texts are already redacted. Log text is always shown as plain text:
`wording.visible` makes it harmless in a terminal, `html.escape` in a browser. Each renderer is imported where it is used.
"""

from cali.usecases.analyze_files import Analysis, Summary

__all__ = ["Analysis", "Summary"]
