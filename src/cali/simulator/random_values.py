"""The random values of lines: times, ids, addresses, people, goods."""

from __future__ import annotations

import time
from random import Random

from cali.simulator.phrase import Draw, suffix

_NAMES = (
    "anna",
    "ben",
    "carla",
    "david",
    "elena",
    "felix",
    "grace",
    "hugo",
    "ines",
    "jonas",
    "klara",
    "liam",
)
_GOODS = (
    "running shoes",
    "rain jacket",
    "usb-c cable",
    "espresso machine",
    "desk lamp",
    "yoga mat",
    "wool socks",
)
_CATEGORIES = ("shoes", "outdoor", "kitchen", "audio", "lighting", "sports", "sale")
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
)
_DATABASE_USERS = ("orders", "orders", "inventory", "auth")
_NETWORKS = (24, 31, 46, 62, 77, 78, 81, 84, 88, 91, 93, 109, 151, 178, 185, 188, 203, 212)


class SimulatedClock:
    """The simulated time in each format. The part up to the minute is computed once a minute."""

    def __init__(self, start: float) -> None:
        self.start = start
        self.now = start
        self._minute = -1
        self._second = 0.0
        self.day_t = self.day_space = self.klog_day = self.clf_day = self.nginx_day = self.redis_day = ""

    def set(self, now: float) -> None:
        self.now = now
        minute = int(now // 60)
        if minute != self._minute:
            self._turn(minute)
        self._second = min(now - minute * 60, 59.999999)

    def _turn(self, minute: int) -> None:
        at = time.gmtime(minute * 60)
        self._minute = minute
        self.day_t = time.strftime("%Y-%m-%dT%H:%M:", at)
        self.day_space = time.strftime("%Y-%m-%d %H:%M:", at)
        self.klog_day = time.strftime("%m%d %H:%M:", at)
        self.clf_day = time.strftime("%d/%b/%Y:%H:%M:", at)
        self.nginx_day = time.strftime("%Y/%m/%d %H:%M:", at)
        self.redis_day = time.strftime("%d %b %Y %H:%M:", at)

    def ms(self) -> str:
        return f"{int(self._second):02d}.{int(self._second * 1000) % 1000:03d}"

    def us(self) -> str:
        return f"{self._second:09.6f}"

    def seconds(self) -> str:
        return f"{int(self._second):02d}"

    def draws(self) -> dict[str, Draw]:
        return {
            "t_iso_ms": lambda: self.day_t + self.ms(),
            "t_iso_us": lambda: self.day_t + self.us(),
            "t_iso_s": lambda: self.day_t + self.seconds() + "Z",
            "t_space_ms": lambda: self.day_space + self.ms(),
            "t_space_us": lambda: self.day_space + self.us(),
            "t_comma_ms": lambda: (self.day_space + self.ms()).replace(".", ","),
            "t_es": lambda: (self.day_t + self.ms()).replace(".", ","),
            "t_klog": lambda: self.klog_day + self.us(),
            "t_clf": lambda: self.clf_day + self.seconds() + " +0000",
            "t_nginx": lambda: self.nginx_day + self.seconds(),
            "t_redis": lambda: self.redis_day + self.ms(),
            "t_epoch_ms": lambda: int(self.now * 1000),
            "t_epoch": lambda: f"{self.now:.7f}",
            "t_expired": lambda: time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime(self.start - 5400)),
            "t_expired_iso": lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.start - 5400)),
        }


def _of(rng: Random, pool: tuple[str, ...]) -> Draw:
    random, count = rng.random, len(pool)
    return lambda: pool[int(random() * count)]


def _hex(rng: Random, digits: int) -> Draw:
    bits, frame = rng.getrandbits, f"%0{digits}x"
    return lambda: frame % bits(digits * 4)


def _ids(rng: Random) -> dict[str, Draw]:
    bits, random = rng.getrandbits, rng.random
    order = [rng.randrange(800_000, 900_000)]
    last_trace = [f"{bits(128):032x}"]

    def uuid() -> str:
        return f"{bits(32):08x}-{bits(16):04x}-4{bits(12):03x}-{0x8000 | bits(14):04x}-{bits(48):012x}"

    def next_order() -> int:
        order[0] += 1 + int(random() * 3)
        return order[0]

    def trace() -> str:
        last_trace[0] = f"{bits(128):032x}"
        return last_trace[0]

    return {
        "uuid": uuid,
        "hex8": _hex(rng, 8),
        "hex10": _hex(rng, 10),
        "hex12": _hex(rng, 12),
        "hex14": _hex(rng, 14),
        "hex16": _hex(rng, 16),
        "hex32": _hex(rng, 32),
        "hex64": _hex(rng, 64),
        "rs": lambda: suffix(rng, 10),
        "sfx": lambda: suffix(rng, 5),
        "trace": trace,
        "same_trace": lambda: last_trace[
            0
        ],  # a service behind the gateway serves the gateway's latest request
        "pid": lambda: 20 + int(random() * 60_000),
        "erlang_pid": lambda: f"<0.{600 + int(random() * 9000)}.0>",
        "order": next_order,
        "user": lambda: f"usr_{bits(24):06x}",
        "cart": lambda: f"crt_{bits(32):08x}",
        "sku": lambda: f"SKU-{int(random() * 40_000):05d}",
        "txn": lambda: f"txn_{bits(48):012x}",
    }


def _things(rng: Random) -> dict[str, Draw]:
    random = rng.random
    mails = tuple(
        f"{name}{rng.randrange(10, 99)}@example.{end}" for name in _NAMES for end in ("com", "org", "net")
    )
    client_ips = tuple(
        f"{rng.choice(_NETWORKS)}.{rng.randrange(1, 254)}.{rng.randrange(1, 254)}.{rng.randrange(1, 254)}"
        for _ in range(4000)
    )
    return {
        "email": _of(rng, mails),
        "name": _of(rng, _NAMES),
        "term": _of(rng, _GOODS),
        "category": _of(rng, _CATEGORIES),
        "agent": _of(rng, _AGENTS),
        "ip": _of(rng, client_ips),
        "db_user": _of(rng, _DATABASE_USERS),
        "pod_ip": lambda: f"10.42.{int(random() * 6)}.{2 + int(random() * 250)}",
        "port": lambda: 32768 + int(random() * 28000),
        "product": lambda: f"/product/{int(random() * 40_000)}",
        "money": lambda: f"{3 + random() ** 3 * 900:.2f}",
        "ratio": lambda: f"{random():.3f}",
        "secs": lambda: f"{0.002 + random() ** 3:.3f}",
        "precise": lambda: f"{0.01 + random() ** 3:.15f}",
    }


def draws(rng: Random, clock: SimulatedClock) -> dict[str, Draw]:
    """Return all values that phrases can use, drawn from this generator and this clock."""
    return {**clock.draws(), **_ids(rng), **_things(rng)}
