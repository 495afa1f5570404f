"""Every planted secret is hidden; nothing that only looks like one is touched."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cali.stages.refine.redact import Redactor

GOLDEN = Path(__file__).parents[3] / "golden" / "redaction"
BLIND = str.maketrans("123456789", "0" * 9)
REDACTOR = Redactor()


@cache
def planted() -> list[tuple[str, str]]:
    entries = yaml.safe_load((GOLDEN / "secrets.yaml").read_text("utf-8"))
    secrets = [("".join(entry["secret"]), line) for entry in entries for line in entry["lines"]]
    return [(secret, line.replace("§", secret)) for secret, line in secrets]


def lookalikes() -> list[str]:
    return (GOLDEN / "lookalikes.txt").read_text("utf-8").splitlines()


def test_the_corpora_are_large_enough() -> None:
    assert len(planted()) >= 375
    assert len(lookalikes()) >= 380


@pytest.mark.parametrize(
    ("secret", "line"), planted(), ids=[f"planted-{n}" for n in range(1, len(planted()) + 1)]
)
def test_a_planted_secret_is_hidden(secret: str, line: str) -> None:
    hidden = REDACTOR.text(line)

    assert secret not in hidden
    assert not hidden.startswith("<hidden:")


@pytest.mark.parametrize("line", lookalikes())
def test_a_lookalike_is_left_alone(line: str) -> None:
    assert REDACTOR.text(line) == line


def test_what_stands_around_a_secret_is_kept() -> None:
    assert REDACTOR.text("postgres://bob:hun" + "ter2@db:5432/x") == "postgres://bob:<password>@db:5432/x"
    assert (
        REDACTOR.text('{"user":"bob","password":"x1y2","n":1}')
        == '{"user":"bob","password":"<password>","n":1}'
    )
    assert REDACTOR.text("a=1 token=8f14e45fceea167a5a36 b=2") == "a=1 token=<secret> b=2"


PIECES = st.one_of(
    st.sampled_from([line for _, line in planted()] + lookalikes()),
    st.text(max_size=20),
    st.text(alphabet="pas=:\"'\\<>@.-+01 ,;&{}[]/%", max_size=20),
)


@given(st.lists(PIECES, max_size=4).map(" ".join))
@settings(max_examples=200)
def test_redaction_is_idempotent_and_the_same_by_way_of_the_shape(text: str) -> None:
    once = REDACTOR.text(text)

    assert REDACTOR.text(once) == once
    assert REDACTOR.apply(text, REDACTOR.candidates(text.translate(BLIND))) == once


@given(st.sampled_from([line for _, line in planted()]), st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_candidates_depend_on_the_shape_alone_and_miss_no_rule(line: str, random: Random) -> None:
    other = "".join(str(random.randrange(10)) if c in "0123456789" else c for c in line)

    found = REDACTOR.candidates(other.translate(BLIND))

    assert found == REDACTOR.candidates(line.translate(BLIND))
    if not found:
        assert REDACTOR.text(other) == other


def test_addresses_are_hidden_by_option_only() -> None:
    line = "from 10.0.0.1:80 and 2001:db8::1 at 12:30:45 v1.2.3.4.5"

    assert REDACTOR.text(line) == line
    assert Redactor(addresses=True).text(line) == "from <ipv4>:80 and <ipv6> at 12:30:45 v1.2.3.4.5"
