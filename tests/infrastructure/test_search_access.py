"""OpenSearch's users, roles and retention, against a fake domain that stores its documents."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from cali.core.errors import Misconfigured, Retryable
from cali_ops.search_access import plan, wanted
from cali_ops.search_admin import Domain, draw_password, grant
from cali_ops.shape import holds
from tests.stand_in import Asked, OneCallServer, Said

if TYPE_CHECKING:
    from collections.abc import Iterator

FIREHOSE = "arn:aws:iam::111122223333:role/cali-firehose-search"
GRAFANA = "arn:aws:iam::111122223333:role/cali-grafana"
DOCUMENTS = wanted("cali-logs", FIREHOSE, GRAFANA, keep_days=7)


class OpenSearch(OneCallServer):
    """A domain that requires a password, stores documents, and returns them in OpenSearch's form."""

    def __init__(self) -> None:
        self.password: str | None = None
        self.kept: dict[str, Any] = {}
        self.versions: dict[str, int] = {}
        self.forbids = False
        super().__init__(self._respond)

    def _respond(self, asked: Asked) -> Said:
        if asked.method == "PUT":
            code, body = self.put(asked.path, json.loads(asked.body), asked.headers)
        else:
            code, body = self.get(asked.path, asked.headers)
        return Said(code, json.dumps(body).encode())

    def refused(self, headers: Any) -> tuple[int, Any] | None:
        if self.forbids:
            return 403, {"Message": "User: anonymous is not authorized"}
        given = base64.b64decode(headers["authorization"].split()[1]).decode()
        return None if given == f"cali-admin:{self.password}" else (401, "Unauthorized")

    def get(self, path: str, headers: Any) -> tuple[int, Any]:
        if refusal := self.refused(headers):
            return refusal
        if path.endswith("/authinfo"):
            return 200, {"user": "cali-admin"}
        if path not in self.kept:
            return 404, {"status": "NOT_FOUND"}
        kept, name = self.kept[path], path.rsplit("/", 1)[1]
        if "_index_template" in path:
            return 200, {"index_templates": [{"name": name, "index_template": kept | {"composed_of": []}}]}
        if "_ism" in path:
            return 200, {
                "_id": name,
                "_seq_no": self.versions[path],
                "_primary_term": 1,
                "policy": kept["policy"] | {"schema_version": 21},
            }
        return 200, {name: kept | {"reserved": False, "hidden": False}}

    def put(self, path: str, body: Any, headers: Any) -> tuple[int, Any]:
        if refusal := self.refused(headers):
            return refusal
        path, _, query = path.partition("?")
        if (
            "_ism" in path
            and path in self.kept
            and query != f"if_seq_no={self.versions[path]}&if_primary_term=1"
        ):
            return 409, {"error": "version conflict"}
        self.kept[path] = body
        self.versions[path] = self.versions.get(path, 0) + 1
        return 200, {"status": "OK"}


@pytest.fixture
def opensearch() -> Iterator[OpenSearch]:
    with OpenSearch() as domain:
        yield domain


@pytest.fixture
def account(clients):
    """Return an account with the domain and the empty secret that Terraform creates."""
    clients("opensearch").create_domain(DomainName="cali-search")
    clients("secretsmanager").create_secret(Name="cali/opensearch")
    return clients


def domain_at(opensearch: OpenSearch) -> Domain:
    return Domain(
        "cali-search", opensearch.url, "cali-logs", "cali-admin", "cali/opensearch", FIREHOSE, GRAFANA
    )


def secret(account: Any) -> dict[str, str]:
    kept: dict[str, str] = json.loads(
        account("secretsmanager").get_secret_value(SecretId="cali/opensearch")["SecretString"]
    )
    return kept


def test_the_first_run_replaces_the_password_and_grants(opensearch, account):
    # Given a domain whose first password is unknown, which accepts a new one after a while
    def later(_: float) -> None:
        opensearch.password = secret(account)["password"]

    # When access is granted
    puts = grant(domain_at(opensearch), account, keep_days=7, sleep=later)

    # Then everything is in place, with the password in Secrets Manager
    assert len(puts) == len(DOCUMENTS)
    assert opensearch.kept["/_plugins/_security/api/rolesmapping/cali-logs-firehose"] == {
        "backend_roles": [FIREHOSE]
    }
    assert opensearch.kept["/_plugins/_security/api/rolesmapping/cali-logs-grafana"] == {
        "backend_roles": [GRAFANA]
    }
    assert secret(account)["username"] == "cali-admin"


