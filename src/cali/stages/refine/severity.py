"""Severity by the words of a line, for lines whose structure gives none.

    message --a level at its head?--> that level
            --no trouble word?--> ERROR if the model is sure of it, else None
            --a sign of success?--> INFO
            --zero counts and harmless phrases removed--> facts: CRITICAL, ERROR
                                                      --> other trouble words: ERROR unless the model vetoes them
                                                      --> warnings: WARNING; none: INFO

The model (severity_model.py) was learnt from logging statements. The tables here hold what no statement says: numbers that
decide, the kernel, runtimes, Kubernetes. A table that grows needs its reason in CHANGELOG.md. languages.py covers other
languages, and is called only for lines that may contain them.

`needs_digits` finds lines in which a digit decides ("0 errors", "exit code 1"). All other verdicts are cached per template.
"""

from __future__ import annotations

import re

from cali.core.models import Severity
from cali.stages.refine import languages, severity_model
from cali.stages.refine.severity_model import Opinion

_SERVER_ERROR = re.compile(r"(?<![\w.:-])5\d\d(?![\w.:-])")
_DIGIT_ROOTS = ("err", "fail", "exception", "crash", "timeout", "warn", "reject", "abort", "drop", "retries", "panic", "kill", "denied",
    "unhealthy", "evict", "conflict", "unreachable", "corrupt", "lost", "missing", "expired", "exit", "return", "rc=", "rc:", "rc 0", " code", "_code", "code=", "status",
    "response", "http/", "http 0", "http error", "got 0", "got a", "received 0", "received a", "responded", "bad gateway", "service unavailable", "gateway time")  # fmt: skip

