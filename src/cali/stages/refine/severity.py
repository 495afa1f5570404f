"""Severity by the words of a line, for lines whose structure gives none.

    message --a level at its head?--> that level
            --no root of a trouble word?--> None
            --a sign of success?--> INFO
            --harmless phrases removed--> the first table that matches: CRITICAL, ERROR, WARNING; none: INFO

The tables here cover English. languages.py covers other languages, and is called only for lines that may contain them.

The tables are data. To change a verdict, change a row. `needs_digits` finds lines in which a digit decides ("0 errors",
"exit code 1"). All other verdicts are cached per digit-blind shape.
"""

from __future__ import annotations

import re

from cali.core.models import Severity
from cali.stages.refine import languages

# Fast check: a lower-cased line without these has no match.
_ROOTS = (
    "err", "fail", "exception", "fatal", "panic", "traceback", "cannot", "can't", "can not", "couldn't", "could not", "unable",
    "refused", "denied", "unauthor", "forbidden", "timed", "time-out", "timeout", "timing out", "oom", "memory", "kill", "segfault",
    "segmentation", "core dumped", "crash", "backoff", "back-off", "evict", "unhealthy", "not ready", "notready", "unreachable",
    "space left", "disk full", "disk is full", "corrupt", "deadlock", "reject", "throttl", "exceed", "expired", "lost", "reset", "broken",
    "no such", "no route", "abort", "exit", "warn", "deprecat", "retr", "invalid", "not found", "critical", "emergency", "e: ",
    "violat", "degraded", "insufficient", "stack ", "unavailable", "econn", "enoent", "eacces", "eperm", "enospc", "eaddr", "etimed",
    "epipe", "ehost", "enetun", "emfile", "enfile", "eai_again", "enotfound", "enomem", "erofs", "enodev", "ebusy", "eio", "sigsegv", "sigabrt",
    "sigbus", "rolled back", "undefined", "unhandled", "uncaught", "conflict", "mismatch", "unexpected", "bug:", "kernel bug", "oops",
    "stall", "starv", "not responding", "dropped", "already in use", "too many open", "missing", "data loss", "split", "leader",
    "not authori", "not exist", "no healthy", "return", "terminate called",
    "unsuccess", "not able", "n't able",
)  # fmt: skip
_SERVER_ERROR = re.compile(r"(?<![\w.:-])5\d\d(?![\w.:-])")
_DIGIT_ROOTS = ("err", "fail", "exception", "crash", "timeout", "warn", "reject", "abort", "drop", "retries", "panic", "kill", "denied",
    "unhealthy", "evict", "conflict", "unreachable", "corrupt", "lost", "missing", "expired", "exit", "return", "rc=", "rc:", "rc 0", " code", "_code", "code=", "status",
    "response", "http/", "http 0", "http error", "got 0", "got a", "received 0", "received a", "responded", "bad gateway", "service unavailable", "gateway time")  # fmt: skip

# A level within the text, near its head.
_LEVEL = re.compile(
    r"(?:\A|(?<=[\s\[|(<\]]))(EMERG(?:ENCY)?|ALERT|FATAL|CRIT(?:ICAL)?|PANIC|ERROR|ERR|SEVERE|WARN(?:ING)?|NOTICE|INFO|DEBUG|TRACE)(?=[\]:|)>\s])"
)
_LEVELS = {
    "EMERG": Severity.CRITICAL, "EMERGENCY": Severity.CRITICAL, "ALERT": Severity.CRITICAL, "FATAL": Severity.CRITICAL,
    "CRIT": Severity.CRITICAL, "CRITICAL": Severity.CRITICAL, "PANIC": Severity.CRITICAL, "ERROR": Severity.ERROR, "ERR": Severity.ERROR,
    "SEVERE": Severity.ERROR, "WARN": Severity.WARNING, "WARNING": Severity.WARNING, "NOTICE": Severity.NOTICE, "INFO": Severity.INFO,
    "DEBUG": Severity.DEBUG, "TRACE": Severity.TRACE,
}  # fmt: skip
_HEAD = 60  # a level after this position is part of the message

_BAD = r"(?:errors?|errs?|fail(?:ed|ures?|s)?|exceptions?|crash(?:es|ed)?|timeouts?|warnings?|rejected|rejections?|aborted|dropped|retries|panics?|killed|denied|unhealthy|evicted|conflicts?|unreachable|corrupt(?:ed)?|lost|missing|expired)"

