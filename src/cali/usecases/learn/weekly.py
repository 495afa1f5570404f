"""The job weekly_report: known incidents, cost of the model, new entries and feedback of a week."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from cali.core.models import Origin, Status
from cali.usecases.learn import feedback
from cali.usecases.learn.step_results import JobStep, StepOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cali.core.models import Incident
    from cali.usecases.learn.step_results import StepRun

HOME = "reports/"
MOST = 100_000  # maximum incidents to read
TOP = 5


def _report(work: StepRun) -> StepOutcome:
    """Write the report if its figures changed, and post it once."""
    parts = work.parts
    year, week, _ = work.day.isocalendar()
    name = f"{HOME}week={year}-W{week:02d}"
    monday = work.day - timedelta(days=work.day.weekday())
    days = [(monday + timedelta(days=day)).isoformat() for day in range(7)]
    figures = {"week": f"{year}-W{week:02d}", "from": days[0], "to": days[-1], **_figures(work, days)}
    body = orjson.dumps(figures, option=orjson.OPT_INDENT_2)
    text = page(figures)
    posted = parts.objects.get(f"{name}.posted") is not None  # perhaps by a run for another day of the week
    if parts.objects.get(f"{name}.json") != body:
        parts.objects.put(f"{name}.json", body)
        parts.objects.put(f"{name}.md", text.encode(), "text/markdown; charset=utf-8")
    if parts.post is not None and not posted:
        parts.post(text)
        parts.objects.put(f"{name}.posted", b"", "text/plain")
        posted = True
    result = {"report": f"{name}.json", "page": f"{name}.md", "posted": posted}
    return StepOutcome(
        {**result, "figures": figures},
        {**result, "incidents": figures["incidents"], "known": figures["known"]},
    )


def _figures(work: StepRun, days: list[str]) -> dict[str, Any]:
    begin = datetime.fromisoformat(days[0]).replace(tzinfo=UTC).timestamp()
    incidents = [one for one in _incidents(work) if _within(one, begin, begin + 7 * 86_400)]
    origins = Counter(_origin(one) for one in incidents)
    spent = [work.parts.spent().spent(day) for day in days] if work.parts.spent else []
    given = [one for one in feedback.records(work) if begin <= one.at < begin + 7 * 86_400]
    verdicts = Counter(one.verdict.value for one in given)
    published = [document for day in days if (document := work.made("publish", "learn_new_errors", day))]
    gates = [document for day in days if (document := work.made("gate", "learn_new_errors", day))]
    answered = origins["knowledge"] + origins["model"]
    return {
        "incidents": len(incidents),
        "known": origins["knowledge"],
        "by_model": origins["model"],
        "unexplained": origins["none"],
        "share_known": round(origins["knowledge"] / len(incidents), 3) if incidents else None,
        "share_explained": round(answered / len(incidents), 3) if incidents else None,
        "model_calls": sum(calls for calls, _ in spent),
        "model_dollars": round(sum(dollars for _, dollars in spent), 4),
        "new_entries": sorted({name for one in published for name in one["result"]["entries"]}),
        "stopped": {name: why for one in gates for name, why in sorted(one["result"]["stopped"].items())},
        "feedback": {name: verdicts.get(name, 0) for name in ("right", "wrong", "not_an_error")},
        "most_frequent": [
            {"title": one.title, "scope": str(one.scope), "count": one.count, "origin": _origin(one)}
            for one in sorted(incidents, key=lambda one: (-one.count, one.id))[:TOP]
        ],
    }


def _incidents(work: StepRun) -> Iterable[Incident]:
    if work.parts.incidents is None:
        return []
    return [stored.incident for stored in work.parts.incidents().find(tuple(Status), MOST)]


def _within(incident: Incident, begin: float, end: float) -> bool:
    return incident.first_seen is not None and begin <= incident.first_seen < end


def _origin(incident: Incident) -> str:
    return (incident.diagnosis.origin if incident.diagnosis else Origin.NONE).value


def page(figures: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    share = figures["share_known"]
    lines = [
        f"# Week {figures['week']} ({figures['from']} to {figures['to']})",
        "",
        f"- {figures['incidents']} incidents: {figures['known']} known"
        + (f" ({share:.0%})" if share is not None else "")
        + f", {figures['by_model']} explained by the model, {figures['unexplained']} without a cause",
        f"- {figures['model_calls']} model calls, ${figures['model_dollars']:.2f}",
        f"- {len(figures['new_entries'])} new entries"
        + (f": {', '.join(figures['new_entries'])}" if figures["new_entries"] else ""),
        f"- {len(figures['stopped'])} drafts stopped by the gate",
        "- people said: "
        + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in figures["feedback"].items()),
    ]
    if figures["most_frequent"]:
        lines += ["", "| events | origin | incident | where |", "|---|---|---|---|"]
        for one in figures["most_frequent"]:
            title = " ".join(str(one["title"]).replace("|", "\\|").split())[:100]
            lines.append(f"| {one['count']} | {one['origin']} | {title} | {one['scope']} |")
    return "\n".join(lines) + "\n"


STEPS = {"report": JobStep(lambda _: "", _report)}