# A level within the text, near its head.
_LEVEL = re.compile(
    r"(?:\A|(?<=[\s\[|(<\]]))(EMERG(?:ENCY)?|ALERT|FATAL|CRIT(?:ICAL)?|PANIC|ERROR|ERR|SEVERE|WARN(?:ING)?|NOTICE|INFO|DEBUG|TRACE)(?=[\]:|)>\s])|(?<!\S)(FATA|ERRO)(?=\[\d)"
)
_LEVELS = {
    "EMERG": Severity.CRITICAL, "EMERGENCY": Severity.CRITICAL, "ALERT": Severity.CRITICAL, "FATAL": Severity.CRITICAL,
    "FATA": Severity.CRITICAL, "ERRO": Severity.ERROR, "CRIT": Severity.CRITICAL, "CRITICAL": Severity.CRITICAL, "PANIC": Severity.CRITICAL, "ERROR": Severity.ERROR, "ERR": Severity.ERROR,
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
_COUNT_ROWS = (  # totals of tests and builds
    r"(?<![\#]) \b (?:errors?|failures?|failed) [\"']? \s? [=:] \s? [\"']? {n} (?![\d\w.])",
    r"(?<![\w.,:/-]) {n} \s (?:tests?\s|checks?\s)? (?:errors?|failures?|failed) \b",
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
_COUNT = _numbers(_COUNT_ROWS, r"0*[1-9]\d*")
_ANY_NUMBER = _numbers(_ZERO_ROWS + _COUNT_ROWS + _DONE_ROWS + _EXIT_ROWS + _HTTP_ROWS, r"-?\d+(?:\.\d+)?")

# Signs of success, which outweigh all words of trouble.
_WELL = re.compile(
    r"""
      \A \s* (?: ---\s )? (?: PASS\b | \u2713 | \u2714 | \u221a | ok\s ) | (?-i: \b PASSED \b ) | \.\.\.\s?ok\b      # names of tests
    | \A \s* (?: usage: | options: | examples?: | please\s | -{1,2}[a-z][\w-]*(?:,|\s) ) | \A [^.:;!\n]* \? \s* \Z              # help texts, advice, a question that says no more
    | \b (?: recovered | reconnected | re-?established | back\s(?:online|to\snormal) | self-healed )\b (?! \s panic )
    | \b succeeded \s (?:at|on|after|in|with) | \b success(?:ful(?:ly)?)? \s (?:after|on) \s (?:\w+\s)? (?:retr|attempt) | \b retry \s (?:was\s)? succe
    | \b (?: error | failure | problem | incident | alert | condition | conflict )s? \s (?:has\s|have\s|was\s|were\s|is\s|are\s|been\s)* (?: resolved | cleared | fixed | gone )
    | \b graceful(?:ly)? \b (?! .* \b (?:fail|error|timed?\s?out|exceeded) )
    """,
    re.IGNORECASE | re.VERBOSE,
)

_NOUN = r"(?: errors? | failures? | fails? | exceptions? | crash(?:es)? | timeouts? | time-outs? | warnings? | problems? | corruption | conflicts? | deadlocks? | retr(?:y|ies) )"
# Phrases that contain a trouble word but report none. They are removed before the tables are applied.
_HARMLESS = re.compile(
    rf"""
      (?<! \w ) (?= [\w/-] ) (?:  # every phrase starts at a word; one check for all is six times faster
      \A \s* Not[ ]Found: [ ] (?= / | 000 ) | \b code[ ]\d{{3}},[ ]message[ ] [\w ()'"/]* \Z      # a client asked for what is not there
    | \b (?: no | without | zero | never | any | free\sof ) \s (?: \w+ \s ){{0,2}}? {_NOUN} \b | \b error-?free \b | \b non-?fatal \b
    | \b (?: did | does | do | has | have | was | were | is | are | will | would | should ) (?: \snot | n't ) \s (?: been\s )? (?: fail | crash | time[d]?\sout | abort | expire | exceed | corrupt | panic | reject | killed | lost ) \w*
    | \b log [_. -]? (?: level | threshold | severity )? s? [\w.]* ["']? \s? (?: [=:] | is | set\sto | to ) \s? ["']? (?: error | warn(?:ing)? | fatal | critical | err ) \b
      # names and values: options, keys, routes, files
    | \b [\w.-]{{0,80}} (?: err(?:or)?s? | exceptions? | fail(?:ed|ures?)? | timeouts? | warnings? | crash(?:ed)? | oom_?killed | expired | retry ) \w* ["']? \s? [=:] \s? (?: ["']? (?: null | nil | none | (?: false | no | never | off | n/a | undefined ) (?= ["']? (?: [,;)}}\]] | \Z | \s \w+= ) ) ) \b ["']? | <(?:nil|null|none)> | "" | '' | \[\] | \{{\}} )
    | (?<![\w-]) --? [a-z][\w-]* | (?<![\w:.)]) / [\w./%~+-]+ | \b [\w-]{{1,80}} \. (?: log | go | py | js | ts | java | rb | php | cs | c | cpp | rs | h | html? | ya?ml | json | conf | txt | properties | xml | out | jsp | tmpl | vm ) \b (?: : \d+ )?
    | (?-i: \b (?!out-of-) [a-z0-9.+]+ (?: - [a-z0-9.+]+ ){{2,12}} \b ) | (?-i: \b [a-z0-9]+ (?: _ [a-z0-9]+ ){{1,12}} \b ) | (?-i: (?<![\w.]) (?:[a-z]\w*\.)* (?!Failed[A-Z]|Err[A-Z]) (?=\w*[a-z][A-Z]|[a-z]+\.\w) [A-Za-z$]\w{{0,80}} (?<!Error) (?<!Exception) (?<!Exceeded) (?<!BackOff) (?<!Failed) (?<!Failure) (?<!Killed) (?<!NotReady) (?<!Evicted) \b (?: \.[a-z]\w* )* (?! :\s ) )
    | \b [\w.-]{{0,80}} time-?out [\w.]* ["']? \s? (?: [=:] | is | of | to | set\sto | was\sset\sto | value | \( )? \s? ["']? (?: \d+ (?:\.\d+)? \s? (?: ms | s | m | h | sec(?:ond)?s? | min(?:ute)?s? | millis(?:econds)? | \b ) | none | never | disabled | default )
      # error as an attribute, and what follows from one
    | \b {_NOUN} [ -] (?: handl | report | page | track | budget | threshold | log | channel | stream | detect | recover | toler | inject | polic | templ | mapp | output | bound | callback | hook | correction | count | listen | mode | middle | metric | setting | config | interval | limit | domain | queue | topic | notif | check | monitor | dump | resolv | translat | filter | messages | view | control | endpoint | route | strateg | analy | class | type ) \w*
    | \b (?: fail | error | exit | abort | stop | retry | restart | warn | panic ) [ -] (?: on | if | when ) [ -]? (?: [=:] \s? )? ["']? (?: error | failure | warning | exception | critical | crash | oom | never | always )? \b
    | \b (?: on | upon | in\scase\sof | restart | restartpolicy | handle[sd]? | handling | catch(?:es)? | if | ignores? | reports? | expected | simulated | injected | test | previous | last | past | known | resolved | cleared ) [ :=-]{{1,3}} (?: an?\s | the\s | any\s | all\s | no\s )? (?: errors? | exceptions? | failures? | timeouts? | crash(?:es)? | 404 ) \b
    | \b (?: remov(?:ing|ed) | purg(?:ing|ed) | delet(?:ing|ed) | evict(?:ing|ed) | clean(?:ing|ed)\sup ) \s (?:\w+\s)? expired \b | \b oom \s score
    | \b (?: session | cache | entr(?:y|ies) | keys? | items? | records? | lease | segments? | snapshots? | files? | rows? | messages? | cookies? | logs? ) s? \s (?: has\s | have\s )? expired | \b expired \s (?: sessions? | cache | entr(?:y|ies) | keys? | items? | records? | leases? | segments? | snapshots? | files? | rows? | messages? | logs? | tokens \b )
    | \b (?: not \s found | does \s not \s exist ) ,? \s (?: in\scache | using | falling\sback | creating | will\sbe\screated | ignoring | skipping | so\b ) | \b (?: 404 | \d{{3}} ) \s not\sfound \b
    | \b errors? \s (?: will | would | may | can ) \s be \s | \b (?: check | scan | watch | look ) (?:s|ed|ing)? \s for \s (?: \w+ \s )? {_NOUN} \b
    | \b (?: received | caught | got | sent | sending | on | handling ) \s (?: signal \s )? (?: SIGTERM | SIGINT | SIGHUP | SIGUSR\d | SIGCHLD ) \b | \b terminated \s (?: normally | by \s (?:user|SIGTERM|request) ) )
    """,
    re.IGNORECASE | re.VERBOSE,
)  # fmt: skip

# What the kernel, runtimes and disks say, never in a logging statement of an application.
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
# Facts that the model cannot veto: texts and constants of errno, exceptions, reasons of Kubernetes, ends of processes.
_FACT = re.compile(
    r"""
      (?<! \w ) (?= \w ) (?:
      (?-i: E: \s ) | \A (?: Killed | Unauthorized | Traceback | Uncaught | Unhandled | error ) \b
    | E(?: CONNREFUSED | CONNRESET | CONNABORTED | TIMEDOUT | PIPE | NOENT | ACCES | PERM | ADDRINUSE | HOSTUNREACH | NETUNREACH | MFILE | NFILE | IO | AI_AGAIN | NOTFOUND | BUSY | NOMEM | ROFS | NODEV ) \b
    | connection \s (?: refused | reset | lost | was \s lost ) \b | reset \s by \s peer | broken \s pipe | no \s such \s (?: file | host ) | no \s route \s to | (?: permission | access ) \s denied | address \s already \s in \s use | too \s many \s open
    | probe \s (?: failed | errored ) | back-?off \s (?: restarting | pulling ) | evicted \b | unhealthy \b | not \s? ready \b | no \s healthy \b | lost \s (?: connection | leadership | leader | quorum ) | quorum \s (?: was\s )? lost
    | (?: exited | killed | terminated ) \s (?:by|with|on) \s [\"']? signal \b | disk \s (?: space | watermark ) \b (?=.* \b (?: insufficient | low | exceeded | exhausted ) \b ) | (?: certificate | token ) \s (?: has \s )? expired | deadlock \s found | command \s not \s found )
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Names of exceptions, reasons of Kubernetes, constants.
_NAME = re.compile(
    r"(?:[a-z]|\b)(?:Error|Exception)s?\b|(?:Exceeded|Failed|Failure|NotReady|BackOff)\b|Failed[A-Z]|\bErr[A-Z][a-z]|\bERR_[A-Z]|_ERR(?:OR)?(?:\b|_[A-Z])"
)
# Words that mean trouble in most lines. The model decides the others.
_WORDS = re.compile(
    r"""
      (?<! \w ) (?= \w ) (?:
      errors? | errored | err (?= [:!=\]\s] ) | fail(?:ed|ures?|s|ing)? | exceptions? | traceback | crash(?:es|ed|ing)? | killed | un(?:handled|caught) | abort(?:ed|ing)?
    | cannot | can't | can\snot | could\snot | couldn't | unable\sto | (?: wasn't | weren't | isn't | aren't | not ) \s able \s to | unsuccessful(?:ly)? | (?: does\snot | doesn't | do\snot ) \s exist | not \s (?: found | responding | authori[sz]ed )
    | refused | denied | unauthori[sz]ed | forbidden | reject(?:ed|ing) | tim(?:ed|ing)[- ]?out | time-?outs? | unreachable | unavailable | exceed(?:ed|s|ing) | expired | deadlock(?:ed)? | rolled \s back
    | lost \s (?: contact | connectivity | heartbeat ) | (?: connection | leader(?:ship)? | heartbeat ) \s (?: was\s | is\s | has\sbeen\s )? (?: lost | broken | dropped | aborted ) | no \s such | unexpected | invalid | undefined | insufficient | violat(?:es|ed|ion) | missing \s (?: required | mandatory ) | mismatch ) \b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_WARNING = re.compile(
    r"""
      \b warn(?:ing)?s? \b | \b deprecat(?:ed|ion|ions|es) \b | \b retrying \b | \b retry \b (?= \s (?: in | after | attempt | \d | now | with ) | \.\.\. | \s* \Z ) | \b will \s (?:be\s)? retr | \b throttl(?:ed|ing) \b | \b degraded \b
    | \b dropped \b | \b stall(?:ed)? \b | \b starv(?:ed|ation) \b | \b conflict \b
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Trouble that the program handles itself or announces for later: at most WARNING.
_SOFT = re.compile(
    r"\bcorrected\b|\bwill (?:be )?(?:retr|try again|reconnect|continue)|\bretrying\b|\bretry(?:ing)? in\b|\btrying again\b|\breconnecting\b"
    r"|\bdeprecat(?:ed|ion)|\b(?:using|falling back to|fall back to|fallback to) (?:the )?(?:default|cache|previous|stale|secondary|replica)|\bignor(?:ed|ing)\b|\battempt \d+(?: of |/)\d+",
    re.IGNORECASE,
)


def by_words(message: str, opinion: Opinion | None = None) -> Severity | None:
    """Return the severity by the words of a message: None without a trouble word, INFO if all are harmless.

    `opinion` is the model's opinion of the message's template, if it is known.
    """
    level = _LEVEL.search(message, 0, _HEAD)
    if level:
        return _LEVELS[level[1] or level[2]]
    abroad = languages.speaks(message, message.lower())
    if not _worded(message, abroad=abroad) and not numbers_decide(message):
        reported = (opinion or judge(message)) is Opinion.REPORT and not _WELL.search(message)
        return Severity.ERROR if reported else None
    if _WELL.search(message):
        return Severity.INFO
    left = _HARMLESS.sub(" ", _DONE.sub(" ", _ZERO.sub(" ", message)))
    if abroad:
        left = languages.without_harmless(left)
    found = _fact(left, abroad)
    if found is None and _WORDS.search(left) and (opinion or judge(message)) is not Opinion.VETO:
        found = Severity.ERROR
    if found is None:
        return Severity.WARNING if _warns(left, abroad) else Severity.INFO
    soft = _SOFT.search(message) or (abroad and languages.soft(message))
    return Severity.WARNING if soft else found


def judge(message: str) -> Opinion:
    """Return the model's opinion of a message."""
    return severity_model.load().opinion(message)


def calm(message: str) -> bool:
    """Return True if only the values of digits can make this message one of trouble."""
    return not (languages.speaks(message, message.lower()) or _worded(message, abroad=False))


def numbers_decide(message: str) -> bool:
    """Return True if a number of the message is one of trouble: an exit code, a total of errors, HTTP 5xx."""
    return bool(
        _EXIT.search(message)
        or _COUNT.search(message)
        or (_SERVER_ERROR.search(message) and _HTTP.search(message))
    )


def _worded(text: str, *, abroad: bool) -> bool:
    return bool(
        _WORDS.search(text)
        or _CRITICAL.search(text)
        or _FACT.search(text)
        or _NAME.search(text)
        or _warns(text, abroad)
        or (abroad and (languages.critical(text) or languages.error(text)))
    )


def _fact(text: str, abroad: bool) -> Severity | None:
    if _CRITICAL.search(text) or (abroad and languages.critical(text)):
        return Severity.CRITICAL
    if _FACT.search(text) or _NAME.search(text) or numbers_decide(text) or (abroad and languages.error(text)):
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
