"""A simulated week of a team whose services have errors outside the shipped knowledge, with and without the nightly
jobs.

    python -m tests.bench.learning_week [--folder DIR]

Each day has healthy lines of the simulated shop and some of the errors in `learning_week.yaml`, in some services and
regions. New kinds appear, and old ones recur elsewhere. The lines go through the stages as on AWS. A local server
answers as a model, people mark some causes as right or wrong, and the jobs run at night.
"""

from __future__ import annotations

import argparse
import gzip
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from cali.bootstrap.learning import learning
from cali.core.life import Feedback, StoredIncident, Verdict
from cali.core.models import Incident, Origin
from cali.core.settings import Settings
from cali.simulator import SimulatedLine, enveloper, load_scenario, simulate
from cali.stages.decode import Decoder
from cali.stages.detect import Detector
from cali.stages.reason import Reasoner
from cali.stages.retrieve import retrieve
from cali.testing.model_server import ModelServer, explanation
from cali.usecases.analyze_batch import DETECT_POLICY
from cali.usecases.diagnose import learnt_since, new_error, new_error_key
from cali.usecases.learn import JOBS, run
from cali.usecases.pipeline import Pipeline, known_severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cali.usecases.learn import LearnContext

FIRST = date(2026, 11, 16)
REGIONS = ("eu", "us", "ap")
RECURS = 0.7  # chance that a kind that has occurred before occurs on a day
NIGHT = ("apply_feedback", "learn_new_errors", "learn_templates")
WORDS = 3  # minimum share of a kind's own words that identifies it


class Kind(NamedTuple):
    """One kind of error."""

    name: str
    day: int
    text: str
    cause: str
    fix: tuple[str, ...]
    people: str


class Day(NamedTuple):
    """The figures of a day: its alerts, the new ones among them, and the source of each cause. `new` are entries that
    its night put in force, `stopped` drafts that its gate stopped."""

    number: int
    alerts: int
    known_of_all: int
    opened: int
    known: int
    by_model: int
    silent: int
    wrong: int
    calls: int
    new: int
    stopped: tuple[str, ...]

    @property
    def share(self) -> float:
        """Return the share of opened alerts that the knowledge answered."""
        return self.known / self.opened if self.opened else 0.0


@dataclass
class _Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


class Size(NamedTuple):
    """The size of the simulation: days, and healthy lines per region and day."""

    days: int = 7
    lines: int = 3_000
    seed: int = 7


WEEK = Size()


def week(folder: Path, *, learns: bool = True, size: Size = WEEK) -> list[Day]:
    """Run the days of a week. Without `learns`, no job runs at night."""
    kinds, healthy = _story()
    clock = _Clock()
    with ModelServer(lambda asked: _model(asked, kinds)) as server:
        settings = Settings(
            openai_base_url=server.url,
            model="local-explainer",
            learning_approval="auto",
            dollars_per_day=100.0,
        )
        # Without an index: near entries never decide what is known.
        parts = replace(learning(settings, data=folder, now=clock), collections=None)
        town = _Town(parts, clock, server, kinds, healthy, size)
        return [_day(number, town, learns) for number in range(1, size.days + 1)]


class _Town(NamedTuple):
    """The state of the simulation on one day."""

    parts: LearnContext
    clock: _Clock
    server: ModelServer
    kinds: Sequence[Kind]
    healthy: Sequence[str]
    size: Size


