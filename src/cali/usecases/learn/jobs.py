"""The jobs and their steps: run one step, and list the steps that have a checkpoint."""

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

FIRST = date(2000, 1, 1)  # the earliest possible day of a log

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
    """Run one step of a job for a day (UTC), and return a small summary for JSON.

    `again` in the summary is true if the step was skipped because its input has not changed.

    Raise Misconfigured if the job or step does not exist, the day has not begun, the step before has not run, or a
    setting is missing. Raise Retryable if a dependency does not answer.
    """
    steps = _STEPS.get(job)
    if steps is None:
        raise Misconfigured(f"unknown job {job!r}; use one of {', '.join(JOBS)}")
    if step not in steps:
        raise Misconfigured(f"{job} has no step {step!r}; use one of {', '.join(steps)}")
    today = datetime.fromtimestamp(parts.now(), UTC).date()
    if not FIRST <= day <= today:  # retention of a future day would delete everything
        raise Misconfigured(
            f"{day.isoformat()}: use a day from {FIRST.isoformat()} to today, {today.isoformat()} (UTC)"
        )
    return ran(StepRun(job, day, parts), step, steps[step])


def status(parts: LearnContext) -> dict[str, dict[str, list[str]]]:
    """Return the steps that have a checkpoint, by job and day."""
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
