"""Steps of `make addons` besides Terraform: fill empty secrets, and check the prerequisites."""

from __future__ import annotations

import base64
import json
import re
import secrets
import subprocess
from typing import TYPE_CHECKING, Any

from cali.core.errors import Misconfigured
from cali_ops.calls import Call, ask, perform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cali_ops.calls import Clients

KEY = "cali/eks-addons.tfstate"
NEEDED = ("cluster", "image_repositories", "secrets", "service_accounts")


def fernet_key() -> str:
    """Return 32 random bytes in Fernet's encoding."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _word() -> str:
    return secrets.token_urlsafe(24)


# The fields that the add-ons read of each secret, and how a missing value is generated.
WANTED: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "airflow": {
        "fernet_key": fernet_key,
        "api_secret_key": lambda: secrets.token_hex(32),
        "jwt_secret": lambda: secrets.token_hex(32),
        "postgres_password": _word,
        "admin_password": _word,
    },
    "grafana": {"password": _word},
    "milvus": {"token": lambda: f"root:{_word()}"},
}


def missing(name: str, value: Mapping[str, Any]) -> list[str]:
    """Return the empty fields of a secret."""
    return [field for field in WANTED[name] if not value.get(field)]


def empty(entries: Mapping[str, str], clients: Clients) -> list[str]:
    """Return `secret.field` of each empty secret. `entries` is the output `secrets`."""
    return [
        f"{entries[name]}.{field}"
        for name in WANTED
        for field in missing(name, _value(entries[name], clients))
    ]


def fill(entries: Mapping[str, str], clients: Clients) -> list[str]:
    """Fill empty fields with random values. Return `secret.field` of each field that was filled."""
    made = []
    for name in WANTED:
        value = _value(entries[name], clients)
        fields = missing(name, value)
        if name == "milvus" and not fields and not re.fullmatch(r"root:.{6,72}", value["token"]):
            raise Misconfigured(
                f"secret {entries[name]}: token must be root:<password of 6 to 72 characters>"
            )
        if fields:
            filled = {**value, **{field: WANTED[name][field]() for field in fields}}
            said = {"SecretId": entries[name], "SecretString": json.dumps(filled)}
            perform(Call("secretsmanager", "put_secret_value", said), clients)
        made += [f"{entries[name]}.{field}" for field in fields]
    return made


def needed(outputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the first root's outputs. Raise Misconfigured if it is not applied, or too old for this root."""
    absent = [name for name in NEEDED if name not in outputs]
    if absent:
        raise Misconfigured(f"terraform/ has no output {', '.join(absent)}: run `make infra` first")
    return outputs


def https(remote: str) -> str:
    """Return the https URL of a Git remote, which Airflow can read without a key."""
    short = re.fullmatch(r"(?:ssh://)?git@([^:/]+)[:/](.+)", remote.strip())
    url = (
        f"https://{short[1]}/{short[2]}" if short else re.sub(r"^https://[^/@]+@", "https://", remote.strip())
    )
    if not url.startswith("https://"):
        shown = re.sub(r"//[^/@]*@", "//", remote.strip())  # a URL that needs no key
        raise Misconfigured(
            f"the DAGs' repository {shown!r} is not reachable over https; give --dags https://..."
        )
    return url


def origin() -> str:
    """Return the URL of this checkout's remote."""
    done = subprocess.run(["git", "remote", "get-url", "origin"], check=False, text=True, capture_output=True)  # noqa: S607 - whichever git there is
    if done.returncode:
        raise Misconfigured("this checkout has no remote `origin`; give --dags https://...")
    return https(done.stdout)


def _value(secret: str, clients: Clients) -> dict[str, Any]:
    found = ask(Call("secretsmanager", "get_secret_value", {"SecretId": secret}), clients)
    if found is None:  # the secret exists but has no value yet
        return {}
    try:
        value = json.loads(found["SecretString"])
    except (KeyError, ValueError) as error:
        raise Misconfigured(f"secret {secret}: not JSON") from error
    if not isinstance(value, dict):
        raise Misconfigured(f"secret {secret}: not a JSON object")
    return value
