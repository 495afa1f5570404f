from __future__ import annotations

from pathlib import Path

from cali.core.models import KnowledgeEntry, Severity
from cali.stages.retrieve.knowledge import knowledge_of, load, shipped
from cali.stages.retrieve.ranking import NO_RANKING, broader, likeness, words


def entry(name: str, symptoms: tuple[str, ...], *match: str) -> KnowledgeEntry:
    return KnowledgeEntry(
        id=name,
        title=name,
        area="test",
        symptoms=symptoms,
        match=tuple((m,) for m in match),
        cause="c",
        fix=("f",),
        severity=Severity.ERROR,
    )


BROAD = entry("broad", ("call timed out after waiting for a long time",), "timed out after waiting|timed out")
PROBE = entry("probe", ("probe failed: call timed out",), "probe failed")
SIGNATURES = knowledge_of([BROAD, PROBE], "2026-01-01").signatures()


def test_a_signature_that_holds_in_anothers_examples_comes_after_it() -> None:
    long_for_the_broad_one = "probe failed: call timed out after waiting for a long time"
    assert SIGNATURES.matching(long_for_the_broad_one) == ("probe", "broad")
    assert SIGNATURES.matching("call timed out after waiting for a long time") == ("broad",)


def test_among_equals_the_nearer_example_comes_first() -> None:
    one = entry("alpha", ("red lamp on pump seven blinks",), "lamp")
    other = entry("beta", ("green lamp above door opens",), "lamp")
    signatures = knowledge_of([one, other], "2026-01-01").signatures()
    assert signatures.matching("the lamp of pump blinks red")[0] == "alpha"
    assert signatures.matching("door opens, green lamp")[0] == "beta"


def test_without_examples_to_tell_the_id_decides() -> None:
    assert broader(["a", "b"], NO_RANKING) == {"a": 0, "b": 0}
    assert likeness(words("any text"), BROAD, NO_RANKING) == 0.0


def test_words_are_split_where_people_read_them() -> None:
    assert words("OOMKilled exit_code: 137, DiskPressure x 12") == {
        "oomkilled",
        "exit",
        "code",
        "137",
        "disk",
        "pressure",
    }


def test_the_ranking_survives_the_cache(tmp_path: Path) -> None:
    fixtures = Path(__file__).parent / "knowledge"
    cold, warm = load(fixtures, cache=tmp_path), load(fixtures, cache=tmp_path)
    assert cold.ranking == warm.ranking
    assert cold.ranking.claims["tcp-refused"] == {"postgres-refused": 1.0}


def test_an_example_inside_a_line_finds_its_entry_nearly_always() -> None:
    knowledge = load(shipped())
    signatures = knowledge.signatures()
    held = right = 0
    for known in list(knowledge.entries.values())[::3]:
        for symptom in known.symptoms[:2]:
            found = signatures.matching(f"2026-11-20T10:00:00Z host app[1]: {symptom} (request 4711)")
            held += bool(found)
            right += found[:1] == (known.id,)
    assert held > 200
    assert right / held > 0.95
