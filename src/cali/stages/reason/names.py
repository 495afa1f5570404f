"""Names, codes and numbers in a cause. Each must be in the evidence, because models tend to invent these."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

QUOTED = re.compile(r"`([^`\n]{2,120})`|\"([^\"\n]{2,120})\"|(?<!\w)'([^'\n]{2,120})'(?!\w)")
TOKEN = re.compile(r"[A-Za-z0-9_$/][\w$./:@+-]*")
CAMEL = re.compile(r"[a-z0-9][A-Z]|[A-Z]{2,}[a-z]{2,}")
NAME = re.compile(r"[A-Z][a-z]{2,}\b")
CODE = re.compile(r"[A-Z][A-Z0-9_]{2,}")
SENTENCE = re.compile(r"(?:^|[.!?:;]\s+|\n)\s*$")
# Technical terms that look like names but identify nothing.
TRADE = frozenset(
    """
    ipv4 ipv6 x509 http2 http/2 oauth2 k8s utf-8 base64 sha256 i/o tcp/ip e.g i.e etc vs node.js
    .net kubernetes linux unix windows docker java javascript python node golang typescript kotlin
    scala ruby php rust dotnet aws api apis http https tcp udp tls ssl dns ssh url uri uris urls
    json yaml xml html sql csv rpc grpc rest iam rbac cpu gpu ram oom jvm gc vm vms os ci cd id ids
    ttl tls/ssl cli sdk cni csi cri crd cpu/memory pod pods service services deployment namespace
    node nodes container configmap secret ingress statefulset daemonset posix ascii unicode null
    none true false error exception stderr stdout eof jwt sso ldap acl nat vpc lan wan mtu arp utc
    gmt iso either neither the this that these those when while because since therefore
    """.split()  # noqa: SIM905 - a list would take two hundred lines
)


def names(cause: str) -> tuple[str, ...]:
    """Return the distinct names in a cause, in order."""
    return tuple(dict.fromkeys(_names(cause)))


def missing(cause: str, evidence: str) -> tuple[str, ...]:
    """Return the names in a cause that are not in the evidence."""
    low = " ".join(evidence.lower().split())
    return tuple(name for name in names(cause) if not _stands(name, low))


def _names(cause: str) -> Iterator[str]:
    for match in QUOTED.finditer(cause):
        yield next(group for group in match.groups() if group)
    plain = QUOTED.sub(" ", cause)
    for match in TOKEN.finditer(plain):
        word = match[0].strip("./:@+-$") if not match[0].startswith("/") else match[0].rstrip("./:@+-")
        if word.lower() in TRADE or (len(word) < 2 and not word.isdigit()):
            continue
        if _is_name(word, first=bool(SENTENCE.search(plain[: match.start()]))):
            yield word


def _is_name(word: str, *, first: bool) -> bool:
    if any(char.isdigit() for char in word):
        return True
    if word.startswith("/") or "_" in word or "@" in word or "." in word or "::" in word or "$" in word:
        return True
    if any(part.lower() not in TRADE and CAMEL.search(part) for part in re.split(r"[/-]", word)):
        return True
    return bool(CODE.fullmatch(word)) or (not first and bool(NAME.match(word)))


def _stands(name: str, evidence: str) -> bool:
    low = " ".join(name.lower().split())
    if low.isdigit() or len(low) < 4:
        return re.search(rf"(?<![\w.]){re.escape(low)}(?!\w)", evidence) is not None
    if low in evidence:
        return True
    if NAME.fullmatch(name):
        return low[:6] in evidence  # "Connections" matches "connection"
    parts = [part for part in re.split(r"[\s/:=,()\[\]]+", low) if part]
    return len(parts) > 1 and all(_in(part, evidence) for part in parts)


def _in(part: str, evidence: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)", evidence) is not None
