"""Products: the programs that write lines, and the test whether an entry fits the writer of a line.

A line shows its writer by structure: a class prefix, a header of one server, a source file of klog. It shows a product that it
mentions by name. An entry fits if one of its products wrote the line or is mentioned in it. It also fits if the line shows no
writer. It does not fit a line that another product wrote.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

ANY = "any"  # the product of an entry that fits every writer
READ = 4_000  # maximum characters of a text that are scanned


class Product(NamedTuple):
    """A product. `wrote` matches a text that only it writes, `names` its names. `base` is the runtime below it."""

    name: str
    names: str
    wrote: str = ""
    base: str = ""


def _java(packages: str) -> str:
    """Return a pattern for logger names and thrown classes, but not for stack frames, which name libraries."""
    return rf"(?<!at )(?<!\.)\b(?:{packages})[.$]"


PRODUCTS = (
    Product("hadoop", r"hadoop|hdfs|namenode|datanode|yarn|DFSClient", r"\[?DFSClient_|\bblk_-?\d+|" + _java(r"org\.apache\.hadoop|hdfs|dfs"), "java"),
    Product("spark", r"\bspark", _java(r"org\.apache\.spark"), "java"),
    Product("flink", r"flink", _java(r"org\.apache\.flink"), "java"),
    Product("hbase", r"hbase", _java(r"org\.apache\.hadoop\.hbase"), "java"),
    Product("hive", r"\bhive", _java(r"org\.apache\.hadoop\.hive"), "java"),
    Product("zookeeper", r"zookeeper|\bzk\b", r"(?:org\.apache\.zookeeper|o\.a\.z)\.server\b|QuorumPeer|NIOServerCnxn|ZooKeeperServerMain", "java"),
    Product("kafka", r"kafka", r"\((?:kafka|org\.apache\.kafka)\.[\w.]+\)|\bkafka\.(?:server|cluster|log|controller|network)\.", "java"),
    Product("cassandra", r"cassandra", _java(r"org\.apache\.cassandra"), "java"),
    Product("elasticsearch", r"elastic|opensearch|\blucene", r"\[o\.(?:e|o)\.|(?<!at )\borg\.(?:elasticsearch|opensearch)\.(?:boot|cluster|node|transport|env)", "java"),
    Product("tomcat", r"tomcat|catalina", r"org\.apache\.(?:catalina|coyote)\b(?=[.\w]* (?:\w+|-|\[|:))", "java"),
    Product("spring", r"spring"),
    Product("keycloak", r"keycloak", r"\[org\.keycloak\.", "java"),
    Product("jenkins", r"jenkins|hudson", _java(r"hudson|jenkins"), "java"),
    Product("rabbitmq", r"rabbit|amqp", r"=(?:ERROR|CRASH|SUPERVISOR|INFO|WARNING) REPORT=|\brabbit(?:mq)?_\w+|\brabbit@|\bBOOT FAILED\b|\[(?:error|notice|warning)\] <0\.\d+\.\d+>", "erlang"),
    Product("nginx", r"nginx|openresty|ingress", r"\[(?:emerg|alert|crit|error|warn|notice)\] \d+#\d+:|\bnginx: \[", ""),
    Product("apache", r"apache2|httpd|\bAH\d{5}", r"\bAH\d{5}:|\[\w+:(?:error|emerg|crit|alert|warn|notice)\] \[pid \d+|\bhttpd: |\bapache2: ", ""),
    Product("haproxy", r"haproxy", r"\bhaproxy\[\d+\]|\[(?:ALERT|WARNING|NOTICE)\] +(?:\d+/\d+ )?\(\d+\) :|\bproxy \S+ has no server", ""),
    Product("envoy", r"envoy|istio", r"\[\d{4}-[\d-]+ [\d:.]+\]\[\d+\]\[\w+\]\[\w+\]", ""),
    Product("traefik", r"traefik", "", "go"),
    Product("redis", r"redis|valkey|sentinel", r"^\d+:[MCSX] \d{1,2} [A-Z][a-z]{2} \d{4} |^\[\d+\] \d{1,2} [A-Z][a-z]{2} \d\d:\d\d:\d\d[.\d]* [#*.-] ", ""),
    Product("mysql", r"mysql|mariadb|innodb|galera|wsrep|xtrabackup", r"\[ERROR\] \[MY-\d+\]|\[(?:ERROR|Warning|Note)\] (?:InnoDB|Slave|WSREP|Plugin|Aborting|mariadbd|mysqld|Can't start server|Fatal error|Could not open|Unknown)|\b(?:mysqld|mariadbd): ", ""),
    Product("postgresql", r"postgres|psycopg|\bpg[_-]|pgx|pgbouncer|\bpq:|asyncpg|SQLSTATE|jdbc", r"(?:^|[ \]])(?:LOG|FATAL|PANIC|STATEMENT|HINT|DETAIL):  ", ""),
    Product("pgbouncer", r"pgbouncer", r"\[\d+\] (?:LOG|WARNING|ERROR|FATAL|NOISE) (?:C-|S-|@|\w)", ""),
    Product("mongodb", r"mongo", r"\"c\": ?\"[A-Z]+ *\", ?\"id\": ?\d+", ""),
    Product("etcd", r"etcd|\braft\b", r"\b(?:etcdserver|etcdmain|rafthttp|embed|wal|mvcc|lease)/\w+\.go\b", "go"),
    Product("consul", r"consul", r"\bagent\.(?:server|client|leaf|http|rpcclient)\b|^==> (?:Starting|Error)", "go"),
    Product("vault", r"vault", "", "go"),
    Product("nats", r"nats|jetstream", r"^\[\d+\] \d{4}/\d\d/\d\d [\d:.]+ \[(?:INF|ERR|FTL|WRN|DBG)\]", "go"),
    Product("mosquitto", r"mosquitto|mqtt", r"^\d{10}: (?:Error|Client|New|mosquitto|Opening|Warning|Socket)", ""),
    Product("prometheus", r"prometheus|alertmanager|thanos|promql|tsdb", r"\bcomponent=(?:tsdb|web|\"?(?:scrape|rule|notifier|discovery) manager)", "go"),
    Product("grafana", r"grafana|loki|tempo|mimir|alloy|promtail", r"\blogger=(?:sqlstore|tsdb|plugin|provisioning|datasource|http\.server|settings)", "go"),
    Product("kubernetes", r"kube|k8s|\bpods?\b|containerd|karpenter|kustomize|\bhelm\b|calico|coredns|\bcni\b|\bcsi\b|metrics-server|CrashLoopBackOff|OOMKilled", r"^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [\w.-]+\.go:\d+\]", "go"),
    Product("docker", r"docker|containerd|\boci\b|runc|compose", r"\bdockerd\[|moby", "go"),
    Product("sshd", r"\bsshd|\bssh\b", r"\bsshd(?:-session)?\[\d+\]:", ""),
    Product("bind", r"\bnamed\b|\bbind9?\b|rndc", r"\bnamed\[\d+\]:|\b(?:general|config|network|zone): (?:error|critical): ", ""),
    Product("openldap", r"slapd|ldap", r"\bslapd\[\d+\]:|@\(#\) \$OpenLDAP|^[0-9a-f]{8}(?:\.[0-9a-f]{8} 0x[0-9a-f]+)? (?:daemon|slapd|conn=|@|ldap_|main:|config|mdb_)", ""),
    Product("postfix", r"postfix|smtp", r"\bpostfix/[\w/-]+\[\d+\]:", ""),
    Product("dovecot", r"dovecot", r"\bdovecot(?:\[\d+\])?: ", ""),
    Product("squid", r"squid", r"\bsquid(?:\[\d+\]|-1)?[:)]|\bFATAL: (?:Bungled|Ipc::)", ""),
    Product("memcached", r"memcache", "", ""),
    Product("php", r"\bphp|laravel|symfony|composer|wordpress", r"\bPHP (?:Fatal|Parse|Warning|Notice)\b|\bNOTICE: (?:PHP message|fpm is)|\[pool \w+\]", ""),
    Product("systemd", r"systemd|\.service\b", r"\bsystemd(?:\[\d+\])?: ", ""),
    Product("linux", r"\bkernel\b|systemd|auditd", r"\bkernel: |^\[ *\d+\.\d{6}\] ", ""),
    Product("erlang", r"erlang|\bbeam\b|\berl_|elixir", "", ""),
    Product("python", r"\.py\b|python|Traceback|gunicorn|uvicorn|django|flask|celery|airflow|asyncio", r"^Traceback \(most recent call last\)|^  File \"[^\"]+\.py\", line \d+", ""),
    Product("node", r"node(?:js|_modules|:)|npm|yarn|\.[cm]?[jt]s\b|javascript|v8|webpack|next", r"^ {4}at .*\((?:node:|file:|/)[^)]*\.?[cm]?[jt]s:\d+:\d+\)|\bnode:(?:internal|net|events|fs)\b|\bnpm (?:ERR!|error)", ""),
    Product("ruby", r"\.rb\b|ruby|rails|\bgem\b|bundler|puma|sidekiq|rake", r"\.rb:\d+:in [`']", ""),
    Product("dotnet", r"\bSystem\.|dotnet|\.net\b|microsoft|\.cs\b|aspnet|kestrel|nuget|csharp", r"^(?:fail|crit|warn|info): [A-Z][\w.]+\[\d+\]|^ +at [\w.`<>\[\],]+\(.*\) in .+\.cs:line \d+", ""),
    Product("rust", r"\.rs\b|rust|cargo|tokio", r"thread '[^']*' (?:\(\d+\) )?panicked at", ""),
    Product("go", r"\.go\b|goroutine|golang|\bgo\b", r"^goroutine \d+ \[|^panic: ", ""),
    Product("airflow", r"airflow|\bdag\b", "", "python"),
    Product("celery", r"celery|kombu", r"\bcelery\.(?:app|worker|beat)\.|\[\d{4}-[\d-]+ [\d:,]+: [A-Z]+/(?:MainProcess|ForkPoolWorker)", "python"),
    Product("django", r"django|ALLOWED_HOSTS|INSTALLED_APPS", "", "python"),
    Product("gunicorn", r"gunicorn|worker", r"\[\d{4}-[\d-]+ [\d:]+ \+0000\] \[\d+\] \[(?:INFO|ERROR|CRITICAL|WARNING)\]", "python"),
    Product("aws", r"aws|amazon|boto|\blambda|dynamo|\bs3\b|\bsqs\b|\bsns\b|kinesis|\becs\b|\beks\b|\bec2\b|RequestId|\barn:"),
    Product("milvus", r"milvus|knowhere|querynode|datanode|rootcoord"),
    Product("clickhouse", r"clickhouse|DB::Exception", r"\bDB::Exception:|<(?:Error|Fatal)> \w+: "),
    Product("minio", r"minio"),
    Product("mssql", r"sql ?server|mssql|SqlException|SQLNCLI|ODBC Driver"),
    Product("oracle", r"\bORA-\d|oracle|\bTNS"),
    Product("sqlite", r"sqlite|database is locked"),
    Product("fluentbit", r"fluent-?bit|output:|input:|\[engine\]", r"\[ ?(?:warn|error|info)\] +\[(?:output|input|engine|filter|parser|config|upstream|tls|net|storage)"),
    Product("fluentd", r"fluentd?\b|\bplugin:|td-agent"),
    Product("vector", r"vector"),
    Product("otel", r"otel|opentelemetry|otlp"),
    Product("certmanager", r"cert-?manager|acme|issuer|challenge"),
    Product("java", r"java|\.jar\b|jvm|exception|kotlin|scala|hibernate|hikari|maven|gradle", r"^\s+at [\w.$/]+\([\w$]+\.(?:java|kt|scala):\d+\)|^Exception in thread ", ""),
)  # fmt: skip

BASES = {product.name: product.base for product in PRODUCTS if product.base}
HOSTS = frozenset(("linux", "systemd"))  # the host reports what happens to every program, so it excludes none
NAMES = frozenset((ANY, *(product.name for product in PRODUCTS)))
_WROTE = tuple((p.name, re.compile(p.wrote, re.MULTILINE)) for p in PRODUCTS if p.wrote)
_NAMED = {ANY: re.compile("")} | {p.name: re.compile(p.names, re.IGNORECASE) for p in PRODUCTS}


def fits(products: Collection[str], text: str) -> bool:
    """Return True if one of `products` may have written the text."""
    if not products or ANY in products:
        return True
    head = text[:READ]
    wrote = writers(head) - HOSTS
    able = {*products, *(BASES[name] for name in products if name in BASES)}
    return (
        not wrote
        or not wrote.isdisjoint(able)
        or any(_NAMED[name].search(head) for name in products if name in NAMES)
    )


@lru_cache(maxsize=256)
def writers(text: str) -> frozenset[str]:
    """Return the products that wrote the text, with the runtimes below them."""
    found = {name for name, pattern in _WROTE if pattern.search(text)}
    return frozenset(found | {BASES[name] for name in found if name in BASES})
