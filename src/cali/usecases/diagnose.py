"""diagnose: give each opened incident its cause, once, and store unknown errors for learning.

    opened   -> incident -> reason (knowledge, or the model at most once per template) -> publish -> new_errors/
    returned -> incident -> knowledge, if it is newer than the diagnosis               -> publish

A returned incident gets a new cause if a signature of newer knowledge matches; no model is asked. While the model is
unavailable an incident stays without a diagnosis, and `sweep` asks again.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from cali.core.life import ChangeKind
from cali.core.models import Diagnosis, Origin
from cali.stages.detect import Outcome, diagnose
from cali.stages.detect.incident_json import dumps
from cali.usecases.publish_changes import DiagnosisRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from cali.core.life import Change, StoredIncident
    from cali.core.models import Incident
    from cali.core.ports import IncidentStore, Objects
    from cali.stages.reason import Spend
    from cali.usecases.publish_changes import ChangePublisher

RETURNED = (ChangeKind.RECURRED, ChangeKind.REGRESSED)
# Prefixes of `gate` for temporary reasons: a later attempt may succeed.
PASSING = ("the model is unavailable", "another process is asking", "the model's server cannot be understood")


class IncidentReasoner(Protocol):
    """The reasoner that explains incidents; see `cali.stages.reason.Reasoner`."""

    def diagnose(self, incident: Incident) -> Diagnosis: ...
    def known(self, incident: Incident) -> Diagnosis | None:
        """Return the diagnosis from the knowledge alone; None if no signature matches."""

    @property
    def knowledge(self) -> str:
        """The version of the knowledge in force."""

    @property
    def spend(self) -> Spend: ...


class DiagnoseResult(StrEnum):
    """The result of a message."""

    NOTHING = "nothing"  # no diagnosis is needed, or there is one already
    KNOWN = "known"
    EXPLAINED = "explained"
    SILENT = "silent"  # the cause is unknown
    LATER = "later"  # the model is unavailable


class Diagnose:
    """The diagnosis of incidents. A repeated message changes nothing and asks no model."""

    def __init__(
        self,
        store: IncidentStore,
        publisher: ChangePublisher,
        reasoner: IncidentReasoner,
        objects: Objects,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._reasoner = reasoner
        self._objects = objects
        self._now = now

    @property
    def dollars(self) -> float:
        """The cost of the model in this process."""
        return self._reasoner.spend.dollars

    def message(self, message: Change | DiagnosisRequest) -> DiagnoseResult:
        """Diagnose the incident of one message of the incidents stream."""
        returned = not isinstance(message, DiagnosisRequest) and message.kind in RETURNED
        if not (returned or isinstance(message, DiagnosisRequest) or message.kind is ChangeKind.OPENED):
            return DiagnoseResult.NOTHING
        stored = self._store.get(message.incident)
        if stored is None:
            return DiagnoseResult.NOTHING
        diagnosis = stored.incident.diagnosis
        if diagnosis is None:
            diagnosis = self._reasoner.diagnose(stored.incident)
            if _is_passing(diagnosis):
                return DiagnoseResult.LATER
            step = partial(_diagnosed, diagnosis=diagnosis, now=self._now())
            stored = self._publisher.apply(message.incident, step) or stored
        elif returned and (better := learnt_since(stored.incident, self._reasoner)) is not None:
            step = partial(_diagnosed, diagnosis=better, now=self._now(), instead_of=diagnosis)
            self._publisher.apply(message.incident, step)
            return DiagnoseResult.KNOWN
        elif stored.unsent:  # a crash came after the diagnosis was stored
            stored = self._publisher.apply(message.incident, _same) or stored
        elif isinstance(message, DiagnosisRequest) or message.kind is not ChangeKind.OPENED:
            return DiagnoseResult.NOTHING
        # A crash may have come between the diagnosis and this put, so a diagnosed incident is put too.
        if diagnosis.origin is not Origin.KNOWLEDGE:
            self._objects.put(new_error_key(stored.incident, self._now()), new_error(stored))
        return {
            Origin.KNOWLEDGE: DiagnoseResult.KNOWN,
            Origin.MODEL: DiagnoseResult.EXPLAINED,
            Origin.NONE: DiagnoseResult.SILENT,
        }[diagnosis.origin]


def learnt_since(incident: Incident, reasoner: IncidentReasoner) -> Diagnosis | None:
    """Return the diagnosis from newer knowledge; None if there is none or it is the same."""
    previous = incident.diagnosis
    if previous is None or previous.versions.get("knowledge") == reasoner.knowledge:
        return None
    known = reasoner.known(incident)
    if known is None or (known.origin, known.cause, known.fix) == (
        previous.origin,
        previous.cause,
        previous.fix,
    ):
        return None
    return known


def new_error_key(incident: Incident, now: float) -> str:
    """Return `new_errors/dt=<day of first_seen>/<incident>.json`, the same for every write."""
    seen = incident.first_seen if incident.first_seen is not None else now
    day = datetime.fromtimestamp(seen, UTC).date().isoformat()
    return f"new_errors/dt={day}/{incident.id}.json"


def new_error(stored: StoredIncident) -> bytes:
    """Return an unknown incident for learning, as JSON. All text in it is redacted."""
    plain: dict[str, Any] = json.loads(dumps(stored))["incident"]
    template = stored.incident.template
    return json.dumps({"v": 1, **plain, "fingerprint": template.id, "template": template.text}).encode()


def _diagnosed(
    known: StoredIncident | None, diagnosis: Diagnosis, now: float, instead_of: Diagnosis | None = None
) -> Outcome | None:
    """Set the diagnosis unless another process has set one, which a person may have read."""
    if known is None or known.incident.diagnosis != instead_of:
        return None if known is None else Outcome(known)
    return diagnose(known, diagnosis, now)


def _same(known: StoredIncident | None) -> Outcome | None:
    return Outcome(known) if known else None


def _is_passing(diagnosis: Diagnosis) -> bool:
    return diagnosis.origin is Origin.NONE and diagnosis.versions.get("gate", "").startswith(PASSING)
