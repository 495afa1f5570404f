"""Kinds of dependencies, as data: names of servers, their messages in an outage, and the messages of their clients.

The data distinguishes causes from consequences.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class SystemKind(NamedTuple):
    """One kind of dependency. `tags` are the tags of knowledge entries about it."""

    name: str
    tags: frozenset[str]
    server: re.Pattern[str]  # in the name of a workload or container
    client: re.Pattern[str]  # in the message of a client
    fails: re.Pattern[str] | None = None  # in the message of its server in an outage, beyond OUTAGE


def _kind(name: str, tags: str, server: str, client: str, fails: str | None = None) -> SystemKind:
    return SystemKind(
        name,
        frozenset(tags.split()),
        re.compile(rf"(?:^|[-_./])(?:{server})(?:$|[-_./\d])", re.IGNORECASE),
        re.compile(client, re.IGNORECASE),
        re.compile(fails, re.IGNORECASE) if fails else None,
    )


SYSTEM_KINDS = (
    _kind(
        "database", "database postgresql postgres mysql mariadb mongodb",
        r"postgres(?:ql)?|pg|pgbouncer|patroni|mysqld?|mariadb|mongod?b?|cockroachdb|database|db",
        r"postgres|psycopg|\bpgx?\b|\bpq:|asyncpg|sqlalchemy|queuepool|hikari|\bjdbc\b|\bsql\b|sqlstate|mysql|mariadb|mongo(?!ose the)|\bdatabase\b|\bdb\b|sequelize|prisma|typeorm|activerecord",
        r"terminating connection|recovery mode|the database system is|remaining connection slots",
    ),
    _kind(
        "broker", "broker kafka rabbitmq amqp queue",
        r"rabbitmq|kafka|broker|nats|activemq|pulsar|redpanda",
        r"amqp|rabbit|kafka|\bbroker|kombu|pika|\bpublish(?:er|ing)?\b.{0,30}\bblocked|connection\.blocked|bootstrap server",
        r"resource limit alarm|memory (?:resource )?alarm|disk (?:resource )?alarm|under-?replicated|partition detected",
    ),
    _kind(
        "cache", "cache redis memcached",
        r"redis|valkey|memcached|cache|sentinel",
        r"\bredis|jedis|lettuce|memcached?|\bcache\b|MISCONF|READONLY You can't write",
        r"MISCONF|can't save in background|background saving error|maxmemory|loading the dataset",
    ),
    _kind(
        "dns", "dns",
        r"coredns|kube-dns|nodelocaldns|node-local-dns|dnsmasq",
        r"no such host|EAI_AGAIN|ENOTFOUND|getaddrinfo|name resolution|name or service not known|unknownhostexception|could not resolve|nxdomain|servfail|lookup \S+",
        r"i/o timeout|servfail|loop .{0,40}detected|no upstream|unreachable|plugin/errors",
    ),
    _kind(
        "search", "elasticsearch opensearch",
        r"elasticsearch|opensearch|es",
        r"elastic|opensearch|cluster_block|_bulk\b|index \S* ?blocked|read-only-allow-delete|es_rejected",
        r"flood stage|watermark|read-only-allow-delete|cluster health status changed .{0,30}red|circuit_?breaking",
    ),
    _kind(
        "vectors", "milvus",
        r"milvus(?:-\w+)?|minio|etcd",
        r"milvus|\betcd|minio",
        r"mvcc: database space exceeded|lost leader|no leader",
    ),
)  # fmt: skip

# Messages of a system that is down or going down. Its clients may fail because of it.
OUTAGE = re.compile(
    r"""
      \b too \s many \s (?:clients|connections|open\sfiles) | \b out \s of \s memory | out[- ]?of[- ]?memory | \b oom[- ]?kill | \b killed \s process
    | \b no \s space \s left | \b disk \s (?:is\s)? full | \b ENOSPC | \b read-?only \b
    | \b terminat(?:ed|ing)\b .{0,40} \b (?:signal|connection|administrator|shutdown) | \b shut(?:ting)?[ ]?down \b | \b is \s starting \s up | \b recovery \s mode
    | \b panic(?:ked)? \b | \b seg(?:mentation\s)?fault | SIGSEGV | \b crash | CrashLoop | \b back-?off \s restarting | \b evict(?:ed|ing) | \b not \s? ready \b | NotReady
    | \b unhealthy \b | probe \s failed | \b corrupt | \b split[- ]brain | \b lost \s (?:leader|quorum) | \b alarm \b | \b flood \s stage | \b exit(?:ed)? .{0,20} (?:137|139|143) \b
    | \b (?:cannot|could\snot|failed\sto|unable\sto) \s (?:start|bind|listen|allocate|fork|accept) | \b deadlock | \b heap \s (?:space|limit) | \b maximum \s .{0,30} reached
    """,
    re.IGNORECASE | re.VERBOSE,
)

# Messages of a client whose dependency failed. They do not give the reason.
SYMPTOM = re.compile(
    r"""
      \b connection \s (?:was\s|is\s|has\sbeen\s)? (?:refused|reset|closed|lost|aborted|timed|error|fail\w*|attempt|to\b|is\snot\savailable) | ECONN | EPIPE | ETIMEDOUT | EHOSTUNREACH
    | \b (?:lost|no) \s connection | \b broken \s pipe | \b unreachable \b | \b no \s route \s to | \b unexpected(?:ly)? \s (?:eof|clos)
    | \b tim(?:ed|e|ing)[- ]?out \b | Timeout (?:Error|Exception)? \b | \b deadline \s? exceeded | \b (?:could\snot|cannot|can't|failed\sto|unable\sto|error) \s (?:connect|reach|acquire|obtain|get\s(?:a\s)?connection|dial)\w*
    | \b bad \s gateway | \b service \s unavailable | \b gateway \s time | \b (?:status|http\S*|code|returned|responded|got|answered) \W{0,3} (?:with\s)? (?:status\s|code\s)* [=:]? \W? 50[0234] \b | \b 50[234] \b
    | \b unavailable \b | \b no \s (?:healthy|live|available) \s upstream | \b upstream \b | \b circuit .{0,12} open | \b retries \s (?:exhausted|exceeded) | \b max \s retries
    | \b pool \b .{0,60} (?:exhaust|limit|time|reached|full|empty) | \b no \s such \s host | EAI_AGAIN | ENOTFOUND | \b name \s (?:resolution|or\sservice) | getaddrinfo | UnknownHost | \b could \s not \s resolve
    | \b tls \s handshake | \b certificate \b | \b x509 | cluster_block | read-only-allow-delete | MISCONF | \b publish .{0,30} (?:fail|block|nack) | connection\.blocked
    """,
    re.IGNORECASE | re.VERBOSE,
)
