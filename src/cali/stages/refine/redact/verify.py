"""Checks of matches that a pattern alone cannot decide: is the value next to a secret word a secret?

Each function receives the match in the original text and returns True to hide it. numbers.py checks numbers.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping

from cali.stages.refine.redact import numbers

# Values without a secret: empty, masked, a literal, a reference.
_NOTHING = re.compile(
    r"""
      (?: null | nil | none | undefined | true | false | yes | no | empty | n/a | na | unset | set | unknown | redacted
        | masked | hidden | filtered | removed | present | provided | absent | missing | required | optional | disabled
        | enabled | string | str | bool | boolean | text | bytes | int | integer | object | on | off | default | sensitive | protected
        | invalid | incorrect | expired | wrong | failed | ok | changed | revoked | authentication | authorization ) [.!]?
    | [^A-Za-z0-9\u0080-\U0010ffff]*                    # punctuation only
    | .* (?: \*{3} | x{5} | \u2022{3} | \.{3}\Z | \u2026 ) .*   # masked, in whole or in part
    | (?: < [^<>]* > | \[ [^\[\]]* \] | \( [^()]* \) ) [.,:]?   # <redacted>, [FILTERED], (hidden), <*>, a placeholder
    | \$ (?: [A-Z_][A-Z0-9_]{2,} | \{ .* | \( .* ) | %[A-Z_]+% | %\(?\w*\)?[sdvqr]% ? | \{\{ .* | \{\w*\}   # $VAR, ${VAR}, %s, {{ x }}
    | @Microsoft\.KeyVault.* | (?: vault | ref | secretref | env | file | ssm | op | sm ) :.*
    """,
    re.VERBOSE | re.IGNORECASE,
)
# A value that begins like this is a sentence about a secret, not the secret itself.
_PROSE = re.compile(
    r"""(?: is | are | was | were | be | been | must | should | shall | can | cannot | can't | could | may | might | will | has
          | have | had | not | no | does | do | did | didn't | doesn't | too | the | a | an | this | that | your | you | its | it | for
          | from | of | to | in | on | at | by | with | or | and | but | if | when | unable | failed | failure | error | expected
          | unexpected | unsupported | malformed | mismatch | please | enter | field | user | value | token | key | secret
          | signature | length | policy | only | all | any | got | already | never | using | reset | rotation | rotated | updated | deleted
          | created | accepted | rejected | verified | verification | change | minimum | contains | flag | file | option
          | refresh | validation | retrieved | fetched | loaded | generated | loading | fetching | refreshing | reading )
        (?: [ ,.:;)] .* )? """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
# Names, addresses, hashes with their algorithm, dates: never secrets, even next to a secret word.
_NAMED = re.compile(
    r"""
      arn:.* | (?:sha\d+|md5|sha\d+-\d+):.* | [a-z][a-z0-9+.-]*://.* | 0x[0-9a-f]{1,16} | [\w.$]+@[0-9a-f]{1,16}
    | \d{4}-\d\d-\d\d.* | \d[\d.,:]* (?:ms|s|m|h|d|kb|mb|gb|b|%)? | (?:\d{1,3}\.){3}\d{1,3}(?::\d+)? | v?\d+(?:\.\d+)+.{0,40}
    | (?:/[\w.@-]+){2,}/? | \.{1,2}/.* | [A-Z]:\\.* | (?:projects|secret|kv|prod|dev|staging)/.* | .*\.(?:ya?ml|json|pem|key|crt|txt|env|conf|properties|java|py|go|js|ts)(?::\d+)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Kubernetes names with generated suffixes. Their alphabet has no vowels and no 0, 1, 3.
_GENERATED_NAME = re.compile(
    r"(?:[a-z0-9]+[-./])+[bcdfghjklmnpqrstvwxz2456789]{4,10}(?:-[bcdfghjklmnpqrstvwxz2456789]{5})?"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_WORD = re.compile(
    r"\d{0,6}|[A-Za-z]{1,3}\d{1,4}[a-z]?|\d{1,3}[a-z]{1,3}|(?:[a-z]{2,15}|[A-Z]{2,15}|[A-Z]?[a-z]{1,12}(?:[A-Z][a-z]{2,12}|[A-Z]{1,4}(?=[A-Z][a-z]|\Z)){0,5})\d{0,3}"
)
_VOWEL = re.compile(r"[aeiouyAEIOUY]")
_HUMP = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{5}", re.IGNORECASE)
_SPLIT = re.compile(r"[^A-Za-z0-9]+")
_NOT_A_SECRETS_NAME = re.compile(
    r"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))(?i:next|page|pagination|continuation|continue|cancell?ation|request|idempotency|client_?request"
    r"|fencing|lease|sync|resume|cursor|unexpected|pull|unknown|max|min|input|output|prompt|completion|total|num|per|start|end|syntax|parse[dr]?"
    r"|first|last|stop|eos|bos|pad|unk|mask|sep|range|partition|ring|shard|sequence|position)[ _-]?$"
)  # fmt: skip


def says_something(value: str) -> bool:
    """Return True if a value next to a password word can be a password."""
    return not _NOTHING.fullmatch(value) and not _PROSE.fullmatch(value)


def looks_random(value: str) -> bool:
    """Return True if a value looks generated: not a word, name, path, address, date, version or plain number."""
    if len(value) < 8 or not says_something(value) or _NAMED.fullmatch(value):
        return False
    if _GENERATED_NAME.fullmatch(value) and not _UUID.fullmatch(value):
        return False
    return not all(_is_word(part) for part in _SPLIT.split(value))


def generated(value: str) -> bool:
    """Return True if a value cannot be read as words: it has digits, case without humps, or too few vowels."""
    return (
        any(map(str.isdigit, value))
        or len(value) < 3 * len(_HUMP.findall(value))
        or _CONSONANTS.search(value) is not None
    )


def _is_word(part: str) -> bool:
    if not _WORD.fullmatch(part):
        return False
    return len(part) < 8 or part.isdigit() or _VOWEL.search(part) is not None


def _value(match: re.Match[str]) -> str:
    value = match["v"]
    return match["w"] if value is None else value


def _before(match: re.Match[str], size: int) -> str:
    return match.string[max(0, match.start() - size) : match.start()]


def _named_otherwise(match: re.Match[str]) -> bool:
    """Return True if the key is part of a longer, harmless one: `next_token`, `unexpected token`, an ARN's `:secret:`."""
    before = _before(match, 80)
    return bool(_NOT_A_SECRETS_NAME.search(before)) or "arn:" in before.rsplit(" ", 1)[-1]


def something(match: re.Match[str]) -> bool:
    """Accept a value that is not a literal, mask, reference or sentence."""
    return says_something(_value(match))


def random(match: re.Match[str]) -> bool:
    """Accept a value that looks generated."""
    return looks_random(match["v"])


def password(match: re.Match[str]) -> bool:
    """Accept any value that can be a password. The check is stricter for `pwd`, `pass` and lists of field names."""
    value = match["v"]
    if not says_something(value):
        return False
    if match["s"].lstrip("\\\"'").startswith((",", "(")):
        return looks_like_password(value)  # ("password", "email") is a list of field names
    if match["k"].lower().endswith("pwd"):
        return not value.startswith(("/", "~", ".")) and value[1:3] != ":\\"  # the working directory
    if match["k"].lower() == "pass":
        if match["k"].isupper() and ":" in match["s"]:
            return False  # PASS: TestLogin
        return not value.isdigit() and not _NAMED.fullmatch(value)  # pass: 12 counts tests
    return True


def looks_like_password(value: str) -> bool:
    """Return True if a value has letters, and a digit or a sign."""
    return len(value) >= 4 and any(not c.isalpha() and c not in "_-. " for c in value)


def keyed(match: re.Match[str]) -> bool:
    """Accept the value of a key that always names a secret, such as `client_secret`."""
    value = match["v"]
    if not says_something(value) or _named_otherwise(match):
        return False
    if match["s"].lstrip("\\\"'").startswith((",", "(")):
        return looks_like_password(value)
    return not (_NAMED.fullmatch(value) and not value.isdigit()) and not value.lower().startswith("arn:")


def secret_value(match: re.Match[str]) -> bool:
    """Accept a generated value or one long word, for a key that can name a secret, such as `token`."""
    value = match["v"]
    if _named_otherwise(match):
        return False
    if value.isdigit():  # a range of a ring has up to 19 digits
        return len(value) >= (15 if _before(match, 1).strip(" \"'({[,") else 20)
    if match["k"].lower() == "auth" or "," in match["s"] or "(" in match["s"]:
        return looks_random(value)
    return (
        looks_random(value)
        or _mixes(value)
        or (_STRONG.search(value) is not None and says_something(value) and " " not in value)
        or (len(value) >= 16 and value.isalpha() and value.islower() and says_something(value))
    )


def _mixes(value: str) -> bool:
    """Return True if a value mixes letters and digits, and is not a version, algorithm or address."""
    if len(value) < 6 or not value.isalnum() or value.isalpha() or value.isdigit():
        return False
    return not _NAMED.fullmatch(value) and not _ALGORITHM.match(value)


_STRONG = re.compile(r"\w[#$%^&*!]+\w")  # a sign that passwords have and names do not
_ALGORITHM = re.compile(
    r"(?:sha|md|base|utf|v|pbkdf|oauth|rfc|scram|aes|rs|hs|es|bcrypt|argon)-?\d", re.IGNORECASE
)


def beside(match: re.Match[str]) -> bool:
    """Accept a value next to a secret word if it looks generated and is not an id."""
    value = match["v"].rstrip(".,!*")
    if _UUID.fullmatch(value) or _named_otherwise(match) or _SPLIT.split(value)[0] == "":
        return False
    if match["k"].lower().startswith("passw") and len(value) < 12:
        return _mixes(value)
    if len(value) < 12:
        return False
    kinds = sum(
        (any(c.isdigit() for c in value), any(c.islower() for c in value), any(c.isupper() for c in value))
    )
    return kinds >= 2 and "=" not in value.rstrip("=") and looks_random(value)


_NAME = re.compile(r"[A-Za-z0-9_.-]*\Z")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# Keys that identify or order things. The list is not complete, so the value must look generated too.
_OTHER_KEYS = re.compile(
    r"array|attribute|batch|blob|block|bucket|build|cache|checksum|cluster|column|command|composite|config|"
    r"configuration|correlation|cursor|customer|data|date|dedup|deduplication|default|dictionary|digest|document|"
    r"duplicate|entity|entry|etag|event|field|file|filter|first|foreign|group|hash|host|hot|http|i|idempotency|"
    r"idempotent|idx|image|index|item|job|json|label|last|layer|leaf|lock|locale|lookup|map|member|memo|message|"
    r"metric|natural|node|object|order|other|page|pagination|parent|part|partition|path|pattern|primary|product|pub|"
    r"public|query|queue|quick|range|record|redis|ref|request|resource|resume|root|row|s|sequence|series|shard|"
    r"slot|sort|span|state|surrogate|table|tag|task|tenant|thread|topic|trace|translation|tree|unique|unknown|user|"
    r"variable|vertex|view|watermark|x|y",
    re.IGNORECASE,
)
_NOT_VALUES = re.compile(
    r"account|age|alg|algorithm|alias|arn|at|audience|bucket|checksum|class|count|created|date|digest|dir|encoding|"
    r"endpoint|etag|exp|expiration|expires|expiry|field|fields|file|fingerprint|format|hash|host|id|ids|index|"
    r"issuer|kind|label|len|length|limit|manager|md|name|names|namespace|offset|path|policy|position|prefix|"
    r"provider|ref|region|request|response|revision|scope|service|sha|size|source|state|status|store|time|timestamp|"
    r"total|ttl|type|uid|uri|url|usage|used|user|username|uuid|version",
    re.IGNORECASE,
)


def strictly_random(value: str) -> bool:
    """Return True if most of a long value cannot be read, and it is neither a UUID, a path nor an address."""
    if len(value) < 16 or _UUID.fullmatch(value) or not looks_random(value) or ":" in value:
        return False
    if 16 * value.count("/") > len(value) + 48 or not any(map(str.isdigit, value)):
        return False
    unreadable = (part for part in _SPLIT.split(value) if not part.isdigit() and not _is_word(part))
    return 2 * sum(map(len, unreadable)) > len(value)


def named_key(match: re.Match[str]) -> bool:
    """Accept a generated value of a name that ends in `key` or `auth`, except the names of other keys."""
    value, key = match["v"], match["k"].lower()
    found = _NAME.search(_before(match, 60))
    words = _WORDS.findall((found[0] if found else "") + match["k"])
    if key.startswith("access"):
        return len(value) >= 12 and looks_random(value) and _mixes_case(value)
    if key not in {"key", "auth"}:
        return strictly_random(value)
    if words and words[-1].lower() not in {"key", "auth"}:  # monkey, oauth
        return False
    if len(words) < 2:
        return strictly_random(value) and _mixes_case(value)
    if _OTHER_KEYS.fullmatch(words[-2]):
        return False
    if "".join(words).isupper() and _UUID.fullmatch(value):
        return True  # an environment variable
    return strictly_random(value)


def _mixes_case(value: str) -> bool:
    return any(map(str.isupper, value)) and any(map(str.islower, value)) and any(map(str.isdigit, value))


def longer_name(match: re.Match[str]) -> bool:
    """Accept a generated value of a name with a secret word inside, except a name for something else, such as an id."""
    words = _WORDS.findall(match["k"] + match["rest"])
    if _named_otherwise(match) or not words or any(map(_NOT_VALUES.fullmatch, words)):
        return False
    if match["k"].lower().startswith("passw") and _STRONG.search(match["v"]) and " " not in match["v"]:
        return says_something(match["v"])
    return strictly_random(match["v"])


def user_password(match: re.Match[str]) -> bool:
    """Accept the password after a user name, except a variable of a shell script."""
    value = _value(match)
    return _NOTHING.fullmatch(value) is None and _VARIABLE.fullmatch(value) is None


_VARIABLE = re.compile(r"\$(?:\d|[A-Za-z_]+)")


def credential(match: re.Match[str]) -> bool:
    """Accept the value after an authentication scheme."""
    value = match["v"]
    return says_something(value) and (
        looks_random(value) or (any(c.isdigit() for c in value) and not _NAMED.fullmatch(value))
    )


def basic(match: re.Match[str]) -> bool:
    """Accept a value after `Basic` that decodes to `user:password`, or that is in an authorization header."""
    value = match["v"]
    if "authorization" in _before(match, 30).lower() and value.lower() not in {"realm", "auth"}:
        return says_something(value)
    try:
        plain = base64.b64decode(value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return b":" in plain and plain.isascii() and plain.decode("ascii").isprintable()


def pairs(match: re.Match[str]) -> bool:
    """Accept a cookie: at least one name with a value."""
    name, equals, value = match["v"].partition("=")
    return bool(equals) and bool(name) and says_something(value.split(";")[0]) and " " not in name


_COOKIE_PAIR = re.compile(r"""["']([\w.$%-]{1,80}+)\\{0,7}["']\s?[:=]\s?\\{0,7}["']([^"'\\]{4,})""")
_ATTRIBUTES = frozenset(
    ("path", "domain", "expires", "samesite", "maxage", "max-age", "name", "secure", "httponly", "priority")
)


def cookie_object(match: re.Match[str]) -> bool:
    """Accept cookies in an object: a name with a value that is not an attribute such as the path."""
    found = _COOKIE_PAIR.findall(match["v"])
    return any(name.lower() not in _ATTRIBUTES and says_something(value) for name, value in found)


def mixed(match: re.Match[str]) -> bool:
    """Accept a run with digits, lower-case and upper-case letters."""
    value = match["v"]
    return any(map(str.isdigit, value)) and any(map(str.isupper, value)) and any(map(str.islower, value[2:]))


def korean(match: re.Match[str]) -> bool:
    """Accept the value after a secret word in Korean.

    After a particle the value must be marked as one or look generated, because password policies use the same words.
    """
    value = match["v"]
    if not says_something(value) or _ALGORITHM.match(value):
        return False
    made = looks_random(value) or _mixes(value)
    if match["k"].endswith("토큰") or (match["particle"] and not match["end"]):
        return made
    return True


def query_value(match: re.Match[str]) -> bool:
    """Accept a value in a query string. The value of a short, ambiguous key must look generated."""
    if match["v"].startswith("SIG"):
        return False  # sig=SIGTERM
    if match["k"].lower() in {"key", "code", "auth", "token", "signature"}:
        return looks_random(match["v"])
    return says_something(match["v"])


def flag_value(match: re.Match[str]) -> bool:
    """Accept the word after `--password`, except the flag's help text."""
    value = match["v"]
    if value.replace("_", "").isalpha() and value.isupper():
        return False  # --password PASSWORD
    return says_something(value) and not value.startswith(("-", "/", "$"))


def quoted_password(match: re.Match[str]) -> bool:
    """Accept a quoted word after PASSWORD, except a quoted sentence."""
    return says_something(match["v"]) and " " not in match["v"]


def key_body(match: re.Match[str]) -> bool:
    """Accept a private key with a body. A sentence that only names the header has none."""
    return re.search(r"[A-Za-z0-9+/]{16}", match["body"]) is not None


def email(match: re.Match[str]) -> bool:
    """Accept an e-mail address, except a package version, systemd unit or file."""
    if "@" not in match[0] and "%40" not in match[0]:
        return False
    host = match["host"].lower()
    if host.endswith((".svc", ".cluster.local", ".compute.internal")):
        return False  # a node of RabbitMQ or Erlang
    return not re.match(r"v?\d+\.\d", host) and host.rsplit(".", 1)[1] not in _NO_DOMAIN


_NO_DOMAIN = frozenset(
    [
        "service",
        "socket",
        "target",
        "timer",
        "mount",
        "slice",
        "scope",
        "path",
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "webp",
        "js",
        "mjs",
        "ts",
        "tsx",
        "jsx",
        "css",
        "json",
        "html",
        "java",
        "log",
        "yaml",
        "yml",
        "xml",
        "txt",
        "conf",
        "jar",
        "war",
        "class",
        "gz",
        "zip",
        "tar",
        "whl",
        "lock",
        "toml",
        "rpm",
        "deb",
        "exe",
        "dll",
    ]
)

VERIFIERS: Mapping[str, Callable[[re.Match[str]], bool]] = {
    check.__name__: check
    for check in (
        something, random, password, keyed, secret_value, beside, credential, basic, pairs, cookie_object, mixed, korean,
        query_value, flag_value, named_key, longer_name, user_password,
        quoted_password, key_body, email, numbers.card, numbers.resident_number, numbers.phone_word,
        numbers.phone_international, numbers.phone_national, numbers.ipv4, numbers.ipv6,
    )
}  # fmt: skip
