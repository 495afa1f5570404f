"""Parts in memory, and new errors as `diagnose` stores them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from cali.adapters.memory.alerts import MemoryFeedback
from cali.adapters.memory.incidents import MemoryIncidents
from cali.adapters.memory.objects import MemoryCollections, MemoryObjects, MemoryPullRequests
from cali.adapters.sources.raw_records import readable
from cali.core.life import Feedback, StoredIncident, Verdict
from cali.core.models import Diagnosis, Event, Evidence, Hit, Incident, Origin, Scope, Severity
from cali.stages.decode import Decoder
from cali.stages.detect import incident_id
from cali.stages.refine.refiner import Refiner
from cali.stages.retrieve import knowledge
from cali.usecases.diagnose import new_error, new_error_key
from cali.usecases.learn import Approval, LearnContext, LearnPolicy, run
from cali.usecases.learn.jobs import JOBS
from cali.usecases.releases import Releases
from tests.contracts.entries import ENTRIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cali.stages.retrieve.knowledge import Knowledge

DAY = date(2026, 11, 20)
NEXT = date(2026, 11, 21)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
REFINER = Refiner()
SHARD = "settlement batch 812 rejected: ledger shard 7 is two epochs behind its coordinator"
SHARD_CAUSE = "The ledger shard is epochs behind its coordinator, so the settlement batch is rejected."
CARD = "gift card 4411 locked after redemption replay, balance journal shows version 9 twice"


def told(cause: str, confidence: float = 0.6, fix: tuple[str, ...] = ("Look at it.",)) -> Diagnosis:
    """Return the answer of a model."""
    return Diagnosis(Origin.MODEL, (Evidence(1, "x"),), cause, fix, confidence, versions={"model": "m"})


def known(entry: str, cause: str) -> Diagnosis:
    return Diagnosis(Origin.KNOWLEDGE, (Evidence(1, "x"),), cause, ("Do it.",), 0.9, (Hit(entry, 0.9),))


SILENT = Diagnosis(Origin.NONE, (Evidence(1, "x"),), versions={"gate": "no model is configured"})


def incident(
    *texts: str,
    diagnosis: Diagnosis | None = SILENT,
    workload: str = "billing",
    severity: Severity = Severity.ERROR,
    seen: float = NOON,
) -> Incident:
    """Return an incident of messages that have one template."""
    scope = Scope("eu", "shop", workload, "main")
    template = REFINER.template(texts[0])
    samples = tuple(
        Event((number,), REFINER.redactor.text(text), seen, severity, scope, template)
        for number, text in enumerate(texts, 1)
    )
    return Incident(
        id=incident_id(scope, template.id),
        scope=scope,
        template=template,
        title=samples[0].message,
        severity=severity,
        count=len(texts),
        first_line=1,
        last_line=len(texts),
        first_seen=seen,
        last_seen=seen,
        samples=samples,
        diagnosis=diagnosis,
    )


class Town:
    """A bucket, people, and the jobs."""

    def __init__(self, approval: Approval = Approval.AUTO, **policy: Any) -> None:
        self.objects = MemoryObjects()
        self.feedback = MemoryFeedback()
        self.incidents = MemoryIncidents()
        self.collections = MemoryCollections()
        self.pulls = MemoryPullRequests()
        self.asked: list[str] = []
        self.posts: list[str] = []
        self.model: Mapping[str, Diagnosis] = {}
        self.now = NOON + 50_000.0
        shipped = knowledge.knowledge_of(ENTRIES, "2026-01-01")
        self.shipped = shipped
        self.parts = LearnContext(
            objects=self.objects,
            pointers=self.objects,
            releases=Releases(self.objects, self.objects),
            shipped=lambda: shipped,
            refiner=lambda: REFINER,
            decoder=lambda: Decoder("eu", year=2026),
            unpack=readable,
            now=lambda: self.now,
            feedback=lambda: self.feedback,
            incidents=lambda: self.incidents,
            collections=lambda: self.collections,
            pull_requests=lambda: self.pulls,
            post=self.posts.append,
            policy=LearnPolicy(approval=approval, **policy),
        )

    def with_model(self, **answers: Diagnosis) -> Town:
        """A model that answers by a word of the first sample."""

        def over(_: Knowledge) -> Any:
            def explain(one: Incident) -> Diagnosis:
                self.asked.append(one.samples[0].message)
                found = [said for word, said in answers.items() if word in one.samples[0].message]
                return found[0] if found else SILENT

            return explain

        self.parts = replace(self.parts, explain=over)
        return self

    def saw(self, *incidents: Incident) -> Town:
        """Store incidents, and the unknown ones under `new_errors/`."""
        for one in incidents:
            stored = self.incidents.put(StoredIncident(one, NOON))
            if one.diagnosis is not None and one.diagnosis.origin is not Origin.KNOWLEDGE:
                self.objects.put(new_error_key(one, NOON), new_error(stored))
        return self

    def said(
        self, one: Incident, verdict: Verdict, cause: str = "", by: str = "U1", at: float = NOON
    ) -> Town:
        entry = ""
        if one.diagnosis and one.diagnosis.knowledge:
            entry = one.diagnosis.knowledge[0].id
        name = f"{one.id}-{by}-{at}-{verdict}"
        self.feedback.put(
            Feedback(
                name, one.id, verdict, by, at, one.template.id, one.template.text, one.scope, cause, entry
            )
        )
        return self

    def raw(self, *lines: str, day: date = DAY) -> Town:
        self.objects.put(f"raw/dt={day}/part-0", "\n".join(lines).encode())
        return self

    def night(self, job: str, day: date = DAY) -> dict[str, Any]:
        """Run all steps of a job."""
        return {step: run(job, step, day, self.parts) for step in JOBS[job]}

    def knows(self, text: str) -> str:
        """Return the id of the entry that explains a text now, or an empty text."""
        found = self.parts.knowledge().signatures().matching(text)
        return found[0] if found else ""
