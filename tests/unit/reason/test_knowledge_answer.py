"""A known error: the answer needs no model, and cites the lines that prove it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

from cali.core.models import Evidence, Hit, Origin, Status
from cali.stages.reason import Reasoner, ReasonSettings
from cali.stages.retrieve import Retrieved
from tests.unit.reason.fakes import DISK, KNOWLEDGE, POOL, REDACTOR, incident, reasoner

TRACE = """ERROR could not save the order
java.lang.IllegalStateException: save failed
\tat com.shop.Orders.save(Orders.java:31)
\tat com.shop.Orders.place(Orders.java:12)
Caused by: java.io.IOException: No space left on device
\tat java.base/sun.nio.ch.FileDispatcherImpl.write0(Native Method)
\t... 12 more"""


def test_a_proven_entry_gives_its_cause_fix_and_the_line_that_proves_it() -> None:
    found = reasoner().diagnose(incident("write /data: no space left on device", line=7))
    assert found.origin is Origin.KNOWLEDGE
    assert (found.cause, found.fix) == (DISK.cause, DISK.fix)
    assert found.evidence == (Evidence(7, "write /data: no space left on device"),)
    assert found.knowledge[0].id == "disk-full"
    assert found.versions == {"knowledge": KNOWLEDGE.version}


def test_of_a_stack_trace_the_telling_line_is_quoted_with_its_own_number() -> None:
    found = reasoner().diagnose(incident(TRACE, line=40))
    assert found.evidence == (Evidence(44, "Caused by: java.io.IOException: No space left on device"),)


def test_a_signature_of_two_patterns_quotes_the_lines_of_both() -> None:
    found = reasoner().diagnose(
        incident("QueuePool limit of size 5 overflow 10 reached,\nconnection timed out", line=3)
    )
    assert [line.line for line in found.evidence] == [3, 4]


def test_a_trace_inside_one_json_line_is_quoted_with_the_number_of_that_line() -> None:
    one = incident(TRACE, line=9)
    one = replace(one, samples=(one.samples[0]._replace(lines=(9,)),))
    assert reasoner().diagnose(one).evidence[0].line == 9


def test_a_long_line_is_quoted_around_its_proof_and_word_for_word() -> None:
    line = "x" * 5000 + " no space left on device " + "y" * 5000
    quoted = reasoner().diagnose(incident(line)).evidence[0].text
    assert len(quoted) <= 600
    assert quoted in line
    assert "no space left on device" in quoted


def test_nothing_of_the_log_comes_into_cause_and_fix() -> None:
    found = reasoner().diagnose(incident("{cause} %s {{fix}} <script> no space left on device"))
    assert found.cause == DISK.cause
    assert found.fix == DISK.fix


def test_a_later_sample_is_tried_when_the_first_says_nothing() -> None:
    found = reasoner().diagnose(incident("save failed: 1", "save failed: ENOSPC", template="t"))
    assert found.cause == DISK.cause
    assert found.evidence[0] == Evidence(101, "save failed: ENOSPC")


def test_confidence_follows_the_signature_and_never_the_length_of_the_log() -> None:
    plain = reasoner().diagnose(incident("write: no space left on device"))
    longer = reasoner().diagnose(incident("write: no space left on device\n" + "more words\n" * 50))
    once = reasoner().diagnose(incident("write: no space left on device", count=1))
    assert 0.7 <= plain.confidence <= 0.97
    assert longer.confidence == plain.confidence
    assert once.confidence < plain.confidence


def test_an_unknown_error_has_no_cause_and_quotes_its_own_lines() -> None:
    found = reasoner().diagnose(incident("ERROR flux capacitor is out of phase", line=5))
    assert (found.origin, found.cause, found.fix, found.confidence) == (Origin.NONE, "", (), 0.0)
    assert found.evidence == (Evidence(5, "ERROR flux capacitor is out of phase"),)
    assert found.versions["gate"] == "not in the knowledge base, and no model is configured"


def test_evidence_is_not_empty_even_for_a_blank_event() -> None:
    blank = replace(incident(" \n "), title="(blank)")
    assert reasoner().diagnose(blank).evidence == (Evidence(1, "(blank)"),)


def near(score: float, entry: str = "pool-empty") -> Reasoner:
    hits = (Hit(entry, score),)
    return Reasoner(KNOWLEDGE, lambda _: Retrieved(hits, known=True, margin=0.3), REDACTOR.text)


def test_an_entry_that_is_only_near_must_share_words_with_a_line_and_stays_less_sure() -> None:
    like = near(0.9).diagnose(incident("pool of connections: limit reached, timed out", line=2))
    assert like.cause == POOL.cause
    assert like.evidence[0].line == 2
    assert like.confidence <= 0.6
    unlike = near(0.9).diagnose(incident("segfault in module"))
    assert unlike.origin is Origin.NONE


def test_an_entry_that_is_not_in_the_knowledge_is_not_asserted() -> None:
    assert near(0.9, "gone").diagnose(incident("anything")).origin is Origin.NONE


def test_all_are_answered_in_order_even_when_one_breaks_the_search() -> None:
    def broken(text: str) -> Retrieved:
        if "bad" in text:
            raise ValueError("index is broken")
        return Retrieved((Hit("disk-full", 0.8),), known=True, margin=0.8, verified=("disk-full",))

    settings = ReasonSettings(versions={"masks": "m1", "rules": "r1"})
    of = Reasoner(KNOWLEDGE, broken, REDACTOR.text, settings=settings)
    done = of.diagnose_all([incident("ENOSPC"), incident("bad"), incident("no space left on device")])
    assert [one.diagnosis.origin for one in done if one.diagnosis] == ["knowledge", "none", "knowledge"]
    assert [one.status for one in done] == [Status.DIAGNOSED, Status.OPENED, Status.DIAGNOSED]
    assert done[1].diagnosis
    assert "index is broken" in done[1].diagnosis.versions["gate"]
    assert done[0].diagnosis
    assert done[0].diagnosis.versions == {"masks": "m1", "rules": "r1", "knowledge": KNOWLEDGE.version}


def test_without_a_model_nothing_of_the_model_is_imported() -> None:
    code = (
        "import sys\n"
        "from tests.unit.reason.fakes import incident, reasoner\n"
        "assert reasoner().diagnose_all([incident('unheard of'), incident('ENOSPC')])\n"
        "print([m for m in ('openai', 'httpx2', 'cali.stages.reason.model_answer') if m in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
