"""Whether a line says that what a warning complained of has worked after all.

The words are data: to teach a way of saying so, add it to a row.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class _Topic(NamedTuple):
    success: re.Pattern[str]
    trouble: re.Pattern[str]


def _topic(success: str, trouble: str) -> _Topic:
    return _Topic(re.compile(success, re.IGNORECASE), re.compile(trouble, re.IGNORECASE))


_TOPICS = (
    _topic(
        r"\bre-?connect(?:ed\b|ion (?:was )?succe)|\bre-?established\b|(?<!not )(?<!never )\bconnected (?:to|again|after)\b"
        r"|\bconnection (?:was |has been |is )?(?:now )?(?:established|restored|recovered|back|open again)\b",
        r"connect|socket|broker|refused|\breset\b|unreachable|\blost\b|\bdial\b|broken pipe|unavailable|tim(?:ed|e|ing)[- ]?out",
    ),
    _topic(
        r"\bsucceeded (?:at|on|after|in|with)\b|\bsuccess(?:ful(?:ly)?)? (?:at|on|after) .{0,30}(?:retr|attempt|tr(?:y|ies)\b)"
        r"|\bretry (?:was )?succe|\battempt .{0,12}succeeded",
        r"retr|attempt|try again|back-?off|fail|tim(?:ed|e|ing)[- ]?out|throttl|unavailable|refused|\breset\b|rate limit|too many",
    ),
    _topic(
        r"(?<!not )(?<!never )\brecovered\b(?! (?:from )?(?:a )?panic)|\bback (?:online|to normal)\b|\bhealthy again\b|\bis (?:now )?healthy\b|\bself-healed\b",
        r"",
    ),
)
_DOUBT = re.compile(
    r"\b(?:not|never|could ?n[o']t|cannot|can't|unable to|fail(?:ed)? to|until|unless|if|when|once|waiting)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z][a-z_]{2,}", re.IGNORECASE)

# A thing, and what else it is called: "lost the broker" and "reconnected to kafka" speak of one thing.
_ALSO = {
    "kafka": "broker", "rabbitmq": "broker", "amqp": "broker", "nats": "broker", "pulsar": "broker", "postgres": "database",
    "postgresql": "database", "mysql": "database", "mariadb": "database", "mongodb": "database", "mongo": "database", "redis": "cache",
    "memcached": "cache", "elasticsearch": "cluster", "opensearch": "cluster",
}  # fmt: skip
# Words that say nothing of which operation it was.
_COMMON = frozenset(
    _WORD.findall("""
    the and for with from was has had have been now again after all its are this that will not but out more than into
    connect connected connection connections connecting reconnect reconnected reconnecting reconnection reestablished established
    restored disconnect disconnected lost closed open opened broken pipe socket refused reset dial unreachable host port peer server
    succeeded success successful successfully succeed retry retries retrying retried attempt attempts tries try time times seconds
    second sec millis fail failed failing failure error errors warn warning info timeout timed unavailable recovered recover recovery
    healthy back online normal self healed backoff elapsed count tcp http https url status code level msg message
    """)
)  # fmt: skip


def speaks_of_success(message: str) -> bool:
    """Whether a message says in any way that something works again."""
    return any(topic.success.search(message) for topic in _TOPICS) and not _DOUBT.search(message)


def undoes(success: str, trouble: str) -> bool:
    """Whether a message that speaks of success says that the operation of an earlier warning has worked: it is about the
    same kind of trouble, and names nothing, or something that the warning names too."""
    if not any(topic.success.search(success) and topic.trouble.search(trouble) for topic in _TOPICS):
        return False
    named, blamed = _things(success), _things(trouble)
    if not named:
        return True
    return bool(named & blamed or _others(named) & blamed or named & _others(blamed))


def _things(message: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(message)} - _COMMON


def _others(things: set[str]) -> set[str]:
    return {_ALSO[thing] for thing in things if thing in _ALSO}