# Rows in which a number decides. {n} stands for the number: compiled once with a certain value, once with any digits.
_ZERO_ROWS = (
    rf"(?<![\w.,:/-]) {{n}} (?: \s(?!of\b)[a-z]{{2,14}} ){{0,2}}? \s {_BAD} \b",  # 0 errors, 0 packets dropped
    rf"\b {_BAD} (?: [ _-](?:count|total|rate|ratio|percent(?:age)?|tests?|jobs?|requests?|messages?|records?) )? [\"']? \s? (?: [=:] | is | was )? \s? [\"']? {{n}} %? (?![\d\w])",
    rf"\b (?:num|total|count)_? {_BAD} [\"']? \s? [=:] \s? {{n}} (?![\d\w])",
    r"\b exit(?:ed|s)? [ _-]? (?:with[ ])? (?:normally[ ])? (?:code|status|value)? [\"']? \s? [=:(]? \s? {n} (?![\d\w.])",
    r"\b (?:return(?:ed)?[ ](?:code|status)|rc|error[ _]?code|errno|err_?code|code) [\"']? \s? [=:]? \s? {n} (?![\d\w.])",
)
_DONE_ROWS = (
    r"\b exit(?:ed)? [ _-]? (?:with[ ])? (?:code|status) [\"']? \s? [=:(]? \s? {n} (?!\d)",
)  # SIGINT, SIGTERM
_EXIT_ROWS = (
    r"\b exit(?:ed|s)? [ _-]? (?:with[ ])? (?:non-zero[ ])? (?:code|status|value) [\"']? \s? [=:(]? \s? {n} (?!\d)",
    r"\b exit(?:ed)? \s \(? {n} \)? (?!\d)",
    r"\b return(?:ed)? [ ] (?:code|status) [\"']? \s? [=:]? \s? {n} (?!\d)",
)
_HTTP_ROWS = (
    r"\b (?:http[_ ]?)? (?:status(?:[_ ]?code)?|response(?:[_ ]?code)?|statuscode) [\"']? \s? (?: [=:(] | is | was | of )? \s? [\"']? {n} (?![\d.\w])",
    r"\b HTTP/\d(?:\.\d)? [\"']? \s {n} (?!\d)",
    r"\b HTTP [ ] (?:error[ ]|status[ ]|code[ ])? {n} (?!\d)",
    r"\b (?:returned|responded(?:[ ]with)?|got|received) [ ] (?:an?[ ])? (?:http[ ])? (?:status[ ])? (?:code[ ])? {n} (?!\d)",
    r"(?<![\w.:-]) {n} [ ] (?:internal[ ]server[ ]error|bad[ ]gateway|service[ ]unavailable|gateway[ ]time-?out|server[ ]error)",
)


def _numbers(rows: tuple[str, ...], number: str) -> re.Pattern[str]:
    alternatives = "|".join(row.replace("{n}", number) for row in rows)
    return re.compile(rf"(?<!\w)(?=[\w-])(?:{alternatives})", re.IGNORECASE | re.VERBOSE)


_ZERO = _numbers(_ZERO_ROWS, r"0+(?:\.0+)?(?!\.?\d)")
_DONE = _numbers(_DONE_ROWS, r"(?:130|143)")
_EXIT = _numbers(_EXIT_ROWS, r"-?0*[1-9]\d*")
_HTTP = _numbers(_HTTP_ROWS, r"5\d\d")
_ANY_NUMBER = _numbers(_ZERO_ROWS + _DONE_ROWS + _EXIT_ROWS + _HTTP_ROWS, r"-?\d+(?:\.\d+)?")

