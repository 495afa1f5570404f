"""Checks of personal numbers: payment cards, resident numbers, phones, IP addresses. All receive the original digits."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re

_NOT_DIGIT = re.compile(r"[^0-9]")
# Prefixes and lengths of card numbers by issuer.
_ISSUERS = (
    re.compile(r"4\d{12}(?:\d{3})?"),  # Visa
    re.compile(r"(?:5[1-5]|22[2-9]|2[3-6]|27[01]|2720)\d+(?<=^\d{16})"),  # Mastercard
    re.compile(r"3[47]\d{13}"),  # American Express
    re.compile(r"3(?:0[0-5]|[689]\d)\d{11}"),  # Diners Club
    re.compile(r"(?:6011|64[4-9]|65)\d+(?<=^\d{16})"),  # Discover
    re.compile(r"35\d{14}"),  # JCB
    re.compile(r"62\d{14}"),  # UnionPay
    re.compile(r"9\d{15}"),  # Korean domestic cards
)
_LONG_ISSUERS = re.compile(
    r"(?:4|62|50|5[6-9]|6[37])\d{16,18}"
)  # accepted only with separators, which show that it is a card
_KOREAN = re.compile(r"01[016789]\d{7,8}|02\d{7,8}|0[3-6]\d\d{7,8}|070\d{8}|050\d{8,9}|080\d{7}")
_NORTH_AMERICAN = re.compile(r"1?[2-9]\d{2}[2-9]\d{6}")
_TRUNK = re.compile(r"0[1-9]\d{7,9}")


def _digits(text: str) -> str:
    return _NOT_DIGIT.sub("", text)


def card(match: re.Match[str]) -> bool:
    """Accept a payment card: an issuer's prefix and length, and a valid Luhn checksum."""
    number = _digits(match[0])
    known = any(issuer.fullmatch(number) for issuer in _ISSUERS)
    if not known and len(number) < len(match[0]):
        known = _LONG_ISSUERS.fullmatch(number) is not None
    return known and _luhn(number)


def _luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def resident_number(match: re.Match[str]) -> bool:
    """Accept a Korean resident number: a date, a century, and the checksum of numbers issued before October 2020."""
    number = _digits(match[0])
    century = {"9": 1800, "0": 1800, "1": 1900, "2": 1900, "5": 1900, "6": 1900}.get(number[6], 2000)
    try:
        born = dt.date(century + int(number[:2]), int(number[2:4]), int(number[4:6]))
    except ValueError:
        return False
    weighted = sum(int(d) * w for d, w in zip(number[:12], (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), strict=True))
    foreign = 2 if number[6] in "5678" else 0
    return int(number[12]) in {
        (11 - weighted % 11) % 10,
        (11 - weighted % 11 + foreign) % 10,
    } or born >= dt.date(2020, 10, 1)


def phone_word(match: re.Match[str]) -> bool:
    """Accept digits next to a word for phone."""
    number = _digits(match["v"])
    return 8 <= len(number) <= 15 and len(set(number)) > 1


def phone_international(match: re.Match[str]) -> bool:
    """Accept an existing country code with a length that E.164 allows."""
    number = _digits(match[0])
    if number.startswith("1"):
        return _NORTH_AMERICAN.fullmatch(number) is not None
    return number[0] != "0" and 9 <= len(number) <= 15


def phone_national(match: re.Match[str]) -> bool:
    """Accept a grouped number of Korea or North America, or one with the trunk prefix 0."""
    number = _digits(match[0])
    groups = [len(group) for group in re.findall(r"[0-9]+", match[0])]
    if number.startswith("0"):
        if groups == [5, 6]:
            return number.startswith("07")
        return (_KOREAN.fullmatch(number) or _TRUNK.fullmatch(number)) is not None
    return (
        groups[-2:] == [3, 4]
        and _NORTH_AMERICAN.fullmatch(number) is not None
        and " " not in match[0].strip("(").replace(") ", "")
    )


def ipv4(match: re.Match[str]) -> bool:
    """Accept four octets."""
    return all(int(octet) < 256 for octet in match[0].split("."))


def ipv6(match: re.Match[str]) -> bool:
    """Accept an IPv6 address with at least one group. Reject times and a bare `::`."""
    text = match[0]
    if text.count(":") < 2 or not any(c.isalnum() for c in text):
        return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