def test_a_second_run_changes_nothing(opensearch, account):
    account("secretsmanager").put_secret_value(
        SecretId="cali/opensearch", SecretString='{"username": "cali-admin", "password": "known"}'
    )
    opensearch.password = "known"
    grant(domain_at(opensearch), account, keep_days=7)
    assert grant(domain_at(opensearch), account, keep_days=7) == ()


def test_another_retention_replaces_the_policy_it_read(opensearch, account):
    account("secretsmanager").put_secret_value(
        SecretId="cali/opensearch", SecretString='{"username": "cali-admin", "password": "known"}'
    )
    opensearch.password = "known"
    grant(domain_at(opensearch), account, keep_days=7)
    (put,) = grant(domain_at(opensearch), account, keep_days=14)
    assert put.path == "/_plugins/_ism/policies/cali-logs?if_seq_no=1&if_primary_term=1"


def test_an_address_that_is_kept_out_is_told_what_to_change(opensearch, account):
    opensearch.forbids = True
    with pytest.raises(Misconfigured, match="search_cidrs"):
        grant(domain_at(opensearch), account, keep_days=7)


def test_a_domain_that_never_takes_the_password_is_given_up(opensearch, account):
    with pytest.raises(Retryable, match="still refuses"):
        grant(domain_at(opensearch), account, keep_days=7, sleep=lambda _: None)


def test_a_secret_that_is_no_password_is_named(opensearch, account):
    account("secretsmanager").put_secret_value(SecretId="cali/opensearch", SecretString="hunter2")
    with pytest.raises(Misconfigured, match="secret cali/opensearch") as error:
        grant(domain_at(opensearch), account, keep_days=7)
    assert "hunter2" not in str(error.value)


def test_firehose_writes_and_grafana_reads():
    roles = {
        document.path.rsplit("/", 1)[1]: document.body for document in DOCUMENTS if "/roles/" in document.path
    }
    actions = {name: set(body["index_permissions"][0]["allowed_actions"]) for name, body in roles.items()}
    assert not any(
        "write" in action or "create" in action
        for action in actions["cali-logs-grafana"] | actions["cali-logs-reader"]
    )
    assert "indices:data/write/*" in actions["cali-logs-firehose"]
    assert all(body["index_permissions"][0]["index_patterns"] == ["cali-logs*"] for body in roles.values())


def test_one_node_keeps_no_replica_and_old_indexes_go():
    bodies = {document.path: document.body for document in DOCUMENTS}
    assert bodies["/_index_template/cali-logs"]["template"]["settings"]["index"]["number_of_replicas"] == "0"
    assert bodies["/_plugins/_ism/policies/cali-logs"]["policy"]["states"][0]["transitions"][0][
        "conditions"
    ] == {"min_index_age": "7d"}


def test_only_what_differs_is_put():
    # Given a domain with everything except one mapping
    found = {}
    for document in DOCUMENTS:
        answer: Any = document.body
        for key in reversed(document.shown_under):
            answer = [answer] if key == 0 else {key: answer}
        found[document.path] = answer
    mapping = "/_plugins/_security/api/rolesmapping/cali-logs-grafana"
    found[mapping] = {"cali-logs-grafana": {"backend_roles": ["somebody"]}}

    # Then only that mapping is put
    assert [put.path for put in plan(DOCUMENTS, found)] == [mapping]


@pytest.mark.parametrize(
    ("found", "wish", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        (None, {"a": 1}, False),
        ([{"a": 1, "x": 0}], [{"a": 1}], True),
        ([1, 2], [1], False),
        ({"a": None}, {"b": None}, False),
    ],
)
def test_services_may_add_fields_and_nothing_else(found, wish, expected):
    assert holds(found, wish) is expected


def test_a_drawn_password_is_what_opensearch_takes():
    drawn = {draw_password() for _ in range(50)}
    assert len(drawn) == 50
    for password in drawn:
        assert len(password) == 32
        assert any(one.islower() for one in password)
        assert any(one.isupper() for one in password)
        assert any(one.isdigit() for one in password)
        assert any(not one.isalnum() for one in password)
