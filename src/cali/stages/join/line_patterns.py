"""Patterns of multi-line events, as tables. A comment on each row names the runtime that writes such lines.

`FRAMES` continue any open block. `CONTINUES` lists the lines that continue a block of a given format. `ADOPTED` lists
unindented lines that start a trace: they belong to the log line before them if that line reports trouble. `OPENINGS`
gives a block its format from its first line. In every table the first match wins.
"""

from __future__ import annotations

import re
from enum import IntEnum


class TraceFormat(IntEnum):
    """The format of an open block. It decides which lines can continue the block."""

    PLAIN = 0  # one ordinary line
    TEXT = 1  # a log line with indented lines
    CLOSED = 2  # all brackets are closed: only frames may follow
    TRACE = 3  # Java, .NET, Node, Ruby: frames and causes
    PYTHON = 4  # inside a traceback, before its exception line
    PYTHON_END = 5  # after the exception line
    PYTHON_CHAIN = 6  # after the sentence that links two tracebacks
    GO_PRELUDE = 7  # "runtime: ..." lines, before the fatal error
    GO = 8
    RUST_PANIC = 9  # "panicked at src/main.rs:1:2:", before the message
    RUST = 10
    NODE_SOURCE = 11  # "/app/index.js:3", before the line of code
    NODE_CODE = 12  # after the line of code, up to the exception
    PHP = 13
    POSTGRES = 14
    ERLANG = 15
    ANNOUNCED = 16  # "closing AMQP connection <0.1.0> (...):", before the reason
    HEAD = 17  # Java, .NET: the line of an exception, before its frames
    HEAD_TEXT = 18  # more lines of its message, after a line such as "Consider the following:"
    FIELDS = 19  # Python: pydantic's exception line for several fields, before a field name
    FIELD = 20  # ... after the field name, before its error
    ONE_FIELD = 25  # ... the exception line for one field
    SQL = 21  # Python: SQLAlchemy's statement, before its closing bracket
    BOX = 22  # Spring Boot: the first line of a box of stars
    STARTUP = 23  # ... around APPLICATION FAILED TO START
    STARTUP_TEXT = 24  # ... its description and action
    MARKED = 26  # MyBatis, Spring: "### Error querying database.", "; bad SQL grammar"
    WARNED = 27  # Python: "app.py:3: UserWarning: ...", before the source line


Row = tuple[re.Pattern[str], TraceFormat]


def _row(pattern: str, fmt: TraceFormat) -> Row:
    return re.compile(pattern), fmt


# A qualified exception name, as Java, .NET and Python print it: "java.io.IOException: x", "a.b.MyError"
_TYPE = r"(?:[A-Za-z_][\w$]*[.+])+[\w$]*(?:Exception|Error|Throwable|Failure|Fault)(?:`\d+)?(?=:|\s*$)"
QUALIFIED = re.compile(r"(?:[a-z_][\w$]*\.)+[A-Z][\w$]*(?:Exception|Error|Throwable)\b")
EXCEPTION_NAME = re.compile(r"[A-Z]\w*(?:Exception|Error)\b|\bError: ")
_TRACEBACK = r"Traceback \(most recent call last\):"
_WARNING = r"\S+:\d+: \w*Warning: "  # Python: warnings.warn
_VALIDATION = r"(?:\w+\.)+ValidationError: \d+ validation "  # Python: pydantic
_STARS = r"\*{10,}$"
_GOROUTINE = r"goroutine \d+ (?:\S+ )*\["
# A function without its arguments, as zap and logrus print it: "sigs.k8s.io/x/pkg.(*Controller).Start", "main.main".
_GO_FUNCTION = r"(?:[\w.~-]+/[\w./~-]*|main|runtime|testing)\.(?:\(\*?\w+\)\.)?[\w.\[\]]+$"
# Rails names the gem: "activerecord (7.1.2) lib/active_record/relation.rb:88:in `load'".
_RUBY_FRAME = r"(?:[\w-]+ \([\w.]+\) )?\S+\.(?:rb|erb|rake|ru):\d+:in [`'][^']*'"

