"""Changes of bytes: flips, cuts, repetitions, splices, and insertions that break parsers. A pure function of its
random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

LONGEST = 20_000
TOKENS = (
    b"{", b"}", b"[", b"]", b'"', b"'", b":", b",", b"\\", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"\n", b"\r", b"\t", b" " * 70,
    b"null", b"true", b"-1", b"0", b"1e400", b"NaN", b"-Infinity", b"9" * 30, b"9" * 5000, b"\\ud800", b"\\u0000", b"<*>", b"%s", b"..", b"\x1b[31m",
    b"[" * 400, b'{"a":' * 300, b"- " * 200, b"(" * 60, b"(a+)+$", b"a" * 300, b"&a [*a]", b"!!python/object:os.system", b"2026-99-99", b"0x1f", b"=",
    b"\tat ", b"Caused by: ", b"Traceback (most recent call last):\n", b"goroutine 1 [running]:\n", b"=> ", b"\xf3\x89\x9a\xc2", b"\x1f\x8b\x08\x00",
    "\u2028".encode(), "\u202e".encode(), "\U0001f4a5".encode(), "\u0130".encode(), "\u0663".encode(), "\u3000".encode(), b"@", b"://", b"AKIA",
)  # fmt: skip


def mutated(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Return the data with one to six changes."""
    held = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        _once(held, others, random)
    return bytes(held[:LONGEST])


def _once(held: bytearray, others: Sequence[bytes], random: Random) -> None:
    at = random.randrange(len(held) + 1)
    to = min(len(held), at + random.choice((1, 2, 4, 8, 30, 200)))
    match random.randrange(9):
        case 0 if held:
            held[at % len(held)] ^= 1 << random.randrange(8)
        case 1 if held:
            held[at % len(held)] = random.randrange(256)
        case 2:
            del held[at:to]
        case 3:
            held[at:at] = held[at:to] * random.choice((1, 2, 2, 50))
        case 4:
            held[at:at] = random.choice(TOKENS)
        case 5:
            held[at:to] = random.choice(TOKENS)
        case 6:
            other = random.choice(others)
            start = random.randrange(len(other) + 1)
            held[at:to] = other[start : start + random.choice((1, 8, 40, 400))]
        case 7:
            _number(held, at, random)
        case _:
            del held[at:]


def _number(held: bytearray, at: int, random: Random) -> None:
    """Replace the next number by another one."""
    while at < len(held) and not 48 <= held[at] <= 57:
        at += 1
    end = at
    while end < len(held) and 48 <= held[end] <= 57:
        end += 1
    held[at:end] = random.choice(
        (b"0", b"-1", b"4294967296", b"1e999", b"99999999999999999999", b"", b"0.5", b"007")
    )
