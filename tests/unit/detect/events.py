"""Events and incidents for tests of detect."""

from __future__ import annotations

from hashlib import blake2b

from cali.core.models import NOWHERE, Event, Incident, Scope, Severity, Template
from cali.stages.detect import incident_id
from cali.stages.detect.tracker import title

ERROR, WARNING, INFO, CRITICAL = Severity.ERROR, Severity.WARNING, Severity.INFO, Severity.CRITICAL


def template(text: str) -> Template:
    return Template(blake2b(text.encode(), digest_size=8).hexdigest(), text)


def event(
    message: str,
    severity: Severity = ERROR,
    *,
    line: int = 1,
    time: float | None = None,
    scope: Scope = NOWHERE,
    levelled: bool = True,
    kind: str | None = None,
) -> Event:
    lines = tuple(range(line, line + message.count("\n") + 1))
    return Event(lines, message, time, severity, scope, template(kind or message), levelled)


def at(workload: str, namespace: str = "shop") -> Scope:
    return Scope("prod", namespace, workload, workload)


def incident(
    message: str,
    workload: str = "",
    start: float | None = None,
    end: float | None = None,
    severity: Severity = ERROR,
    line: int = 1,
    last_line: int | None = None,
    namespace: str = "shop",
) -> Incident:
    scope = at(workload, namespace) if workload else NOWHERE
    told = event(message, severity, line=line, time=start, scope=scope)
    return Incident(
        id=incident_id(scope, told.template.id),
        scope=scope,
        template=told.template,
        title=title(told),
        severity=severity,
        count=1,
        first_line=line,
        last_line=last_line or line,
        first_seen=start,
        last_seen=start if end is None else end,
        samples=(told,),
    )
