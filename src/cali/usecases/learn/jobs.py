"""The jobs by name, and how one of their steps is run."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from cali.core.errors import Misconfigured
from cali.usecases.learn import feedback, new_errors, reindex, retention, templates, weekly
from cali.usecases.learn.step_results import HOME, StepRun, ran

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cali.usecases.learn.learn_context import LearnContext
    from cali.usecases.learn.step_results import JobStep

FIRST = date(2000, 1, 1)  # no logs are older

_STEPS: Mapping[str, Mapping[str, JobStep]] = {
    "learn_new_errors": new_errors.STEPS,
    "learn_templates": templates.STEPS,
    "apply_feedback": feedback.STEPS,
    "reindex_knowledge": reindex.STEPS,
    "retention": retention.STEPS,
    "weekly_report": weekly.STEPS,
}

JOBS: Mapping[str, tuple[str, ...]] = MappingProxyType({job: tuple(steps) for job, steps in _STEPS.items()})
"""The steps of each job, in the order in which they run."""


def run(job: str, step: str, day: date, parts: LearnContext) -> Mapping[str, object]:
    """Runs one step of a job for a day (UTC), and returns a small summary that JSON can hold; its `again` is true when the
    step had been made from the same before, and nothing was done. Misconfigured when there is no such job or step, when
    the day has not begun, when the step before has not run, or when what it needs is not set; Retryable when something
    outside does not answer."""
    steps = _STEPS.get(job)
    if steps is None:
        raise Misconfigured(f"no job is called {job!r}: {', '.join(JOBS)}")
    if step not in steps:
        raise Misconfigured(f"{job} has no step {step!r}: {', '.join(steps)}")
    today = datetime.fromtimestamp(parts.now(), UTC).date()
    if not FIRST <= day <= today:  # retention of a day to come would drop all that is kept
        raise Misconfigured(
            f"{day.isoformat()}: no day from {FIRST.isoformat()} to today, {today.isoformat()} (UTC)"
        )
    return ran(StepRun(job, day, parts), step, steps[step])


def status(parts: LearnContext) -> dict[str, dict[str, list[str]]]:
    """Which steps are kept of each job and day."""
    found: dict[str, dict[str, list[str]]] = {job: {} for job in JOBS}
    for key in parts.objects.keys(HOME):
        job, day, name = [*key[len(HOME) :].split("/"), "", ""][:3]
        step = name.removesuffix(".json")
        if step in JOBS.get(job, ()):
            found[job].setdefault(day.removeprefix("dt="), []).append(step)
    return {
        job: {day: sorted(steps, key=JOBS[job].index) for day, steps in days.items()}
        for job, days in found.items()
    }
