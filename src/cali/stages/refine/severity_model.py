"""Severity learnt from logging statements: a linear model with integer weights.

    template --tokens--> words and classes of names --features--> hashes --weights--> score

The weights come from the statements of open-source systems, whose level their authors chose. `make train` makes the file.
A score is compared with two bounds of the file: a lower one vetoes weak trouble words, a higher one reports an error
without any trouble word. The model sees names only as classes, so `liberror-perl` is a name and no error.
"""

from __future__ import annotations

import re
import struct
from base64 import b64decode
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, lru_cache
from importlib import resources
from typing import NamedTuple
from zlib import crc32

import orjson

from cali.core.errors import Misconfigured

LATEST = "2026-11-30"
FORMAT = 1
_MOST = 60  # tokens that are read; a longer message says no more at its end
_TOKEN = re.compile(r"[A-Za-z0-9_$](?:[\w$./@\\-]|:(?=\w))*[\w$]|[A-Za-z0-9]|[^\sA-Za-z0-9]")
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
_HYPHENS = re.compile(r"[A-Za-z]+(?:-[a-z]+)+")
_IDENTIFIER = re.compile(r"[A-Za-z_][\w.$]*(?<!\d)")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SIGNS = frozenset((b":", b"=", b"?", b"!", b"*"))


class Opinion(Enum):
    """The model's opinion of a message: like information, undecided, like an error."""

    VETO = -1
    NONE = 0
    REPORT = 1


class _Token(NamedTuple):
    """A token as the model sees it, and the hashes of the last parts of a name."""

    text: bytes
    names: tuple[int, ...] = ()


@lru_cache(maxsize=20_000)
def _token(raw: str) -> _Token:
    if raw[0].isdigit():
        return _Token(b"*")
    if len(raw) == 1:
        return _Token(_bytes(raw.lower()))
    if _WORD.fullmatch(raw) and (raw.islower() or raw.istitle() or raw.isupper()):
        return _Token(_bytes(raw.lower()))
    if _HYPHENS.fullmatch(raw):
        return _Token(_bytes("H~" + raw.lower().rsplit("-", 1)[1]))
    if "/" in raw or "\\" in raw:
        return _Token(b"P~")
    if not _IDENTIFIER.fullmatch(raw):
        return _Token(b"X~")
    parts = [part.lower() for part in _PART.findall(raw)[-3:]]
    names = ("I2~" + " ".join(parts[-2:]), "I3~" + " ".join(parts)) if parts and len(raw) > 6 else ()
    return _Token(_bytes("I~" + (parts[-1] if parts else "")), tuple(crc32(_bytes(name)) for name in names))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def features(message: str) -> set[int]:
    """Return the hashes of a message's features: words, pairs, triples, first and last words, ends of names, length."""
    tokens = [_token(raw) for raw in _TOKEN.findall(message.replace("<*>", "0"))[:_MOST]]
    told = [token.text for token in tokens if len(token.text) > 1 or token.text in _SIGNS]
    if not told:
        return set()
    found = {name for token in tokens for name in token.names}
    found.add(crc32(b"^" + told[0]))
    found.add(crc32(b"$" + told[-1]))
    found.add(crc32(b"^2" + b" ".join(told[:2])))
    found.add(crc32(b"^3" + b" ".join(told[:3])))
    found.add(crc32(b"len%d" % min(6, len(told) // 3)))
    before, last, pair = crc32(b"^^"), crc32(b"^"), crc32(b"^^ ^")
    for text in told:  # the CRC of a pair continues the CRC of its first word
        word, then = crc32(text), b" " + text
        both = crc32(then, last)
        found.update((word, both, crc32(b" _" + then, before), crc32(then, pair)))
        before, last, pair = last, word, both
    return found


@dataclass(frozen=True, slots=True)
class SeverityModel:
    """A version of the weights. Scores and bounds are integers in the same unit."""

    version: str
    bias: int
    veto: int
    report: int
    weights: dict[int, int] = field(repr=False)

    def score(self, message: str) -> int:
        """Return how strongly a message resembles the errors of other systems."""
        weight = self.weights.get
        return self.bias + sum(weight(feature, 0) for feature in features(message))

    def opinion(self, message: str) -> Opinion:
        """Return the model's opinion of a message. It does not depend on the values of digits."""
        score = self.score(message)
        return Opinion.VETO if score < self.veto else Opinion.REPORT if score >= self.report else Opinion.NONE


@cache
def load(version: str = LATEST) -> SeverityModel:
    """Return the model of a version. Raise Misconfigured if it does not exist or is damaged."""
    name = f"severity-{version}.json"
    source = resources.files("cali") / "data" / "models" / name
    if not source.is_file():
        raise Misconfigured(f"no severity model {version}: {name} does not exist")
    return loads(source.read_bytes(), name)


def loads(body: bytes, where: str) -> SeverityModel:
    """Parse a model file. Raise Misconfigured, with `where`, if it is damaged."""
    try:
        document = orjson.loads(body)
        hashes = [
            value for (value,) in struct.iter_unpack("<I", b64decode(document["hashes"], validate=True))
        ]
        weights = [
            value for (value,) in struct.iter_unpack("<b", b64decode(document["weights"], validate=True))
        ]
        known = document["format"] == FORMAT and len(hashes) == len(weights)
        bias, veto, report = (int(document[name]) for name in ("bias", "veto", "report"))
        by_hash = dict(zip(hashes, weights, strict=False))
        model = SeverityModel(str(document["version"]), bias, veto, report, by_hash)
    except (ValueError, LookupError, TypeError, struct.error) as error:
        raise Misconfigured(f"{where}: not a severity model; make it with `make train`") from error
    if not known:
        raise Misconfigured(f"{where}: not a severity model of format {FORMAT}; make it with `make train`")
    return model
