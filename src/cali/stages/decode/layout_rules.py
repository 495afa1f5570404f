"""The formats of text lines, as rules. To add a format, add a `rule` here and a case to tests/unit/decode/cases.yaml.

`STAMPS` and `AFTER` cover lines that begin with a time stamp. The stamp is matched once, then the rules in `AFTER` are tried.
Container runtimes, most databases and brokers, and the loggers of Java, Python, Go and JavaScript write such lines.
`RULES` covers all other headers: prefixes of tools, klog, syslog, access logs, bare levels.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class LayoutRule(NamedTuple):
    """A format of text lines. The groups of its pattern are t, s, z (time), lvl, m (message), n (status), pri, who, ns,
    out, part and rest.

    `rest` is decoded as a line of its own. `first` holds the characters with which a line of this format can begin.
    """

    name: str
    first: str
    pattern: re.Pattern[str]


DIGITS = "0123456789"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LOWER = UPPER.lower()
ANY = ""

# A header is removed only if text remains. A bare header is its own message.
M = r"(?P<m>(?=\s*+\S).*)"
REST = r"(?P<rest>.*)"
_WORDS = (
    "TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|CRIT(?:ICAL)?|FATAL|SEVERE|ALERT|EMERG(?:ENCY)?|"
    "D?PANIC|VERBOSE|FINE(?:ST|R)?|CONFIG"
)
LEVEL = rf"(?P<lvl>{_WORDS})"
ANYCASE = rf"(?P<lvl>(?i:{_WORDS}|NOTE|SYSTEM|INFORMATION|TRC|DBG|INF|WRN|FTL|LOG))"


def rule(name: str, first: str, pattern: str) -> LayoutRule:
    """Compile a rule with ASCII classes, in which `.` also matches newlines.

    Runs of spaces become possessive, because backtracking into a long run takes quadratic time.
    """
    pattern = pattern.replace(" +", " ++").replace(" *", " *+")
    return LayoutRule(name, first, re.compile(pattern, re.ASCII | re.DOTALL))


def by_first(rules: tuple[LayoutRule, ...]) -> dict[str, tuple[re.Pattern[str], ...]]:
    """Return the patterns to try for each first character, in order. Key "" is for characters that no rule names."""
    chars = {char for entry in rules for char in entry.first}
    table = {char: tuple(r.pattern for r in rules if not r.first or char in r.first) for char in chars}
    table[""] = tuple(r.pattern for r in rules if not r.first)
    return table


_ISO_STAMP = r"(?P<t>\d{4}-\d\d-\d\dT\d\d:\d\d):(?P<s>\d\d(?:\.\d{1,9})?)(?P<z>Z|[+-]\d\d:\d\d)"
_DATE = r"(?P<t>\d{4}-\d\d-\d\d[T ]\d\d:\d\d):(?P<s>\d\d(?:[.,]\d{1,9})?)"
_REQUEST = r'(?P<m>"[^"]*" (?P<n>\d{3}))\b'
_AGE = r"(?:<invalid>|<unknown>|(?:\d+[dhmsy])+)(?: \(x\d+ over (?:<invalid>|(?:\d+[dhmsy])+)\))?"
_REASON = r"[A-Z][A-Za-z]+"

RULES = by_first(
    (
        # prefixes that tools add to each line
        rule("kubectl --prefix", "[", rf"\[(?P<who>(?:pod|job|deployment)/[\w.-]+/[\w.-]+)\] {REST}"),
        rule(
            "docker compose",
            LOWER + UPPER + DIGITS,
            rf"(?P<who>[A-Za-z\d][\w.-]*(?:[-_]\d+(?= )|(?=  ))) +\| {REST}",
        ),
        # a process or a name before the time stamp: NATS, etcd's raft
        rule("pid, stamp", "[", r"\[\d+\] (?P<rest>\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d.*)"),
        rule("name, stamp", LOWER, r"[a-z]{2,12}(?P<rest>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d.*)"),
        # Mosquitto, squid: seconds since the epoch
        rule("epoch", DIGITS, rf"(?P<t>\d{{7}})(?P<s>\d{{3}}): +{M}"),
        rule(
            "squid access",
            DIGITS,
            r"(?P<t>\d{7})(?P<s>\d{3}\.\d{3}) +\d+ \S+ (?P<m>[A-Z_]+/(?P<n>\d{3}) \d+ [A-Z]+ \S+)",
        ),
        # slapd: hexadecimal time and thread
        rule("slapd", DIGITS + "abcdef", rf"[\da-f]{{8}}(?:\.[\da-f]{{8}})? 0x[\da-f]+ {M}"),
        rule("slapd before 2.5", DIGITS + "abcdef", r"[\da-f]{8} (?P<m>(?:conn=|daemon: |slapd ).*)"),
        rule("haproxy", "[", rf"\[{ANYCASE}\] +(?:\d{{3}}/\d{{6}} )?\(\d+\) : {M}"),
        # Python: warnings.warn
        rule(
            "python warning",
            "/<." + LOWER + UPPER,
            r"(?P<m>(?:\S+\.py|<\w+>):\d+: \w*(?P<lvl>Warning): (?=\S).*)",
        ),
        # Erlang's reports, with the message below
        rule(
            "erlang report",
            "=",
            r"(?P<m>=(?P<lvl>ERROR|WARNING|INFO|NOTICE) REPORT==== (?P<t>\d\d?-[A-Z][a-z]{2}-\d{4}::\d\d:\d\d):(?P<s>\d\d(?:\.\d+)?) ===)",
        ),
        rule(
            "erlang crash report",
            "=",
            r"(?P<m>=(?P<mark>CRASH|SUPERVISOR|PROGRESS) REPORT==== (?P<t>\d\d?-[A-Z][a-z]{2}-\d{4}::\d\d:\d\d):(?P<s>\d\d(?:\.\d+)?) ===)",
        ),
        # Kubernetes' own components
        rule(
            "klog",
            "IWEF",
            rf"(?P<lvl>[IWEF])(?P<t>\d{{4}}(?:\d{{4}})? \d\d:\d\d):(?P<s>\d\d\.\d+) +\d+ [^\s:]+:\d+\] {M}",
        ),
        # Redis: a mark for the level
        rule(
            "redis warning",
            DIGITS,
            rf"\d+:[MSCX] (?P<t>\d\d [A-Z][a-z]{{2}} \d{{4}} \d\d:\d\d):(?P<s>\d\d(?:\.\d+)?) (?P<mark>#) {M}",
        ),
        rule(
            "redis",
            DIGITS,
            rf"\d+:[MSCX] (?P<t>\d\d [A-Z][a-z]{{2}} \d{{4}} \d\d:\d\d):(?P<s>\d\d(?:\.\d+)?) (?P<mark>[.*-]) {M}",
        ),
        # web servers: request and status are the message; the status gives the severity
        rule(
            "access log",
            DIGITS + LOWER + UPPER + ":",
            r"(?:[\w.-]+(?::\d+)? )?[\w.:-]+ \S+ [^\[\"]{1,80}\[(?P<t>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d):(?P<s>\d\d(?:\.\d+)?)(?P<z> [+-]\d{4})?\] "
            + _REQUEST,
        ),
        rule(
            "uvicorn access",
            "I",
            r"INFO: +(?P<m>\S+:\d+ - \"[^\"]*\" (?P<n>\d{3})\b.*)",
        ),
        # syslog: RFC 5424, then RFC 3164
        rule(
            "syslog 5424",
            "<",
            rf"<(?P<pri>\d{{1,3}})>\d (?:{_ISO_STAMP}|-) \S+ \S+ \S+ \S+ (?:-|(?:\[(?:[^\]\\\"]|\\.|\"(?:[^\"\\]|\\.)*\")*\])+) (?:\ufeff)?(?P<rest>(?=\s*+\S).*)",
        ),
        rule(
            "syslog 3164",
            "<",
            r"<(?P<pri>\d{1,3})>(?P<t>[A-Z][a-z]{2} +\d\d? \d\d:\d\d):(?P<s>\d\d(?:\.\d+)?) (?:[\w.:-]+ )?[\w./@-]+(?:\[\d+\])?: (?P<rest>(?=\s*+\S).*)",
        ),
        rule("syslog priority", "<", r"<(?P<pri>\d{1,3})>(?P<rest>(?=\s*+\S).*)"),
        rule("kernel", "[", rf"\[ *\d+\.\d{{3,6}}\] {M}"),
        # Kubernetes events: kubectl get events, with and without its namespace column; kubectl describe
        rule(
            "get events",
            DIGITS + LOWER + "<",
            rf"(?:(?P<ns>[a-z\d][a-z\d-]*) +)?{_AGE} +(?P<lvl>Warning|Normal) +(?P<m>{_REASON}) +(?P<object>[a-z.]+/\S+) +(?P<more>(?=\S).*)",
        ),
        rule(
            "describe events",
            " WN",
            rf" *(?P<lvl>Warning|Normal) +(?P<m>{_REASON}) +{_AGE}(?: \(x\d+\))? +(?:from )?[\w.:-]+(?:, [\w.-]+)? +(?P<more>(?=\S).*)",
        ),
        # gunicorn and PHP-FPM without a stamp, a level in brackets
        rule(
            "level in brackets",
            "[",
            rf"\[(?P<lvl>(?i:trace|debug|info|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe|alert|emerg))\]:? {M}",
        ),
        # loggers that put the level before the time, or omit the date
        rule("ruby", "TDIWEFA", rf"[A-Z], \[{_DATE} #\d+\] +{LEVEL} -- [^:]*: {M}"),
        rule("serilog console", "[", rf"\[\d\d:\d\d:\d\d(?:\.\d+)? (?P<lvl>VRB|DBG|INF|WRN|ERR|FTL)\] {M}"),
        rule("dotnet console", LOWER, r"(?P<m>(?P<lvl>trce|dbug|info|warn|fail|crit): [A-Z][\w.]+\[\d+\].*)"),
        rule("dropwizard", UPPER, rf"{LEVEL} +\[{_DATE}\] (?:[\w.$]+: )?{M}"),
        rule("django", UPPER, rf"{LEVEL} {_DATE} (?:\w+ \d+ \d+ )?{M}"),
        rule("postgres without a stamp", "L", rf"(?P<lvl>LOG): {{2}}{M}"),
        rule("level, colon", UPPER, rf"{LEVEL}: +{M}"),
        rule("level, logger", UPPER, rf"{LEVEL}:[\w.-]+:{M}"),
        rule("zap console, no stamp", UPPER, rf"{LEVEL}\t(?:[\w./@-]+:\d+\t)?{M}"),
        rule(
            "level",
            UPPER,
            r"(?P<lvl>TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|CRITICAL|FATAL|SEVERE) +(?:- )?(?!EXCEPTION|\d+ \()"
            + M,
        ),
        # hand-written logfmt with an unquoted message
        rule(
            "level=",
            LOWER,
            rf"(?:(?:ts|time|timestamp)=\"?\S+ )?(?:level|lvl|severity)=\"?(?P<lvl>\w+)\"? (?:msg=|message=)?{M}",
        ),
    )
)
"""The rules for lines that do not begin with a time stamp, by first character."""

_ZONE = r"(?P<z> ?(?:Z\b|UTC\b|GMT\b|CES?T\b|[ECMP][SD]T\b|[JK]ST\b|HKT\b|SGT\b|MSK\b|AE[SD]T\b|BST\b|[+-]\d\d:?\d\d\b))?"
_SECONDS = r"(?P<s>\d\d(?:[.,]\d{1,9})?)"
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"


def _stamp(minute: str, tail: str = _ZONE) -> re.Pattern[str]:
    return re.compile(rf"\[?(?P<t>{minute}):{_SECONDS}{tail}(?![\w.])", re.ASCII)


_ISO = r"\d{4}[-/.]\d\d[-/.]\d\d[T ]\d\d:\d\d"
_NUMBERED = rf"\d\d?[-/ ]{_MONTH}[-/ ]\d{{4}}[: ]\d\d:\d\d"
_NAMED = rf"{_MONTH} +\d\d? \d\d:\d\d"

STAMPS = {
    **dict.fromkeys(
        DIGITS,
        (_stamp(_ISO), _stamp(_NUMBERED), _stamp(r"\d\d/\d\d/\d\d \d\d:\d\d", ""), _stamp(r"\d\d:\d\d", "")),
    ),
    **dict.fromkeys(
        "JFMASONDTW",
        (_stamp(_NAMED, r"(?P<z> \d{4}\b)?"), _stamp(rf"{_DAY} {_NAMED}", r"(?P<z> \d{4})")),
    ),
    "[": (_stamp(_ISO), _stamp(_NUMBERED), _stamp(rf"{_DAY} {_NAMED}", r"(?P<z> \d{4})")),
}
"""The time stamps that a line can begin with, by first character."""

_LOGGER = r"[A-Za-z_$][\w$/-]*(?:(?:\.|::?)[\w$\[\]/-]+)+"  # com.acme.Orders, o.a.k.Log, celery.worker
_CLASS = r"\((?:[a-z]\w*\.)+[\w$.]+\)"  # (kafka.server.KafkaServer)
_BRACKETS = r"(?:\[[^\]]*\] ?|\([^)]*\) )"

_PART = r"(?:\[[\w.:/#@ -]{1,40}\]|\([\w.:/#@ -]{1,40}\)|<[\d.]+>|\d++(?![.,:])|[a-z][\w./-]{1,30}:)"

AFTER_STAMP = by_first(
    (
        # container runtime: the application's line is decoded too
        rule("cri", "s", rf"(?P<out>stdout|stderr) (?P<part>[FP])(?::\w+)?(?: {REST})?\Z"),
        # Java
        rule("spring boot", UPPER, rf"{LEVEL} +\d+ --- (?:\[[^\]]*\] ?){{1,3}}+(?:{_LOGGER}|\w+) *: {M}"),
        rule("spring boot, logger only", UPPER, rf"{LEVEL} +\d+ --- (?:\[[^\]]*\] ?){{1,3}}+[^\s:]+ *: {M}"),
        rule("logback", "[", rf"\[[^\]]*\] {LEVEL} +(?:{_BRACKETS})?[\w.$/\[\]-]+(?::\d+)? +[-–:] {M}"),
        rule("log4j thread first", "[", rf"\[[^\]]*\] {LEVEL} +{_LOGGER}: {M}"),
        rule("thread, level", "[", rf"\[[^\]]*\] {LEVEL} +(?:- )?{M}"),
        rule("jboss", UPPER, rf"{LEVEL} +\[{_LOGGER}\] \([^)]*\) {M}"),
        rule("kafka", UPPER, rf"{LEVEL} (?P<m>(?=\s*+\S).*?) {_CLASS}(?: *\[[^\]]*\])?\Z"),
        rule(
            "log4j",
            UPPER,
            rf"{LEVEL} +{_BRACKETS}{{0,4}}(?:\[{_LOGGER}\]|{_LOGGER}(?: \[[^\]]*\])*(?: *:| [-–])|[A-Z][\w$]*[a-z][\w$]* [-–]) {M}",
        ),
        rule("zookeeper", "[", rf"\[myid:\d*\] - {LEVEL} +\[[^\]]*\] - {M}"),
        rule("loguru", "|", rf"\| {LEVEL} +\| [\w.<>:-]+ - {M}"),
        rule("tomcat", UPPER, rf"{LEVEL} +\[[^\]]*\] (?:[a-z]\w*+\.){{2}}(?:\w++\.)*+[\w$]++ {M}"),
        rule("piped", "|", rf"\| {ANYCASE} +\| {M}"),
        rule("squid", "|", rf"\|(?: {LEVEL}:)? {M}"),
        # brackets: RabbitMQ, nginx, Fluent Bit, Elasticsearch, MySQL, gunicorn, PHP-FPM
        rule("elasticsearch", "[", rf"\[{ANYCASE} *\]\[[\w.$]+ *\] (?:\[[^\]]+\] ?)?{M}"),
        rule("rabbitmq", "[", rf"\[{ANYCASE}\] <\d+\.\d+\.\d+> {M}"),
        rule("nginx error", "[", rf"\[{ANYCASE}\] \d+#\d+: (?:\*\d+ )?{M}"),
        rule("apache error", "[", rf"\[(?:[\w.]+:)?{ANYCASE}\] (?:\[pid [\d:tid ]+\] )?{M}"),
        rule("gunicorn", "[", rf"\[\d+\] \[{ANYCASE}\] {M}"),
        rule(
            "postgres detail",
            "[" + DIGITS,
            r"\[\d+(?:-\d+)?\](?::? \S+@\S+)?:? (?P<m>(?:DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION): .*)",
        ),
        rule(
            "postgres",
            "[",
            rf"\[\d+(?:-\d+)?\](?::? \S*@\S*)?(?: \[?[\w-]+\]?)?:? (?P<lvl>LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|DEBUG\d?): +{M}",
        ),
        rule(
            "postgres on RDS",
            ":",
            rf":[^:@]*:[^:@]*@[^:]*:\[\d+\]:(?P<lvl>LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|DEBUG\d?): +{M}",
        ),
        rule(
            "postgres on RDS, detail",
            ":",
            r":[^:@]*:[^:@]*@[^:]*:\[\d+\]:(?P<m>(?:DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION): .*)",
        ),
        rule("two brackets, level", "[", rf"\[[^\]]*\] ?\[{ANYCASE} *\]:? (?:- )?{M}"),
        rule("level in brackets", "[", rf"\[ *{ANYCASE} *\]:?(?: -)? {M}"),
        rule("mysql", DIGITS, rf"\d+ \[{ANYCASE}\] (?:\[MY-\d+\] )?(?:\[\w+\] )?{M}"),
        rule("airflow", "{", rf"\{{[^}}]*\}} {LEVEL} - {M}"),
        # Python
        rule("python logging", "-", rf"- (?:[\w.-]+ - )?{LEVEL} - (?:\[?[\w./<>-]+:\d+\]? - )?{M}"),
        rule("logger, level, dashes", UPPER + LOWER, rf"[\w.-]+ - {LEVEL} - {M}"),
        rule("celery", ":", rf": {LEVEL}/[\w-]+\] {M}"),
        rule("logger, level", LOWER, rf"[a-z_][\w]*(?:\.\w+)+ {LEVEL}:? {M}"),
        # Go: zap's console encoder, zerolog's console writer
        rule(
            "zap console",
            UPPER + LOWER,
            rf"(?P<lvl>(?i:{'DEBUG|INFO|WARN|ERROR|D?PANIC|FATAL'}))\t(?:[\w.-]+\t)?(?:[\w./@-]+:\d+\t)?{M}",
        ),
        rule("zerolog console", UPPER, rf"(?P<lvl>TRC|DBG|INF|WRN|ERR|FTL|PNC) (?:[\w./-]+:\d+ > )?{M}"),
        # a bare level word
        rule("level, dash", UPPER, rf"{LEVEL} *[-–:|] {M}"),
        rule("level", UPPER, rf"{LEVEL} +{M}"),
        # (a Go panic keeps its first word: the joiner needs it to recognise the lines after it)
        rule("lower level, colon", LOWER, rf"(?!panic){ANYCASE}: {M}"),
        rule("dash, lower level, colon", "-", rf"- {ANYCASE}: {M}"),
        rule("laravel", LOWER, rf"[a-z]+\.{LEVEL}: {M}"),
        rule("python basic", ":", rf":{LEVEL}:[\w.]+:{M}"),
        rule("envoy", '"', r'(?P<m>"[A-Z-]+ [^"]*" (?P<n>\d{3}))\b'),
        # any other header: process, thread and names in brackets or with a colon, then the level
        rule("tokens, level in brackets", ANY, rf"(?:{_PART} +){{1,4}}?\[ *{ANYCASE} *\]:? {M}"),
        rule("tokens, level", ANY, rf"(?:{_PART} +){{1,4}}?(?P<lvl>{_WORDS}|LOG|NOISE):? +{M}"),
        rule("tokens, level, colon", ANY, rf"(?:{_PART} +){{1,4}}?(?!panic){ANYCASE}(?: \d)?: {M}"),
        # syslog and journal: `host program[pid]: message`
        rule("syslog", ANY, r"(?:[\w.:-]+ )?[\w./@-]+(?:\(\w+\))?\[\d+\]: (?P<rest>(?=\s*+\S).*)"),
    )
)
"""The rules for the text after a time stamp, by first character."""

SYSLOG = re.compile(r"[\w.:-]+ [\w./@-]+(?:\[\d+\])?: (?P<rest>(?=\s*+\S).*)", re.ASCII | re.DOTALL)
"""`host program: message`, tried only after a stamp in syslog's format. Elsewhere such text is prose."""
