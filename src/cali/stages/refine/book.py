"""The template book: parameters that look like words, learnt from a batch of templates.

A pure function of one message cannot know that `visible is showampm` and `visible is ownerinfo` are one statement. Many
templates together show it. A skeleton is the number of tokens and the places of the wildcards. For every skeleton the book
stores a sample of its templates: the 512 with the smallest hashes. The sample does not depend on the order of the input,
and samples can be merged exactly. The merged templates are a pure function of the samples.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import orjson

from cali.core.errors import Misconfigured
from cali.stages.refine.masks import WILDCARD

FORMAT = 1
SAMPLE = 512  # maximum templates per skeleton: enough to detect a free place, at most 40 kB
FREE = 4  # minimum distinct words at a place to treat it as a parameter
FIRST = 16  # the same for the first place, because the first word often distinguishes statements
SHARE = 0.6  # minimum share of templates that must differ at a free place
TOKENS = 120  # longer templates are never merged
# States distinguish statements: RUNNING, GET, started, refusing, ok, disk full.
_STATE = re.compile(
    r"[A-Z][A-Z_]+|(?i:\w+(?:ed|ing|able|ful)|ok|okay|on|off|up|down|open|closed?|full|empty|lost|sent|done|busy|dead|alive|good|bad|new|old"
    r"|start|stop|success|failure|error|timeout|begin|began|end|enter|exit|left|right|read|write|yes|no|not|is|was|are|in|out)[.,:;!]?"
)
# A verb follows these words: `failed to open`, `unable to read`.
_BEFORE_VERB = re.compile(
    r"(?i:fail(?:ed|s)?|unable|able|try|trying|tried|attempt(?:ed|ing)?|about|ready|going|cannot|could|can|not|need(?:s|ed)?)"
)

Skeleton = tuple[int, tuple[int, ...]]
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """Samples of templates for one version of the masks, and the merges derived from them."""

    masks: str
    samples: Mapping[Skeleton, frozenset[str]]
    _patterns: Mapping[Skeleton, tuple[Words, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        derived = {skeleton: patterns(sample) for skeleton, sample in self.samples.items()}
        object.__setattr__(
            self, "_patterns", {skeleton: found for skeleton, found in derived.items() if found}
        )

    def merged(self, text: str) -> str:
        """Return the merged template of a text, or the text itself if the book does not merge it."""
        words = tuple(text.split())
        for pattern in self._patterns.get(skeleton(words), ()):
            if _fits(pattern, words):
                return " ".join(pattern)
        return text

    @property
    def merges(self) -> list[str]:
        """Return the merged templates, in order."""
        return sorted(" ".join(pattern) for found in self._patterns.values() for pattern in found)


def learn(masks: str, texts: Iterable[str]) -> Book:
    """Return the book of these templates. Order and repetition do not matter."""
    samples: dict[Skeleton, set[str]] = defaultdict(set)
    for text in texts:
        words = tuple(text.split())
        if len(words) <= TOKENS:
            sample = samples[skeleton(words)]
            sample.add(text)
            if len(sample) >= 4 * SAMPLE:
                _trim(sample)
    return Book(masks, {key: frozenset(_trim(sample)) for key, sample in samples.items()})


def merge(first: Book, second: Book) -> Book:
    """Return the book that both inputs together would give."""
    if first.masks != second.masks:
        raise Misconfigured(
            f"cannot merge books of masks {first.masks} and {second.masks}; learn both with the same masks"
        )
    both = {
        key: set(first.samples.get(key, ())) | second.samples.get(key, frozenset())
        for key in first.samples.keys() | second.samples.keys()
    }
    return Book(first.masks, {key: frozenset(_trim(sample)) for key, sample in both.items()})


def save(book: Book, path: Path) -> None:
    """Write the book. Equal books give equal bytes. Raise Misconfigured if the file cannot be written."""
    try:
        path.write_bytes(dumps(book))
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be written: {error.strerror}") from error


def load(path: Path, masks: str) -> Book:
    """Read a book. Raise Misconfigured if it is damaged or was learnt with other masks."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path}: {error.strerror}") from error
    return loads(body, masks, str(path))


