"""The tracker of one incident: its counts, its rate, and a few samples of bounded size.

A burst is a rate of events that is unlikely given the template's own history. Events are counted per minute. An
exponentially weighted mean and variance cover the completed minutes. The state is six numbers and the cost per event is
constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from math import sqrt
from typing import NamedTuple

from cali.core.models import Event, Incident, Moment, Scope, Severity
from cali.stages.join import gist
from cali.stages.refine.refiner import blind
from cali.stages.refine.severity import by_words

LONGEST_TITLE = 100  # maximum characters
_BELOW_PANIC = ("[signal ", "goroutine ")  # lines that Go prints below the line with the error


@dataclass(frozen=True, slots=True)
class BurstPolicy:
    """The policy that decides whether a step is a burst.

    A burst has at least `least` events, is `factor` times the mean and `deviations` above it, and comes after `history`
    steps. An event more than `stray` steps back means that the clock was wrong: counting restarts from there.
    """

    step: float = 60.0
    least: int = 20
    factor: float = 5.0
    deviations: float = 4.0
    history: int = 5
    weight: float = 0.1  # weight of the newest step in the mean
    stray: int = 60


class Baseline(NamedTuple):
    """The event rate of one template."""

    step: int | None = None  # the current step
    events: int = 0  # events in the current step
    mean: float = 0.0
    variance: float = 0.0
    steps: int = 0  # completed steps
    burst: bool = False  # at least one step was a burst


START = Baseline()
POLICY = BurstPolicy()


@dataclass(frozen=True, slots=True)
class DetectPolicy:
    """The limits of the detect stage."""

    incidents: int = 1_000  # distinct incidents; the rest are folded
    samples: int = 5  # events per incident: the first, the last, and distinct ones in between
    first_chars: int = 8_000  # maximum characters of the first sample's message
    chars: int = 3_000  # maximum characters of each other sample's message
    positions: int = 0  # lines per incident stored for `Detector.positions`; 0 in a batch job
    moments: int = 0  # maximum times per finding stored for `Detector.moments`; 0 where nothing is grouped
    silence: float | None = None  # seconds without an event after which a new finding begins; None: never
    episodes: int = 8  # maximum findings of one fingerprint in one scope
    undone: int = 20  # maximum events of a warning that one success can undo
    templates: int = 50_000  # cached verdicts
    burst: BurstPolicy = POLICY


def incident_id(scope: Scope, fingerprint: str) -> str:
    """Return a 64-bit id: a pure function of scope and fingerprint."""
    return blake2b(
        "\0".join((*scope, fingerprint)).encode("utf-8", "surrogatepass"), digest_size=8
    ).hexdigest()


class IncidentTracker:
    """An incident under construction."""

    __slots__ = (
        "_between",
        "_first",
        "_last",
        "_policy",
        "_shapes",
        "_stride",
        "_times",
        "baseline",
        "count",
        "first_line",
        "last_line",
        "moments",
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
        self.first_line = event.lines[0]
        self.last_line = event.lines[-1]
        self.count = 0
        self.severity = severity
        self.baseline = START
        self.positions: dict[int, int] = {}
        self.moments: list[Moment] = []
        self._stride = 1
        self._count(event)

    @property
    def latest_message(self) -> str:
        return (self._last or self._first).message

    def add(self, event: Event, severity: Severity) -> None:
        """Count one more event."""
        if severity > self.severity:
            self.severity = severity
        if self._last is not None and len(self._between) < self._policy.samples - 2:
            shape = hash(blind(self._last.message))
            if shape not in self._shapes:
                self._shapes.add(shape)
                self._between.append(self._last)
        self._last = shortened(event, self._policy.chars)
        self.first_line = min(self.first_line, event.lines[0])
        self.last_line = max(self.last_line, event.lines[-1])
        time = event.time
        if time is not None:
            start, end = self._times
            self._times = (
                time if start is None or time < start else start,
                time if end is None or time > end else end,
            )
        self._count(event)

    @property
    def latest_time(self) -> float | None:
        return self._times[1]

    def incident(self, episode: int = 1) -> Incident:
        """Return the incident from the events so far. Later episodes have an id of their own."""
        scope, template = self._first.scope, self._first.template
        samples = (self._first, *self._between)
        if self._last is not None and self._policy.samples > 1:
            samples += (self._last,)
        return Incident(
            id=incident_id(scope, template.id) + (f"-{episode}" if episode > 1 else ""),
            scope=scope,
            template=template,
            title=title(self._first),
            severity=self.severity,
            count=self.count,
            first_line=self.first_line,
            last_line=self.last_line,
            first_seen=self._times[0],
            last_seen=self._times[1],
            samples=samples,
            burst=self.baseline.burst,
        )

    def _count(self, event: Event) -> None:
        self.count += 1
        self.baseline = count_event(self.baseline, event.time, self._policy.burst)
        most = self._policy.moments
        if most and self.count % self._stride == 0:
            self.moments.append(Moment(event.lines[0], event.time))
            if (
                len(self.moments) > most
            ):  # keep every second one from here on, so that all of the time is covered
                del self.moments[1::2]
                self._stride *= 2
        room = self._policy.positions
        if room:
            line = event.lines[0]
            if line not in self.positions and len(self.positions) >= room:
                line = next(reversed(self.positions))  # the last line represents all beyond the limit
            self.positions[line] = self.positions.get(line, 0) + 1


def title(event: Event) -> str:
    """Return the most informative line of an event, cut to one line. For a stack trace this is the exception."""
    message = event.message
    line = gist(message)
    if "\n" in line:
        lines = [part for part in line.split("\n") if part.strip() and not part.startswith(_BELOW_PANIC)]
        if lines:
            line = lines[0] if lines[0].startswith(("panic: ", "fatal error: ")) else lines[-1]
    elif "\n" in message and line not in message:  # several lines, not a trace
        line = _worst_line(message) or line
    line = " ".join(line.split()) or event.template.text
    if len(line) <= LONGEST_TITLE:
        return line
    head = line[: LONGEST_TITLE - 1]
    space = head.rfind(" ", LONGEST_TITLE * 2 // 3)
    return (head[:space] if space > 0 else head).rstrip(" ,;:-") + "…"


def _worst_line(message: str) -> str | None:
    found, worst = None, Severity.INFO
    for line in message.split("\n", 50)[:50]:
        severity = by_words(line)
        if severity is not None and severity > worst:
            found, worst = line, severity
    return found


def shortened(event: Event, chars: int) -> Event:
    """Cut an event's message to at most `chars` characters. Of many lines, the first and the last remain."""
    message = event.message
    if len(message) <= chars:
        return event
    texts = message.split("\n")
    if len(texts) != len(event.lines):
        head = message[:chars]
        return event._replace(message=head, lines=event.lines[: head.count("\n") + 1])
    first, last = _fitting(texts, chars * 2 // 3), 0
    if first < len(texts):
        last = _fitting(texts[:first:-1], chars // 3)
    tail = len(texts) - last
    lines = event.lines[: first or 1] + event.lines[tail:]
    texts = [*(texts[:first] or [texts[0][: chars * 2 // 3]]), *texts[tail:]]
    return event._replace(message="\n".join(texts), lines=lines)


def _fitting(texts: list[str], chars: int) -> int:
    """Return how many leading texts fit into `chars` characters."""
    for place, text in enumerate(texts):
        chars -= len(text) + 1
        if chars < 0:
            return place
    return len(texts)


def count_event(state: Baseline, time: float | None, policy: BurstPolicy = POLICY) -> Baseline:
    """Return the baseline after one more event.

    An event without a time changes nothing. A late event counts in the current step.
    """
    if time is None:
        return state
    step, count, mean, variance, steps, burst = state
    now = int(time // policy.step)
    if step is None or now < step - policy.stray:
        return Baseline(now, 1, mean, variance, steps, burst)
    if now > step:
        mean, variance = _close_step(count, mean, variance, steps, now - step - 1, policy.weight)
        steps += now - step
        step, count = now, 0
    count += 1
    if count >= policy.least and steps >= policy.history and count >= policy.factor * mean and not burst:
        # Counts of independent events vary by at least the square root of their mean, even if a short history does not.
        burst = count > mean + policy.deviations * sqrt(max(variance, mean))
    return Baseline(step, count, mean, variance, steps, burst)


def _close_step(
    count: int, mean: float, variance: float, steps: int, empty: int, weight: float
) -> tuple[float, float]:
    """Return mean and variance after a step of `count` events, followed by `empty` steps without events."""
    weight = max(weight, 1 / (steps + 1))  # a plain average until there is enough history
    off = count - mean
    mean += weight * off
    variance = (1 - weight) * (variance + weight * off * off)
    left: float = (1 - weight) ** empty if weight < 1 else 0.0**empty
    return mean * left, left * variance + mean * mean * left * (1 - left)
