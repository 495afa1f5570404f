import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable

import pytest

from cali.core.errors import Misconfigured
from cali.simulator import Pod, SimulatedLine, load_scenario, paced, simulate, truth

START = 1763661600.0
SHOP = load_scenario("shop")


@pytest.fixture(scope="module")
def hour():
    return list(simulate(SHOP, seed=7, start=START))


def fingerprint(lines: Iterable[SimulatedLine]) -> list[object]:
    return [(line.time, line.text, line.pod.metadata, line.stream, line.fault) for line in lines]


def test_the_same_seed_gives_the_same_lines_and_another_seed_others():
    first = fingerprint(simulate(SHOP, seed=1, lines=3000, start=START))
    again = fingerprint(simulate(SHOP, seed=1, lines=3000, start=START))
    other = fingerprint(simulate(SHOP, seed=2, lines=3000, start=START))

    assert first == again
    assert first != other


@pytest.mark.parametrize(("lines", "seed"), [(2000, 1), (2000, 2), (2000, 3), (5000, 4), (40_000, 5)])
def test_every_fault_strikes_at_any_length_and_a_root_before_its_followers(lines, seed):
    written = list(simulate(SHOP, seed=seed, lines=lines, start=START))

    first: dict[str, int] = {}
    for number, line in enumerate(written):
        if line.fault:
            first.setdefault(line.fault, number)

    assert len(written) == lines
    assert first.keys() == {fault.id for fault in SHOP.faults}
    for fault in SHOP.faults:
        assert fault.root is None or first[fault.root] < first[fault.id]


def test_markers_hold_in_lines_of_their_fault_and_in_no_healthy_line(hour):
    by_fault = defaultdict(list)
    for line in hour:
        by_fault[line.fault].append(line.text)

    healthy = "\n".join(by_fault[None])
    for fault in truth(SHOP):
        for marker in fault.markers:
            assert any(re.search(marker, text) for text in by_fault[fault.id]), (fault.id, marker)
            assert not re.search(marker, healthy), (fault.id, marker)


def test_healthy_lines_hold_frightening_words(hour):
    healthy = [line.text for line in hour if line.fault is None]

    for words in ("0 errors", "ErrorHandler", "error_rate=0.00", "favicon.ico", "failed", "succe"):
        assert any(words in text for text in healthy), words


def test_time_never_runs_backwards_and_fills_the_run(hour):
    times = [line.time for line in hour]

    assert times == sorted(times)
    assert times[0] >= START
    assert 0.97 * SHOP.seconds < times[-1] - START < 1.03 * SHOP.seconds


def test_an_event_stays_whole_in_its_stream_while_others_fall_in_between(hour):
    streams = defaultdict(list)
    for number, line in enumerate(hour):
        streams[line.pod.name, line.stream].append((number, line.text))
    traces = 0
    apart = 0
    for lines in streams.values():
        for place, (number, text) in enumerate(lines):
            if "Pricing of cart" not in text:
                continue
            event = lines[place : place + 13]
            traces += 1
            apart += event[-1][0] - number > 12
            assert event[1][1] == ""
            assert event[2][1].startswith("com.shop.pricing.TariffRuleException: tariff bundle")
            assert all(frame.startswith("\tat ") for _, frame in event[3:])
            assert event[-1][1].startswith("\tat java.base/java.lang.Thread.run")

    assert traces > 5
    assert apart > traces / 2


def test_lines_of_a_json_service_are_json(hour):
    written = [line.text for line in hour if line.text.startswith('{"')]

    assert len(written) > 3000
    for text in written:
        assert isinstance(json.loads(text), dict)


def test_no_value_is_left_unfilled(hour):
    for line in hour:
        assert not re.search(r"\{[a-z_0-9]+(:[a-z]+)?\}|\{\d+\.\.\d+~?\}|\$text|\$fields", line.text), (
            line.text
        )


def test_the_healthy_mix_is_the_same_in_short_and_long_runs():
    def shares(lines: int) -> dict[str, float]:
        counts = Counter(
            line.pod.workload
            for line in simulate(SHOP, seed=3, lines=lines, start=START)
            if line.fault is None
        )
        return {name: count / counts.total() for name, count in counts.items()}

    short, long = shares(4000), shares(60_000)

    for name, share in long.items():
        assert short.get(name, 0) == pytest.approx(share, abs=0.03), name


def test_values_are_fresh(hour):
    orders = [line.text for line in hour if "placed by" in line.text]

    assert len(orders) > 400
    assert len(set(orders)) == len(orders)


def test_one_of_lines_and_seconds_follows_from_the_other():
    by_time = list(simulate(SHOP, seed=1, seconds=360, start=START))
    both = list(simulate(SHOP, seed=1, lines=2000, seconds=2, start=START))

    assert len(by_time) == 2000
    assert len(both) == 2000
    assert both[-1].time - START == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize("size", [{"lines": 0}, {"seconds": -1.0}, {"lines": 5, "seconds": 0.0}])
def test_a_run_of_nothing_is_refused(size):
    with pytest.raises(Misconfigured, match="at least one line"):
        next(simulate(SHOP, seed=1, start=START, **size))


class Time:
    """A clock that advances only by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def lines_of(count: int) -> list[SimulatedLine]:
    pod = Pod("p-0", "n", "p", "c", "node", False, "{}")
    return [SimulatedLine(0.0, str(number), pod, "stdout", None) for number in range(count)]


def test_a_paced_stream_takes_its_time():
    time, lines = Time(), lines_of(1001)

    assert list(paced(lines, 100, time.sleep, time.clock)) == lines
    assert sum(time.slept) == pytest.approx(10, abs=0.02)


def test_a_stream_without_a_rate_never_waits():
    time, lines = Time(), lines_of(50)

    assert list(paced(lines, 0, time.sleep, time.clock)) == lines
    assert time.slept == []
