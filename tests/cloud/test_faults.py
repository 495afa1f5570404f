"""Faults begin and end at their places."""

from __future__ import annotations

from random import Random

import pytest

from cali.core.errors import Misconfigured, Poison
from cali.core.models import Quarantined
from cali.stages.decode import Decoder
from cali.stages.decode.kinesis_records import split
from tests.cloud import whole
from tests.cloud.batches import Row
from tests.cloud.faults import FAULTS, KILLS, Put, Script, chosen, deliveries, poison, poisoned


class Parts:
    """A cloud that only records the calls."""

    def __init__(self) -> None:
        self.done: list[tuple[str, object]] = []

    def throttle_dynamodb(self, share: float) -> None:
        self.done.append(("dynamodb", share))

    def set_milvus(self, up: bool) -> None:
        self.done.append(("milvus", up))

    def set_model(self, up: bool) -> None:
        self.done.append(("model", up))

    def set_slack(self, up: bool) -> None:
        self.done.append(("slack", up))

    def kill_analyze(self) -> bool:
        self.done.append(("analyze", "killed"))
        return True


def test_every_fault_is_mended_at_the_end():
    parts = Parts()
    script = Script(FAULTS.keys() - {"kill-analyze"}, parts)
    for share in (0.0, 0.5, 1.0):
        script.tell(share)
    script.end()

    assert dict(parts.done) == {"dynamodb": 0.0, "milvus": True, "model": True, "slack": True}
    assert len(parts.done) == 8


def test_slack_is_down_in_the_middle_third():
    parts = Parts()
    script = Script(["slack-down"], parts)
    seen = []
    for share in (0.0, 0.3, 0.4, 0.6, 0.7):
        script.tell(share)
        seen.append(list(parts.done))

    assert [len(done) for done in seen] == [0, 0, 1, 1, 2]


def test_analyze_is_killed_ten_times():
    parts = Parts()
    script = Script(["kill-analyze"], parts)
    script.tell(0.0)
    script._killer.join(20)

    assert script.kills == KILLS == len(parts.done)


def test_poison_is_added_and_nothing_else_changed():
    records = [Put(f"key-{n}", b"line") for n in range(5_000)]

    mixed = list(poisoned(iter(records), share=0.01))

    added = [record for record in mixed if record.key.startswith("poison-")]
    assert [record for record in mixed if record not in added] == records
    assert 25 <= len(added) <= 80


def test_nobody_can_read_poison():
    random = Random(3)
    for number in range(200):
        data = poison(random, number).data
        try:
            lines = split(data)
        except Poison:
            continue
        assert all(isinstance(Decoder().decode(line, 1), Quarantined) for line in lines), data


def test_faults_are_known_by_name():
    assert chosen(["poison", "shuffle"]) == {"poison", "shuffle"}
    with pytest.raises(Misconfigured, match="fire"):
        chosen(["poison", "fire"])


def test_deliveries_are_as_lambda_does_unless_asked():
    assert not deliveries([]).twice
    assert deliveries([]).shuffled is None
    assert deliveries(["redeliver"]).twice
    assert deliveries(["shuffle"]).shuffled is not None


def test_shuffled_batches_cut_no_event():
    lines = [
        "INFO a",
        "ERROR failed",
        "java.lang.IllegalStateException: no",
        "\tat a.B.c(B.java:1)",
        "INFO b",
    ]
    rows = [Row(str(n), "pod", line.encode(), float(n)) for n, line in enumerate(lines * 3)]

    assert whole.ends(rows[:5]) == [1, 4, 5]
    assert whole.sizes(rows, known=100.0, most=4, batch_size=4) == [4, 2, 4, 4]
    assert whole.sizes(rows, known=4.5, most=4, batch_size=1) == [1]  # the trace may go on
    assert whole.sizes(rows, known=0.0, most=4, batch_size=4) == []  # the reader is behind
    many = rows * 100
    assert (
        sum(whole.sizes(many, known=0.0, most=4, batch_size=1_000)) == 500
    )  # the rest may be in the unread part
    assert whole.sizes(rows, known=6.5, most=4, batch_size=2) == [1, 3, 1]
