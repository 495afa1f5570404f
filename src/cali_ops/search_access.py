"""Roles in OpenSearch, and the retention of its indexes. Both can only be set through the API of the domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cali_ops.shape import holds

if TYPE_CHECKING:
    from collections.abc import Mapping

SECURITY = "/_plugins/_security/api"
WRITES = ["create_index", "indices:admin/mapping/put", "indices:data/write/*"]
READS = ["read", "indices:admin/mappings/get", "indices:admin/get", "indices:monitor/settings/get"]


@dataclass(frozen=True, slots=True)
class Document:
    """One object of OpenSearch's API: its path, its content, and the keys under which a GET returns it."""

    path: str
    body: dict[str, Any]
    shown_under: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Put:
    """One PUT request, and its reason."""

    path: str
    body: dict[str, Any]


def wanted(index: str, firehose_role: str, grafana_role: str, keep_days: int) -> tuple[Document, ...]:
    """Return the roles, their members, the template of new indexes and the retention policy. A user gets
    `<index>-reader` through the backend role `team`."""
    roles = {
        f"{index}-firehose": (["cluster_monitor", "indices:data/write/bulk"], WRITES, [firehose_role]),
        f"{index}-grafana": (["cluster_composite_ops_ro"], READS, [grafana_role]),
        f"{index}-reader": (["cluster_composite_ops_ro"], READS, ["team"]),
    }
    documents = []
    for role, (cluster, actions, members) in roles.items():
        body = {
            "cluster_permissions": cluster,
            "index_permissions": [{"index_patterns": [f"{index}*"], "allowed_actions": actions}],
        }
        documents.append(Document(f"{SECURITY}/roles/{role}", body, (role,)))
        documents.append(Document(f"{SECURITY}/rolesmapping/{role}", {"backend_roles": members}, (role,)))
    people = f"{SECURITY}/rolesmapping/kibana_user"  # the built-in role that can open Dashboards
    documents.append(Document(people, {"backend_roles": ["team"]}, ("kibana_user",)))
    return (*documents, _template(index), _retention(index, keep_days))


def _template(index: str) -> Document:
    words = {
        "strings": {"match_mapping_type": "string", "mapping": {"type": "keyword", "ignore_above": 1024}}
    }
    body = {
        "index_patterns": [f"{index}*"],
        "template": {
            # A single node has no place for replicas: the index would stay yellow for ever.
            "settings": {"index": {"number_of_shards": "1", "number_of_replicas": "0"}},
            "mappings": {
                "dynamic_templates": [words],
                "properties": {"@timestamp": {"type": "date"}, "message": {"type": "text"}},
            },
        },
    }
    return Document(f"/_index_template/{index}", body, ("index_templates", 0, "index_template"))


def _retention(index: str, days: int) -> Document:
    states = [
        {
            "name": "kept",
            "actions": [],
            "transitions": [{"state_name": "deleted", "conditions": {"min_index_age": f"{days}d"}}],
        },
        {"name": "deleted", "actions": [{"delete": {}}], "transitions": []},
    ]
    policy = {
        "description": f"Indexes of log lines live {days} days; S3 keeps the lines.",
        "default_state": "kept",
        "states": states,
        "ism_template": [{"index_patterns": [f"{index}*"], "priority": 100}],
    }
    return Document(f"/_plugins/_ism/policies/{index}", {"policy": policy}, ())


def plan(documents: tuple[Document, ...], found: Mapping[str, Any]) -> tuple[Put, ...]:
    """Return the requests that create or correct the documents. `found` holds the current ones by path. Return none
    if all are correct."""
    return tuple(
        Put(_addressed(document, found.get(document.path)), document.body)
        for document in documents
        if not holds(_shown(found.get(document.path), document.shown_under), document.body)
    )


def _shown(answer: Any, keys: tuple[str | int, ...]) -> Any:
    for key in keys:
        try:
            answer = answer[key]
        except (KeyError, IndexError, TypeError):
            return None
    return answer


def _addressed(document: Document, answer: Any) -> str:
    """Add the sequence number to the path: OpenSearch replaces a policy only with the number of its current version."""
    if isinstance(answer, dict) and "_seq_no" in answer:
        return f"{document.path}?if_seq_no={answer['_seq_no']}&if_primary_term={answer['_primary_term']}"
    return document.path