def _day(number: int, town: _Town, learns: bool) -> Day:
    parts, clock, server, kinds = town.parts, town.clock, town.server, town.kinds
    today = FIRST + timedelta(days=number - 1)
    begin = datetime(today.year, today.month, today.day, tzinfo=UTC).timestamp()
    rng = random.Random(f"{town.size.seed}:{number}")
    before = server.calls
    incidents: list[Incident] = []
    opened: list[Incident] = []
    clock.now = begin + 80_000.0
    for region in rng.sample(REGIONS, 2):
        lines = list(_lines(number, begin, region, town, rng))
        body = gzip.compress("\n".join(lines).encode(), mtime=0)
        parts.objects.put(f"raw/dt={today}/{region}.gz", body, "application/gzip")
        told, new = _alerts(lines, region, parts)
        incidents += told
        opened += new
    _people(incidents, parts, kinds, begin + 82_000.0)
    clock.now = begin + 90_000.0
    said = _night(today, parts) if learns else {}
    stopped: Mapping[str, str] = said.get("gate", {}).get("stopped", {})
    origins = Counter(_origin(one) for one in opened)
    return Day(
        number,
        len(incidents),
        sum(_origin(one) is Origin.KNOWLEDGE for one in incidents),
        len(opened),
        origins[Origin.KNOWLEDGE],
        origins[Origin.MODEL],
        origins[Origin.NONE],
        sum(_is_wrong(one, kinds) for one in incidents),
        server.calls - before,
        len(said.get("publish", {}).get("entries", ())),
        tuple(stopped.values()),
    )


def _alerts(lines: Sequence[str], region: str, parts: LearnContext) -> tuple[list[Incident], list[Incident]]:
    """Return the incidents of the lines, each with a diagnosis, as `diagnose` does, and the new ones among them."""
    assert parts.explain is not None and parts.incidents is not None  # noqa: PT018 - both are configured above
    knowledge, store = parts.knowledge(), parts.incidents()
    signatures, explain = knowledge.signatures(), parts.explain(knowledge)
    reasoner = Reasoner(knowledge, lambda text: retrieve(text, signatures), parts.refiner().redactor.text)
    detector = Detector(lambda event: known_severity(event, knowledge, signatures), DETECT_POLICY)
    numbered = ((number, line.encode()) for number, line in enumerate(lines, 1))
    for event in Pipeline(Decoder(region), parts.refiner()).events(numbered):
        detector.observe(event)
    told, new = [], []
    for incident in detector.incidents():
        stored = store.get(incident.id)
        held = stored.incident.diagnosis if stored else None
        better = learnt_since(replace(incident, diagnosis=held), reasoner)
        now = replace(incident, diagnosis=better or held or explain(incident))
        kept = store.put(StoredIncident(now, parts.now(), version=stored.version if stored else 0))
        if now.diagnosis is not None and now.diagnosis.origin is not Origin.KNOWLEDGE and held is None:
            parts.objects.put(new_error_key(now, parts.now()), new_error(kept))
        told.append(now)
        if held is None:
            new.append(now)
    return told, new


def _people(incidents: Sequence[Incident], parts: LearnContext, kinds: Sequence[Kind], at: float) -> None:
    """A person checks the first alert of each kind of the day: corrects a wrong cause, confirms a right one."""
    assert parts.feedback is not None
    seen: set[str] = set()
    for incident in incidents:
        kind, said = _kind(incident.samples[0].message, kinds), incident.diagnosis
        if kind is None or said is None or kind.name in seen:
            continue
        seen.add(kind.name)
        entry = said.knowledge[0].id if said.origin is Origin.KNOWLEDGE else ""
        if kind.people and said.cause != kind.people:
            verdict, cause = Verdict.WRONG, kind.people
        elif entry:
            verdict, cause = Verdict.RIGHT, ""
        else:
            continue
        parts.feedback().put(
            Feedback(
                id=blake2b(f"{incident.id}{at}".encode(), digest_size=8).hexdigest(),
                incident=incident.id,
                verdict=verdict,
                by="U1",
                at=at,
                fingerprint=incident.template.id,
                template=incident.template.text,
                scope=incident.scope,
                cause=cause,
                entry=entry,
            )
        )


def _night(today: date, parts: LearnContext) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for job in NIGHT:
        for step in JOBS[job]:
            made = run(job, step, today, parts)
            if job == "learn_new_errors":
                said[step] = made
            if not run(job, step, today, parts)["again"]:
                raise AssertionError(f"{job} {step} of {today}: a second run made something")
    return said


