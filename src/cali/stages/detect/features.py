"""Features of an incident that show the origin of a failure. They are extracted once and compared many times."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from cali.core.models import NOWHERE, Incident
from cali.stages.decode import workload_of
from cali.stages.detect.dependencies import OUTAGE, SYMPTOM, SYSTEM_KINDS

READ = 4_000  # maximum characters of a sample that are scanned
QUOTE_WORDS = 5  # consecutive words that two messages must share for one to quote the other
_QUOTE_CHARS = 28

_NAME = r"[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?"
# Hosts in addresses and fields.
_HOSTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b[a-z][a-z0-9+.-]*://(?:[^\s/@]*@)?({_NAME})",
        rf"(?<![\w./:-])({_NAME}):\d{{2,5}}\b",
        r"\b([a-z0-9-]+)(?:\.[a-z0-9-]+)?\.svc\b",
        rf"\b(?:ENOTFOUND|EAI_AGAIN|lookup)\s+\"?({_NAME})",
    )
)
# Hosts in prose.
_SPOKEN = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        (
            r"\b(?:server at|upstream|service|host|backend|server|cluster|calling|calls? to|connect(?:ing|ion)? to|requests? to"
            rf"|response from|reach(?:ing)?|node|broker)(?:\s|[=:]\s?)(?=[\"'`]?({_NAME}))"
        ),
        r"\b([a-z][a-z0-9]*(?:-[a-z0-9]+)*)[- ](?:service|svc|api|server)\b",
    )
)
_SOURCE_FILE = re.compile(
    r"\.(?:java|kt|scala|py|go|[jt]sx?|rb|php|cs|rs|c|cc|cpp|h|log|sh|ya?ml|json|conf|xml|erl|ex)$"
)
_LETTERS = re.compile(r"[a-z]+")
_NOT_SPOKEN = frozenset(
    _LETTERS.findall("""
    localhost http https tcp udp the a an to from for in at is was not on of and or error failed refused timeout connection request
    upstream server service host line file java python node app main api web default unavailable unreachable returned status code it
    this that with by be time port address pool database db closed lost reset failure response prematurely timed temporarily internal
    """)
)  # fmt: skip
_GENERIC = frozenset(
    ("app", "main", "server", "container", "localhost")
)  # container names without information
_PRIVATE = (".svc", ".local", ".internal", ".cluster", ".lan")
_TOKEN = re.compile(r"[a-z0-9][a-z0-9-]{2,}(?:\.[a-z0-9-]+)*", re.IGNORECASE)
_WORDS = re.compile(r"[a-z_]{2,}", re.IGNORECASE)
# Components that report failures of other systems, not their own.
_REPORTER = re.compile(
    r"kubelet|kernel|containerd|dockerd|systemd|journal|^node|event|controller|scheduler|node-problem",
    re.IGNORECASE,
)


Tags = Callable[[Incident], Collection[str]]


class Features(NamedTuple):
    """The facts of an incident that link causes and consequences."""

    own: frozenset[str]  # names of its workload
    subjects: frozenset[str]  # names of the systems that it reports as down, including its own
    peers: frozenset[str]  # names of other systems that it blames
    serves: frozenset[str]  # kinds of dependency that its workload is
    needs: frozenset[str]  # kinds of dependency that it reports as failing
    about: frozenset[str]  # kinds of dependency that it mentions
    outage: bool  # it reports a system that is down
    reports: bool  # its workload reports on other systems
    symptom: bool  # it reports that another system did not answer
    words: tuple[str, ...]
    quote: tuple[str, ...]  # the words of its title; empty if there are too few to identify it


def features_of(incident: Incident, tags: Tags | None = None) -> Features:
    """Return the features of an incident. `tags` returns the tags of the known error that it matches, if any."""
    message = incident.samples[0].message[:READ] if incident.samples else incident.title
    names = [name for name in incident.scope[2:] if name]
    own = frozenset(name.lower() for name in names) - _GENERIC
    known = frozenset(tags(incident) if tags else ())
    symptom = SYMPTOM.search(message) is not None
    outage = OUTAGE.search(message) is not None
    serves: set[str] = set()
    about: set[str] = set()
    needs: set[str] = set()
    for kind in SYSTEM_KINDS:
        server = any(kind.server.search(name) for name in names)
        client = kind.client.search(message) is not None
        if server:
            serves.add(kind.name)
        elif client and symptom:
            needs.add(kind.name)
        if server or client or kind.tags & known:
            about.add(kind.name)
            outage = outage or (kind.fails is not None and kind.fails.search(message) is not None)
    reports = incident.scope == NOWHERE or any(map(_REPORTER.search, incident.scope))
    return Features(
        own=own,
        subjects=own | _subjects(message) if outage and reports else own,
        peers=frozenset(_peers(message) - own),
        serves=frozenset(serves),
        needs=frozenset(needs),
        about=frozenset(about),
        outage=outage,
        reports=reports,
        symptom=symptom,
        words=_words(message),
        quote=_quote(incident.title),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORDS.findall(text))


def _peers(message: str) -> set[str]:
    """Return the names of other systems in a message, from addresses and from prose."""
    hosts = {name.lower() for pattern in _HOSTS for name in pattern.findall(message)}
    words = {name.lower() for pattern in _SPOKEN for name in pattern.findall(message)}
    found: set[str] = set()
    for host in hosts:
        found |= _host_names(host)
    for word in words - hosts:
        found |= _host_names(word) - _NOT_SPOKEN
    return found


def _host_names(host: str) -> set[str]:
    """Return the names of a host.

    Inside a cluster the first label is the service. Elsewhere only the whole name identifies the host.
    """
    if len(host) < 2 or host.replace(".", "").isdigit() or host == "localhost" or _SOURCE_FILE.search(host):
        return set()
    label, _, rest = host.partition(".")
    if not rest:
        return {host, workload_of(host)}
    inside = host.endswith(_PRIVATE) or ".svc." in host or ("." not in rest and len(rest) > 3)
    return {host, label, workload_of(label)} if inside else {host}


def _subjects(message: str) -> set[str]:
    tokens = {token.lower() for token in _TOKEN.findall(message)}
    return (tokens | {workload_of(token) for token in tokens}) - _NOT_SPOKEN


def _quote(title: str) -> tuple[str, ...]:
    words = _words(title)
    if title.endswith("…"):
        words = words[:-1]  # the last word may be cut
    return words if len(words) >= QUOTE_WORDS and len(title) >= _QUOTE_CHARS else ()
