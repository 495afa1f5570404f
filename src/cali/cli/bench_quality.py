"""`cali bench quality`: scores CALI, baselines, and other tools on recordings of real failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from cali.bootstrap.local import LocalParts
from cali.cli import check_folder, write
from cali.core.errors import Misconfigured
from cali.core.settings import Settings

if TYPE_CHECKING:
    from cali.bench.judge import Card
    from cali.bench.recording import Recording
    from cali.bench.scoreboard import ToolResult

_BEGIN, _END = "<!-- scoreboard -->\n", "<!-- end of scoreboard -->"
_SHOWN = ("found", "right", "right first", "wrong", "silent")


@click.command("quality")
@click.option(
    "--recordings",
    "folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("lab/recordings"),
    show_default=True,
    help="Folder with dev/ and sealed/.",
)
@click.option("--split", type=click.Choice(["dev", "sealed"]), help="Score only this split.")
@click.option(
    "--answers",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Score another tool: one NAME.json per recording. docs/lab.md describes the format.",
)
@click.option(
    "--baselines/--no-baselines", default=True, help="Score grep, Drain3 and the nearest entry too."
)
@click.option("--list", "listed", is_flag=True, help="List the missed faults and false alarms of dev.")
@click.option("--json", "json_path", metavar="PATH", type=Path, help="Write the scoreboard as JSON.")
@click.option("--html", "html_path", metavar="PATH", type=Path, help="Write the scoreboard as an HTML page.")
@click.option("--doc", metavar="PATH", type=Path, help="Renew the tables in this Markdown page.")
@click.option(
    "--floors", metavar="PATH", type=Path, help="Exit with code 1 if a figure is worse than its floor."
)
def command(
    folder: Path,
    split: str | None,
    answers: Path | None,
    baselines: bool,
    listed: bool,
    json_path: Path | None,
    html_path: Path | None,
    doc: Path | None,
    floors: Path | None,
) -> int:
    """Score CALI and baselines on recordings of real failures.

    No server, model or network is used. Each tool reads the same logs. docs/quality.md states the rubric.
    """
    from cali.bench.recording import SPLITS, load
    from cali.bench.scoreboard import as_json
    from cali.bench.scoreboard_page import as_html, as_markdown

    for path in (json_path, html_path, doc):
        check_folder(path)
    recordings = load(folder, (split,) if split else SPLITS)
    parts = LocalParts(Settings(), ask_model=False)
    board = as_json(
        results(recordings, parts, answers=answers, baselines=baselines),
        {"knowledge": parts.knowledge.version},
    )
    click.echo("\n".join(_summary(board)))
    if listed:
        click.echo("\n".join(_misses(board)))
    if json_path:
        write(orjson.dumps(board, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE), json_path)
    if html_path:
        write(as_html(board), html_path)
    if doc:
        _renew(doc, as_markdown(board))
    worse = below_floors(board, floors) if floors else []
    for line in worse:
        click.echo(line, err=True)
    return int(bool(worse))


def results(
    recordings: Sequence[Recording],
    parts: LocalParts,
    *,
    answers: Path | None = None,
    baselines: bool = True,
) -> list[ToolResult]:
    """Return the results of the tools. The first is the one that is judged: CALI, or the tool of `answers`."""
    from cali.bench.scoreboard import BROKEN, measure, shuffled

    if answers:
        return [measure(answers.name, recordings, _answers(answers, recordings))]
    cards = {recording.name: cali_cards(recording, parts) for recording in recordings}
    found = [measure("CALI", recordings, cards)]
    if baselines:
        from cali.bench import baselines as tools

        for name, tool in {
            "grep for errors": tools.grep,
            "Drain3, newest first": tools.drain3,
            "nearest entry": tools.nearest(parts),
        }.items():
            found.append(measure(name, recordings, {each.name: tool(each.log) for each in recordings}))
    return [*found, measure(BROKEN, recordings, shuffled(cards))]


def cali_cards(recording: Recording, parts: LocalParts) -> list[Card]:
    """Return what `cali analyze --format json` shows for a recording."""
    from cali.bench.judge import cards_of
    from cali.report.json import as_json

    return cards_of(orjson.loads(as_json(parts.analyze([str(recording.log)]))), recording.name)


def _answers(folder: Path, recordings: Sequence[Recording]) -> dict[str, list[Card]]:
    from cali.bench.judge import cards_of

    found = {}
    for recording in recordings:
        path = folder / f"{recording.name}.json"
        if path.exists():
            found[recording.name] = cards_of(_object(path), str(path))
    if not found:
        raise Misconfigured(f"{folder}: no answers; it needs files such as {recordings[0].name}.json")
    return found


def _object(path: Path) -> Mapping[str, Any]:
    try:
        answer = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise Misconfigured(f"{path}: not JSON: {error}") from None
    if not isinstance(answer, dict):
        raise Misconfigured(f"{path}: not a JSON object")
    return answer


def below_floors(board: Mapping[str, Any], path: Path) -> list[str]:
    """Return one line per figure of the judged tool that is worse than its floor.

    The file maps a split to `at least` and `at most`, and each of them maps a figure to its limit.
    """
    worse = []
    for split, limits in _object(path).items():
        row = next(iter(board["splits"].get(split, {}).values()), None)
        if row is None:
            continue
        for name, floor in limits.get("at least", {}).items():
            if row[name]["value"] < floor:
                worse.append(f"{split}: {name} is {row[name]['value']:.3f}, the floor is {floor}")
        for name, ceiling in limits.get("at most", {}).items():
            if row[name]["value"] > ceiling:
                worse.append(f"{split}: {name} is {row[name]['value']:.3f}, at most {ceiling} is allowed")
    return worse


def _summary(board: Mapping[str, Any]) -> list[str]:
    lines = []
    for split, tools in board["splits"].items():
        faults = next(iter(tools.values()))["right"]["of"]
        lines.append(f"{split}: {faults} faults, {board['healthy'][split]} healthy recordings")
        head = "".join(f"{name:>12}" for name in _SHOWN)
        lines.append(f"  {'':22}{head}  cards  mixed  alarms  lines")
        for tool, row in tools.items():
            shares = "".join(f"{row[name]['value']:>12.1%}" for name in _SHOWN)
            lines.append(
                f"  {tool:22}{shares}{row['cards per failure']['value']:>7.2f}{row['mixed']['value']:>7.2f}"
                f"{row['false alarms per healthy recording']['value']:>8.2f}{row['lines to read']['value']:>7.1f}"
            )
    return lines


def _misses(board: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{miss['recording']}: {miss['reason']}\n    truth: {miss['truth']}\n    given: {miss['cause'] or '-'}"
        for miss in board["misses"]
    ]
    return lines + [
        f"{name}: {count} false alarms in a healthy run" for name, count in board["alarms"].items()
    ]


def _renew(page: Path, tables: str) -> None:
    try:
        text = page.read_text("utf-8")
    except OSError as error:
        raise Misconfigured(f"--doc {page}: cannot be read: {error.strerror}") from None
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise Misconfigured(f"--doc {page}: has no lines {_BEGIN.strip()} and {_END}")
    write(f"{before}{begin}\n{tables}\n{end}{after}", page)
