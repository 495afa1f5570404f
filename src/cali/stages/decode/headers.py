"""Lines whose header is not a time stamp first: prefixes of tools, klog, syslog, access logs, bare levels."""

from __future__ import annotations

from cali.stages.decode.layout import (
    DIGITS,
    LEVEL,
    LOWER,
    REST,
    UPPER,
    M,
    by_first,
    rule,
)

_ISO = r"(?P<t>\d{4}-\d\d-\d\dT\d\d:\d\d):(?P<s>\d\d(?:\.\d{1,9})?)(?P<z>Z|[+-]\d\d:\d\d)"
_DATE = r"(?P<t>\d{4}-\d\d-\d\d[T ]\d\d:\d\d):(?P<s>\d\d(?:[.,]\d{1,9})?)"
_REQUEST = r'(?P<m>"[^"]*" (?P<n>\d{3}))\b'
_AGE = r"(?:<invalid>|<unknown>|(?:\d+[dhmsy])+)(?: \(x\d+ over (?:<invalid>|(?:\d+[dhmsy])+)\))?"
_REASON = r"[A-Z][A-Za-z]+"

RULES = by_first(
    (
        # prefixes that tools put before each line
        rule("kubectl --prefix", "[", rf"\[(?P<who>(?:pod|job|deployment)/[\w.-]+/[\w.-]+)\] {REST}"),
        rule(
            "docker compose",
            LOWER + UPPER + DIGITS,
            rf"(?P<who>[A-Za-z\d][\w.-]*(?:[-_]\d+(?= )|(?=  ))) +\| {REST}",
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
        # web servers: the request and its status are the message, and the status the severity
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
            rf"<(?P<pri>\d{{1,3}})>\d (?:{_ISO}|-) \S+ \S+ \S+ \S+ (?:-|(?:\[(?:[^\]\\\"]|\\.|\"(?:[^\"\\]|\\.)*\")*\])+) (?:\ufeff)?(?P<rest>(?=\s*+\S).*)",
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
        # loggers that put the level before the time, or leave the date out
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
        # hand-made logfmt whose message is not quoted
        rule(
            "level=",
            LOWER,
            rf"(?:(?:ts|time|timestamp)=\"?\S+ )?(?:level|lvl|severity)=\"?(?P<lvl>\w+)\"? (?:msg=|message=)?{M}",
        ),
    )
)
"""The rules for lines without a stamp in front, by the line's first character."""