FRAMES: tuple[Row, ...] = (
    _row(r'\s+File "[^"]*", line \d+', TraceFormat.PYTHON),  # Python
    _row(
        r"\s+at \S.*(?:\(|:\d|:line \d|<anonymous>|\.\w)|\s+at <anonymous>", TraceFormat.TRACE
    ),  # Java, Node, .NET, Rust
    _row(
        r"\s*\.\.\. \d+ (?:more|common frames omitted|lines matching cause)", TraceFormat.TRACE
    ),  # Java, Logback, Node
    _row(
        r"\s+(?:Caused by|Suppressed|Wrapped by): \S", TraceFormat.TRACE
    ),  # Java: a cause inside a suppressed exception
    _row(r"\s+--- End of ", TraceFormat.TRACE),  # .NET
    _row(r"\s+---> \S", TraceFormat.TRACE),  # .NET: inner exception
    _row(r"\s+(?:\d+: )?from \S+:\d+(?::in |$)", TraceFormat.TRACE),  # Ruby
    _row(r"\t\S+\.(?:go|s):\d+(?: \+0x|$)", TraceFormat.GO),  # Go
    _row(r"#\d+ (?:\S+\(\d+\): |\{main\}|\[internal function\])", TraceFormat.PHP),  # PHP
    _row(r"  thrown in \S", TraceFormat.PHP),  # PHP
    _row(r"\s+\d+: +(?:0x[0-9a-f]+ - )?[<\w][\w<>]*(?:::| as )", TraceFormat.RUST),  # Rust
    _row(
        r"\s+(?:\| |\+-\+?-{4,}|\+ Exception Group Traceback)", TraceFormat.PYTHON_END
    ),  # Python: exception groups
)

# Unindented lines that never start an event, for the runtimes of TraceFormat.TRACE.
_LINKS = _row(
    r"Caused by:|Suppressed: |Wrapped by: "  # Java; Rust's anyhow writes "Caused by:" alone
    r"|--- End of "  # .NET
    r"|Node\.js v\d"  # Node, last line of a crash
    r"|From previous event:"  # Node, Bluebird's long traces
    r"|" + _RUBY_FRAME + r"$",  # Rails
    TraceFormat.TRACE,
)

# Ruby's first line of an uncaught exception, and of its cause: "app.rb:3:in `fetch': key not found (KeyError)".
_RUBY_HEAD = _row(r"\S+\.(?:rb|erb|rake|ru):\d+:in [`'][^']*': .*\([\w:]+\)$", TraceFormat.TRACE)
_MARK = _row(r"#{2,4} [A-Z]|; [a-zA-Z]", TraceFormat.MARKED)

_CHAIN = r"During handling of the above exception|The above exception was the direct cause"
_LEVELS = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)\b"
_RUST = (_row(r"stack backtrace:|note: (?:run with|Some details)", TraceFormat.RUST),)
# A field of a Postgres error. Postgres always writes two spaces after the colon.
POSTGRES_FIELD = re.compile(r"(?:.*[\s\]])?(?:DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION):  ")
POSTGRES_PID = re.compile(r"\[(\d+)(?:-\d+)?\]")
_GO_FATAL = _row(r"fatal error: ", TraceFormat.GO)

_PYDANTIC = (
    _row(_VALIDATION + r"errors for \S", TraceFormat.FIELDS),
    _row(_VALIDATION + r"error for \S", TraceFormat.ONE_FIELD),
)
_LOCATION = r"[A-Za-z_][\w.\[\]-]*(?: -> [\w.]+)*$"  # the path of a field, such as "user.address.0.zip"
# First words of the lines of a statement, as SQLAlchemy prints it.
_CLAUSE = (
    r"(?:SELECT|FROM|WHERE|(?:LEFT |RIGHT |FULL |INNER |CROSS )?(?:OUTER )?JOIN|ORDER BY|GROUP BY|HAVING|LIMIT|OFFSET"
    r"|VALUES|RETURNING|SET|AND|OR|ON|UNION|FOR UPDATE)\b"
)
CAUSE = re.compile(r"\s*(?:Caused by|Suppressed): \S")
_CAUSE = _row(r"Caused by: \S", TraceFormat.HEAD)
_CHAINED = _row(_CHAIN, TraceFormat.PYTHON_CHAIN)
_SPRING_PART = _row(r"(?:Description|Action):$", TraceFormat.STARTUP_TEXT)