# Signs of success, which outweigh all words of trouble.
_WELL = re.compile(
    r"""
      \A \s* (?: ---\s )? (?: PASS\b | \u2713 | \u2714 | \u221a | ok\s ) | (?-i: \b PASSED \b ) | \.\.\.\s?ok\b      # names of tests
    | \A \s* (?: usage: | options: | examples?: | -{1,2}[a-z][\w-]*(?:,|\s) ) | \A [^.:;!\n]* \? \s* \Z              # help texts, a question that says no more
    | \b (?: recovered | reconnected | re-?established | back\s(?:online|to\snormal) | self-healed )\b (?! \s panic )
    | \b succeeded \s (?:at|on|after|in|with) | \b success(?:ful(?:ly)?)? \s (?:after|on) \s (?:\w+\s)? (?:retr|attempt) | \b retry \s (?:was\s)? succe
    | \b (?: error | failure | problem | incident | alert | condition | conflict )s? \s (?:has\s|have\s|was\s|were\s|is\s|are\s|been\s)* (?: resolved | cleared | fixed | gone )
    | \b graceful(?:ly)? \b (?! .* \b (?:fail|error|timed?\s?out|exceeded) )
    """,
    re.IGNORECASE | re.VERBOSE,
)

# Phrases that contain a trouble word but report none. They are removed before the tables are applied.
_HARMLESS = re.compile(
    r"""
      (?<! \w ) (?= [\w/-] ) (?:  # every phrase starts at a word; one check for all is six times faster
      # a client asked for what is not there: Django, Python's http.server
      \A \s* Not[ ]Found: [ ] (?= / | 000 ) | \b code[ ]\d{3},[ ]message[ ] [\w ()'"/]* \Z
      # nothing happened
    |      \b (?: no | without | zero | never | any | free\sof ) \s (?: any \s | more \s | new \s | known \s | fatal \s | critical \s | such \s | further \s )? (?: \w+ \s )? (?: errors? | failures? | exceptions? | crash(?:es)? | timeouts? | warnings? | problems? | corruption | conflicts? | deadlocks? | retries ) \b
    | \b (?: did | does | do | has | have | was | were | is | are | will | would | should ) (?: \snot | n't ) \s (?: been\s )? (?: fail(?:ed)? | crash(?:ed)? | time[d]?\sout | abort(?:ed)? | expired? | exceed(?:ed)? | corrupt(?:ed)? | panic | reject(?:ed)? | killed | lost )\b
    | \b [\w.-]{0,80} (?: err(?:or)?s? | exceptions? | fail(?:ed|ures?)? | timeouts? | warnings? | crash(?:ed)? | oom_?killed | expired | retry ) \w* ["']? \s? [=:] \s? (?: ["']? (?: null | nil | none | (?: false | no | never | off | n/a | undefined ) (?= ["']? (?: [,;)}\]] | \Z | \s \w+= ) ) ) \b ["']? | <(?:nil|null|none)> | "" | '' | \[\] | \{\} )
    | \b error-?free \b | \b fail-?(?:safe|fast|over|open|closed|back)\w* | \b non-?fatal \b
      # names: options, keys, classes, files, paths, routes
    | (?<![\w-]) --? [a-z][\w-]* (?: err | fail | timeout | retry | warn | crash | kill | reject | abort | exit | expire | corrupt ) [\w-]*
    | (?<![\w-]) -- (?: err | fail | timeout | retry | warn | crash | kill | reject | abort | exit ) [\w-]* (?: [ =] (?:error|warn(?:ing)?|fatal|\d+\w*) \b )?
    | (?<![\w:.)]) / [\w./%~+-]+
    | \b [\w-]{0,80} (?: err(?:or)?s? | exceptions? | fail\w* | timeouts? | warnings? | crash ) [\w-]* \. (?: log | go | py | js | ts | java | rb | php | cs | c | cpp | rs | h | html? | ya?ml | json | conf | txt | properties | xml | out | jsp | tmpl | vm ) \b (?: : \d+ )?
    | (?-i: \b [a-z][a-z0-9]* (?: _ [a-z0-9]+ ){0,12} _ (?: err(?:or)?s? | exceptions? | fail(?:ed|ures?)? | timeouts? | retr(?:y|ies) | warnings? | exit | crash(?:ed)? | kill(?:ed)? | status | expired | exceeded | aborted | rejected ) (?: _ [a-z0-9]+ ){0,12} \b )
    | (?-i: \b (?: err(?:or)?s? | exceptions? | fail(?:ed|ures?)? | timeouts? | retr(?:y|ies) | warnings? | exit | crash(?:ed)? | kill | reject(?:ed)? | abort ) (?: _ [a-z0-9]+ ){1,12} \b )
    | (?-i: (?<![\w.]) (?:[a-z]\w*\.)* (?!Failed[A-Z]|Err[A-Z]) [A-Za-z$]{0,80}? (?: [Ee]rrors? | [Ee]xceptions? | [Ff]ail(?:ure|ed|s|ing)? | [Tt]ime[Oo]ut | [Rr]etry | [Cc]rash | [Ww]arning | [Rr]eject(?:ed|ion)? | [Aa]bort | [Ee]xpired | [Cc]orrupt(?:ion)? ) [A-Z] (?: \w (?! Error\b | Exception\b | Exceeded\b | BackOff\b | Failed\b | Killed\b ) ){0,80} \w? \b (?: \.[a-z]\w* )* (?! :\s ) )
    | \b (?: error | fail(?:ure)? | exception | timeout | crash | retry | deadlock | panic | corruption | abort | warning | oom | kill | eviction ) s? [ -] (?: handl(?:er|ers|ing) | report(?:s|er|ing)? | pages? | tracking | budgets? | thresholds? | logs? | logger | logging | channel | stream | detect(?:ion|or) | recovery | tolerance | injection | polic(?:y|ies)
        | templates? | mapp(?:ing|er)s? | output | boundar(?:y|ies) | callbacks? | hooks? | correction | counters? | listeners? | mode | middleware | metrics? | settings? | configuration | config | interval | limit | domain | queue | topic | notifications? | checks? | monitor(?:ing)? | dumps?\s(?:dir|path|enabled) | resolvers? | translators? | filters? | messages | views? | controllers? | endpoint | routes? | codes?\s(?:loaded|registered|table) | strateg(?:y|ies) | analysis | classes | types ) \b
      # settings
    | \b log [_. -]? (?: level | threshold | severity )? s? [\w.]* ["']? \s? (?: [=:] | is | set\sto | to ) \s? ["']? (?: error | warn(?:ing)? | fatal | critical | err ) \b
    | \b (?: fail | error | exit | abort | stop | retry | restart | warn | panic ) [ -] (?: on | if | when ) [ -]? (?: [=:] \s? )? ["']? (?: error | failure | warning | exception | critical | crash | oom | never | always )? \b
    | \b (?: on | upon | in\scase\sof | restart | restartpolicy | handle[sd]? | handling | catch(?:es)? | if | ignores? | reports? | expected | simulated | injected | test | previous | last | past | known | resolved | cleared ) [ :=-]{1,3} (?: an?\s | the\s | any\s | all\s | no\s )? (?: errors? | exceptions? | failures? | timeouts? | crash(?:es)? | 404 ) \b
    | \b [\w.-]{0,80} time-?out [\w.]* ["']? \s? (?: [=:] | is | of | to | set\sto | was\sset\sto | value | \( )? \s? ["']? (?: \d+ (?:\.\d+)? \s? (?: ms | s | m | h | sec(?:ond)?s? | min(?:ute)?s? | millis(?:econds)? | \b ) | none | never | disabled | default )
    | \b (?: connect(?:ion)? | read | write | idle | request | session | socket | default | configured | using | with | set | setting ) \s time-?out s? (?= \s (?: is | set | to | configured | enabled | disabled | value ) )
    | \b (?: max | min | maximum | minimum ) [_ -]? (?: retr(?:y|ies) | errors? | failures? ) \b
    | \b (?: ready | back ) \s to \b
      # housekeeping
    | \b (?: remov(?:ing|ed) | purg(?:ing|ed) | delet(?:ing|ed) | evict(?:ing|ed) | clean(?:ing|ed)\sup ) \s (?:\d+\s)? expired \b | \b oom \s score
    | \b (?: check(?:ing|ed)? | scan(?:ning|ned)? | watch(?:ing)? | monitor(?:ing)? | look(?:ing)? ) \s for \s (?: \w+\s )? (?: errors? | failures? | exceptions? | problems? | deadlocks? | corruption ) \b
    | \b (?: session | cache | entr(?:y|ies) | keys? | items? | records? | lease | segments? | snapshots? | files? | rows? | messages? | cookies? | logs? ) s? \s (?: has\s | have\s )? expired | \b expired \s (?: sessions? | cache | entr(?:y|ies) | keys? | items? | records? | leases? | segments? | snapshots? | files? | rows? | messages? | logs? | tokens \b )
    | \b cache [ ] (?:entry[ ])? (?: not\sfound | missing | invalidated ) | \b not\sfound ,? \s (?: in\scache | using | falling\sback | creating | will\sbe\screated | ignoring | skipping | so\b ) | \b (?: 404 | \d{3} ) \s not\sfound \b
    | \b (?: password | offset | counter | circuit\sbreaker | state | position | cursor | timer | statistics | stats | sequence )s? \s (?: has\s | was\s )? (?:been\s)? reset | \b reset \s (?: to | the | state | offset | counter | password )
    | \b (?: error | exception | failure | crash ) s? \s (?: will | would | may | can | are | is ) \s (?: be\s )? (?: now\s )? (?: logged | reported | written | sent | ignored | handled | shown | collected | tracked | retried | enabled | disabled ) | \b (?:writing|redirecting|sending|logging|reporting) \s errors? \s to
    | \b (?: received | caught | got | sent | sending | on | handling ) \s (?: signal \s )? (?: SIGTERM | SIGINT | SIGHUP | SIGUSR\d | SIGCHLD ) \b | \b terminated \s (?: normally | by \s (?:user|SIGTERM|request) ) )
    """,
    re.IGNORECASE | re.VERBOSE,
)  # fmt: skip