def _lines(number: int, begin: float, region: str, town: _Town, rng: random.Random) -> Iterator[str]:
    story = replace(load_scenario("shop"), faults=())
    calm = list(
        simulate(
            story,
            seed=number * 10 + REGIONS.index(region),
            lines=town.size.lines,
            seconds=70_000.0,
            start=begin,
        )
    )
    pods = sorted({line.pod for line in calm}, key=lambda pod: pod.name)
    more: list[SimulatedLine] = []

    def write(text: str, level: str, times: int) -> None:
        for pod in rng.sample(pods, times):
            for _ in range(rng.randint(1, 4)):
                at = begin + rng.uniform(0, 70_000)
                told = text.replace("{id}", f"{rng.getrandbits(48):012x}")
                while "{n}" in told:
                    told = told.replace("{n}", str(rng.randint(10, 99_999)), 1)
                more.append(SimulatedLine(at, f'level={level} msg="{told}"', pod, "stderr", None))

    for kind in town.kinds:
        if kind.day == number or (kind.day < number and rng.random() < RECURS):
            write(kind.text, "error", rng.randint(2, 4))
    for text in town.healthy:
        write(text, "info", 3)
    wrap = enveloper("fluentbit")
    yield from (wrap(line) for line in sorted([*calm, *more], key=lambda line: line.time))


def _model(asked: dict[str, Any], kinds: Sequence[Kind]) -> str:
    """Answer as a model: the cause of the kind in the request, with the first line as evidence."""
    kind = _kind("\n".join(str(message["content"]) for message in asked["messages"][1:]), kinds)
    if kind is None or not kind.cause:
        return explanation("", [], understood=False)
    return explanation(kind.cause, ["L1"], kind.fix, category="application")


def _kind(text: str, kinds: Sequence[Kind]) -> Kind | None:
    return next((kind for kind in kinds if " ".join(kind.text.split("{")[0].split()[:WORDS]) in text), None)


def _is_wrong(incident: Incident, kinds: Sequence[Kind]) -> bool:
    """Return whether a cause is not that of its kind, which a person gave, or else the model."""
    kind, said = _kind(incident.samples[0].message, kinds), incident.diagnosis
    if said is None or not said.cause:
        return False
    return kind is None or said.cause != (kind.people or kind.cause)


def _origin(incident: Incident) -> Origin:
    return incident.diagnosis.origin if incident.diagnosis else Origin.NONE


def _story() -> tuple[list[Kind], list[str]]:
    table = yaml.safe_load(Path(__file__).with_name("learning_week.yaml").read_text("utf-8"))
    kinds = [
        Kind(
            str(item["name"]),
            int(item["day"]),
            str(item["text"]),
            str(item.get("cause", "")),
            tuple(item.get("fix", ())),
            str(item.get("people", "")),
        )
        for item in table["errors"]
    ]
    return kinds, [str(text) for text in table["healthy"]]


def page(days: Sequence[Day]) -> str:
    """Return the week as a table."""
    names = (
        *("day", "opened", "known", "by the model", "no cause", "share known", "all alerts", "known of all"),
        *("wrong causes", "model calls", "new entries", "stopped"),
    )
    rows = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    rows += [
        f"| {day.number} | {day.opened} | {day.known} | {day.by_model} | {day.silent} | {day.share:.0%} | {day.alerts}"
        f" | {day.known_of_all / day.alerts:.0%} | {day.wrong} | {day.calls} | {day.new} | {len(day.stopped)} |"
        for day in days
    ]
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="A simulated week, with the nightly jobs and without.")
    parser.add_argument("--folder", type=Path, help="Keep what the week with the jobs made here.")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory(prefix="cali-week-") as place:
        with_jobs = week(folder or Path(place, "with"))
        without = week(Path(place, "without"), learns=False)
    sys.stdout.write(f"With the nightly jobs\n\n{page(with_jobs)}\n\nWithout them\n\n{page(without)}\n")
    reasons = [why for day in with_jobs for why in day.stopped]
    sys.stdout.write("\nStopped by the gate\n\n" + "".join(f"- {why}\n" for why in reasons))


if __name__ == "__main__":
    main()
