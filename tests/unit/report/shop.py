"""An outage of a shop: the database runs out of connections and other services fail with it, a worker is killed for
its memory, one error is unknown, and a service logs the text of attackers."""

from __future__ import annotations

from hashlib import sha256

from cali.core.models import (
    NOWHERE,
    Diagnosis,
    Event,
    Evidence,
    Hit,
    Incident,
    IncidentGroup,
    Member,
    Origin,
    Role,
    Scope,
    Severity,
    Status,
    Template,
)
from cali.report import Analysis, Summary
from cali.stages.reason.spend import Spend

NIGHT = 1_795_141_867.412  # 2026-11-20 02:31:07.412 UTC
VERSIONS = {"knowledge": "2026-11-20", "masks": "2026-11-20"}
HOSTILE = (
    "<script>alert(document.cookie)</script></script><img src=x onerror=alert(1)> =cmd|' /C calc'!A0 "
    "\x1b[2J\x1b]0;owned\x07\x9b31m [bold red]markup[/bold red] [link=http://evil.example]x[/link] "
    "abc\u202egpj.exe\u2066 \u200b"
    + "A" * 700
    + " 🔥👩\u200d💻 错误 \" ' & ]]> --> ${{7*7}} \r\n\x00 end \ud800"
)


def scope(workload: str, namespace: str = "shop", container: str = "") -> Scope:
    return Scope("prod", namespace, workload, container or workload)


def incident(
    key: str,
    title: str,
    severity: Severity = Severity.ERROR,
    *,
    where: Scope = NOWHERE,
    count: int = 1,
    line: int = 1,
    after: float | None = 0.0,
    lasting: float = 0.0,
    burst: bool = False,
    diagnosis: Diagnosis | None = None,
    message: str = "",
) -> Incident:
    first = None if after is None else NIGHT + after
    text = message or title
    template = Template(fingerprint(key), title)
    lines = tuple(range(line, line + text.count("\n") + 1))
    return Incident(
        id=key,
        scope=where,
        template=template,
        title=title,
        severity=severity,
        count=count,
        first_line=line,
        last_line=line + count * 7,
        first_seen=first,
        last_seen=None if first is None else first + lasting,
        samples=(Event(lines, text, first, severity, where, template),),
        status=Status.DIAGNOSED if diagnosis and diagnosis.cause else Status.OPENED,
        burst=burst,
        diagnosis=diagnosis,
    )


def fingerprint(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:16]


def group(
    root: Incident, *symptoms: Incident, title: str = "", reason: str = "names postgres"
) -> IncidentGroup:
    findings = (root, *symptoms)
    return IncidentGroup(
        id=root.id,
        title=title or root.title,
        severity=max(one.severity for one in findings),
        count=sum(one.count for one in findings),
        first_seen=root.first_seen,
        last_seen=root.last_seen,
        members=(Member(root, Role.ROOT), *(Member(one, Role.SYMPTOM, reason) for one in symptoms)),
    )


def known(
    entry: str, cause: str, fix: tuple[str, ...], evidence: tuple[Evidence, ...], confidence: float = 0.93
) -> Diagnosis:
    hits = (Hit(entry, 0.94), Hit("pgbouncer-pool-exhausted", 0.61))
    return Diagnosis(Origin.KNOWLEDGE, evidence, cause, fix, confidence, hits, dict(VERSIONS))


def unknown(why: str, evidence: tuple[Evidence, ...], hits: tuple[Hit, ...] = ()) -> Diagnosis:
    return Diagnosis(Origin.NONE, evidence, knowledge=hits, versions={**VERSIONS, "gate": why})


END_IDLE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction' "
    "AND state_change < now() - interval '5 minutes';"
)

CONNECTIONS = incident(
    "5d0c6f2e9b1a4c37",
    "FATAL: sorry, too many clients already",
    Severity.CRITICAL,
    where=scope("postgres"),
    count=412,
    line=10_233,
    lasting=671,
    burst=True,
    diagnosis=known(
        "postgres-too-many-clients",
        "PostgreSQL has reached max_connections: more sessions are open than the server allows. Most often a pool is larger "
        "than the server can hold once a deployment has scaled out, or sessions idle in a transaction are never closed.",
        (
            "See who holds them: `SELECT usename, state, count(*) FROM pg_stat_activity GROUP BY 1, 2 ORDER BY 3 DESC;`",
            f"End sessions that idle in a transaction: `{END_IDLE}`.",
            "Lower the pool of each service so that replicas times pool size stays below `max_connections`, or put PgBouncer in between.",
            "Check what scaled out: `kubectl -n shop rollout history deploy/orders`",
        ),
        (
            Evidence(
                10_233,
                '2026-11-20 02:31:07.412 UTC [4821] shop@shop FATAL:  sorry, too many clients already pool_size=40 app="orders"',
            ),
            Evidence(
                10_236, "2026-11-20 02:31:07.419 UTC [4824] shop@shop FATAL:  sorry, too many clients already"
            ),
        ),
    ),
)

TRACE = """org.springframework.dao.DataAccessResourceFailureException: Unable to acquire JDBC Connection
\tat org.springframework.orm.jpa.vendor.HibernateJpaDialect.convertHibernateAccessException(HibernateJpaDialect.java:275)
\tat com.shop.orders.OrderService.place(OrderService.java:88)
Caused by: java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30000ms."""

