"""Kinds of systems, as data: names of their servers, and the messages of their clients and of their own outages.

A system serves a kind, and a client needs one. The data distinguishes causes from consequences.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ITEM = re.compile(r"\S+")


class SystemKind(NamedTuple):
    """One kind of system.

    `tags` are areas and tags of knowledge entries about it. `client` matches messages that name the kind, `generic` those
    that name only its family: a pool of JDBC connections is of any database.
    """

    name: str
    tags: frozenset[str]
    server: re.Pattern[str]  # in the name of a workload, container or host
    client: re.Pattern[str]  # in the message of a client
    generic: re.Pattern[str] | None = None  # in the message of a client that names no product
    fails: re.Pattern[str] | None = None  # in the message of its server in an outage, beyond OUTAGE


def _kind(name: str, tags: str, server: str, client: str, generic: str = "", fails: str = "") -> SystemKind:
    return SystemKind(
        name,
        frozenset(tags.split()),
        re.compile(rf"(?:^|[-_./])(?:{server})(?:$|[-_./\d])", re.IGNORECASE),
        re.compile(client, re.IGNORECASE),
        re.compile(generic, re.IGNORECASE) if generic else None,
        re.compile(fails, re.IGNORECASE) if fails else None,
    )


_SQL = r"sqlalchemy|queuepool|hikari|\bjdbc\b|\bsql\b|sqlstate|\bdatabase\b|\bdb\b|sequelize|prisma|typeorm|activerecord"
_BROKER = r"\bbroker|message queue|kombu|bootstrap server"

SYSTEM_KINDS = (
    _kind(
        "postgresql", "postgresql postgres",
        r"postgres(?:ql)?|pg|pgbouncer|patroni|cockroachdb|database|db",
        r"postgres|psycopg|\bpgx?\b|\bpq:|asyncpg|PSQL", _SQL,
        r"terminating connection|recovery mode|the database system is|remaining connection slots",
    ),
    _kind("mysql", "mysql mariadb", r"mysqld?|mariadb|database|db", r"mysql|mariadb|innodb", _SQL),
    _kind("mongodb", "mongodb", r"mongod?b?|database|db", r"mongo(?!ose the)", r"\bdatabase\b|\bdb\b"),
    _kind(
        "rabbitmq", "rabbitmq amqp",
        r"rabbitmq|broker|activemq",
        r"amqp|rabbit|pika|\bpublish(?:er|ing)?\b.{0,30}\bblocked|connection\.blocked", _BROKER,
        r"resource limit alarm|memory (?:resource )?alarm|disk (?:resource )?alarm|partition detected",
    ),
    _kind(
        "kafka", "kafka",
        r"kafka|broker|redpanda",
        r"kafka|\bISR\b|consumer group", _BROKER,
        r"under-?replicated|not enough replicas",
    ),
    _kind("nats", "nats", r"nats", r"\bnats\b"),
    _kind(
        "redis", "redis",
        r"redis|valkey|sentinel|cache",
        r"\bredis|jedis|lettuce|MISCONF|READONLY You can't write", r"\bcache\b",
        r"MISCONF|can't save in background|background saving error|maxmemory|loading the dataset",
    ),
    _kind("memcached", "memcached", r"memcached?|cache", r"memcached?", r"\bcache\b"),
    _kind(
        "dns", "dns coredns",
        r"coredns|kube-dns|nodelocaldns|node-local-dns|dnsmasq",
        r"no such host|EAI_AGAIN|ENOTFOUND|getaddrinfo|name resolution|name or service not known|unknownhostexception|could not resolve|nxdomain|servfail|lookup \S+",
        "",
        r"i/o timeout|servfail|loop .{0,40}detected|no upstream|unreachable|plugin/errors",
    ),
    _kind(
        "search", "elasticsearch opensearch",
        r"elasticsearch|opensearch|es",
        r"elastic|opensearch|cluster_block|_bulk\b|\bbulk index|index \S* ?blocked|read-only-allow-delete|es_rejected",
        "",
        r"flood stage|watermark|read-only-allow-delete|cluster health status changed .{0,30}red|circuit_?breaking",
    ),
    _kind("milvus", "milvus", r"milvus(?:-\w+)?", r"milvus", r"vector (?:store|database)"),
    _kind("etcd", "etcd", r"etcd", r"etcd", "", r"mvcc: database space exceeded|lost leader|no leader"),
    _kind("objects", "minio s3", r"minio|s3", r"\bs3a?\b|minio|\bbucket\b|(?:Put|Get)Object|object storage"),
    _kind("zookeeper", "zookeeper", r"zookeeper|zk", r"zookeeper|\bzk\b"),
    _kind("vault", "vault", r"vault", r"\bvault\b"),
    _kind("metastore", "hive", r"(?:hive-)?metastore|hive", r"metastore|\bhive\b"),
    _kind("ldap", "ldap", r"slapd|openldap|ldap", r"\bldaps?\b"),
    _kind("smtp", "smtp postfix", r"postfix|smtp|mailhog", r"\bsmtp\b|relay=|mail server"),
)  # fmt: skip

# Words in the id of a knowledge entry that many unrelated failures have as their consequence.
BROAD = re.compile(
    r"^http-|^net-|upstream|^envoy-|^haproxy-|traefik|go-context|deadline|timeout|max-retries|circuit-breaker|crash-loop"
    r"|unhandled-rejection|broker-lost|grpc-unavailable|unreachable|refused|stale|dead-conn|^alb-|probe|unhealthy|back-?off"
    r"|pool-exhausted|pool-timeout|result-backend|not-ready|heartbeat"
)
# Areas and tags too wide to show that two entries are about one failure.
WIDE = frozenset(
    _ITEM.findall("""
    api apiserver aws client cluster concurrency config configuration connections container data database deployment dotnet eks files go
    grpc http java jvm kernel kubelet kubernetes languages latency limit limits linux llm logging metrics monitoring native network node
    panic pod proxies proxy python query ruby runtime scheduling security spring startup stores streaming threads timeout version web
    """)
)

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
