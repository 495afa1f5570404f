"""report: what an analysis found, for a terminal, for a program, for a browser.

    Analysis --as_text--> terminal    --as_json--> bytes    --as_html--> one file that needs no network

Pure: no file is written, no clock read. Texts arrive redacted. Whatever a log line holds, it stays text: `wording.visible`
takes its power in a terminal, `html.escape` in a browser. Each renderer is imported where it is used.
"""

from cali.report.analysis import Analysis, Summary

__all__ = ["Analysis", "Summary"]
