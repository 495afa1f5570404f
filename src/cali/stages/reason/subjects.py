"""Subjects that a cause can blame only if its evidence mentions them: products and frequent wrong guesses.

Each row has the words by which a cause blames the subject, and the words of evidence that support it.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Subject(NamedTuple):
    """A subject that a cause can blame."""

    name: str
    blamed: re.Pattern[str]
    seen: re.Pattern[str]


def _subject(name: str, blamed: str, seen: str = "") -> Subject:
    return Subject(name, re.compile(blamed, re.IGNORECASE), re.compile(seen or blamed, re.IGNORECASE))


SUBJECTS = (
    _subject(
        "memory",
        r"\bmemory\b|\bheap\b|\boom\b|메모리",
        r"memory|heap|oom|alloc|killed|sigkill|\b137\b|swap|\brss\b",
    ),
    _subject(
        "a disk",
        r"\bdisks?\b|\bstorage (?:is|was|ran|space)|\binodes?\b|디스크",
        r"disk|space|enospc|volume|mount|inode|storage|pvc|file ?system|quota|erofs|i/o",
    ),
    _subject(
        "a certificate", r"\bcertificates?\b|\btls\b|\bssl\b|인증서", r"cert|x509|\btls|ssl|handshake|pkix"
    ),
    _subject(
        "name resolution",
        r"\bdns\b|\bname resolution\b|\bhost ?names?\b",
        r"dns|resol|lookup|no such host|name or service|enotfound|getaddrinfo|unknown ?host|eai_|host ?name|nxdomain",
    ),
    _subject(
        "credentials",
        r"\bpasswords?\b|\bcredentials?\b|\bauthentication\b|\bapi keys?\b|비밀번호",
        r"passw|credential|auth|login|token|key|\b401\b|\b403\b|denied|secret|\bsasl",
    ),
    _subject(
        "permissions",
        r"\bpermissions?\b|\bprivileges?\b|\brbac\b|\bforbidden\b|권한",
        r"permi|privileg|denied|forbidden|\b403\b|unauthori|eacces|eperm|rbac|not allowed|access|\brole|polic|read-?only",
    ),
    _subject(
        "a firewall",
        r"\bfirewalls?\b|\bsecurity groups?\b|\bnetwork polic|방화벽",
        r"firewall|security.?group|network ?polic|time(?:d|out)|refused|unreachable|no route|dial|connect",
    ),
    _subject("a lock", r"\bdeadlock", r"lock"),
    _subject(
        "a limit", r"\bquotas?\b|\brate.?limit|\bthrottl", r"quota|rate|limit|throttl|\b429\b|too many|exceed"
    ),
    _subject("processor time", r"\bcpu\b", r"cpu|throttl|load|\bcores?\b|lockup"),
    _subject(
        "an attack",
        r"\battack|\bintru|\bcompromis|\bmalicious|\bbreach|\bmalware|\bhack|해킹|공격",
        r"attack|intru|compromis|malicious|breach|malware|hack|injection",
    ),
    _subject(
        "a version",
        r"\bversion (?:mismatch|conflict|skew)|\bincompatible version",
        r"version|incompat|unsupported|upgrade|protocol",
    ),
    _subject(
        "a deployment",
        r"\b(?:recent|latest|last|new) (?:deploy|release|rollout|change)",
        r"deploy|release|rollout|revision|upgrad",
    ),
)

PRODUCTS = (
    "redis", "kafka", "zookeeper", "postgres", "mysql", "mariadb", "mongo", "elasticsearch", "opensearch", "rabbitmq", "milvus",
    "etcd", "cassandra", "clickhouse", "memcached", "nginx", "envoy", "istio", "haproxy", "traefik", "vault", "consul", "airflow",
    "celery", "gunicorn", "uvicorn", "grafana", "prometheus", "argo", "terraform", "helm", "jenkins", "coredns", "calico", "cilium",
    "flannel", "karpenter", "dynamodb", "kinesis", "sqs", "sns", "s3", "lambda", "openai", "anthropic", "oracle", "sqlite", "spark",
    "flink", "nats", "pulsar", "minio", "keycloak", "stripe", "twilio", "slack", "datadog", "sentry", "hadoop", "hdfs", "ceph",
)  # fmt: skip
PRODUCT = re.compile(rf"\b(?:{'|'.join(PRODUCTS)})", re.IGNORECASE)
PORTS = {
    "6379": "redis", "9092": "kafka", "2181": "zookeeper", "5432": "postgres", "3306": "mysql", "27017": "mongo",
    "9200": "elasticsearch opensearch", "5672": "rabbitmq", "19530": "milvus", "2379": "etcd", "11211": "memcached",
}  # fmt: skip


def unsupported(cause: str, evidence: str) -> str:
    """Return the subject that the cause blames without support in the evidence, or an empty string."""
    told = (
        evidence.lower()
        + " "
        + " ".join(name for port, name in PORTS.items() if re.search(rf"\b{port}\b", evidence))
    )
    for product in PRODUCT.findall(cause):
        if product.lower() not in told:
            return str(product)
    return next((s.name for s in SUBJECTS if s.blamed.search(cause) and not s.seen.search(told)), "")
