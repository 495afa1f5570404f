"""Composition root of a replay: logs, versions from the options, alert rules, and stores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cali.adapters.memory.alerts import MemoryAlerts
from cali.adapters.memory.incidents import MemoryIncidents
from cali.adapters.sinks.registry import style
from cali.adapters.sources.raw_logs import RawLogs, raw_logs
from cali.adapters.sqlite.incidents import SqliteIncidents
from cali.core.errors import Misconfigured
from cali.core.models import Severity
from cali.stages.notify.rules import Destination, Route, Rules, When
from cali.stages.notify.rules_file import parse
from cali.stages.refine import book, masks
from cali.stages.retrieve import knowledge
from cali.usecases.replay import ReplayResult, ReplayVersions, Terms, replay
from cali.usecases.replay.alert_counts import AlertCount, ReplayStores, count_alerts
from cali.usecases.replay.store_incidents import store_incidents

if TYPE_CHECKING:
    from cali.core.settings import Settings
    from cali.usecases.releases import Releases

    Lines = Iterable[tuple[int, bytes]]

NOW = "now"
RELEASE = "release:"  # prefix of a release version; `release:` alone is the release in force
PARTS = ("knowledge", "masks", "book")


@dataclass(frozen=True, slots=True)
class VersionNames:
    """Version names from the options. Without `knowledge`, it is the shipped one with the team's entries over it."""

    knowledge: str | None = None
    masks: str | None = None
    book: Path | None = None
    model: str = ""
    releases: str = ""  # the folder or bucket of the releases


@dataclass(slots=True)
class ReplayRun:
    """One source with its terms, to be replayed with one or more versions."""

    settings: Settings
    logs: RawLogs
    terms: Terms
    rules: Rules
    progress: Callable[[Lines], Lines]

    def replay(self, chosen: ReplayVersions) -> tuple[ReplayResult, tuple[AlertCount, ...]]:
        """Replay with these versions, and count the alerts that would have been sent."""
        result = replay(self.progress(self.logs.lines()), chosen, replace(self.terms, year=self.logs.year))
        alerts = count_alerts(
            result,
            self.rules,
            lambda sink: style(self.rules.use(sink), sink),
            ReplayStores(MemoryIncidents(), MemoryAlerts()),
            chosen.knowledge.entries.get,
            self.settings.language,
        )
        return result, alerts


def replay_run(
    settings: Settings,
    source: str,
    terms: Terms,
    rules: Path | None,
    progress: Callable[[Lines], Lines] = iter,
) -> ReplayRun:
    """Build the replay of a source. Its objects are listed once, so that two replays read the same lines."""
    logs = raw_logs(source, terms.since, terms.until)
    return ReplayRun(settings, logs, terms, _rules(rules, settings), progress)


def store_replayed(result: ReplayResult, state: Path) -> int:
    """Store the incidents of a replay in a file of `cali watch --state`. Return the number of new ones."""
    return store_incidents(result, SqliteIncidents(state))


def versions(settings: Settings, given: VersionNames, spec: str = NOW) -> ReplayVersions:
    """Return the versions that the options name, changed by a spec such as `knowledge=./new,book=new.book`.

    A value without a name is a version of the knowledge. Raise Misconfigured if a version does not exist.
    """
    chosen = given
    for part in () if spec == NOW else spec.split(","):
        name, eq, value = part.partition("=")
        if not eq:
            name, value = "knowledge", part
        if name not in PARTS or not value:
            raise Misconfigured(
                f"--compare {spec}: {part!r} is not valid; use knowledge=, masks=, book= or now"
            )
        chosen = _with(chosen, name, value)
    cache = Path(settings.cache_dir or "~/.cache/cali").expanduser()
    table = masks.load(chosen.masks or masks.LATEST).version
    return ReplayVersions(
        knowledge=_knowledge(chosen, settings.knowledge_dir, cache),
        masks=table,
        book=_book(chosen, table),
        model=chosen.model,
    )


def _with(given: VersionNames, name: str, value: str) -> VersionNames:
    if name == "knowledge":
        return replace(given, knowledge=value)
    return replace(given, masks=value) if name == "masks" else replace(given, book=Path(value))


def _knowledge(given: VersionNames, team: str, cache: Path) -> knowledge.Knowledge:
    named = given.knowledge
    if named is None:
        return knowledge.load(team=Path(team).expanduser() if team else None, cache=cache)
    if named.startswith(RELEASE):
        releases = _releases(given.releases)
        version = named.removeprefix(RELEASE) or releases.current().versions.knowledge
        return releases.knowledge(version, knowledge.load(cache=cache))
    base, _, over = named.partition("+")
    return knowledge.load(_layer(base), _layer(over) if over else None, cache)


def _book(given: VersionNames, masks_: str) -> book.Book | None:
    if given.book is None:
        return None
    named = str(given.book)
    if not named.startswith(RELEASE):
        return book.load(given.book, masks_)
    releases = _releases(given.releases)
    return releases.book(named.removeprefix(RELEASE) or releases.current().versions.book, masks_)


def _releases(place: str) -> Releases:
    from cali.usecases.releases import Releases

    if not place:
        raise Misconfigured("--releases: missing; give the folder or s3://BUCKET of the releases")
    if place.startswith("s3://"):
        from cali.adapters.aws import clients as aws
        from cali.adapters.aws.s3 import S3Objects

        bucket = S3Objects(aws.client("s3"), place.removeprefix("s3://").partition("/")[0])
        return Releases(bucket, bucket)
    from cali.adapters.files.objects import FolderObjects

    folder = FolderObjects(Path(place).expanduser())
    return Releases(folder, folder)


def _layer(named: str) -> Path:
    """Return the folder of a shipped version by its date, or a folder or file by its path."""
    shipped = knowledge.shipped().parent
    if (shipped / named).is_dir() and "/" not in named:
        return shipped / named
    path = Path(named).expanduser()
    if not path.exists():
        dates = ", ".join(sorted(each.name for each in shipped.glob("20*-*-*")))
        raise Misconfigured(f"{named}: no such folder or shipped version; shipped versions: {dates}")
    return path


def releases_place(releases: str | None, source: str, chosen: Settings) -> str:
    """Return the place of the releases: the option, the bucket of the source, or the bucket of the settings."""
    if releases is not None:
        return releases
    if source.startswith("s3://"):
        return "/".join(source.split("/")[:3])
    return f"s3://{chosen.logs_bucket}" if chosen.logs_bucket else ""


def _rules(path: Path | None, chosen: Settings) -> Rules:
    """Return the rules in a file. Without a file, send everything to Slack, as the functions do."""
    if path is None:
        name = chosen.alert_from.upper()
        if name not in Severity.__members__:
            names = ", ".join(severity.label for severity in Severity)
            raise Misconfigured(
                f"CALI_ALERT_FROM: {chosen.alert_from!r} is not a severity; use one of {names}"
            )
        send = (
            Destination("slack_bot", chosen.slack_channel)
            if chosen.slack_channel
            else Destination("slack_webhook")
        )
        return Rules((Route("everything", replace(When(), severity=Severity[name]), (send,)),))
    try:
        return parse(path.read_text("utf-8"), str(path))
    except OSError as error:
        raise Misconfigured(f"--rules {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Misconfigured(f"--rules {path}: not UTF-8: byte {error.start}") from error
