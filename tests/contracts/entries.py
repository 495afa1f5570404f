"""Knowledge entries for the contract suites."""

from __future__ import annotations

from cali.core.models import KnowledgeEntry, Severity


def entry(name: str, title: str, *symptoms: str) -> KnowledgeEntry:
    return KnowledgeEntry(
        id=name,
        title=title,
        area="test",
        symptoms=symptoms,
        match=((symptoms[0],),),
        cause=f"{title}.",
        fix=("Change it.",),
        severity=Severity.ERROR,
    )


MEMORY = entry(
    "memory", "A container went over its memory limit", "Memory cgroup out of memory: Killed process 77 (web)"
)
HOST = entry(
    "host",
    "A host name cannot be resolved",
    "dial tcp: lookup db.shop on 10.0.0.10:53: no such host",
    "getaddrinfo ENOTFOUND db",
)
DISK = entry("disk", "The disk is full", "write /var/lib/data: no space left on device")
TLS = entry("tls", "A certificate is out of date", "x509: certificate has expired or is not yet valid")
ENTRIES = (MEMORY, HOST, DISK, TLS)