CONTINUES: dict[TraceFormat, tuple[Row, ...]] = {
    TraceFormat.TRACE: (_CAUSE, _LINKS, _RUBY_HEAD),
    TraceFormat.MARKED: (_MARK, _CAUSE, _row(_TYPE, TraceFormat.HEAD)),
    TraceFormat.HEAD: (_CAUSE, _LINKS, _RUBY_HEAD, _MARK, _row(r"[A-Z][a-z][^:]*:$", TraceFormat.HEAD_TEXT)),
    TraceFormat.HEAD_TEXT: (_CAUSE, _LINKS, _MARK),
    TraceFormat.PYTHON: (
        *_PYDANTIC,
        _row(
            rf"(?!{_LEVELS})[A-Za-z_][\w.<>]*(?:: .*|:)?$", TraceFormat.PYTHON_END
        ),  # "ValueError: x", "KeyboardInterrupt"
        _CHAINED,
    ),
    TraceFormat.PYTHON_END: (
        _CHAINED,
        _row(
            r"\[SQL: .*\]$|\[parameters: |\(Background on this error at: ", TraceFormat.PYTHON_END
        ),  # SQLAlchemy
        _row(r"\[SQL: ", TraceFormat.SQL),
        _row(r"LINE \d+: |(?:DETAIL|HINT|CONTEXT):  ", TraceFormat.PYTHON_END),  # psycopg
    ),
    TraceFormat.SQL: (
        _row(
            _CLAUSE + r".*\]$",
            TraceFormat.PYTHON_END,
        ),
        _row(
            _CLAUSE,
            TraceFormat.SQL,
        ),
        _row(r"\s.*\]$", TraceFormat.PYTHON_END),
    ),
    TraceFormat.ONE_FIELD: (
        _CHAINED,
        _row(_LOCATION, TraceFormat.PYTHON_END),
        _row(r"\s", TraceFormat.PYTHON_END),
    ),
    TraceFormat.FIELDS: (_CHAINED, _row(_LOCATION, TraceFormat.FIELD)),
    TraceFormat.FIELD: (_row(r"\s+\S", TraceFormat.FIELDS),),
    TraceFormat.ANNOUNCED: (_row(_STARS, TraceFormat.BOX),),
    TraceFormat.BOX: (_row(r"APPLICATION FAILED TO START$", TraceFormat.STARTUP),),
    TraceFormat.STARTUP: (_row(_STARS, TraceFormat.STARTUP), _SPRING_PART),
    TraceFormat.STARTUP_TEXT: (_SPRING_PART,),
    TraceFormat.PYTHON_CHAIN: (
        _row(_TRACEBACK, TraceFormat.PYTHON),
        _row(
            rf"(?!{_LEVELS})[A-Za-z_][\w.]*(?:: .*)?$", TraceFormat.PYTHON_END
        ),  # an exception that was never raised
    ),
    TraceFormat.GO_PRELUDE: (_GO_FATAL, _row(r"runtime: |runtime stack:", TraceFormat.GO_PRELUDE)),
    TraceFormat.GO: (
        _row(_GOROUTINE, TraceFormat.GO),
        _row(
            r"(?:panic|[\w/@%~-]+\.[^\s(]*(?:\(\*?[\w\[\].]+\)[^\s(]*)?)\(.*\)$", TraceFormat.GO
        ),  # "main.(*T).run(0xc00001, 0x1)"
        _row(_GO_FUNCTION, TraceFormat.GO),
        _row(r"created by \S", TraceFormat.GO),
        _row(
            r"\[signal SIG|\[recovered|runtime stack:|PC=0x|\.\.\.additional frames|\.\.\.\d+ frames",
            TraceFormat.GO,
        ),
        _row(r"r(?:[a-z]{2}|\d+|flags) +0x|[c-g]s +0x", TraceFormat.GO),  # registers
        _row(r"exit status \d+$", TraceFormat.GO),  # go run
    ),
    TraceFormat.RUST_PANIC: (
        _row(r"(?!\d{4}-\d\d)", TraceFormat.RUST),
    ),  # the message of the panic: any text except a log line
    TraceFormat.RUST: _RUST,
    TraceFormat.NODE_SOURCE: (
        _row(r"(?!\[?\d{4}-\d\d)", TraceFormat.NODE_CODE),
    ),  # the line of code: any text except a log line
    TraceFormat.NODE_CODE: (
        _row(r"\^+$", TraceFormat.NODE_CODE),  # the caret
        _row(r"(?:Uncaught )?\[?[\w.$]*(?:Error|Exception|Rejection)\b", TraceFormat.TRACE),
        _row(r"Node\.js v\d|Thrown at:", TraceFormat.TRACE),
    ),
    TraceFormat.PHP: (
        _row(r"Stack trace:|Next \S+|\[(?:stacktrace|previous exception)\]|\"\}\s*$", TraceFormat.PHP),
    ),
    TraceFormat.POSTGRES: (),  # grammar.py checks its fields together with the process id
    TraceFormat.ERLANG: (
        _row(r"\*\* |[\[{(#<]", TraceFormat.ERLANG),
    ),  # "** Reason for termination == ", a term
}

