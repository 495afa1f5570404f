"""Answers from a stack trace: what the exception means, and where the application raised it.

Only exceptions that a language itself raises for a programming error are listed. What any other exception means, only its
program knows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from cali.core.models import Evidence
from cali.stages.reason.numbered_lines import window
from cali.stages.reason.stack_trace import Trace, read_trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cali.stages.reason.numbered_lines import NumberedLine


class Meaning(NamedTuple):
    """What an exception means, in words that complete "the code ...", and what to do about it."""

    means: str
    fix: str


class TraceAnswer(NamedTuple):
    """A cause that a trace itself proves."""

    cause: str
    fix: tuple[str, ...]
    evidence: tuple[Evidence, ...]


_NULL = Meaning(
    "uses a null reference: the value was never set or not found",
    "Handle the missing value where it is created, or check it before use.",
)
_INDEX = Meaning(
    "reads an index that is out of range: the list is shorter than expected",
    "Check the length before the access; look at the input of this request.",
)
_KEY = Meaning(
    "reads a key that does not exist in the map",
    "Check that the input has this key, or give a default value.",
)
_TYPE = Meaning(
    "uses a value of the wrong type",
    "Check what the caller passes, and convert or reject it at the boundary.",
)
_ATTRIBUTE = Meaning(
    "uses an attribute or method that the object does not have",
    "Correct the name, or check the version of the library that should have it.",
)
_NAME = Meaning("uses a name that is not defined", "Define or import the name, or correct its spelling.")
_NUMBER = Meaning("divides by zero", "Check the divisor before the division.")
_PARSE = Meaning(
    "cannot convert a value: its text has not the expected form",
    "Validate the input where it enters, and report the value that is refused.",
)
_IMPORT = Meaning(
    "imports a module or a name that is not there",
    "Install the missing package, or correct the name and the version.",
)
_SYNTAX = Meaning(
    "is not valid: the interpreter cannot parse it",
    "Correct the syntax at the given line, and check the version of the language.",
)
_STACK = Meaning(
    "recurses without an end, so the stack overflows", "Give the recursion an end, or use a loop."
)
_CAST = Meaning(
    "casts an object to a type that it is not",
    "Check the type before the cast; look for two versions of one class.",
)
_ASSERT = Meaning(
    "met a condition that an assertion excludes", "Find out why the asserted condition does not hold."
)
_UNPACK = Meaning(
    "received a value that it cannot use", "Check the value in the message against what the function expects."
)
_STATE = Meaning(
    "calls an operation in a state that does not allow it",
    "Check the order of the calls, and that the object is still open.",
)
_ARGUMENT = Meaning(
    "passes an argument that the called function refuses",
    "Check the argument in the message at the calling line.",
)
_ARITY = Meaning(
    "calls a function with the wrong arguments", "Compare the call with the signature of the function."
)
_LOCAL = Meaning(
    "reads a local variable before it is set", "Set the variable on every path before it is read."
)
_CHANGED = Meaning(
    "changes a collection while iterating over it", "Iterate over a copy, or collect the changes first."
)

ALWAYS_BUGS = (_NULL, _INDEX, _KEY, _NUMBER)  # also in a trace of libraries only

MEANINGS = {
    "python": {
        "KeyError": _KEY, "IndexError": _INDEX, "AttributeError": _ATTRIBUTE, "NameError": _NAME, "UnboundLocalError": _LOCAL,
        "ZeroDivisionError": _NUMBER, "TypeError": _TYPE, "ValueError": _UNPACK, "ImportError": _IMPORT, "ModuleNotFoundError": _IMPORT,
        "RecursionError": _STACK, "AssertionError": _ASSERT, "SyntaxError": _SYNTAX, "IndentationError": _SYNTAX, "TabError": _SYNTAX,
        "NotImplementedError": Meaning("calls a method that is not implemented", "Implement the method, or call the right class."),
        "OverflowError": Meaning("computes a number that is too large for its type", "Check the range of the input."),
    },
    "java": {
        "NullPointerException": _NULL, "ArrayIndexOutOfBoundsException": _INDEX, "IndexOutOfBoundsException": _INDEX,
        "StringIndexOutOfBoundsException": _INDEX, "ArithmeticException": _NUMBER, "NumberFormatException": _PARSE,
        "ClassCastException": _CAST, "StackOverflowError": _STACK, "IllegalArgumentException": _ARGUMENT, "IllegalStateException": _STATE,
        "UnsupportedOperationException": Meaning("calls an operation that the object does not support", "Use a mutable or complete implementation."),
        "NoSuchElementException": Meaning("reads an element of an empty collection or optional", "Check that the value is present before reading it."),
        "ConcurrentModificationException": _CHANGED, "NegativeArraySizeException": _ARGUMENT, "DateTimeParseException": _PARSE,
        "InputMismatchException": _PARSE, "AssertionError": _ASSERT,
    },
    "node": {
        "TypeError": _TYPE, "ReferenceError": _NAME, "SyntaxError": _SYNTAX,
        "RangeError": Meaning("passes a value outside the allowed range, or recurses without an end", "Check the value, or give the recursion an end."),
    },
    "ruby": {
        "NoMethodError": _ATTRIBUTE, "NameError": _NAME, "ZeroDivisionError": _NUMBER, "ArgumentError": _ARITY, "TypeError": _TYPE,
        "KeyError": _KEY, "IndexError": _INDEX, "FrozenError": Meaning("changes an object that is frozen", "Change a copy (`dup`)."),
        "SystemStackError": _STACK, "LoadError": _IMPORT, "SyntaxError": _SYNTAX, "FloatDomainError": _NUMBER,
    },
    "dotnet": {
        "NullReferenceException": _NULL, "IndexOutOfRangeException": _INDEX, "ArgumentOutOfRangeException": _INDEX,
        "KeyNotFoundException": _KEY, "DivideByZeroException": _NUMBER, "FormatException": _PARSE, "InvalidCastException": _CAST,
        "ArgumentNullException": _NULL, "ArgumentException": _ARGUMENT, "StackOverflowException": _STACK,
        "NotImplementedException": Meaning("calls a method that is not implemented", "Implement the method, or call the right class."),
    },
    "php": {
        "TypeError": _TYPE, "Error": Meaning("calls a function, class or constant that does not exist", "Correct the name, or load the file or extension that has it."),
        "DivisionByZeroError": _NUMBER, "ArgumentCountError": _ARITY, "ValueError": _UNPACK,
    },
}  # fmt: skip

# Messages that say more than their exception.
SPECIFIC = (
    (re.compile(r"not subscriptable|'NoneType'|of (?:undefined|null)\b|for nil\b|on null\b|nil:NilClass|properties of"), _NULL),
    (re.compile(r"integer divide by zero"), _NUMBER),
    (re.compile(r"index out of range|slice bounds out of range"), _INDEX),
    (re.compile(r"nil pointer dereference|invalid memory address|nil map"), _NULL),
    (re.compile(r"interface conversion"), _CAST),
    (re.compile(r"Maximum call stack"), _STACK),
    (re.compile(r"is not a function|undefined (?:function|method)"), _ATTRIBUTE),
    (re.compile(r"positional argument|unexpected keyword|required .{0,30}argument|wrong number of arguments"), _ARITY),
    (re.compile(r"not iterable|unsupported operand|can only concatenate|must be (?:str|an? )"), _TYPE),
    (re.compile(r"could not convert|invalid literal|invalid value for"), _PARSE),
    (re.compile(r"not enough values|too many values"), Meaning("unpacks a value with another number of items", "Check what the called function returns.")),
)  # fmt: skip


def trace_answer(lines: Sequence[NumberedLine]) -> TraceAnswer | None:
    """Return the answer of the trace in an event's lines, or None if there is no trace of a programming error."""
    trace = read_trace(lines)
    meaning = _meaning(trace) if trace else None
    if trace is None or meaning is None or (trace.frame is None and meaning not in ALWAYS_BUGS):
        return None
    if trace.frame is None:
        return _without_frame(trace, meaning)
    name = trace.type.rsplit(".", 1)[-1].rsplit("\\", 1)[-1]
    detail = f": {trace.message}" if trace.message else ""
    shown = sorted({trace.line.number: trace.line, trace.frame.line.number: trace.frame.line}.items())
    return TraceAnswer(
        f"{name}{detail}. A bug or unexpected input: the code at {trace.frame} {meaning.means}.",
        (f"Look at {trace.frame}. {meaning.fix}",),
        tuple(Evidence(number, window(line.text, 0)) for number, line in shown),
    )


def _without_frame(trace: Trace, meaning: Meaning) -> TraceAnswer:
    name = trace.type.rsplit(".", 1)[-1]
    detail = f": {trace.message}" if trace.message else ""
    return TraceAnswer(
        f"{name}{detail}. A bug or unexpected input: the code {meaning.means}. The trace has no frame of the application.",
        (meaning.fix,),
        (Evidence(trace.line.number, window(trace.line.text, 0)),),
    )


def _meaning(trace: Trace) -> Meaning | None:
    own = MEANINGS.get(trace.language, {}).get(trace.type.rsplit(".", 1)[-1].rsplit("\\", 1)[-1])
    if own is None and trace.language != "go":
        return None
    return next((meaning for pattern, meaning in SPECIFIC if pattern.search(trace.message)), own)