def dumps(book: Book) -> bytes:
    """Return the book as JSON. Equal books give equal bytes."""
    rows = sorted(text for sample in book.samples.values() for text in sample)
    document = {"format": FORMAT, "masks": book.masks, "merges": book.merges, "templates": rows}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def loads(body: bytes, masks: str, where: str) -> Book:
    """Parse the output of `dumps`. Raise Misconfigured, with `where`, if it is damaged or was learnt with other masks."""
    try:
        document = orjson.loads(body)
        made_for, rows = document["masks"], document["templates"]
        known = document["format"] == FORMAT and all(isinstance(row, str) for row in rows)
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise Misconfigured(f"{where}: not a template book") from error
    if not known:
        raise Misconfigured(f"{where}: not a template book of format {FORMAT}")
    if made_for != masks:
        raise Misconfigured(
            f"{where}: learnt with masks {made_for}, but the masks are {masks}; learn it again"
        )
    return learn(masks, rows)


def skeleton(words: Words) -> Skeleton:
    """Return the number of tokens and the places of the wildcards. Parameters that look like words do not change it."""
    return len(words), tuple(i for i, word in enumerate(words) if WILDCARD in word)


def patterns(sample: frozenset[str]) -> tuple[Words, ...]:
    """Return the merged templates of one skeleton, fewest wildcards first."""
    given = {tuple(text.split()) for text in sample}
    rows = given
    found: list[Words] = [()]
    while found:  # repeat on the merged rows: a second free place shows only after the first is merged
        found = []
        _split(sorted(rows), found)
        rows = {next((pattern for pattern in found if _fits(pattern, row)), row) for row in rows}
    return tuple(sorted(rows - given, key=lambda words: (words.count(WILDCARD), words)))


def _fits(pattern: Words, words: Words) -> bool:
    return all(p in (WILDCARD, w) for p, w in zip(pattern, words, strict=True))


def _split(rows: list[Words], found: list[Words]) -> None:
    """Split rows at the place with the fewest words until only free places differ."""
    if len(rows) < FREE:
        return
    seen = [Counter(column) for column in zip(*rows, strict=True)]
    varying = [place for place, words in enumerate(seen) if len(words) > 1]
    free = {place for place in varying if _free(seen[place], rows, place)}
    fixed = [place for place in varying if place not in free]
    if not fixed:
        pattern = tuple(WILDCARD if place in free else word for place, word in enumerate(rows[0]))
        if free and _tells(pattern, len(free)):
            found.append(pattern)
        return
    at = min(fixed, key=lambda place: (len(seen[place]), place))
    parts: dict[str, list[Words]] = defaultdict(list)
    for row in rows:
        parts[row[at]].append(row)
    for part in parts.values():
        _split(part, found)


def _free(words: Counter[str], rows: list[Words], place: int) -> bool:
    """Return True if a place holds a parameter: many different words that are neither states nor verbs."""
    least = FREE if place else FIRST
    states = sum(1 for word in words if _STATE.fullmatch(word))
    many = len(words) >= max(least, SHARE * len(rows)) or len(words) >= 2 * least
    return many and states < len(words) / 2 and not _is_verb(rows[0], place)


def _is_verb(row: Words, place: int) -> bool:
    before = row[max(0, place - 2) : place]
    return len(before) == 2 and before[1] == "to" and _BEFORE_VERB.fullmatch(before[0]) is not None


def _tells(pattern: Words, free: int) -> bool:
    """Return True if enough constant words remain: at least two, and more than the free places."""
    kept = sum(1 for word in pattern if WILDCARD not in word and any(map(str.isalpha, word)))
    return kept >= max(2, free + (free > 1))


def _trim(sample: set[str]) -> set[str]:
    if len(sample) > SAMPLE:
        ranked = sorted(
            sample, key=lambda text: blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        )
        sample.intersection_update(ranked[:SAMPLE])
    return sample
