"""Client of OpenSearch's API that applies the plan of search_access."""

from __future__ import annotations

import base64
import json
import secrets
import string
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cali.adapters.http.client import request
from cali.core.errors import Misconfigured, Retryable
from cali_ops.calls import Call, ask, perform
from cali_ops.search_access import Put, plan, wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cali_ops.calls import Clients

PATIENCE = 1800.0  # seconds to wait; changing the master user takes minutes
PAUSE = 15.0


@dataclass(frozen=True, slots=True)
class Domain:
    """The domain, from Terraform's output `search`."""

    domain: str
    endpoint: str
    index: str
    master_user: str
    secret: str
    firehose_role: str
    grafana_role: str


@dataclass(frozen=True, slots=True)
class Session:
    """Requests to one domain, signed in as one user."""

    endpoint: str
    user: str
    password: str

    def signed_in(self) -> bool:
        """Return whether the domain accepts this user and password."""
        return self._send("GET", "/_plugins/_security/authinfo", None, {401}) is not None

    def get(self, path: str) -> Any | None:
        """Return the document at a path, or None."""
        return self._send("GET", path, None, {404})

    def put(self, put: Put) -> None:
        """Put one document."""
        self._send("PUT", put.path, put.body, set())

    def _send(self, method: str, path: str, body: Any, absent: set[int]) -> Any | None:
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        content = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        answer = request(self.endpoint, method, self.endpoint + path, content, headers, timeout=30.0)
        if answer.status in absent:
            return None
        if not 200 <= answer.status < 300:
            raise _refused(self.endpoint, method, path, answer.status, answer.body[:300])
        try:
            return json.loads(answer.body)
        except ValueError as error:
            raise Retryable(f"{self.endpoint}{path}: {error}") from error


def grant(
    domain: Domain, clients: Clients, keep_days: int, sleep: Callable[[float], None] = time.sleep
) -> tuple[Put, ...]:
    """Set the master user's password from the secret, then apply roles, template and retention. Return the changes in
    the domain. A second run changes nothing."""
    session = Session(domain.endpoint, domain.master_user, _password(domain, clients))
    if not session.signed_in():
        options = {"MasterUserName": session.user, "MasterUserPassword": session.password}
        change = {"DomainName": domain.domain, "AdvancedSecurityOptions": {"MasterUserOptions": options}}
        perform(
            Call("opensearch", "update_domain_config", change, "the password in the state opens nothing"),
            clients,
        )
        _wait(session, sleep)
    documents = wanted(domain.index, domain.firehose_role, domain.grafana_role, keep_days)
    found: Mapping[str, Any] = {document.path: session.get(document.path) for document in documents}
    puts = plan(documents, found)
    for put in puts:
        session.put(put)
    return puts


def _password(domain: Domain, clients: Clients) -> str:
    """Return the password in Secrets Manager. Generate and store one if there is none."""
    kept = ask(Call("secretsmanager", "get_secret_value", {"SecretId": domain.secret}), clients)
    if kept is not None:
        try:
            return str(json.loads(kept["SecretString"])["password"])
        except (KeyError, TypeError, ValueError) as error:
            raise Misconfigured(
                f'secret {domain.secret}: must be {{"username": ..., "password": ...}}'
            ) from error
    password = draw_password()
    value = json.dumps({"username": domain.master_user, "password": password})
    perform(
        Call("secretsmanager", "put_secret_value", {"SecretId": domain.secret, "SecretString": value}),
        clients,
    )
    return password


def draw_password() -> str:
    """Return 32 random characters with one of each class that OpenSearch requires."""
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "!@%^*-_=+")
    drawn = [secrets.choice(kind) for kind in kinds] + [secrets.choice("".join(kinds)) for _ in range(28)]
    secrets.SystemRandom().shuffle(drawn)
    return "".join(drawn)


def _wait(session: Session, sleep: Callable[[float], None]) -> None:
    waited = 0.0
    while not session.signed_in():
        if waited >= PATIENCE:
            raise Retryable(
                f"{session.endpoint}: still refuses the new master password after {waited:.0f} s; run it again"
            )
        sleep(PAUSE)
        waited += PAUSE


def _refused(endpoint: str, method: str, path: str, code: int, body: bytes) -> Misconfigured | Retryable:
    said = " ".join(body.decode(errors="replace").split())
    if code == 403:
        return Misconfigured(
            f"{endpoint}: refuses this address or user; add your address to search_cidrs and apply: {said}"
        )
    text = f"{endpoint}: {method} {path}: {code} {said}"
    return Retryable(text) if code >= 500 or code == 429 else Misconfigured(text)