ADOPTED: tuple[Row, ...] = (
    _row(_TRACEBACK + "$", TraceFormat.PYTHON),  # Python: logging.exception
    *_PYDANTIC,
    _row(_TYPE, TraceFormat.HEAD),  # Java and .NET loggers print the exception below the message
    _row(_GOROUTINE, TraceFormat.GO),  # Go: net/http, debug.Stack
    _row(r"\[signal SIG", TraceFormat.GO),  # Go
    _row(_GO_FUNCTION, TraceFormat.GO),  # Go: zap's stack trace
    _row(r"Stack trace:$|\[stacktrace\]$", TraceFormat.PHP),  # PHP, Laravel
    _row(r"stack backtrace:|note: run with", TraceFormat.RUST),  # Rust
    _LINKS,
    _MARK,
    _row(
        r"(?:future|handle|protocol|transport|task|source_traceback): ", TraceFormat.PYTHON_CHAIN
    ),  # asyncio
    _row(
        r"\*\* (?:Last message|When Server|Reason for)", TraceFormat.ERLANG
    ),  # Erlang, after a log line of its own
)

OPENINGS: tuple[Row, ...] = (
    *FRAMES,  # a stream that begins in the middle of a trace
    _row(_TRACEBACK + "$", TraceFormat.PYTHON),  # Python
    _row(r"runtime: (?:goroutine stack|out of memory|cannot allocate)", TraceFormat.GO_PRELUDE),  # Go
    _row(r"panic: |fatal error: |SIG[A-Z]+: |" + _GOROUTINE, TraceFormat.GO),  # Go
    _row(r"thread '.*' (?:\(\d+\) )?panicked at [^']+:\d+:\d+:$", TraceFormat.RUST_PANIC),  # Rust since 1.73
    _row(r"thread '.*' (?:\(\d+\) )?panicked at ", TraceFormat.RUST),  # Rust before
    _row(
        r"(?:(?:file://)?/\S*\.[cm]?[jt]sx?|node:\S+|[A-Z]:\\\S*\.[cm]?[jt]sx?):\d+$", TraceFormat.NODE_SOURCE
    ),  # Node
    _row(r"(?:PHP )?(?:Fatal|Recoverable fatal|Parse) error: +", TraceFormat.PHP),  # PHP
    _row(
        r"=[A-Z ]+ REPORT====|\*\* (?:Generic server|State machine|gen_event handler) ", TraceFormat.ERLANG
    ),  # Erlang
    _row(_STARS, TraceFormat.BOX),  # Spring Boot
    _row(_WARNING, TraceFormat.WARNED),  # Python
    _row(r"#<Thread:\S+ .*terminated with exception", TraceFormat.HEAD),  # Ruby
    _RUBY_HEAD,
    *_PYDANTIC,
    _row(_TYPE, TraceFormat.HEAD),  # Java, .NET, Python: an exception as first line
    _row(
        r"(?:.*[\s\]])?(?:ERROR|FATAL|PANIC|WARNING|NOTICE|LOG|INFO|DEBUG\d?):  \S", TraceFormat.POSTGRES
    ),  # Postgres
)

