"""The table of rules: what makes it unusable, what happens when a rule fails, and that no line makes it slow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.growth import LINEAR, growth

from cali.core.errors import Misconfigured
from cali.stages.refine.redact import RedactionRule, Redactor, default_table, load_table

GOOD = """
version: test-1
rules:
  - name: badge
    placeholder: <badge>
    needs: [badge-]
    pattern: badge-\\d{4}
"""


def test_a_table_from_a_file_is_used(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD)

    table = load_table(path)

    assert Redactor(table.rules, version=table.version).text("door badge-1234 open") == "door <badge> open"
    assert table.version == "test-1"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("pattern: badge-\\d{4}", "pattern: badge-(", "rule badge: "),
        ("pattern: badge-\\d{4}", "pattern: badge-7", "contains the digit 7"),
        ("pattern: badge-\\d{4}", "verify: luck", "rule badge: `pattern` is missing"),
        ("pattern: badge-\\d{4}", "pattern: badge\n    verify: luck", "unknown verify function 'luck'"),
        ("pattern: badge-\\d{4}", "pattern: badge", "matches its own placeholder"),
        ("pattern: badge-\\d{4}", "pattern: x{{nothing}}", "unknown fragment 'nothing'"),
        ("pattern: badge-\\d{4}", "pattern: badge-x\n    colour: red", "unknown field colour"),
        ("needs: [badge-]", "needs: [Badge-]", "'Badge-' has a capital"),
        ("needs: [badge-]", "needs: []", "must be a list"),
        ("placeholder: <badge>", "placeholder: badge", "must have the form <name>"),
        ("name: badge", "nome: badge", "rule 1 has no name"),
        ("version: test-1", "", "needs `version`"),
        ("rules:", "rules: {", "not YAML"),
    ],
)
def test_a_broken_table_names_file_and_fault_in_one_line(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD.replace(old, new))

    with pytest.raises(Misconfigured) as caught:
        load_table(path)

    assert str(path) in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_used_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD + GOOD.split("rules:")[1])

    with pytest.raises(Misconfigured, match="duplicate name"):
        load_table(path)


def test_a_missing_table_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot read the redaction rules"):
        load_table(tmp_path / "none.yaml")


def test_a_rule_that_raises_hides_the_line() -> None:
    def broken(match: re.Match[str]) -> bool:
        raise RuntimeError(match[0])

    rule = RedactionRule("odd", "<odd>", re.compile("odd"), ("odd",), broken)

    assert Redactor([rule]).text("an odd line") == "<hidden: redaction rule odd failed>"


def test_a_rule_that_never_settles_hides_the_line() -> None:
    rule = RedactionRule("loop", "<loop>", re.compile("loop"), ("loop",))

    assert Redactor([rule]).text("a loop") == "<hidden: redaction rule loop failed>"


def test_the_version_names_the_table_and_the_option() -> None:
    assert Redactor().version == default_table().version == "redaction-2026-11-30"
    assert Redactor(addresses=True).version.endswith("+addresses")


def test_a_quiet_line_has_no_candidates() -> None:
    assert Redactor().candidates("0000-00-00 INFO [main] order 000 created for 00.0.0.0 in 00 ms") == ()


ADVERSARIAL = (
    "password=", '"password":"', "password=a,", 'password="\\', "aws secret key=", "token", "aaaa", "a@", "a.", "0-", "0", "000-", "0 ",
    "+0", "eyJaaaaaaaaaaa.", "://a:a", "-----BEGIN PRIVATE KEY-----", "MIIEabcdEFGHabcd", "cookie: a=b;", "Bearer ", "mysql -p",
    "mysql ", "curl -u ", "--a-", "--password ", "</", "&lt;password", "\\", '"', "a:", "0.0.", "x-amz-", "한글", "name=\"password\"\r\n",
    "password is ", "password a a a is \"", "password:\n  ", "cookie: {", "vault ", "vault s.", "s.a", "htpasswd -b ", "htpasswd -", "snmp ",
    "snmpwalk -c", "snmp community ", "비밀번호", "비밀번호는 ", "API 키: a", "토큰", "OTP ", "verification code ", "PIN ", "ssn ", "social security ",
    "dockerconfig:", "eyJhdXRocyI0", "hvs.", "kind: Secret\n", "kind: Secret\ndata:\n  a: b\n", "data:\n  a: b\n", '"data":{', 'data: {a} kind: Secret ',
    'curl -u "', "curl -u a:", "curl \\\n", "login a password ", "login ", 'Credential("a", "', "auth('a',", "-u a -p ", "-u ", "key - '", "secretA",
    "token_a=", "key ::: string = ", "BUNDLE_A__", "sk-ant-", "npm_a", "dp.pt.", "AZDO", "xoxe.xoxp-", "a!AQ", "00000|", "operator unseal ", "<aToken>  ", "<token>\n ", "password(\"",
)  # fmt: skip


@pytest.mark.parametrize("unit", ADVERSARIAL)
def test_no_rule_is_worse_than_linear(unit: str) -> None:
    redactor = Redactor(addresses=True)
    assert growth(lambda size: redactor.text((unit * (size // len(unit) + 1))[:size]), 12_500) < LINEAR
