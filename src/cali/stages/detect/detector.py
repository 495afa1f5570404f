"""The detector: groups events into incidents by scope and fingerprint, in bounded memory.

    event -> verdict (cached per template, level and severity) -> passes | heals a warning | begins a phase | counts for an incident

Nearly all events pass, so a cached verdict costs one dictionary look-up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import NamedTuple

from cali.core.models import Event, Incident, Moment, Scope, Severity
from cali.stages.detect.phases import Part, Phases, part_of
from cali.stages.detect.tracker import DetectPolicy, IncidentTracker

# 0: not cached; the severity is added to _COUNTS, _CAUTION and _ENDED
_PASS, _HEALS, _STARTS, _STOPS, _COUNTS = 1, 2, 3, 4, 5
_CAUTION, _ENDED = _COUNTS + len(Severity), _COUNTS + 2 * len(Severity)
_BASES = {Part.CAUTION: _CAUTION, Part.ENDED: _ENDED}
_BEGINS = {Part.STARTS: _STARTS, Part.STOPS: _STOPS}
_SEVERITIES = tuple(Severity)
_UNJUDGED = bytes(len(Severity))

_Key = tuple[Scope, str]


class Folded(NamedTuple):
    """Incidents dropped to limit the number of distinct incidents: the least severe, rarest and latest."""

    incidents: int = 0
    events: int = 0

    def __str__(self) -> str:
        return f"{self.incidents:,} less severe or rarer incidents ({self.events:,} events) are not listed"


class Detector:
    """A collector of incidents from single events.

    `known_severity` returns the severity of the known error that an event matches, or None. It is called once per template,
    level and severity, and only if the level does not decide.
    """

    def __init__(
        self, known_severity: Callable[[Event], Severity | None], policy: DetectPolicy | None = None
    ) -> None:
        self._known_severity = known_severity
        self._policy = policy or DetectPolicy()
        self._levelled: dict[str, bytearray] = {}
        self._plain: dict[str, bytearray] = {}
        self._trackers: dict[_Key, IncidentTracker] = {}
        self._past: dict[_Key, list[IncidentTracker]] = {}  # earlier episodes
        self._soft: dict[Scope, set[_Key]] = {}  # incidents with warnings only, which a success can undo
        self._phases = Phases()
        self.folded = Folded()
        self.undone = 0  # warnings that a later line reported as recovered

    def observe(self, event: Event) -> None:
        """Count one event. Events of one scope must arrive in the order in which they were written."""
        verdicts = (self._levelled if event.levelled else self._plain).get(event.template.id, _UNJUDGED)
        verdict = verdicts[event.severity] or self._judge(event)
        if verdict > _PASS:
            self._apply(event, verdict)

    def incidents(self) -> list[Incident]:
        """Return the incidents so far, ordered by first line. Times and lines are those of the input."""
        self._fold()
        found = [tracker.incident(episode) for tracker, episode in self._episodes()]
        return sorted(found, key=attrgetter("first_line"))

    def positions(self, scope: Scope, fingerprint: str) -> tuple[tuple[int, int], ...]:
        """Return the first lines of an incident's events, each with its count. See `DetectPolicy.positions`."""
        tracker = self._trackers.get((scope, fingerprint))
        return tuple(sorted(tracker.positions.items())) if tracker else ()

    def moments(self) -> dict[str, tuple[Moment, ...]]:
        """Return times of events by the id of their finding. See `DetectPolicy.moments`."""
        return {tracker.incident(episode).id: tuple(tracker.moments) for tracker, episode in self._episodes()}

    def _episodes(self) -> Iterator[tuple[IncidentTracker, int]]:
        """Yield all trackers with the number of their episode."""
        for key, tracker in self._trackers.items():
            past = self._past.get(key, ())
            for episode, earlier in enumerate(past, 1):
                yield earlier, episode
            yield tracker, len(past) + 1

    def _judge(self, event: Event) -> int:
        """Return the verdict on an event and cache it for similar events."""
        cache = self._levelled if event.levelled else self._plain
        verdicts = cache.get(event.template.id)
        if verdicts is None:
            if len(cache) >= self._policy.templates:
                cache.clear()
            verdicts = cache[event.template.id] = bytearray(_UNJUDGED)
        severity: Severity | None = event.severity
        verdict = _PASS
        if event.severity < Severity.ERROR:
            heals = speaks_of_success(event.message)
            least = Severity.INFO if event.levelled else Severity.TRACE
            asked = event.severity == Severity.WARNING or (event.severity >= least and not heals)
            severity = self._known_severity(event) if asked else None
            verdict = _HEALS if heals else _PASS
        part = part_of(event.message)
        if severity is not None:
            verdict = _BASES.get(part, _COUNTS) + severity
        if part is Part.STOPS or part is Part.STARTS:
            verdict = _BEGINS[part] if severity is None else verdict
        verdicts[event.severity] = verdict
        return verdict

    def _apply(self, event: Event, verdict: int) -> None:
        if verdict == _HEALS:
            if event.scope in self._soft:
                self._heal(event)
            return
        if verdict < _COUNTS:
            self._phases.begin(event, Part.STARTS if verdict == _STARTS else Part.STOPS)
            return
        if verdict >= _CAUTION:
            part = Part.ENDED if verdict >= _ENDED else Part.CAUTION
            if self._phases.covers(event, part):
                return
            verdict -= _ENDED - _COUNTS if part is Part.ENDED else _CAUTION - _COUNTS
        severity = _SEVERITIES[verdict - _COUNTS]
        key = (event.scope, event.template.id)
        tracker = self._trackers.get(key)
        if tracker is not None and self._is_over(tracker, event, key):
            self._past.setdefault(key, []).append(tracker)
            tracker = None
        if tracker is None:
            if len(self._trackers) >= 2 * self._policy.incidents:
                self._fold()
            self._trackers[key] = IncidentTracker(event, severity, self._policy)
            if event.severity < Severity.ERROR:
                self._soft.setdefault(event.scope, set()).add(key)
            return
        tracker.add(event, severity)
        if event.severity >= Severity.ERROR:
            self._harden(key)

    def _is_over(self, tracker: IncidentTracker, event: Event, key: _Key) -> bool:
        silence, before, now = self._policy.silence, tracker.latest_time, event.time
        if silence is None or before is None or now is None or now - before <= silence:
            return False
        return len(self._past.get(key, ())) + 1 < self._policy.episodes

    def _heal(self, event: Event) -> None:
        for key in sorted(self._soft[event.scope]):
            tracker = self._trackers[key]
            if tracker.count <= self._policy.undone and undoes(event.message, tracker.latest_message):
                del self._trackers[key]
                self._harden(key)
                self.undone += 1

    def _harden(self, key: _Key) -> None:
        soft = self._soft.get(key[0])
        if soft is not None:
            soft.discard(key)
            if not soft:
                del self._soft[key[0]]

    def _fold(self) -> None:
        """Drop the incidents beyond the limit. The detector collects up to twice the limit first, so this is rare."""
        over = len(self._trackers) - self._policy.incidents
        if over <= 0:
            return
        ranked = sorted(
            self._trackers.items(), key=lambda pair: (-pair[1].severity, -pair[1].count, pair[1].first_line)
        )
        dropped = ranked[-over:]
        for key, _ in dropped:
            del self._trackers[key]
            self._harden(key)
        events = sum(tracker.count for _, tracker in dropped)
        self.folded = Folded(self.folded.incidents + over, self.folded.events + events)


