"""Figures on projects that training did not see: the words alone, the model alone, and both together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from cali.core.models import Severity
from cali.stages.refine.severity_model import SeverityModel
from cali_ops.train.examples import Example

Judge = Callable[[str], bool]
_FEWEST = 20  # examples of each class that a project needs for a row of its own


def auc(bad: Sequence[int], good: Sequence[int]) -> float:
    """Return the chance that a bad example scores higher than a good one."""
    ranked = sorted([(score, 1) for score in bad] + [(score, 0) for score in good])
    wins, at, below = 0.0, 0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        tied_bad = sum(kind for _, kind in ranked[at:end])
        tied_good = end - at - tied_bad
        wins += tied_bad * (below + tied_good / 2)
        below += tied_good
        at = end
    return wins / max(1, len(bad) * len(good))


def document(
    model: SeverityModel, held_out: Sequence[Example], counts: str, words: Judge, both: Judge
) -> str:
    """Return the report of a model as Markdown."""
    logged = [example for example in held_out if example.level in ("fatal", "error", "info")]
    debug = [example for example in held_out if example.level == "debug"]
    scores = {example: model.score(example.message) for example in held_out}
    bad = [scores[example] for example in logged if example.bad]
    good = [scores[example] for example in logged if not example.bad]
    recall = _share(logged, words, bad=True)
    bound = sorted(bad, reverse=True)[min(len(bad) - 1, round(recall * len(bad)))] if bad else 0
    projects = _by_project(logged, scores)
    typical = median([area for _, area in projects.values()] or [0.0])
    lines = [
        f"# Severity model {model.version}",
        "",
        f"{counts} The projects below were not seen in training.",
        "",
        f"AUC of errors against information: {auc(bad, good):.3f}. Median of these projects: {typical:.2f}.",
        "",
        "| on held-out projects | errors found | false alarms, info | false alarms, debug |",
        "|---|---|---|---|",
        *(
            f"| {name} | {_share(logged, judge, bad=True):.3f} | {_share(logged, judge, bad=False):.3f}"
            f" | {_share(debug, judge, bad=False):.3f} |"
            for name, judge in (
                ("words alone", words),
                ("model alone, at the recall of the words", lambda text: model.score(text) >= bound),
                ("words and model, as shipped", both),
            )
        ),
        "",
        "| project | errors | info | AUC | errors found | false alarms, info |",
        "|---|---|---|---|---|---|",
    ]
    for project, (own, area) in projects.items():
        own_bad = sum(example.bad for example in own)
        found, alarms = _share(own, both, bad=True), _share(own, both, bad=False)
        lines.append(
            f"| {project} | {own_bad} | {len(own) - own_bad} | {area:.2f} | {found:.2f} | {alarms:.2f} |"
        )
    return "\n".join(lines) + "\n"


def _by_project(
    logged: Sequence[Example], scores: dict[Example, int]
) -> dict[str, tuple[list[Example], float]]:
    """Return the examples and the AUC of each project that has enough of both classes."""
    found = {}
    for project in sorted({example.project for example in logged}):
        own = [example for example in logged if example.project == project]
        bad = [scores[example] for example in own if example.bad]
        good = [scores[example] for example in own if not example.bad]
        if min(len(bad), len(good)) >= _FEWEST:
            found[project] = own, auc(bad, good)
    return found


def is_error(severity: Severity | None) -> bool:
    """Return True for ERROR and CRITICAL."""
    return severity is not None and severity >= Severity.ERROR


def _share(examples: Sequence[Example], judge: Judge, *, bad: bool) -> float:
    of = [example for example in examples if example.bad is bad]
    return sum(judge(example.message) for example in of) / max(1, len(of))
