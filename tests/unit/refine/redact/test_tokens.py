"""Tokens by their form, and generated values beside names that nobody listed."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from random import Random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cali.core.errors import Misconfigured
from cali.stages.refine.redact import Redactor, load_table
from cali.stages.refine.redact.rules import VERSION
from cali.stages.refine.redact.tokens import ALPHABETS

REDACTOR = Redactor()
TABLE = yaml.safe_load(files("cali").joinpath("data", "masks", f"{VERSION}.yaml").read_text("utf-8"))
FORMS = [form for rule in TABLE["rules"] for form in rule.get("tokens", [])]
PART = re.compile(r"\{(?:uuid|(\w+):(\d+)[^}]*)\}")


def characters(alphabet: str) -> str:
    spread = re.sub(
        r"(.)-(.)", lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))), ALPHABETS[alphabet]
    )
    return re.sub(r"[^0-9A-Za-z]", "", spread)


def example(form: str, random: Random) -> str:
    """Return a token of a form, of the smallest length."""

    def body(part: re.Match[str]) -> str:
        if part[1] is None:
            return "-".join("".join(random.choices("0123456789abcdef", k=n)) for n in (8, 4, 4, 4, 12))
        return "".join(random.choices(characters(part[1]), k=int(part[2])))

    return PART.sub(body, form)


@given(
    st.sampled_from(FORMS),
    st.randoms(use_true_random=False),
    st.sampled_from(["§", "got § from env", "/x?a=§&b=1", '{"a":"§"}', "a=§"]),
)
@settings(max_examples=400)
def test_a_token_of_each_form_is_hidden_anywhere(form: str, random: Random, carrier: str) -> None:
    token = example(form, random)

    assert token not in REDACTOR.text(carrier.replace("§", token + "7" * form.endswith("+}")))


def test_the_digits_of_a_prefix_are_compared() -> None:
    body = "bRdW3rOcB7xLthrM4" + "BTBGK1qPLkHigpN1bXD6z"

    assert REDACTOR.text(f"got 4b1d{body} here") == "got <token> here"
    assert REDACTOR.text(f"got 5b2d{body} here") == f"got 5b2d{body} here"


@pytest.mark.parametrize(
    "text",
    [
        "hf_requiredCharacteristicTypesForDisplayMetadata",
        "ghp_" + "x" * 36,
        "xghp_" + "a1B2" * 9,
        "video.ico-6f1a0c9f2d117f9c2ba4e88f827d6160.png",
    ],
)
def test_words_masks_and_parts_of_names_are_no_tokens(text: str) -> None:
    assert REDACTOR.text(text) == text


NAMES = ["stripeKey", "ACME_API_KEY", "acme.secret", "mySecretString", "api_token_for_tests", "acmeAuth", "creds", "db_password_prod", "X-Acme-Key"]  # fmt: skip
ASSIGNMENTS = ["{n}={v}", "{n} = '{v}'", '{n}: "{v}"', '"{n}": "{v}"', "{n} ?= {v}", '{n} ::= "{v}"', '{n} .= "{v}"', 'var {n} string = "{v}"',
               "{n}          = {v}", 'put("{n}", "{v}")', "{n} - '{v}'", 'if {n} != "{v}" {{', "{n} || '{v}'", "{n} => '{v}'"]  # fmt: skip


@given(
    st.sampled_from(NAMES),
    st.sampled_from(ASSIGNMENTS),
    st.integers(0, 2**32),
    st.sampled_from(["alnum", "lower", "hex"]),
)
@settings(max_examples=300)
def test_a_generated_value_is_hidden_beside_any_secret_name(
    name: str, assignment: str, seed: int, alphabet: str
) -> None:
    # A seed, because hypothesis would shrink the characters themselves to a value that nobody generates.
    value = "a1" + "".join(Random(seed).choices(characters(alphabet), k=30))

    hidden = REDACTOR.text(assignment.format(n=name, v=value))

    assert value not in hidden
    assert name in hidden


def test_a_hidden_value_is_hidden_where_no_name_stands_too() -> None:
    value = "q8Zp2Lx0" + "Vt7Rk4Wn"

    assert REDACTOR.text(f"token={value} | {value}") == "token=<secret> | <secret>"
    assert REDACTOR.text("user=admin password=admin") == "user=admin password=<password>"


def test_the_data_of_a_secret_manifest_is_hidden_and_its_neighbours_stay() -> None:
    value = "c3dvcmRm" + "aXNo"
    data = f'"data":{{"user":"{value}"}}'

    for line in (f'{{"kind":"Secret",{data},"type":"Opaque"}}', f'{{{data},"kind":"Secret"}}'):
        assert value not in REDACTOR.text(line)
    assert REDACTOR.text(f'{{"kind":"ConfigMap",{data}}}') == f'{{"kind":"ConfigMap",{data}}}'
    hidden = REDACTOR.text(
        f"kind: Secret\ndata:\n  a: {value}\n---\nkind: ConfigMap\ndata:\n  mode: primary\n"
    )
    assert value not in hidden
    assert "mode: primary" in hidden


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ('tokens: ["ab_{letters:3}"]', "unknown alphabet 'letters'"),
        ('tokens: ["a{hex:3}"]', "needs a literal of three characters"),
        ('tokens: ["abc_{hex}"]', "must be {alphabet:length}"),
        ('tokens: ["abc_"]', "must be {alphabet:length}"),
        ("tokens: []", "must be a list of forms"),
        ('tokens: ["abc_{hex:3}"]\n    needs: [x]', "`tokens` replaces needs"),
    ],
)
def test_a_broken_form_names_the_rule_and_the_fault(tmp_path: Path, field: str, says: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(f"version: t\nrules:\n  - name: badge\n    placeholder: <badge>\n    {field}\n")

    with pytest.raises(Misconfigured, match="rule badge: ") as caught:
        load_table(path)

    assert says in str(caught.value)