POOL = incident(
    "a41be07733d2905f",
    "java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30000ms.",
    where=scope("orders", container="api"),
    count=1_310,
    line=10_301,
    after=33,
    lasting=655,
    burst=True,
    message=TRACE,
    diagnosis=known(
        "java-hikari-exhausted",
        "Every connection of the pool is in use and none came back within the time-out.",
        ("Look at what holds connections: `jcmd PID Thread.print | grep -A5 Hikari`",),
        (
            Evidence(
                10_304,
                "Caused by: java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available",
            ),
        ),
        0.88,
    ),
)

GATEWAY = incident(
    "0f6f81a2cc5d7e10",
    'upstream timed out (110: Connection timed out) while reading response header from upstream, request: "POST /orders"',
    where=scope("nginx", "edge"),
    count=2_204,
    line=10_377,
    after=61,
    lasting=640,
    diagnosis=unknown(
        "the cause lies in another service",
        (
            Evidence(
                10_377,
                "2026/11/20 02:32:08 [error] 31#31: *9182 upstream timed out (110: Connection timed out)",
            ),
        ),
    ),
)

KILLED = incident(
    "77be19c0d4fa2268",
    "Memory cgroup out of memory: Killed process 31337 (python3) total-vm:2147912kB, anon-rss:524104kB",
    Severity.CRITICAL,
    where=scope("invoice-worker"),
    count=6,
    line=4_120,
    after=-1900,
    lasting=3120,
    diagnosis=known(
        "linux-oom-cgroup",
        "The container used more memory than its limit and the kernel killed its process.",
        (
            "Confirm: `kubectl -n shop describe pod -l app=invoice-worker | grep -A3 'Last State'`",
            "Raise the limit if the load is right, else find what grows; batch sizes first.",
        ),
        (
            Evidence(
                4_120,
                "kernel: Memory cgroup out of memory: Killed process 31337 (python3) total-vm:2147912kB, anon-rss:524104kB",
            ),
        ),
        0.95,
    ),
)

RATES = incident(
    "c8832f10b7a95e4d",
    "KeyError: 'EUR' in convert(): rates table has no row for 2026-11-20",
    where=scope("payments"),
    count=38,
    line=12_010,
    after=410,
    lasting=1204,
    diagnosis=Diagnosis(
        Origin.MODEL,
        (
            Evidence(12_010, "KeyError: 'EUR' in convert(): rates table has no row for 2026-11-20"),
            Evidence(12_004, "WARNING rates import finished with 0 rows"),
        ),
        "The rates import wrote no rows today, so convert() finds no rate for EUR.",
        (
            "Run the import again and look at what it read.",
            "Fall back to yesterday's rates when a day has none.",
        ),
        0.52,
        (Hit("python-key-error", 0.41),),
        {**VERSIONS, "prompt": "2026-11-20", "model": "gpt-4.1-mini"},
    ),
)

LEDGER = incident(
    "19ee7d5b60c3f482",
    "ledger drift: expected 48210.55 got 48207.05 for batch 7719",
    where=scope("ledger"),
    count=3,
    line=15_502,
    after=900,
    lasting=610,
    diagnosis=unknown(
        "not in the knowledge base, and no model is configured",
        (Evidence(15_502, "ERROR ledger drift: expected 48210.55 got 48207.05 for batch 7719"),),
        (Hit("payments-idempotency", 0.34), Hit("mysql-deadlock", 0.22)),
    ),
)

ATTACKED = incident(
    "<b>bad</b>&\"'",
    HOSTILE[:100],
    Severity.WARNING,
    where=Scope("prod", "shop", "search<script>", "[red]api[/red]"),
    count=1,
    line=19_999,
    after=1500,
    message=HOSTILE,
    diagnosis=unknown(
        f"its lines speak to their reader {HOSTILE}",
        (Evidence(19_999, HOSTILE),),
        (Hit("<i>x</i>", 0.2),),
    ),
)

NEAR = (
    Evidence(10_231, "2026-11-20 02:31:06.981 UTC [1] LOG:  checkpoint complete: wrote 812 buffers (5.0%)"),
    Evidence(
        10_232, "2026-11-20 02:31:07.255 UTC [4820] shop@shop LOG:  connection received: host=10.0.3.71"
    ),
    Evidence(
        10_234,
        '{"ts":"02:31:07.413","level":"warn","svc":"orders","msg":"slow acquire","pool":"HikariPool-1"}',
    ),
    Evidence(
        10_235, "2026-11-20 02:31:07.418 UTC [4823] shop@shop LOG:  connection received: host=10.0.3.74"
    ),
    Evidence(10_237, "10.0.3.7 - - [20/Nov/2026:02:31:07 +0000] GET /healthz 200 2"),
)

SUMMARY = Summary(
    lines=20_431,
    events=20_120,
    templates=214,
    quarantined=3,
    quarantine=(
        Evidence(77, "not text: 61% of it are control characters"),
        Evidence(9_001, "longer than 1 MiB"),
    ),
    seconds=0.412,
    sources=("shop.log",),
    versions=VERSIONS,
    spend=Spend(calls=1, tokens_in=812, tokens_out=140, dollars=0.00055, prices="2026-11-20"),
    healthy={Severity.INFO: 15_900, Severity.WARNING: 210, Severity.DEBUG: 32},
    began=NIGHT - 7_200,
    ended=NIGHT + 2_400,
)

SHOP = Analysis(
    SUMMARY,
    (group(CONNECTIONS, POOL, GATEWAY), *map(group, (KILLED, RATES, LEDGER, ATTACKED))),
    {CONNECTIONS.id: NEAR},
)
QUIET = Analysis(Summary(lines=1_204, events=1_180, templates=31, healthy={Severity.INFO: 1_180}))
