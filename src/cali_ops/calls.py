"""Calls to AWS as data, and the one executor that imports boto3."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cali.core.errors import Misconfigured, Retryable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Clients = Callable[[str], Any]

MISSING = frozenset(
    {
        "404", "NoSuchBucket", "NoSuchBucketPolicy", "NoSuchKey", "NoSuchPublicAccessBlockConfiguration", "NoSuchLifecycleConfiguration",
        "OwnershipControlsNotFoundError", "ServerSideEncryptionConfigurationNotFoundError", "ResourceNotFoundException",
        "ScanNotFoundException",
    }
)  # fmt: skip  # how AWS says that something is not there


@dataclass(frozen=True, slots=True)
class Call:
    """One boto3 call of an AWS service, and its reason."""

    service: str
    action: str
    params: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


def perform(call: Call, clients: Clients) -> Any:
    """Make the call, and return the response. Raise Misconfigured for a permanent error, Retryable for others."""
    try:
        return getattr(clients(call.service), call.action)(**call.params)
    except Exception as error:
        raise _said(call, error) from error


def ask(call: Call, clients: Clients) -> Any | None:
    """Make the call as `perform` does. Return None if the resource does not exist."""
    try:
        return getattr(clients(call.service), call.action)(**call.params)
    except Exception as error:
        if _code(error) in MISSING:
            return None
        raise _said(call, error) from error


def pages(call: Call, key: str, clients: Clients) -> list[Any]:
    """Return all items under `key` from all pages of the response."""
    try:
        paginator = clients(call.service).get_paginator(call.action)
        return [item for page in paginator.paginate(**call.params) for item in page.get(key, [])]
    except Exception as error:
        raise _said(call, error) from error


def aws_clients(region: str) -> Clients:
    """Return clients of one region by service name, built on first use. Raise Misconfigured without boto3."""
    try:
        boto3 = importlib.import_module("boto3")
    except ImportError as error:
        raise Misconfigured("boto3 is not installed: python -m pip install boto3") from error
    session = boto3.session.Session(region_name=region)
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = session.client(service)
        return made[service]

    return client


def _code(error: Exception) -> str:
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def _said(call: Call, error: Exception) -> Misconfigured | Retryable:
    status = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    text = f"{call.service} {call.action}: {error}"
    return Retryable(text) if status >= 500 or _code(error).startswith("Throttl") else Misconfigured(text)