_CRITICAL = re.compile(
    r"""
      (?<! \w ) (?= \w ) (?:
      \b fatal(?:ly)? \b | \b panic(?:ked)? \b | \b kernel \s bug | \b oops: | \b BUG:
    | \b out \s of \s memory | OutOfMemory | OOM-?Killed | \b oom[- ]kill | \b OOM \b | \b cannot \s allocate \s memory | \b killed \s process \b
    | \b seg(?:mentation\s)?fault \b | \b segmentation \s (?:fault|violation) | SIGSEGV | SIGABRT | SIGBUS | \b core \s dumped | \b stack \s (?:overflow|smashing)
    | \b corrupt(?:ed|ion)? \b | \b data \s loss \b | \b no \s space \s left | ENOSPC | \b disk \s (?:is\s)? full | \b emergency \b
    | \b terminate \s called \s (?:after|without|recursively) | \b split[- ]brain | \b critical \s (?:error|failure|problem|alert) )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_ERROR = re.compile(
    r"""
      (?<! \w ) (?= \w ) (?:
      \b errors? \b | \b errored \b | \b (?: does\snot | doesn't | do\snot ) \s exist \b | \b no \s healthy \b | \b exceptions? \b | \b err \b [:!=\]\s]
    | \b fail(?:ed|ures?|s|ing)? \b | (?-i: \b Failed[A-Z] | \bErr[A-Z][a-z]) | \b traceback \b | (?-i: \b E: \s )
    | \b (?: cannot | can't | can\snot | could\snot | couldn't | unable\sto | (?: wasn't | weren't | isn't | aren't | not ) \s able \s to | unsuccessful(?:ly)? ) \b
    | \b refused \b | \b (?: access | permission | request ) \s denied | \b denied \b | \b unauthori[sz]ed \b | \b forbidden \b | \b not\sauthori[sz]ed \b
    | \b tim(?:ed|ing)[- ]?out \b | \b time-?outs? \b | \b killed \b | \b crash(?:ed|es|ing)? \b | \b back-?off \s restarting | \b back-?off \s pulling
    | \b evicted \b | \b unhealthy \b | (?:probe|check) \s failed | \b not \s? ready \b | \b unreachable \b | \b unavailable \b | \b not \s responding
    | \b deadlock(?:ed)? \b | \b rejected \b | \b rejecting \b | \b exceed(?:ed|s|ing) \b | \b expired \b | (?-i: \bExpired[A-Z] )
    | \b lost \s (?: connection | leadership | leader | quorum | contact | connectivity | heartbeat ) | \b (?: connection | leader(?:ship)? | quorum | heartbeat ) \s (?: was\s | is\s | has\sbeen\s )? (?: lost | broken | dropped | aborted )
    | \b reset \s by \s peer | \b connection \s reset | \b broken \s pipe | \b no \s such \b | \b no \s route \s to | \b abort(?:ed|ing)? \b | \b unexpected \s (?: eof | end | token | response | status | error | close | shutdown )
    | \b E(?: CONNREFUSED | CONNRESET | CONNABORTED | TIMEDOUT | PIPE | NOENT | ACCES | PERM | ADDRINUSE | HOSTUNREACH | NETUNREACH | MFILE | NFILE | IO | AI_AGAIN | NOTFOUND | BUSY | NOMEM | ROFS | NODEV ) \b
    | \b (?: un(?:handled|caught) ) \b | \b invalid \b | \b not \s found \b | \b (?: constraint | policy ) \s violation | \b violat(?:es|ed|ion) \b | \b insufficient \b
    | \b rolled \s back \b | \b undefined \s (?: method | variable | symbol | reference | function | index ) | \b address \s already \s in \s use | \b too \s many \s open | \b missing \s (?: required | mandatory ) | \b checksum \s mismatch )
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Names that end in a trouble word: exception classes, reasons of Kubernetes, error constants.
_ERROR_NAME = re.compile(
    r"(?:[Ee]rror|[Ee]xception)s?\b|(?:Exceeded|Failed|Failure|NotReady|BackOff)\b|ERR_[A-Z]|_ERR(?:OR)?(?:\b|_[A-Z])"
)
_WARNING = re.compile(
    r"""
      \b warn(?:ing)?s? \b | \b deprecat(?:ed|ion|ions|es) \b | \b retrying \b | \b retry \b (?= \s (?: in | after | attempt | \d | now | with ) | \.\.\. | \s* \Z ) | \b will \s (?:be\s)? retr | \b throttl(?:ed|ing) \b | \b degraded \b
    | \b dropped \b | \b stall(?:ed)? \b | \b starv(?:ed|ation) \b | \b conflict \b | \b mismatch \b
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Trouble that the program handles itself or announces for later: at most WARNING.
_SOFT = re.compile(
    r"\bcorrected\b|\bwill (?:be )?(?:retr|try again|reconnect|continue)|\bretrying\b|\bretry(?:ing)? in\b|\btrying again\b|\breconnecting\b"
    r"|\bdeprecat(?:ed|ion)|\b(?:using|falling back to|fall back to|fallback to) (?:the )?(?:default|cache|previous|stale|secondary|replica)|\bignor(?:ed|ing)\b|\battempt \d+(?: of |/)\d+",
    re.IGNORECASE,
)


def by_words(message: str) -> Severity | None:
    """Return the severity by the words of a message: None without a trouble word, INFO if all are harmless."""
    level = _LEVEL.search(message, 0, _HEAD)
    if level:
        return _LEVELS[level[1]]
    low = message.lower()
    abroad = languages.speaks(message, low)
    if abroad:
        return _judge(message, abroad)
    for root in _ROOTS:
        if root in low:
            return _judge(message, abroad)
    return _judge(message, abroad) if _SERVER_ERROR.search(message) else None


def _judge(message: str, abroad: bool) -> Severity | None:
    if not _bad(message, abroad) and not _warns(message, abroad):
        return None  # most lines with a root end here; the rest is slower
    if _WELL.search(message):
        return Severity.INFO
    left = _HARMLESS.sub(" ", _DONE.sub(" ", _ZERO.sub(" ", message)))
    if abroad:
        left = languages.without_harmless(left)
    found = _bad(left, abroad)
    if found is None:
        return Severity.WARNING if _warns(left, abroad) else Severity.INFO
    soft = _SOFT.search(message) or (abroad and languages.soft(message))
    return Severity.WARNING if soft else found


def _bad(text: str, abroad: bool) -> Severity | None:
    if _CRITICAL.search(text) or (abroad and languages.critical(text)):
        return Severity.CRITICAL
    if (
        _ERROR_NAME.search(text)
        or _ERROR.search(text)
        or _EXIT.search(text)
        or (_SERVER_ERROR.search(text) and _HTTP.search(text))
        or (abroad and languages.error(text))
    ):
        return Severity.ERROR
    return None


def _warns(text: str, abroad: bool) -> bool:
    return _WARNING.search(text) is not None or (abroad and languages.warning(text))


def needs_digits(blind: str) -> bool:
    """Return True if the values of digits can change the severity of lines of this shape."""
    low = blind.lower()
    if languages.speaks(blind, low) and languages.needs_digits(blind):
        return True
    return any(root in low for root in _DIGIT_ROOTS) and _ANY_NUMBER.search(blind) is not None


def worst(structure: Severity | None, words: Severity | None) -> Severity:
    """Return the severity of a line: from its structure, else from its words, else INFO."""
    if structure is not None:
        return structure
    return Severity.INFO if words is None else words