# A fast check of every line. A line that fails it and holds no ":  " neither continues a plain line nor opens a block.
# The check must accept every line that the tables above accept, and may accept more.
SUSPECT = re.compile(
    r"[\s#;})\]^|]|\[[ps]|Traceback |Caused by|Suppressed|Wrapped by|--- End|During handling|The above exc|\.\.\. \d|Node\.js v|From prev"
    r"|goroutine |panic: |fatal error: |SIG[A-Z]+: |runtime: |stack backtrace|note: |thread '|Stack trace:|=[A-Z ]+ REPORT"
    r"|\*\* |\*{10}|(?:file:/)?/\S+:\d+$|node:|[A-Z]:\\|(?:PHP )?(?:Fatal|Recoverable fatal|Parse) error|"
    + _TYPE
    + "|"
    + _WARNING
    + "|"
    + _GO_FUNCTION
    + "|"
    + _RUBY_FRAME
    + "|"
    + _RUBY_HEAD[0].pattern
    + r"|(?:future|handle|protocol|transport|task|source_traceback): "
)

# Rows of `kubectl describe`, of YAML and of tables: indented, but each is a separate statement.
ROWS = re.compile(
    r"\s+(?:Normal|Warning)\s+[A-Z]"  # kubectl: an event
    r"|\s+(?i:reason|exit ?code|state|last ?state|ready|restart ?count|message|started|finished)\s*:"  # kubectl: a state
    r"|\s+(?:-{3,}\s+)+-{3,}\s*$"  # the rule below a table's header
    r"| +\S+(?: \S+)*(?: {2,}\S+(?: \S+)*){2,}\s*$"  # three columns or more
)

# A head whose message is on the next line.
TITLE = re.compile(r"(?:trce|dbug|info|warn|fail|crit): [\w.`]+\[\d+\]$")  # .NET console logger

# A line written by a logger. Indented lines below it belong to it.
LOGGED = re.compile(
    r"\W{0,2}\d{2,4}[-/.:]\d\d[-/.:]\d\d|[IWEF]\d{4} |<\d+>|[A-Z][a-z]{2} [ \d]\d \d\d:"  # a time; klog; syslog
    r"|(?:level|time|ts|lvl)=|\W?(?i:trace|debug|info|notice|warn|warning|error|err|fatal|crit|critical|severe)\b"
    r"|(?:trce|dbug|info|warn|fail|crit): "  # .NET console logger
    r"|terminate called |\S+:\d+: \w*Warning: "  # C++; Python's warnings
    r"|[\w.]*(?:Error|Exception)\b|.{0,60}\b(?:DEBUG|INFO|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE)\b"
)

# A line that reports trouble. An unindented trace below it belongs to it. "Listening on port 80" owns no trace.
TROUBLE = re.compile(
    r"(?i)[EFW]\d{4} |err|fail|exception|fatal|crit|warn|severe|panic|unable|could ?n[o']t|cannot|can't|unhandled"
    r"|uncaught|crash|abort|reject|denied|time[d ]{0,2}out|terminat|invalid|unexpected|problem|emerg|alert"
)
# An exception to TROUBLE: the line says that the problem is harmless.
CALM = re.compile(
    r".{0,60}\b(?:TRACE|DEBUG|INFO|NOTICE)\b|(?:info|dbug|trce): |[ID]\d{4} |.{0,60}\blevel=\"?(?:info|debug)"
)
