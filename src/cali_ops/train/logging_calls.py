"""Logging statements in source code of languages other than Python: calls with a string literal, found by pattern.

    source --call pattern--> callee --brackets--> arguments --level, first literal, parameters--> statement

The patterns do not parse a language. What they misread is rare among hundreds of thousands of statements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cali_ops.train.statements import LEVELS, PARAMETER, RAISED, braces, level_in, parameter, percent, tilde

_ARGUMENTS = 1_500  # characters of a call that are read
_STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`([^`]*)`|\'((?:[^\'\\\n]|\\.)*)\'')
_INTERPOLATED = re.compile(r"[$#]\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|\n|.)")
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "'": "'", "\\": "\\", "`": "`", "$": "$"}
_FORMATTER = re.compile(
    r"^(?:_|N_|T_|gettext|errmsg|errmsg_internal|String\.format|fmt\.Sprintf|\w*\.format)\s*\("
)
_MACRO = re.compile(r"^(?:_|N_|L|u8|APLOGNO\(\d*\)|\(|\)|\s)+$")  # around a literal of C
_NO_OPERAND = re.compile(r"=>|[;?]|\breturn\b|function|(?<![=!<>])=(?!=)")
_CUT_FORMAT = re.compile(r"%[-#0 +\d.*l]*$")  # before a macro such as PRIu64
_LEVEL_ARGUMENT = re.compile(
    r"^(?:\w*_LOG_|LOGL?_|LL_?|L_|APLOG_|DBGLVL_|Level\.|LogLevel\.|logging\.|:)?"
    r"(EMERG|ALERT|CRIT|CRITICAL|FATAL|PANIC|SEVERE|ERROR|ERR|WARNING|WARN|NOTICE|INFO|INFORMATION|DEBUG\d?|DBG"
    r"|VERBOSE|LOG|FINE|FINER|FINEST|CONFIG|TRACE|GENERROR|NOTIF)(?:_\w+)?\b(?:\s*[|,].*)?$",
    re.IGNORECASE,
)
_LEVEL_ALIASES = {"log": "info", "generror": "error"}
_STREAM = re.compile(r"\b\w*(?:LOG|log|derr|lderr|dout)\w*\s*\(([^()\n]{1,60})\)\s*<<([^;]{3,800});")

Mark = Callable[[str, list[str]], str]


@dataclass(frozen=True, slots=True)
class LogSyntax:
    """How a language writes a logging call. Group 1 of `call` is the callee; `skip` matches literals and brackets."""

    call: re.Pattern[str]
    callee: re.Pattern[str]  # must be found in the callee
    skip: re.Pattern[str]
    mark: Mark
    raised: re.Pattern[str] | None = None
    quotes: str = '"'
    concatenates: bool = True
    positional: bool = False  # arguments without a place in the text are appended to it


def _skip(literals: str) -> re.Pattern[str]:
    return re.compile(r'"(?:[^"\\\n]|\\.)*"|' + literals + r"|/\*.*?\*/|[()\[\]{},]", re.DOTALL)


_CHARACTER = r"'(?:[^'\\\n]|\\.){0,6}'"
_METHODS = "error|warn|warning|info|debug|trace|fatal|severe|fine|finer|critical|notice|verbose"
_C_NAME = "log|err|warn|info|de?bu?g|fatal|panic|crit|notice|report|msg"
_C = LogSyntax(
    re.compile(r"\b([A-Za-z_]\w{2,})\s*\("),
    re.compile(
        r"^(?!.*(?:cpy|sprintf|fprintf|strerror|perror|assert|test|expect|cmp|getenv|usage|syntax|json|xml|sql))"
        rf".*(?:{_C_NAME})",
        re.IGNORECASE,
    ),
    _skip(_CHARACTER),
    percent,
    concatenates=False,
)
_GO = LogSyntax(
    re.compile(
        r"((?:\b[\w.]{1,60}(?:\([^()\n]{0,80}\))?\.)(?:Error|Warn|Warning|Info|Debug|Fatal|Panic|Trace|Notice|Critical)"
        r"(?:f|S|ln|w|Depth|Contextf|Context)?)\("
    ),
    re.compile(r"(?:log|With|zap|\.V\(|logrus|Logger|^l|^o|\bs)(?:\W|\w*\.|\w*\()"),
    _skip(rf"`[^`]*`|{_CHARACTER}"),
    percent,
    re.compile(r"\b(?:fmt\.Errorf|errors\.New)\("),
    '"`',
    positional=True,
)
_JAVA = LogSyntax(
    re.compile(rf"\b((?:\w+(?:\(\))?\.)?(?:{_METHODS}|log|logp|log(?:Error|Warn|Info|Debug)))\s*\("),
    re.compile(r"log", re.IGNORECASE),
    _skip(_CHARACTER),
    braces,
    re.compile(r"throw new \w+\("),
)
_JS = LogSyntax(
    re.compile(rf"\b([\w.$]+\.(?:{_METHODS}))\("),
    re.compile(r"log|console", re.IGNORECASE),
    _skip(r"`(?:[^`\\]|\\.)*`|'(?:[^'\\\n]|\\.)*'"),
    percent,
    re.compile(r"throw new \w+\("),
    "\"'`",
    positional=True,
)
_ERLANG = LogSyntax(
    re.compile(r"(\?[A-Z_]+|\b\w*log\w*:\w+|\b(?:error_logger|logger|lager):\w+)\("),
    re.compile(""),
    _skip(r"'[^'\n]*'"),
    lambda text, rest: tilde(text, rest[0].strip("[]").split(",") if rest else []),
    concatenates=False,
)
_RUBY = LogSyntax(
    re.compile(rf"\b((?:[\w.:@]*(?:log|Log|Puppet)\w*)\.(?:{_METHODS}))[ (](?=\s*[\"'(])"),
    re.compile(""),
    _skip(r"'(?:[^'\\\n]|\\.)*'|\n"),
    percent,
    re.compile(r"\braise\(?\s*(?:[A-Z]\w*(?:::\w+)*\s*,\s*)?(?=\")"),
    "\"'",
)
_PHP = LogSyntax(
    re.compile(rf"((?:\$[\w>-]*|\b)[Ll]og\w*(?:\(\))?(?:->|::)(?:{_METHODS}))\("),
    re.compile(""),
    _skip(r"'(?:[^'\\\n]|\\.)*'"),
    braces,
    re.compile(r"throw new \\?\w+\("),
    "\"'",
)
_RUST = LogSyntax(
    re.compile(r"\b((?:error|warn|info|debug|trace)!)\("), re.compile(""), _skip(_CHARACTER), braces
)
LANGUAGES = {
    **dict.fromkeys((".c", ".h", ".cc", ".cpp", ".cxx"), _C),
    **dict.fromkeys((".java", ".scala", ".kt", ".groovy"), _JAVA),
    **dict.fromkeys((".js", ".ts", ".mjs", ".cjs"), _JS),
    ".go": _GO, ".erl": _ERLANG, ".rb": _RUBY, ".php": _PHP, ".rs": _RUST,
}  # fmt: skip


def statements(source: str, language: LogSyntax) -> Iterator[tuple[str, str]]:
    """Yield level and text of each logging call, and RAISED and text of each exception that is raised."""
    callees: dict[str, bool] = {}
    for found in language.call.finditer(source):
        callee = found[1]
        if callee not in callees:
            callees[callee] = language.callee.search(callee) is not None
        if callees[callee]:
            given = _arguments(source, found.end(), language)
            told = _call(callee, given, language) if given else None
            if told is not None:
                yield told
    if language is _C:
        yield from _streams(source)
    for found in language.raised.finditer(source) if language.raised else ():
        given = _arguments(source, found.end(), language)
        text = _literal(given[0], language) if given else None
        if given and text is not None:
            yield RAISED, language.mark(text, given[1:])


def _call(callee: str, given: list[str], language: LogSyntax) -> tuple[str, str] | None:
    level = level_in(callee)
    for argument in given[:6]:
        if argument[:1] in language.quotes:
            break
        named = _LEVEL_ARGUMENT.match(argument)
        if named:
            word = named[1].lower().rstrip("0123456789")
            level = _LEVEL_ALIASES.get(word) or LEVELS.get(word, level)
    if level is None:
        return None
    for at, argument in enumerate(given[:7]):
        text = _literal(argument, language)
        if text is not None:
            return level, _marked(text, given[at + 1 :], language)
    return None


def _marked(text: str, rest: list[str], language: LogSyntax) -> str:
    text = language.mark(text, rest)
    if not language.positional or PARAMETER.search(text):
        return text
    for key, value in zip(rest[::2], rest[1::2], strict=False):  # log.Info("text", "key", value)
        if re.fullmatch(r'"[\w.-]+"', key):
            text += f" {key[1:-1]}={parameter(value)}"
    return text if len(rest) > 1 else text + "".join(" " + parameter(value) for value in rest)


def _streams(source: str) -> Iterator[tuple[str, str]]:
    """Yield the statements of C++ streams: LOG(ERROR) << "cannot open " << path;"""
    for found in _STREAM.finditer(source):
        named = _LEVEL_ARGUMENT.match(found[1].strip())
        level = (
            LEVELS.get(named[1].lower()) if named else level_in(found[0][: found.start(1) - found.start()])
        )
        parts = [part.strip() for part in found[2].split("<<")]
        if level is None or not any(part.startswith('"') for part in parts):
            continue
        yield (
            level,
            "".join(_unescape(part.strip('"')) if part[:1] == '"' else parameter(part) for part in parts),
        )


def _arguments(source: str, start: int, language: LogSyntax) -> list[str] | None:
    """Return the arguments of the call whose bracket opens before `start`, or None if it does not close."""
    found: list[str] = []
    depth, begin = 0, start
    for token in language.skip.finditer(source, start, start + _ARGUMENTS):
        sign = token[0]
        if sign in "([{":
            depth += 1
        elif sign in ")]}" or (sign == "\n" and language is _RUBY):
            if depth == 0:
                return [*found, source[begin : token.start()].strip()]
            depth -= sign != "\n"
        elif sign == "," and depth == 0:
            found.append(source[begin : token.start()].strip())
            begin = token.end()
    return None


def _literal(expression: str, language: LogSyntax) -> str | None:
    """Return the text of an expression of literals and operands, or None if it has no literal."""
    if not any(quote in expression for quote in language.quotes):
        return None
    inner = _FORMATTER.match(expression)
    if inner:
        given = _arguments(expression, inner.end(), language) or [""]
        text = _literal(given[0], language)
        if text is None or len(given) == 1:
            return text
        return percent(text, given[1:]) if "%" in text else braces(text, given[1:])
    return _joined(expression, language)


def _joined(expression: str, language: LogSyntax) -> str | None:
    text, at, literal = "", 0, False
    while at < len(expression):
        found = _STRING.search(expression, at)
        operand = expression[at : found.start() if found else None].strip()
        if language.concatenates:
            operand = operand.strip("+ \n\t.")
        if operand and not _MACRO.match(operand):
            if _NO_OPERAND.search(operand):
                return None
            text = _CUT_FORMAT.sub("", text) + parameter(operand)
        if not found:
            break
        text += _content(found, language)
        literal, at = True, found.end()
    return text if literal else None


def _content(found: re.Match[str], language: LogSyntax) -> str:
    raw = next((group for group in found.groups() if group is not None), "")
    if language in (_JS, _RUBY, _PHP):
        return _unescape(_INTERPOLATED.sub(lambda inner: parameter(inner[1]), raw))
    return raw if found[2] is not None else _unescape(raw)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], ""), text)
