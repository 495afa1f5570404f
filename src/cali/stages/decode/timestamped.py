"""Lines that begin with a time stamp: the stamp is matched once, then the rules for what follows it are tried.

Container runtimes, Java, Python, Go and JavaScript loggers write such lines, most databases and brokers too.
"""

from __future__ import annotations

import re

from cali.stages.decode.layout import (
    ANY,
    ANYCASE,
    DIGITS,
    LEVEL,
    LOWER,
    REST,
    UPPER,
    M,
    by_first,
    rule,
)

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
"""The time stamps that a line can begin with, by its first character."""

_LOGGER = r"[A-Za-z_$][\w$/-]*(?:(?:\.|::?)[\w$\[\]/-]+)+"  # com.acme.Orders, o.a.k.Log, celery.worker
_CLASS = r"\((?:[a-z]\w*\.)+[\w$.]+\)"  # (kafka.server.KafkaServer)
_BRACKETS = r"(?:\[[^\]]*\] ?|\([^)]*\) )"

AFTER = by_first(
    (
        # container runtime: what the application wrote is decoded again
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
        # a level word in the clear
        rule("level, dash", UPPER, rf"{LEVEL} *[-–:|] {M}"),
        rule("level", UPPER, rf"{LEVEL} +{M}"),
        # (a Go panic keeps its first word: it tells what the lines after it are)
        rule("lower level, colon", LOWER, rf"(?!panic){ANYCASE}: {M}"),
        rule("dash, lower level, colon", "-", rf"- {ANYCASE}: {M}"),
        rule("laravel", LOWER, rf"[a-z]+\.{LEVEL}: {M}"),
        rule("python basic", ":", rf":{LEVEL}:[\w.]+:{M}"),
        rule("envoy", '"', r'(?P<m>"[A-Z-]+ [^"]*" (?P<n>\d{3}))\b'),
        # syslog and journal: `host program[pid]: message`
        rule("syslog", ANY, r"(?:[\w.:-]+ )?[\w./@-]+(?:\(\w+\))?\[\d+\]: (?P<rest>(?=\s*+\S).*)"),
    )
)
"""What can follow a time stamp, by its first character."""

SYSLOG = re.compile(r"[\w.:-]+ [\w./@-]+(?:\[\d+\])?: (?P<rest>(?=\s*+\S).*)", re.ASCII | re.DOTALL)
"""`host program: message`, tried only after a stamp of syslog's own form: elsewhere it is prose."""
