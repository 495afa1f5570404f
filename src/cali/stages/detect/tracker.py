"""What is kept of one incident while its events go by: counts, and a few samples of bounded size."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from cali.core.models import Event, Incident, Scope, Severity, Template
from cali.stages.detect.baseline import POLICY, START, BurstPolicy, observe
from cali.stages.detect.title import title
from cali.stages.refine.refiner import blind


@dataclass(frozen=True, slots=True)
class DetectPolicy:
    """What detect keeps at most, and when one success undoes a warning."""

    incidents: int = 1_000  # distinct ones; the rest are folded
    samples: int = 5  # events per incident: the first, the last, and distinct ones in between
    first_chars: int = 8_000  # of the first sample's message
    chars: int = 3_000  # of each other sample's message
    positions: int = 0  # lines per incident that are remembered for `Detector.positions`; 0 in a batch job
    undone: int = 20  # a warning that came more often than this is not undone by one success
    templates: int = 50_000  # judged and remembered
    burst: BurstPolicy = POLICY


def incident_id(scope: Scope, fingerprint: str) -> str:
    """64 bits that follow from the scope and the fingerprint alone."""
    return blake2b(
        "\0".join((*scope, fingerprint)).encode("utf-8", "surrogatepass"), digest_size=8
    ).hexdigest()


class IncidentTracker:
    """One incident in the making."""

    __slots__ = (
        "_between",
        "_first",
        "_last",
        "_policy",
        "_shapes",
        "_times",
        "baseline",
        "count",
        "lines",
        "own",
        "positions",
        "severity",
    )

    def __init__(self, event: Event, severity: Severity, policy: DetectPolicy) -> None:
        self._policy = policy
        self._first = shortened(event, policy.first_chars)
        self._last: Event | None = None
        self._between: list[Event] = []
        self._shapes = {hash(blind(event.message))}
        self._times = (event.time, event.time)
        self.lines = (event.lines[0], event.lines[-1])
        self.count = 0
        self.severity = severity
        self.own = event.severity  # the worst that its events said of themselves
        self.baseline = START
        self.positions: dict[int, int] = {}
        self._tick(event)

    @property
    def scope(self) -> Scope:
        return self._first.scope

    @property
    def template(self) -> Template:
        return self._first.template

    def add(self, event: Event, severity: Severity) -> None:
        """Counts one more event."""
        if severity > self.severity:
            self.severity = severity
        if event.severity > self.own:
            self.own = event.severity
        if self._last is not None and len(self._between) < self._policy.samples - 2:
            self._keep_if_new(self._last)
        self._last = shortened(event, self._policy.chars)
        first, last = self.lines
        self.lines = (min(first, event.lines[0]), max(last, event.lines[-1]))
        time = event.time
        if time is not None:
            start, end = self._times
            self._times = (
                time if start is None or time < start else start,
                time if end is None or time > end else end,
            )
        self._tick(event)

    def complains(self) -> str:
        """What the latest of its events said."""
        return (self._last or self._first).message

    def incident(self) -> Incident:
        """What came of its events."""
        scope, template = self._first.scope, self._first.template
        samples = (self._first, *self._between)
        if self._last is not None and self._policy.samples > 1:
            samples += (self._last,)
        return Incident(
            id=incident_id(scope, template.id),
            scope=scope,
            template=template,
            title=title(self._first),
            severity=self.severity,
            count=self.count,
            first_line=self.lines[0],
            last_line=self.lines[1],
            first_seen=self._times[0],
            last_seen=self._times[1],
            samples=samples,
            burst=self.baseline.burst,
        )

    def _tick(self, event: Event) -> None:
        self.count += 1
        self.baseline = observe(self.baseline, event.time, self._policy.burst)
        room = self._policy.positions
        if room:
            line = event.lines[0]
            if line not in self.positions and len(self.positions) >= room:
                line = next(
                    reversed(self.positions)
                )  # beyond what is remembered, the last line stands for the rest
            self.positions[line] = self.positions.get(line, 0) + 1

    def _keep_if_new(self, event: Event) -> None:
        shape = hash(blind(event.message))
        if shape not in self._shapes:
            self._shapes.add(shape)
            self._between.append(event)


def shortened(event: Event, chars: int) -> Event:
    """The event with at most `chars` characters of message: of many lines the first and the last, with their numbers."""
    message = event.message
    if len(message) <= chars:
        return event
    texts = message.split("\n")
    if len(texts) != len(event.lines):
        kept = message[:chars]
        return event._replace(message=kept, lines=event.lines[: kept.count("\n") + 1])
    head, rest = _fitting(texts, chars * 2 // 3), 0
    if head < len(texts):
        rest = _fitting(texts[:head:-1], chars // 3)
    tail = len(texts) - rest
    lines = event.lines[: head or 1] + event.lines[tail:]
    kept = "\n".join([*(texts[:head] or [texts[0][: chars * 2 // 3]]), *texts[tail:]])
    return event._replace(message=kept, lines=lines)


def _fitting(texts: list[str], chars: int) -> int:
    """How many of the first texts fit."""
    for place, text in enumerate(texts):
        chars -= len(text) + 1
        if chars < 0:
            return place
    return len(texts)