# Recovery: patterns of lines that report the success of an operation that an earlier warning reported as failed.
# To add a phrase, extend a row.
class _Topic(NamedTuple):
    success: re.Pattern[str]
    trouble: re.Pattern[str]


def _topic(success: str, trouble: str) -> _Topic:
    return _Topic(re.compile(success, re.IGNORECASE), re.compile(trouble, re.IGNORECASE))


_TOPICS = (
    _topic(
        r"\bre-?connect(?:ed\b|ion (?:was )?succe)|\bre-?established\b|(?<!not )(?<!never )\bconnected (?:to|again|after)\b"
        r"|\bconnection (?:was |has been |is )?(?:now )?(?:established|restored|recovered|back|open again)\b",
        r"connect|socket|broker|refused|\breset\b|unreachable|\blost\b|\bdial\b|broken pipe|unavailable|tim(?:ed|e|ing)[- ]?out",
    ),
    _topic(
        r"\bsucceeded (?:at|on|after|in|with)\b|\bsuccess(?:ful(?:ly)?)? (?:at|on|after) .{0,30}(?:retr|attempt|tr(?:y|ies)\b)"
        r"|\bretry (?:was )?succe|\battempt .{0,12}succeeded",
        r"retr|attempt|try again|back-?off|fail|tim(?:ed|e|ing)[- ]?out|throttl|unavailable|refused|\breset\b|rate limit|too many",
    ),
    _topic(
        r"(?<!not )(?<!never )\brecovered\b(?! (?:from )?(?:a )?panic)|\bback (?:online|to normal)\b|\bhealthy again\b|\bis (?:now )?healthy\b|\bself-healed\b",
        r"",
    ),
)
_DOUBT = re.compile(
    r"\b(?:not|never|could ?n[o']t|cannot|can't|unable to|fail(?:ed)? to|until|unless|if|when|once|waiting)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z][a-z_]{2,}", re.IGNORECASE)

# Synonyms: "lost the broker" and "reconnected to kafka" name the same system.
_ALSO = {
    "kafka": "broker", "rabbitmq": "broker", "amqp": "broker", "nats": "broker", "pulsar": "broker", "postgres": "database",
    "postgresql": "database", "mysql": "database", "mariadb": "database", "mongodb": "database", "mongo": "database", "redis": "cache",
    "memcached": "cache", "elasticsearch": "cluster", "opensearch": "cluster",
}  # fmt: skip
# Words that name no operation.
_COMMON = frozenset(
    _WORD.findall("""
    the and for with from was has had have been now again after all its are this that will not but out more than into
    connect connected connection connections connecting reconnect reconnected reconnecting reconnection reestablished established
    restored disconnect disconnected lost closed open opened broken pipe socket refused reset dial unreachable host port peer server
    succeeded success successful successfully succeed retry retries retrying retried attempt attempts tries try time times seconds
    second sec millis fail failed failing failure error errors warn warning info timeout timed unavailable recovered recover recovery
    healthy back online normal self healed backoff elapsed count tcp http https url status code level msg message
    """)
)  # fmt: skip


def speaks_of_success(message: str) -> bool:
    """Return True if a message reports any kind of recovery."""
    for topic in _TOPICS:
        if topic.success.search(message):
            return not _DOUBT.search(message)
    return False


def undoes(success: str, trouble: str) -> bool:
    """Return True if a success message is about the operation of an earlier warning.

    Both must be about the same kind of trouble. If the success names a system, the warning must name it too.
    """
    if not any(topic.success.search(success) and topic.trouble.search(trouble) for topic in _TOPICS):
        return False
    named, blamed = _things(success), _things(trouble)
    if not named:
        return True
    return bool(named & blamed or _others(named) & blamed or named & _others(blamed))


def _things(message: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(message)} - _COMMON


def _others(things: set[str]) -> set[str]:
    return {_ALSO[thing] for thing in things if thing in _ALSO}
