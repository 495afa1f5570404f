"""The severity of a known error: the level of a line is one piece of evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.detect.events import INFO, WARNING, event

from cali.core.models import KnowledgeEntry, Severity
from cali.stages.retrieve.knowledge import knowledge_of
from cali.usecases.pipeline import known_severity

KILLED = KnowledgeEntry(
    id="killed",
    title="A process was killed",
    area="test",
    symptoms=("server process was terminated by signal 9",),
    match=(("terminated by signal 9",),),
    cause="The kernel killed it.",
    fix=("Give it memory.",),
    severity=Severity.CRITICAL,
)
LINE = "server process was terminated by signal 9"


def severity_of(entry: KnowledgeEntry, level: Severity, *, levelled: bool) -> Severity | None:
    knowledge = knowledge_of([entry], "2026-11-20")
    return known_severity(event(LINE, level, levelled=levelled), knowledge, knowledge.signatures())


@pytest.mark.parametrize("level", [INFO, Severity.NOTICE, WARNING])
@pytest.mark.parametrize("levelled", [True, False])
def test_a_known_failure_counts_whatever_its_level(level: Severity, levelled: bool) -> None:
    assert severity_of(KILLED, level, levelled=levelled) is Severity.CRITICAL


@pytest.mark.parametrize(
    "entry",
    [replace(KILLED, severity=Severity.WARNING), replace(KILLED, broad=True), replace(KILLED, asserts=False)],
)
def test_an_info_line_counts_only_for_a_specific_cause(entry: KnowledgeEntry) -> None:
    assert severity_of(entry, INFO, levelled=True) is None
    assert severity_of(entry, WARNING, levelled=True) is not None
