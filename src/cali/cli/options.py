"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

book = click.option(
    "--book", "book_path", metavar="BOOK", type=Path, help="Template book to use, written by `cali learn`."
)
no_model = click.option("--no-model", is_flag=True, help="Do not call a model, even if one is configured.")
text_or_json = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Output format.",
)
