"""Incidents, knowledge and time for the tests of reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b

from cali.adapters.sqlite.answers import AnswersFile
from cali.core.models import Event, Incident, KnowledgeEntry, Scope, Severity, Template
from cali.core.ports import Model
from cali.stages.reason import Breaker, ModelGateway, Reasoner, ReasonSettings, Retries, Runtime, prices
from cali.stages.refine.redact import Redactor
from cali.stages.retrieve import Retrieved
from cali.stages.retrieve import retrieve as search
from cali.stages.retrieve.knowledge import knowledge_of
from cali.testing.clock import FakeClock

REDACTOR = Redactor()
DISK = KnowledgeEntry(
    id="disk-full",
    title="The disk is full",
    area="test",
    symptoms=("write /var/lib/data: no space left on device",),
    match=(("no space left on device",), ("ENOSPC",)),
    cause="The file system has no free blocks.",
    fix=("Find what fills it: `du -xh / | sort -h | tail`.", "Remove old logs with `rm -rf /var/log/old`."),
    severity=Severity.CRITICAL,
)
POOL = KnowledgeEntry(
    id="pool-empty",
    title="The connection pool is exhausted",
    area="test",
    symptoms=("QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30",),
    match=(("QueuePool limit of size", "timed out"),),
    cause="All connections of the pool are in use.",
    fix=("Return connections.",),
    severity=Severity.ERROR,
)
KNOWLEDGE = knowledge_of([DISK, POOL], "2026-11-20")
SIGNATURES = KNOWLEDGE.signatures()


def runtime(clock: FakeClock, chance: float = 0.5) -> Runtime:
    return Runtime(clock.now, clock.sleep, lambda: chance)


def event(message: str, line: int = 1, severity: Severity = Severity.ERROR, template: str = "") -> Event:
    lines = tuple(range(line, line + message.count("\n") + 1))
    name = template or blake2b(message.encode(), digest_size=8).hexdigest()
    return Event(lines, message, None, severity, Scope(workload="shop"), Template(name, message))


def incident(
    *messages: str, count: int = 3, line: int = 1, template: str = "", severity: Severity = Severity.ERROR
) -> Incident:
    samples = tuple(
        event(
            message,
            line + 100 * n,
            severity,
            template or blake2b(messages[0].encode(), digest_size=8).hexdigest(),
        )
        for n, message in enumerate(messages)
    )
    first = samples[0]
    return Incident(
        id=f"{first.template.id}-{line}",
        scope=first.scope,
        template=first.template,
        title=messages[0].split("\n")[0],
        severity=severity,
        count=count,
        first_line=line,
        last_line=samples[-1].lines[-1],
        first_seen=None,
        last_seen=None,
        samples=samples,
    )


def known(text: str) -> Retrieved:
    return search(text, SIGNATURES)


def reasoner(
    model: Model | None = None,
    *,
    cache: AnswersFile | None = None,
    clock: FakeClock | None = None,
    breaker: Breaker | None = None,
    retries: Retries | None = None,
    settings: ReasonSettings | None = None,
    redact: Callable[[str], str] = REDACTOR.text,
    retrieve: Callable[[str], Retrieved] = known,
) -> Reasoner:
    if model is None:
        return Reasoner(KNOWLEDGE, retrieve, redact, settings=settings)
    store = cache or AnswersFile(None)
    gateway = ModelGateway(
        model,
        store,
        store,
        breaker or Breaker(),
        runtime(clock or FakeClock()),
        prices(),
        redact,
        retries,
    )
    return Reasoner(KNOWLEDGE, retrieve, redact, gateway, model.name, settings)


def texts(found: Sequence[object]) -> str:
    return "\n".join(str(item) for item in found)
