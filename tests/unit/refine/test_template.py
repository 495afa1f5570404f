"""Parameters and constants of templates, which depend on nothing but the message."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cali.stages.refine.masks import SIGNS
from cali.stages.refine.redact import Redactor
from cali.stages.refine.refiner import ENTRY, LONGEST, Templater, _Memo
from tests.growth import LINEAR, growth

MASKED = [
    ("job 4711 took 35ms", "job <*> took <*>"),
    ("GET https://shop.example.com/cart?id=7 failed", "GET <*> failed"),
    ("open /var/lib/data/x.db: no such file", "open <*>: no such file"),
    (r"copy C:\Users\bo\a.txt to D:/tmp/b.txt", "copy <*> to <*>"),
    ("peer 10.0.0.7:5432 reset", "peer <*> reset"),
    ("peer [fe80::1ff:fe23:4567:890a]:443 reset", "peer [<*>]:<*> reset"),
    ("trace 4bf92f3577b34da6a3ce929d0e0e4736 done", "trace <*> done"),
    ("order 0f8fad5b-d9cb-469f-a165-70867728950e paid", "order <*> paid"),
    ("node ip-10-0-3-17.eu-west-1.compute.internal is up", "node <*> is up"),
    ("moved db.shop.internal to us", "moved <*> to us"),
    ("session opened for user cyrus by (uid=0)", "session opened for user <*> by (uid=<*>)"),
    ("Failed password for root from 10.0.0.7 port 22 ssh2", "Failed password for <*> from <*> port <*> ssh2"),
    ("connection from 10.0.0.7 () at Fri Jun 17 07:07:00 2005", "connection from <*> (<*>) at <*>"),
    ("ready=true, dirty=false, next=null", "ready=<*>, dirty=<*>, next=<*>"),
    ("cache at com.shop.Cart@7317849d", "cache at com.shop.Cart@<*>"),
    ("stored (estimated size 5.2 KB, free 14.0 GB)", "stored (estimated size <*>, free <*>)"),
    ("at 2026-11-20 10:00:00.123 +0000 UTC done", "at <*> done"),
    ("Fan speeds ( 3534 **** 3515 )", "Fan speeds ( <*> <*> <*> )"),
    ("started <1 sec ago", "started <*> ago"),
    ("env:java.vendor=Oracle Corporation", "env:<*>"),
    ("called by a.b.C.d:12 <bottom of call stack>", "called by <*> <*>"),
    ("paid by anna@shop.example", "paid by <*>"),
    ("  indented 5\tand tabbed 6", "  indented <*>\tand tabbed <*>"),
]
KEPT = [
    "jk2_init() says hello",
    "Slf4jLogger started",
    "utf-8 text over http/1.1 with tls and oauth2",
    "AppleThunderboltNHIType2::prePCIWake slept",
    "check pass; user unknown",
    "java.io.IOException: Broken pipe",
    "software.amazon.awssdk.services.s3.model.S3Exception: denied",
    "load/store and read/write are words",
    "illegal instruction......",
    "",
]


def templater() -> Templater:
    return Templater(Redactor(()))


@pytest.mark.parametrize(("message", "template"), MASKED)
def test_parameters_are_masked(message: str, template: str):
    assert templater().template(message).text == template


@pytest.mark.parametrize("message", KEPT)
def test_words_are_kept(message: str):
    assert templater().template(message).text == message


def test_lists_of_any_length_are_one_fingerprint():
    given_three, given_one = "deleted [blk_1, blk_2, blk_3]", "deleted [blk_4]"
    assert templater().template(given_three).id == templater().template(given_one).id


def test_words_with_other_digits_are_other_templates():
    refine = templater().template
    assert refine("ssh1 login").text == "ssh1 login"
    assert refine("ssh2 login").text == "ssh2 login"
    assert refine("ssh1 login").id != refine("ssh2 login").id


@given(st.text(max_size=200))
def test_any_text_has_a_template_and_it_is_its_own(message: str):
    first, again = templater().template(message), templater()
    assert again.template(message) == first
    assert again.template(message) == first  # from the cache


@given(st.text(alphabet="uv 0.:/-_,", max_size=60), st.integers(0, 9))
def test_a_digit_value_never_changes_the_fingerprint(message: str, digit: int):
    refine = templater().template
    assert refine(message.replace("0", str(digit))).id == refine(message).id


def test_order_and_memory_change_nothing():
    messages = [m for m, _ in MASKED] + KEPT + [f"job {i} of user{i} at /tmp/{i:x}" for i in range(500)]
    fresh = [templater().template(m) for m in messages]
    one = templater()
    for seed in range(5):
        order = list(range(len(messages)))
        random.Random(seed).shuffle(order)
        assert all(one.template(messages[i]) == fresh[i] for i in order)


def test_other_processes_and_pythons_agree():
    """Hash seeds, processes and Python versions do not change a fingerprint."""
    script = (
        "import json, sys; from tests.unit.refine.test_template import *;"
        "print(json.dumps([templater().template(m) for m in [m for m, _ in MASKED] + KEPT]))"
    )
    expected = [list(templater().template(m)) for m in [m for m, _ in MASKED] + KEPT]
    for seed in ("0", "1", "2"):
        env = {"PYTHONHASHSEED": seed, "PYTHONPATH": ".:src", "PATH": "/usr/bin:/bin"}
        run = subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, check=True, timeout=60
        )
        assert json.loads(run.stdout) == expected


@given(st.text(alphabet="abcfx01./:=@-_()[]{}<>,;\"'\\+$%#", max_size=24))
def test_quick_looks_at_a_token_agree_with_the_whole_table(token: str):
    masks = templater().masks
    token = token.replace("1", "0")

    whole = masks.token.sub(lambda found: found[1] or "<*>", token)

    if masks.plain.fullmatch(token):
        assert whole == token
    elif number := masks.number.fullmatch(token):
        assert whole == f"{number[1]}<*>{number[2]}"
    elif not SIGNS.search(token):
        assert whole == masks.bare.sub("<*>", token)


@pytest.mark.parametrize(
    "part", ["a@", "a.", "a-", "a:", "a/", "a=", "<*>", '{"', "[", "=", "aB", "::", "%20"]
)
def test_a_token_without_an_end_takes_no_longer_than_its_length_allows(part: str):
    templates = templater()
    assert growth(lambda size: templates.template(part * (size // len(part))), 5_000) < LINEAR


def test_long_messages_fill_a_memo_as_many_short_ones_do() -> None:
    memo: _Memo[int, None] = _Memo(100)
    for key in range(1_000):
        memo.keep(key, None, LONGEST)
        memo.keep(key, None, LONGEST)  # already known: counts once
        assert len(memo) <= 1 + 100 // (LONGEST // ENTRY)
    memo.keep(-1, None, LONGEST + 1)
    assert -1 not in memo
