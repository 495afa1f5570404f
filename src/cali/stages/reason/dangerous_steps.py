"""Dangerous steps, which are removed from a model's proposed fix.

A step that is quoted word for word from a knowledge entry is allowed, because a person wrote it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class DangerousStep(NamedTuple):
    """A kind of dangerous step, and the reason for its removal."""

    why: str
    pattern: re.Pattern[str]


def _step(why: str, pattern: str) -> DangerousStep:
    return DangerousStep(why, re.compile(pattern, re.IGNORECASE))


DANGEROUS_STEPS = (
    _step(
        "runs downloaded code",
        r"\b(?:curl|wget|fetch|iwr|invoke-webrequest)\b[^\n]*\|[^\n]*\b(?:(?:ba|z|da|k)?sh|python\d?|perl|ruby|node|iex)\b",
    ),
    _step(
        "runs downloaded code",
        r"(?:\$\(|<\(|`)\s*(?:curl|wget)\b|\b(?:curl|wget)\b[^\n]*(?:&&|;)[^\n]*(?:chmod|\bsh\b|bash|\./)",
    ),
    _step(
        "runs hidden code",
        r"base64\s+(?:-d|-D|--decode)[^\n]*\||\beval\b\s*[\"'$(`]|/dev/tcp/|\bn(?:c|cat)\b[^\n]*\s-e\b",
    ),
    _step(
        "deletes files",
        r"\brm\s+(?:-\S+\s+)*-\S*[rf]|\bfind\b[^\n]*-delete\b|\bshred\b|\bwipefs\b|\bmkfs|\bdd\b[^\n]*\bof=/dev/|>\s*/dev/sd",
    ),
    _step(
        "deletes cluster objects",
        r"\bkubectl\b[^\n]*\bdelete\b[^\n]*(?:\b(?:ns|namespaces?|pvc?|persistentvolume(?:claim)?s?|crds?|nodes?|sts|statefulsets?)\b|--all\b)|\bhelm\s+(?:uninstall|delete)\b",
    ),
    _step(
        "deletes data",
        r"\b(?:drop|truncate)\s+(?:table|database|schema|index|collection|user)\b|\bdelete\s+from\b(?![^\n]*\bwhere\b)|\bflush(?:all|db)\b|dropDatabase\(",
    ),
    _step(
        "deletes infrastructure",
        r"\bterraform\b[^\n]*\bdestroy\b|\baws\b[^\n]*\b(?:delete|terminate|deregister)-|\baws\s+s3\s+(?:rb|rm)\b|\bdocker\b[^\n]*\bprune\b|\beksctl\s+delete\b",
    ),
    _step(
        "weakens access control",
        r"\bchmod\b[^\n]*\b0?777\b|\bsetenforce\s+0|\biptables\s+-F|\bufw\s+disable|cluster-admin\b|\bauthorized_keys\b|\b(?:useradd|adduser|passwd)\s+\w",
    ),
    _step(
        "disables certificate checks",
        r"verify\s*=\s*false|--insecure\b|\bcurl\s+(?:-\S+\s+)*-\w*k\b|tls_reject_unauthorized\W+0|insecureskipverify|sslmode\s*=\s*disable|--no-check-certificate|strict-ssl\s+false",
    ),
    _step(
        "shows secrets",
        r"\bkubectl\b[^\n]*\bget\s+secrets?\b[^\n]*-o\b|\bprintenv\b|\bcat\b[^\n]*(?:id_rsa|\.aws/credentials|/etc/shadow|\.env\b|\.kube/config)|get-secret-value",
    ),
    _step(
        "sends data to another host",
        r"\b(?:curl|wget|scp|rsync|nc)\b[^\n]*(?:--data|-d\s*@|-F\b|--post|--upload|-T\s|\w+@)",
    ),
    _step("rewrites history", r"\bgit\s+push\b[^\n]*(?:--force\b|-f\b)|\bgit\s+reset\s+--hard"),
    _step("is a fork bomb", r":\s*\(\s*\)\s*\{"),
    _step(
        "hides the error",
        r"\b(?:disable|turn off|stop|mute|silence|delete|ignore)\b[^\n]{0,30}\b(?:alert|alerting|monitoring|logging|log collection|audit|cali)\b",
    ),
)
URL = re.compile(
    r"\b(?:https?|ftp|file|data|javascript|ssh)://?[^\s'\"<>)]+|\bwww\.[^\s'\"<>)]+", re.IGNORECASE
)


def objection(step: str, trusted: Sequence[str] = ()) -> str:
    """Return the reason to reject a step, or an empty string. `trusted` holds texts of knowledge entries."""
    if any(step.strip() in text for text in trusted):
        return ""
    for url in URL.findall(step):
        if not any(url.rstrip(".,;") in text for text in trusted):
            return "contains a URL that is not in the knowledge base"
    return next((kind.why for kind in DANGEROUS_STEPS if kind.pattern.search(step)), "")
